"""The faces of a picture or film, from its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from recognizer.image_file import is_image, read_image
from recognizer.media import iter_frames, probe
from recognizer.tracker import FaceTrack, FaceTracker, NoFaceError

#: Called as ``progress(stage, done, total)``; the total may be unknown.
Progress = Callable[[str, int, "int | None"], None]


def track_faces(
    media: str | os.PathLike,
    max_faces: int = 4,
    crops: bool = False,
    progress: Progress | None = None,
) -> list[FaceTrack]:
    """Every face of a picture or film, in order of appearance.

    Args:
        media: picture or film.
        max_faces, crops: see :class:`recognizer.tracker.FaceTracker`.
        progress: see :data:`Progress`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is neither picture nor film.
        NoFaceError: no face was found.
    """
    with FaceTracker(max_faces, crops=crops) as tracker:
        if is_image(media):
            tracks = tracker.image(read_image(media))
        else:
            about = probe(media)
            if not about.has_video:
                raise ValueError(f"{Path(media).name} is neither a picture nor a video")
            total = round(about.duration * about.fps) or None
            tracks = tracker.video(_counted(iter_frames(media), total, progress), about.fps)
    if not tracks:
        raise NoFaceError(f"no face was found in {Path(media).name}")
    return tracks


def has_picture(media: str | os.PathLike) -> bool:
    """Whether a file is a picture or holds a film."""
    return is_image(media) or probe(media).has_video


def has_sound(media: str | os.PathLike) -> bool:
    """Whether a file holds sound."""
    return not is_image(media) and probe(media).has_audio


def _counted(
    frames: Iterator[np.ndarray], total: int | None, progress: Progress | None
) -> Iterator[np.ndarray]:
    for done, frame in enumerate(frames, start=1):
        if progress:
            progress("tracking", done, total)
        yield frame
