"""Real clips to measure against: a folder of training records, or of videos with sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gen.data.records import MotionRecord
from recognizer.face_model import FACE_BOTTOM, FACE_TOP, LOWER_MIDDLE, UPPER_MIDDLE, FaceModel
from recognizer.media import SAMPLE_RATE, is_audio, iter_frames, probe, read_audio
from recognizer.motion import MotionTrack
from recognizer.tracker import FaceTrack, FaceTracker, largest

FPS = 25.0
_VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
#: Sound that never gets louder is none.
_SILENCE = 1e-3
#: Statistics of less sound than so many seconds mean nothing.
_SHORTEST = 1.0
#: Longer side at which videos are tracked, in pixels.
_SIDE = 960


@dataclass(frozen=True)
class Clip:
    """Somebody speaking.

    Attributes:
        name: of the record or the file.
        waveform: float32 ``[N]`` at 16 kHz.
        motion: what the face did, 25 frames a second; NaN where it was not seen.
        opening: ``[T]``: distance of the inner lips in face heights: of the landmarks where there
            are some, else of ``motion``.
        seen: the track of a video, its landmarks in pixels; None for a record.
    """

    name: str
    waveform: np.ndarray
    motion: MotionTrack
    opening: np.ndarray
    seen: FaceTrack | None = None


def load_clips(
    folder: Path, last: int | None, hook: Callable[[str, int, int | None], None]
) -> list[Clip]:
    """Everything usable in a folder: its records where it has some, else its videos with sound.

    Args:
        folder: of ``.npz`` records or of videos.
        last: only the last ``last`` records by name (those held out of training).
        hook: progress.

    Raises:
        ValueError: nothing is usable, or a clip is shorter than a second.
    """
    records = sorted(folder.glob("*.npz"))
    if records:
        return load_records(records[-(last or len(records)) :])
    clips = []
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEOS)
    with FaceTracker() as tracker:
        for i, path in enumerate(videos, start=1):
            hook(f"tracking {path.name}", i, len(videos))
            waveform = read_audio(path, SAMPLE_RATE) if probe(path).has_audio else np.zeros(1)
            if np.abs(waveform).max() > _SILENCE:
                _long_enough(path.name, waveform)
                face = largest(tracker.video(iter_frames(path, fps=FPS, max_side=_SIDE), FPS))
                opening = seen_opening(face.points)
                clips.append(Clip(path.name, waveform, face.motion, opening, face))
    if not clips:
        raise ValueError(f"{folder} holds neither records nor videos with sound")
    return clips


def load_records(paths: Iterable[Path]) -> list[Clip]:
    """Training records as clips.

    Raises:
        ValueError: a file is no record, or shorter than a second.
    """
    clips, lips = [], FaceModel.load().lip_opening
    for record in map(MotionRecord.load, paths):
        waveform = _long_enough(record.name, record.waveform)
        opening = lips(record.motion.blendshapes)
        clips.append(Clip(record.name, waveform, record.motion, opening))
    return clips


def load_sounds(folder: Path) -> dict[str, np.ndarray]:
    """Waveforms ``[N]`` at 16 kHz of a folder's sound files, by file name.

    Raises:
        ValueError: it has none, or one is shorter than a second.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and is_audio(p))
    if not files:
        raise ValueError(f"{folder} holds no sound")
    return {path.name: _long_enough(path.name, read_audio(path, SAMPLE_RATE)) for path in files}


def _long_enough(name: str, waveform: np.ndarray) -> np.ndarray:
    if len(waveform) < _SHORTEST * SAMPLE_RATE:
        raise ValueError(f"{name} is shorter than {_SHORTEST:g} s")
    return waveform


def seen_opening(points: np.ndarray) -> np.ndarray:
    """Distance of the inner lips ``[T]`` in face heights, from pixel landmarks ``[T, 478, 3]``."""
    xy = points[..., :2]
    gap = np.linalg.norm(xy[:, LOWER_MIDDLE] - xy[:, UPPER_MIDDLE], axis=-1).mean(-1)
    return gap / face_height(points)


def face_height(points: np.ndarray) -> np.ndarray:
    """Forehead to chin ``[T]`` in pixels, of landmarks ``[T, 478, 2 or 3]``."""
    return np.linalg.norm(points[:, FACE_TOP, :2] - points[:, FACE_BOTTOM, :2], axis=-1)
