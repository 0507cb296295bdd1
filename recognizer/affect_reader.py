"""A tracked face → its affect, by the head that reads motion."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.facs import ARKIT_NAMES
from recognizer.models.affect_head import HEAD_FPS, AffectHead
from recognizer.motion import MotionTrack
from recognizer.pretrained import load_network
from recognizer.tracker import FaceTrack

#: The packaged head.
WEIGHTS = Path(__file__).parent / "weights" / "affect_motion"
#: Frames read at once, and how many more to either side it takes for the same result as all at
#: once: the head's dilations add up to 15.
_PART, _MARGIN = 1000, 15


@dataclass
class AffectReading:
    """What the head reads from a motion; rows of NaN where it has no face.

    Attributes:
        aus: float32 ``[T, 24]``, intensities 0-5.
        aus_std: float32 ``[T, 24]``, standard deviations.
        valence_arousal: float32 ``[T, 2]``.
        valence_arousal_std: float32 ``[T, 2]``.
        logits: float32 ``[T, 8]`` of the emotions, divided by the head's temperature.
        emotion: float32 ``[T, 8]`` their probabilities.
    """

    aus: np.ndarray
    aus_std: np.ndarray
    valence_arousal: np.ndarray
    valence_arousal_std: np.ndarray
    logits: np.ndarray
    emotion: np.ndarray


def load_head(path: str | os.PathLike | None = None) -> AffectHead:
    """An affect head, ready to read; the packaged one without a path.

    Raises:
        FileNotFoundError: no such folder.
    """
    return load_network(AffectHead, path, WEIGHTS, "an affect head")


def read_motion(
    motion: MotionTrack, head: AffectHead, rest: np.ndarray | None = None
) -> AffectReading:
    """What a face's motion says.

    The head reads 25 frames a second: other rates are interpolated there and back. Frames without
    a face are bridged for those around them, and NaN in the result.

    Args:
        motion: of any length above 0.
        head: reads it, on its own device.
        rest: ``[52]``: the person's coefficients at rest, if they are known
            (:func:`resting_coefficients` guesses them from a long track).

    Raises:
        ValueError: the motion has no face in any frame, or ``rest`` is not ``[52]``.
    """
    import torch

    steady = motion.filled().resampled(HEAD_FPS)
    vectors = torch.from_numpy(steady.to_vectors().astype(np.float32)).to(head.device)
    person = None
    if rest is not None:
        if np.shape(rest) != (len(ARKIT_NAMES),):
            raise ValueError(f"rest must be [52], got {list(np.shape(rest))}")
        person = torch.tensor(np.asarray(rest, np.float32)[None], device=head.device)
    parts = []
    with torch.no_grad():
        for start in range(0, len(vectors), _PART):
            first = max(0, start - _MARGIN)
            out = head(vectors[None, first : start + _PART + _MARGIN], person)
            values = (
                out.au,
                (0.5 * out.au_log_variance).exp(),
                out.valence_arousal,
                (0.5 * out.valence_arousal_log_variance).exp(),
                out.logits / head.temperature,
            )
            kept = slice(start - first, start - first + _PART)
            parts.append([value[0, kept].cpu().numpy() for value in values])
    at = np.arange(len(motion)) * (HEAD_FPS / motion.fps)
    known = np.arange(len(vectors))
    found = [
        np.stack([np.interp(at, known, c) for c in np.concatenate(columns).T], axis=1)
        for columns in zip(*parts, strict=True)
    ]
    odds = np.exp(found[-1] - found[-1].max(axis=1, keepdims=True))
    found.append(odds / odds.sum(axis=1, keepdims=True))
    for values in found:
        values[~motion.valid] = np.nan
    return AffectReading(*(values.astype(np.float32) for values in found))


def read_affect(face: FaceTrack, head: AffectHead, rest: np.ndarray | None = None) -> AffectTrack:
    """The affect of a tracked face; :func:`read_motion` gives the emotions' logits too.

    Args:
        face: one face of :class:`recognizer.tracker.FaceTracker`.
        head: see :func:`load_head`.
        rest: see :func:`read_motion`.
    """
    reading = read_motion(face.motion, head, rest)
    return AffectTrack.from_face(
        face,
        aus=reading.aus,
        valence_arousal=reading.valence_arousal,
        emotion=reading.emotion,
        aus_std=reading.aus_std,
        valence_arousal_std=reading.valence_arousal_std,
    )


def resting_coefficients(motion: MotionTrack, quantile: float = 0.2) -> np.ndarray:
    """A guess ``[52]`` at a person's coefficients at rest: the given quantile of each over time.

    People are at rest often enough in minutes of talk. Not so in a short clip of one emotion: this
    guess would take the emotion away.

    Raises:
        ValueError: the motion has no face in any frame.
    """
    return np.quantile(motion.filled().blendshapes, quantile, axis=0).astype(np.float32)
