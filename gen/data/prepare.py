"""A video of one talking face → a training record."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gen.data.records import MotionRecord
from recognizer.facs import ARKIT_INDEX
from recognizer.media import SAMPLE_RATE, iter_frames, probe, read_audio
from recognizer.motion import MotionTrack
from recognizer.tracker import FaceTracker, largest

FPS = 25.0
_SEEN = 0.9
_CONFIDENCE = 0.4


def record_from_video(path: str | os.PathLike, speaker: str) -> MotionRecord:
    """Track the largest face at 25 fps and take the sound with it.

    Raises:
        ValueError: no sound, no face, or a face that is seen or explained too poorly.
    """
    path = Path(path)
    about = probe(path)
    if not (about.has_video and about.has_audio):
        raise ValueError(f"{path.name} needs both picture and sound")
    waveform = read_audio(path, SAMPLE_RATE)
    with FaceTracker() as tracker:
        track = largest(tracker.video(iter_frames(path, fps=FPS, max_side=960), FPS))
    if track.success.mean() < _SEEN:
        raise ValueError(f"{path.name}: the face is seen in {track.success.mean():.0%} of frames")
    confidence = float(track.confidence[track.success].mean())
    if confidence < _CONFIDENCE:
        raise ValueError(f"{path.name}: the face is tracked too poorly ({confidence:.2f})")
    motion = track.motion.filled()
    pose = motion.pose - np.median(motion.pose, axis=0)
    measured = np.ones(58, bool)
    measured[ARKIT_INDEX["tongueOut"]] = False  # the landmarker does not see tongues
    return MotionRecord(
        path.stem, MotionTrack(motion.blendshapes, pose, FPS), waveform, speaker, measured
    )
