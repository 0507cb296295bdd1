"""How much one visitor may ask of the machine."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

from demo.checks import picture, readable
from recognizer.media import MediaInfo, probe

#: Of one uploaded file.
MAX_UPLOAD = "200mb"
#: Of a picture, and of each frame of a film.
MAX_MEGAPIXELS = 50
#: Seconds of speech that are made into a clip, of film that is read, of live talk at a stretch.
MAX_SPEECH, MAX_FILM, MAX_LIVE = 120, 90, 180
#: Films that are compared at once, references counted.
MAX_CLIPS = 12
#: Visitors who wait, and jobs that run side by side.
MAX_WAITING, AT_ONCE = 16, 1


def checked_picture(path: str | os.PathLike | None, what: str = "portrait") -> Path:
    """A picture of bearable size.

    Raises:
        ValueError: there is none, it is no picture, or too large.
    """
    if path is None:
        raise ValueError(f"there is no {what} yet: upload one or take one with the camera")
    path = picture(Path(path))
    few_pixels(path)
    return path


def few_pixels(path: Path) -> None:
    """Look at a picture's size without decoding it.

    Raises:
        ValueError: it is too large.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                pixels = image.width * image.height
    except Image.DecompressionBombError:
        pixels = math.inf
    if pixels > MAX_MEGAPIXELS * 1e6:
        raise ValueError(f"{path.name} is too large: more than {MAX_MEGAPIXELS} megapixels")


def number(value: object, what: str) -> float:
    """What a control or a program gave as a number.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} must be a number, got {value!r:.40}")
    return value


def checked_sound(path: str | os.PathLike | None) -> Path:
    """A file with speech of bearable length.

    Raises:
        ValueError: there is none, it has no sound, or lasts too long.
    """
    if path is None:
        raise ValueError("there is no voice yet: upload a recording, record one or type words")
    path = readable(Path(path), "recording")
    about = probe(path)
    if not about.has_audio:
        raise ValueError(f"{path.name} has no sound")
    return _short_enough(path, about, MAX_SPEECH)


def checked_film(path: str | os.PathLike) -> Path:
    """A film of bearable length and size.

    Raises:
        ValueError: it has no picture, is too long or too large.
    """
    path = readable(Path(path), "film")
    about = probe(path)
    if not about.has_video:
        raise ValueError(f"{path.name} has no moving picture")
    if about.width * about.height > MAX_MEGAPIXELS * 1e6:
        raise ValueError(f"{path.name} is too large: more than {MAX_MEGAPIXELS} megapixels")
    return _short_enough(path, about, MAX_FILM)


def _short_enough(path: Path, about: MediaInfo, seconds: float) -> Path:
    if about.duration > seconds:
        raise ValueError(
            f"{path.name} lasts {about.duration:.0f} s: at most {seconds} s are taken here "
            "(the command line has no such limit)"
        )
    return path
