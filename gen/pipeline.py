"""A portrait, speech and an intention become a clip."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gen.conditioning import Affect
from gen.expression import MARGIN, add_expression
from gen.renderers.base import before_first_frame
from recognizer.media import read_audio, read_image
from recognizer.motion import MotionTrack

if TYPE_CHECKING:
    import torch

    from gen.refiner import PatchSampler
    from gen.renderers.base import Renderer
    from gen.sampling import Sampling

#: Called as ``hook(stage, done, total)``; ``total`` is None where it is not known beforehand.
ProgressHook = Callable[[str, int, int | None], None]
_RATE = 16_000
PACKAGED = Path(__file__).parent / "weights"


def _quiet(stage: str, done: int, total: int | None) -> None:
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

    @property
    def motion(self) -> MotionTrack:
        """The whole motion; what has not been made yet is made now."""
        vectors = np.concatenate([track.to_vectors() for track in self._tracks()])
        return MotionTrack.from_vectors(vectors, self.fps)

    @property
    def frames(self) -> Iterator[np.ndarray]:
        """Frames uint8 ``[H, W, 3]``, drawn one by one; may be asked for again."""
        done = 0
        renderer = before_first_frame(self._renderer)
        for track in self._tracks():
            for blendshapes, pose in zip(track.blendshapes, track.pose, strict=True):
                yield renderer.render(blendshapes, pose)
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

    def save(self, path: str | os.PathLike) -> Path:
        """Write an ``.mp4`` with the sound; it appears when it is complete.

        Raises:
            ValueError: the path cannot be written.
        """
        from gen.provenance import container_marks
        from gen.video import VideoWriter

        width, height = self.size
        marks = container_marks(Path(path).stem)
        with VideoWriter(
            path, width, height, self.fps, audio=self._audio, metadata=marks
        ) as writer:
            for frame in self.frames:
                writer.write(frame)
        return Path(path)


class TalkingHeadPipeline:
    """Models on one side, files on the other (see ``docs``).

    Args:
        encoder: speech features (:class:`gen.audio.encoder.AudioEncoder`).
        motion: the motion model (:class:`gen.motion.MotionGenerator`).
        sampling: options of the motion (:class:`gen.sampling.Sampling`).
        refiner: repaints the mouth (:class:`gen.refiner.PatchSampler`); None leaves it as drawn.
    """

    def __init__(
        self,
        encoder,
        motion,
        sampling: Sampling | None = None,
        refiner: PatchSampler | None = None,
    ) -> None:
        self.encoder = encoder
        self.motion = motion
        self.sampling = sampling
        self.refiner = refiner

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike | None = None) -> TalkingHeadPipeline:
        """The packaged models, or a folder with ``pipeline.yaml`` and ``motion/`` in it.

        Raises:
            FileNotFoundError: there is no such folder, or weights are missing.
        """
        import yaml

        from gen.audio.encoder import load_encoder
        from gen.motion import MotionGenerator
        from gen.sampling import Sampling

        folder = Path(path) if path is not None else None
        config_path = (folder or PACKAGED) / "pipeline.yaml"
        if not config_path.is_file():
            raise FileNotFoundError(f"{config_path.parent} is no pipeline: it has no pipeline.yaml")
        config = yaml.safe_load(config_path.read_text(encoding="utf-8"))
        motion = MotionGenerator.from_pretrained(config_path.parent / "motion")
        refiner = _load_refiner(config_path.parent, config.get("refiner"))
        encoder = load_encoder(config["audio_encoder"])
        return cls(encoder, motion, Sampling(**config["sampling"]), refiner)

    def to(self, device: str) -> TalkingHeadPipeline:
        """Move the networks."""
        self.motion.to(device)
        if hasattr(self.encoder, "to"):
            self.encoder.to(device)
        if self.refiner is not None:
            self.refiner.to(device)
        return self

    def __call__(
        self,
        portrait: str | os.PathLike | np.ndarray,
        audio: str | os.PathLike | np.ndarray,
        affect: Affect | None = None,
        *,
        size: int = 512,
        fps: float = 25.0,
        square: bool = True,
        steps: int | None = None,
        generator: torch.Generator | None = None,
        progress: ProgressHook | None = None,
    ) -> TalkingHeadOutput:
        """Prepare a clip; frames are made as they are read.

        Args:
            portrait: a picture file, or uint8 ``[H, W, 3]`` RGB.
            audio: any file with sound, or float ``[N]`` at 16 kHz.
            affect: what the face should show; neutral by default.
            size: longer side of the frames in pixels.
            fps: frames a second.
            square: crop to a square around the face.
            steps: denoising steps, the pipeline's own by default.
            generator: source of all randomness; the same seed gives the same clip.
            progress: see :data:`ProgressHook`.

        Raises:
            ValueError: an input cannot be used; the message is one line.
            FileNotFoundError: an input is not there.
        """
        hook = progress or _quiet
        hook("reading", 0, None)
        waveform = audio if isinstance(audio, np.ndarray) else read_audio(audio, _RATE)
        renderer, faces = prepare_portrait(portrait, size, square, hook, refiner=self.refiner)
        total = max(1, round(len(waveform) / _RATE * fps))
        affect = affect or Affect()
        motion = self._speak(waveform, affect, fps, total, steps, generator, hook)
        sound = (audio, _RATE) if isinstance(audio, np.ndarray) else audio
        return TalkingHeadOutput(
            renderer.size, fps, total, affect, faces, renderer, motion, sound, hook
        )

    def _speak(self, waveform, affect, fps, total, steps, generator, hook) -> Iterator[MotionTrack]:
        """Motion window by window, at ``fps``, exactly ``total`` frames."""
        hook("listening", 0, None)
        features = self.encoder.stream(waveform, self.motion.denoiser.config.fps)
        speech = self.motion.stream(
            features,
            self.sampling,
            fps=fps,
            generator=generator,
            **({} if steps is None else {"steps": steps}),
        )
        return _exactly(_with_affect(speech, affect, fps), total)


def prepare_portrait(
    portrait,
    size: int,
    square: bool,
    hook: ProgressHook = _quiet,
    worn: np.ndarray | None = None,
    refiner: PatchSampler | None = None,
):
    """A renderer for a picture file or array, and how many faces it showed.

    ``worn`` ``[52]`` says what expression the portrait wears, where that is known; otherwise what
    is plain to see in it is taken. ``refiner`` repaints its mouth.
    """
    from gen.renderers.mesh import MeshRenderer
    from gen.renderers.portrait import Portrait

    hook("fitting the face", 0, None)
    image = portrait if isinstance(portrait, np.ndarray) else read_image(portrait)
    fitted = Portrait.from_image(image, size, square)
    if worn is not None:
        fitted = replace(fitted, expression=np.asarray(worn, np.float32))
    renderer = MeshRenderer(fitted)
    if refiner is not None:
        from gen.renderers.refined import RefinedRenderer

        renderer = RefinedRenderer(renderer, fitted, refiner)
    return renderer, fitted.faces


def _load_refiner(folder: Path, name: str | None) -> PatchSampler | None:
    """The refiner that ``pipeline.yaml`` in a folder names (a folder beside it), if it does."""
    if name is None:
        return None
    from gen.refiner import PatchSampler

    return PatchSampler.from_pretrained(folder / name)


def _with_affect(
    speech: Iterable[MotionTrack], affect: Affect, fps: float
) -> Iterator[MotionTrack]:
    """Add the expression; each window is held back by the frames that its end depends on."""
    held = np.empty((0, 58), np.float32)  # frames whose future is not known yet
    past = np.empty((0, 58), np.float32)
    start = 0

    def mixed(vectors: np.ndarray, count: int) -> MotionTrack:
        window = np.concatenate([past, vectors])
        times = (np.arange(len(window)) + start - len(past) + 0.5) / fps
        wanted = affect.curves(times).blendshapes()
        out = window.copy()
        out[:, :52] = add_expression(window[:, :52], wanted)
        return MotionTrack.from_vectors(out[len(past) : len(past) + count], fps)

    for track in speech:
        vectors = np.concatenate([held, track.to_vectors()])
        ready = len(vectors) - MARGIN
        if ready > 0:
            yield mixed(vectors, ready)
            past = np.concatenate([past, vectors[:ready]])[-MARGIN:]
            vectors, start = vectors[ready:], start + ready
        held = vectors
    if len(held):
        yield mixed(held, len(held))


def _exactly(tracks: Iterable[MotionTrack], total: int) -> Iterator[MotionTrack]:
    """Cut, or hold the last frame, so that ``total`` frames come out."""
    count, last = 0, None
    for track in tracks:
        last = track.to_vectors()[: total - count]
        if len(last) == 0:
            return
        count += len(last)
        yield MotionTrack.from_vectors(last, track.fps)
        fps = track.fps
    if last is not None and count < total:
        yield MotionTrack.from_vectors(np.repeat(last[-1:], total - count, axis=0), fps)
