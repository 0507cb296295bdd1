"""Marks that say what a file is: made by a machine, by which tool and version.

Three of them, because each can be lost: texts in the container, a signed manifest (Content
Credentials, with the extra ``c2pa``), and a watermark in the pixels.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gen.maker import SOURCE_TYPE, tool_version

if TYPE_CHECKING:
    from gen.credentials import Identity
    from gen.video import VideoWriter

_COMMENT = "AI-generated talking head"


def container_marks(title: str) -> dict[str, str]:
    """Metadata that tells any tool (and ``ffprobe``) that a clip is AI-generated."""
    return {
        "title": title,
        "comment": f"{_COMMENT}, made with Facewright {tool_version()}",
        "facewright_version": tool_version(),
        "digital_source_type": SOURCE_TYPE,
        "ai_generated": "true",
    }


@contextmanager
def marked_clip(
    path: str | os.PathLike,
    width: int,
    height: int,
    fps: float,
    audio,
    *,
    mark: bool = True,
    identity: Identity | None = None,
) -> Iterator[VideoWriter]:
    """A :class:`gen.video.VideoWriter` whose file carries all marks when it appears.

    Args:
        path, width, height, fps, audio: see :class:`gen.video.VideoWriter`.
        mark: false leaves the marks out.
        identity: who signs; with the extra ``c2pa`` and none given, the user's self-made one.

    Raises:
        ValueError: the path cannot be written, or the clip cannot be signed.
    """
    from gen import credentials
    from gen.video import VideoWriter

    path = Path(path)
    if mark and identity is None and credentials.available():
        identity = credentials.Identity.own()
    if not mark or identity is None:
        marks = container_marks(path.stem) if mark else None
        with VideoWriter(path, width, height, fps, audio, metadata=marks, watermark=mark) as writer:
            yield writer
        return
    unsigned = path.with_name(f".{path.stem[:64]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        marks = container_marks(path.stem)
        with VideoWriter(
            unsigned, width, height, fps, audio, metadata=marks, watermark=True
        ) as writer:
            yield writer
        credentials.sign(unsigned, identity, title=path.name)
        os.replace(unsigned, path)
    except OSError as error:  # of the name that the user gave, not of the one written under
        raise OSError(str(error).replace(unsigned.name, path.name)) from error
    finally:
        unsigned.unlink(missing_ok=True)


def inspect(path: str | os.PathLike) -> dict:
    """What a file says of how it was made.

    Returns:
        ``metadata``: its texts, None if they do not say that it is generated; ``credentials``: see
        :func:`gen.credentials.read`, or ``{"unavailable": reason}``; ``watermark``: ``score`` in
        standard deviations and whether that is ``found``.

    Raises:
        ValueError: it is no picture or video.
        FileNotFoundError: it is not there.
    """
    from gen import credentials
    from gen.metadata import read_metadata
    from gen.watermark import THRESHOLD, watermark_score
    from recognizer.image_file import is_image, read_image
    from recognizer.media import iter_frames, probe

    path = Path(path)
    if is_image(path):
        texts, frames = {}, iter([read_image(path)])
    else:
        if not probe(path).has_video:
            raise ValueError(f"{path.name} is neither a picture nor a video")
        texts, frames = read_metadata(path), iter_frames(path)
    names = ("digital_source_type", "ai_generated", "facewright_version", "comment")
    told = {name: texts[name] for name in names if name in texts}
    # A remux keeps only the texts that every container has.
    generated = len(told) > 1 or told.get("comment", "").startswith(_COMMENT)
    if credentials.available():
        signed = credentials.read(path)
    else:
        signed = {"unavailable": "pip install 'facewright[c2pa]' reads them"}
    score = watermark_score(frames)
    return {
        "metadata": told if generated else None,
        "credentials": signed,
        "watermark": {"found": score >= THRESHOLD, "score": round(score, 1)},
    }
