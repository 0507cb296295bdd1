"""Whether a mouth talks: what it does then is speech, and no sign of feeling."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack

#: Coefficients that articulate; smiles, frowns and sneers do not count.
_SPEECH = ("jaw", "mouthFunnel", "mouthPucker", "mouthClose", "mouthLowerDown", "mouthUpperUp",
           "mouthRoll", "mouthShrug", "mouthStretch", "mouthPress")  # fmt: skip
_COLUMNS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(_SPEECH)]
#: Speed of the articulation (length of its vector, a second) of a mouth at rest and of one that
#: talks for certain; set while looking at films of talkers and of a silent smile.
_QUIET, _BUSY = 0.5, 1.5
#: Deviation of the window in seconds: pauses between words belong to the talk.
_WINDOW = 0.5


def talking(motion: MotionTrack) -> np.ndarray:
    """How surely the mouth talks, float32 ``[T]``, 0..1; 0 for a single picture.

    Args:
        motion: frames without a face are bridged.

    Raises:
        ValueError: no frame has a face.
    """
    if len(motion) < 2:
        return np.zeros(len(motion), np.float32)
    mouth = motion.filled().blendshapes[:, _COLUMNS].astype(np.float64)
    # A little smoothing first: the tracker's jitter is no speech.
    steady = gaussian_filter1d(mouth, 0.04 * motion.fps, axis=0)
    speed = np.linalg.norm(np.gradient(steady, axis=0), axis=1) * motion.fps
    usual = gaussian_filter1d(speed, _WINDOW * motion.fps)
    return np.clip((usual - _QUIET) / (_BUSY - _QUIET), 0, 1).astype(np.float32)
