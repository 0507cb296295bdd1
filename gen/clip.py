"""A clip that is drawn while it is read, and written to a file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gen.conditioning import Affect
from gen.renderers.base import Renderer
from gen.renderers.drawing import Drawing
from recognizer.motion import MotionTrack

if TYPE_CHECKING:
    from gen.credentials import Identity
    from gen.loop.report import LoopReport

#: Called as ``hook(stage, done, total)``; ``total`` is None where it is not known beforehand.
ProgressHook = Callable[[str, int, int | None], None]


def quiet(stage: str, done: int, total: int | None) -> None:
    """The default hook: no report."""


@dataclass
class TalkingHeadOutput:
    """A clip that is made while it is read.

    Attributes:
        size: ``(width, height)`` in pixels.
        fps: frames a second.
        total: how many frames there will be.
        affect: what was asked for.
        faces: how many faces the portrait showed; the largest one speaks.
        loop: what was rendered and read beforehand, if that was asked for.
    """

    size: tuple[int, int]
    fps: float
    total: int
    affect: Affect
    faces: int
    _renderer: Renderer
    _motion: Iterator[MotionTrack]
    _audio: object
    _hook: ProgressHook
    _made: list[MotionTrack] = field(default_factory=list)
    loop: LoopReport | None = None

    @property
    def motion(self) -> MotionTrack:
        """The whole motion; what has not been made yet is made now."""
        vectors = np.concatenate([track.to_vectors() for track in self._tracks()])
        return MotionTrack.from_vectors(vectors, self.fps)

    @property
    def frames(self) -> Iterator[np.ndarray]:
        """Frames uint8 ``[H, W, 3]``, drawn one by one; may be asked for again."""
        done = 0
        with Drawing(self._renderer) as drawing:
            for track in self._tracks():
                for frame in drawing.frames(track):
                    yield frame
                    done += 1
                    self._hook("rendering", done, self.total)

    def _tracks(self) -> Iterator[MotionTrack]:
        # By number, because several readers may take turns in having the next one made.
        for i in itertools.count():
            if i == len(self._made):
                track = next(self._motion, None)
                if track is None:
                    return
                self._made.append(track)
            yield self._made[i]

    def save(
        self, path: str | os.PathLike, *, mark: bool = True, identity: Identity | None = None
    ) -> Path:
        """Write an ``.mp4`` with the sound; it appears when it is complete.

        Args:
            path: where to.
            mark: say in metadata, pixels and signature that it is generated.
            identity: who signs (see :func:`gen.provenance.marked_clip`).

        Raises:
            ValueError: the path cannot be written, or the clip cannot be signed.
        """
        from gen.provenance import marked_clip

        width, height = self.size
        with marked_clip(
            path, width, height, self.fps, self._audio, mark=mark, identity=identity
        ) as writer:
            for frame in self.frames:
                writer.write(frame)
        return Path(path)
