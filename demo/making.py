"""What *Create* does, without a page: a clip with its motion, then its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo import limits
from demo.checks import in_range
from demo.shared_models import pipeline
from gen.clip import ProgressHook
from gen.conditioning import Affect
from gen.text import speak

if TYPE_CHECKING:
    from recognizer.evaluate import Evaluation


@dataclass(frozen=True)
class Wish:
    """A clip that is wished for.

    Attributes:
        portrait: a picture file.
        audio: a file with speech, or None where ``text`` is said.
        text: words to say, or None.
        affect: what to show; None: what the words speak of.
        name: what is asked for, in words.
        size: longer side in pixels, 64 to 1024.
        fps: 10 to 60.
        steps: denoising steps, 1 to 50.
        seed: 0 or more.
        square: cut a square around the face.
        passes: how often the clip is read and corrected before it is drawn, 0 to 4.
    """

    portrait: Path
    audio: Path | None
    text: str | None
    affect: Affect | None
    name: str
    size: int = 512
    fps: float = 25.0
    steps: int = 4
    seed: int = 0
    square: bool = True
    passes: int = 0

    def __post_init__(self) -> None:
        in_range(self.size, 64, 1024, "the size")
        in_range(self.fps, 10, 60, "the frame rate")
        in_range(self.steps, 1, 50, "the number of steps")
        in_range(self.seed, 0, 2**63 - 1, "the seed")
        in_range(self.passes, 0, 4, "the number of passes")


@dataclass(frozen=True)
class Made:
    """A clip and what belongs to it."""

    clip: Path
    motion: Path
    affect: Affect
    faces: int


def make_clip(wish: Wish, folder: Path, hook: ProgressHook) -> Made:
    """Write the clip and its motion into a folder.

    Raises:
        ValueError: an input cannot be used; the message is one line.
        ModuleNotFoundError: words are to be said, and the extra ``tts`` is not installed.
    """
    import torch

    audio, affect = wish.audio, wish.affect
    if wish.text is not None:
        hook("speaking", 0, None)
        spoken = speak(wish.text)
        audio = limits.checked_sound(spoken.save(folder / "speech.wav"))
        affect = affect or spoken.affect
    affect = affect or Affect()
    hook("loading models", 0, None)
    output = pipeline()(
        wish.portrait, audio, affect, size=wish.size, fps=wish.fps, square=wish.square,
        steps=wish.steps, closed_loop=wish.passes, progress=hook,
        generator=torch.Generator().manual_seed(wish.seed),
    )  # fmt: skip
    clip = output.save(folder / "facewright.mp4")
    motion = folder / "facewright_motion.csv"
    output.motion.save(motion)
    return Made(clip, motion, affect, output.faces)


def measure_clip(made: Made, wish: Wish, hook: ProgressHook) -> Evaluation:
    """What is shown against what was asked.

    Raises:
        ValueError: the clip cannot be measured, as where no face is found in it.
    """
    from gen.asked import asked_of
    from recognizer.evaluate import ClipRequest, evaluate

    hook("measuring", 0, None)
    asked = asked_of(made.affect, wish.name)
    request = ClipRequest(made.clip, portrait=wish.portrait, asked=asked)
    return evaluate([request], progress=hook)
