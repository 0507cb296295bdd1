"""Portraits made ready to be drawn, where wanted in a process beside this one."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from gen.clip import ProgressHook, quiet
from gen.renderers.base import Renderer
from recognizer.image_file import read_image
from recognizer.pool import usable_cores

if TYPE_CHECKING:
    from gen.refiner import PatchSampler
    from gen.renderers.portrait import Portrait


@dataclass(frozen=True)
class PreparedPortrait:
    """A portrait whose face is fitted, for as many clips as wanted (see :func:`prepare_portrait`).

    Attributes:
        renderer: draws it; each clip draws with a copy.
        fitted: the framed picture and its face.
        source: the picture, as it was given.
        square: whether it was cropped to a square around the face.
    """

    renderer: Renderer
    fitted: Portrait
    source: str | os.PathLike | np.ndarray
    square: bool

    @property
    def faces(self) -> int:
        """How many faces the picture shows; the largest one speaks."""
        return self.fitted.faces

    def at_most(self, size: int) -> PreparedPortrait:
        """The same picture with a longer side of at most ``size`` pixels."""
        if size >= max(self.renderer.size):
            return self
        return prepare_portrait(self.source, size, self.square)

    def refined(self, refiner: PatchSampler | None) -> PreparedPortrait:
        """The same, its mouth repainted by a refiner if there is one."""
        if refiner is None:
            return self
        from gen.renderers.refined import RefinedRenderer

        return replace(self, renderer=RefinedRenderer(self.renderer, self.fitted, refiner))


def prepare_portrait(
    portrait: str | os.PathLike | np.ndarray,
    size: int = 512,
    square: bool = True,
    hook: ProgressHook = quiet,
    worn: np.ndarray | None = None,
) -> PreparedPortrait:
    """Find a portrait's face and fit the head.

    Args:
        portrait: a picture file, or uint8 ``[H, W, 3]`` RGB.
        size: longer side of the frames in pixels.
        square: crop to a square around the face.
        hook: see :data:`gen.clip.ProgressHook`.
        worn: ``[52]``, the expression that the portrait wears, where that is known; otherwise what
            is plain to see in it is taken.

    Raises:
        ValueError: the picture cannot be used, or shows no face.
        FileNotFoundError: it is not there.
    """
    from gen.renderers.mesh import MeshRenderer
    from gen.renderers.portrait import Portrait

    hook("fitting the face", 0, None)
    image = portrait if isinstance(portrait, np.ndarray) else read_image(portrait)
    fitted = Portrait.from_image(image, size, square)
    if worn is not None:
        fitted = replace(fitted, expression=np.asarray(worn, np.float32))
    return PreparedPortrait(MeshRenderer(fitted), fitted, portrait, square)


@contextlib.contextmanager
def prepared_beside(
    portrait: str | os.PathLike, size: int, square: bool = True
) -> Iterator[Callable[[ProgressHook], PreparedPortrait]]:
    """Prepare a portrait in another process while this one imports torch and loads models.

    Imports hold Python's lock, so a thread would gain nothing. On a single core, or where torch is
    there already, it is done here when it is asked for.

    Yields:
        A function that takes a :data:`gen.clip.ProgressHook` and waits for the portrait; it raises
        as :func:`prepare_portrait` does.
    """

    def here(hook: ProgressHook) -> PreparedPortrait:
        return prepare_portrait(portrait, size, square, hook)

    if usable_cores() < 2 or "torch" in sys.modules:
        yield here
        return
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_prepare, args=(sender, portrait, size, square), daemon=True)
    process.start()
    sender.close()

    def wait(hook: ProgressHook) -> PreparedPortrait:
        hook("fitting the face", 0, None)
        try:
            outcome = receiver.recv()
        except EOFError:  # it was killed, as it is for memory, or failed: that would show here, too
            return here(hook)
        finally:
            process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        yield wait
    finally:
        receiver.close()
        process.kill()
        process.join()


def _prepare(sender: Connection, *portrait) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself ends this process
    try:
        outcome = prepare_portrait(*portrait)
    except (ValueError, OSError) as error:
        outcome = error
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        sender.send(outcome)
