"""A portrait, speech and an intention become a clip."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gen.audio.windows import Live, live_encoder, live_windows
from gen.clip import ProgressHook, TalkingHeadOutput, quiet
from gen.conditioning import Affect
from gen.editing import MotionEdit, edited
from gen.expression import MARGIN
from gen.mixing import exactly, with_affect, with_residual
from gen.portraits import PreparedPortrait, prepare_portrait
from gen.renderers.drawing import Drawing
from recognizer.media import SAMPLE_RATE, read_audio
from recognizer.motion import MotionTrack

if TYPE_CHECKING:
    import torch

    from gen.refiner import PatchSampler
    from gen.sampling import Sampling
    from gen.style import Style
    from recognizer.recognizer import Recognizer

PACKAGED = Path(__file__).parent / "weights"


class TalkingHeadPipeline:
    """Models on one side, files on the other (see ``docs``).

    Args:
        encoder: speech features (:class:`gen.audio.encoder.AudioEncoder`).
        motion: the motion model (:class:`gen.motion.MotionGenerator`).
        sampling: options of the motion (:class:`gen.sampling.Sampling`).
        live: how :meth:`stream` hears (:class:`gen.audio.windows.Live`) and its own sampling.
        typical: how the motion model moves of itself (:class:`gen.style.Style`); a style is
            transferred relative to it.
        refiner: repaints the mouth (:class:`gen.refiner.PatchSampler`); None leaves it as drawn.
        expression: how affect is shown: ``rule`` (:mod:`gen.expression`) or ``diffusion``, the
            motion model's affect branch; bare action units are always shown by the rule.

    Raises:
        ValueError: another ``expression``, or one that the motion model cannot make.
    """

    def __init__(
        self,
        encoder,
        motion,
        sampling: Sampling | None = None,
        live: tuple[Live, Sampling] | None = None,
        typical: Style | None = None,
        refiner: PatchSampler | None = None,
        expression: str = "rule",
    ) -> None:
        from gen.sampling import Sampling

        if expression not in ("rule", "diffusion"):
            raise ValueError(f"expression is 'rule' or 'diffusion', got {expression!r}")
        if expression == "diffusion" and motion.branch is None:
            raise ValueError("expression 'diffusion' needs a motion model with an affect branch")
        self.expression = expression
        self.encoder = encoder
        self.motion = motion
        self.sampling = sampling or Sampling()
        self.live = live or (Live(), self.sampling)
        self.typical = typical
        self.refiner = refiner

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike | None = None, expression: str | None = None
    ) -> TalkingHeadPipeline:
        """The packaged models, or a folder with ``pipeline.yaml`` and ``motion/`` in it.

        Args:
            path: the folder.
            expression: ``rule`` or ``diffusion``, instead of what ``pipeline.yaml`` says.

        Raises:
            FileNotFoundError: there is no such folder, or weights are missing.
            ValueError: another ``expression``, or damaged weights.
        """
        import yaml

        from gen.audio.encoder import load_encoder
        from gen.motion import MotionGenerator
        from gen.sampling import Sampling
        from gen.style import Style

        folder = Path(path) if path is not None else None
        config_path = (folder or PACKAGED) / "pipeline.yaml"
        if not config_path.is_file():
            raise FileNotFoundError(f"{config_path.parent} is no pipeline: it has no pipeline.yaml")
        config = yaml.safe_load(config_path.read_text(encoding="utf-8"))
        expression = expression or config.get("expression", "rule")
        branch = config_path.parent / "affect_branch" if expression == "diffusion" else None
        motion = MotionGenerator.from_pretrained(config_path.parent / "motion", branch)
        refiner = _load_refiner(config_path.parent, config.get("refiner"))
        encoder = load_encoder(config["audio_encoder"])
        hearing, sampling = dict(config.get("live", {})), config["sampling"]
        live = Sampling(**sampling | hearing.pop("sampling", {}))
        return cls(
            encoder, motion, Sampling(**sampling), (Live(**hearing), live),
            Style(**config["style"]) if "style" in config else None, refiner, expression,
        )  # fmt: skip

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
        portrait: str | os.PathLike | np.ndarray | PreparedPortrait,
        audio: str | os.PathLike | np.ndarray,
        affect: Affect | None = None,
        *,
        size: int = 512,
        fps: float = 25.0,
        square: bool = True,
        steps: int | None = None,
        edits: Sequence[MotionEdit] = (),
        style: Style | str | os.PathLike | None = None,
        closed_loop: int = 0,
        best_of: int = 1,
        generator: torch.Generator | None = None,
        progress: ProgressHook | None = None,
    ) -> TalkingHeadOutput:
        """Prepare a clip; frames are made as they are read.

        Args:
            portrait: a picture file, uint8 ``[H, W, 3]`` RGB, or what
                :func:`gen.portraits.prepare_portrait` made of one, with its size and crop.
            audio: any file with sound, or float ``[N]`` at 16 kHz.
            affect: what the face should show; neutral by default.
            size: longer side of the frames in pixels.
            fps: frames a second.
            square: crop to a square around the face.
            steps: denoising steps, the pipeline's own by default.
            edits: motion that is held (:class:`gen.editing.MotionEdit`): exactly, whatever affect
                says, while the rest is made to fit.
            style: whose way of moving to take: a video, a motion file or a
                :class:`gen.style.Style`.
            closed_loop: the most passes in which the clip is drawn small, read and corrected
                beforehand (see :mod:`gen.loop.rehearsal`); the output's ``loop`` says what they
                showed.
            best_of: seeds to choose from by what the recognizer reads: the generator's own and
                those after it.
            generator: source of all randomness; the same seed gives the same clip.
            progress: see :data:`ProgressHook`.

        Raises:
            ValueError: an input cannot be used; the message is one line.
            FileNotFoundError: an input is not there.
        """
        hook = progress or quiet
        hook("reading", 0, None)
        waveform = audio if isinstance(audio, np.ndarray) else read_audio(audio)
        prepared = _prepared(portrait, size, square, hook)
        renderer = prepared.refined(self.refiner).renderer
        total = max(1, round(len(waveform) / SAMPLE_RATE * fps))
        affect = affect or Affect()
        style = self._style(style, hook)
        hook("listening", 0, None)
        asked, loop = affect, None
        if closed_loop > 0 or best_of > 1:
            from gen.loop.rehearsal import SIZE, rehearse

            smaller = prepared.at_most(SIZE).refined(self.refiner).renderer
            affect, generator, loop = rehearse(
                self, smaller, self.recognizer, waveform, affect, generator, passes=closed_loop,
                seeds=best_of, edits=edits, style=style, steps=steps, progress=hook,
            )  # fmt: skip
        motion = self.spoken_motion(
            waveform, affect, fps=fps, steps=steps, edits=edits, style=style, generator=generator
        )
        sound = (audio, SAMPLE_RATE) if isinstance(audio, np.ndarray) else audio
        return TalkingHeadOutput(
            renderer.size, fps, total, asked, prepared.faces, renderer, exactly(motion, total),
            sound, hook, loop=loop,
        )  # fmt: skip

    @functools.cached_property
    def recognizer(self) -> Recognizer:
        """Reads what is drawn, where that decides on what is drawn next."""
        from recognizer.recognizer import Recognizer

        return Recognizer.from_pretrained()

    def spoken_motion(
        self,
        waveform: np.ndarray,
        affect: Affect | None = None,
        *,
        fps: float = 25.0,
        steps: int | None = None,
        edits: Sequence[MotionEdit] = (),
        style: Style | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[MotionTrack]:
        """The motion that :meth:`__call__` draws, window by window, of a waveform ``[N]`` at
        16 kHz; the other arguments are its."""
        affect = affect or Affect()
        features = self.encoder.stream(waveform, self.motion.denoiser.config.fps)
        edits = (*edits, *affect.edits())
        options = {
            "fps": fps, "edits": edits, "generator": generator,
            **self._manner(self.sampling, style, steps),
        }  # fmt: skip
        if self._diffuses(affect):
            spoken = self.motion.stream_with_affect(features, affect, **options)
        else:
            spoken = self.motion.stream(features, **options)
        return self._shown(spoken, affect, edits, style, generator, fps, MARGIN)

    def stream(
        self,
        portrait: str | os.PathLike | np.ndarray | PreparedPortrait,
        audio_chunks: Iterable[np.ndarray],
        affect: Affect | None = None,
        *,
        size: int = 512,
        fps: float = 25.0,
        square: bool = True,
        steps: int | None = None,
        edits: Sequence[MotionEdit] = (),
        style: Style | str | os.PathLike | None = None,
        generator: torch.Generator | None = None,
        progress: ProgressHook | None = None,
    ) -> Iterator[np.ndarray]:
        """Frames of a portrait that speaks along with live sound.

        Sound is heard in blocks of ``live.hop`` frames (see :class:`gen.audio.windows.Live`); a
        block's frames are yielded as soon as ``live.ahead`` frames of sound after it are there. The
        same sound gives the same frames however it is cut into chunks. They are not those of
        :meth:`__call__`, which hears seconds ahead.

        Args:
            audio_chunks: float32 ``[N]`` each, at 16 kHz, of any length above 0. The portrait is
                fitted before the first one is asked for.

        The other arguments are those of :meth:`__call__`.

        Yields:
            uint8 ``[n, H, W, 3]``.

        Raises:
            ValueError: an input cannot be used; the message is one line.
            FileNotFoundError: an input is not there.
        """
        hook = progress or quiet
        hook("reading", 0, None)
        prepared = _prepared(portrait, size, square, hook)
        renderer = prepared.refined(self.refiner).renderer
        style = self._style(style, hook)
        motion = self.stream_motion(
            audio_chunks,
            affect,
            fps=fps,
            steps=steps,
            edits=edits,
            style=style,
            generator=generator,
        )
        hook("listening", 0, None)

        def frames() -> Iterator[np.ndarray]:
            done = 0
            with Drawing(renderer) as drawing:
                for track in motion:
                    yield np.stack(list(drawing.frames(track)))
                    done += len(track)
                    hook("rendering", done, None)

        return frames()

    def stream_motion(
        self,
        audio_chunks: Iterable[np.ndarray],
        affect: Affect | None = None,
        *,
        fps: float = 25.0,
        steps: int | None = None,
        edits: Sequence[MotionEdit] = (),
        style: Style | str | os.PathLike | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[MotionTrack]:
        """The motion that :meth:`stream` draws, block by block; the arguments are its."""
        affect, (live, sampling) = affect or Affect(), self.live
        style = self._style(style)
        config = self.motion.denoiser.config
        encoder = live_encoder(self.encoder, live.frames / config.fps)
        windows = live_windows(
            encoder.encode,
            audio_chunks,
            live,
            lead=config.prefix_frames + config.audio_context,
            tail=config.audio_context,
            fps=config.fps,
        )
        edits = (*edits, *affect.edits())
        options = {
            "fps": fps, "edits": edits, "generator": generator,
            **self._manner(sampling, style, steps),
        }  # fmt: skip
        if self._diffuses(affect):
            spoken = self.motion.stream_windows_with_affect(windows, affect, **options)
        else:
            spoken = self.motion.stream_windows(windows, **options)
        return self._shown(spoken, affect, edits, style, generator, fps, 0)

    def warm_up(self) -> None:
        """Hear a second of silence: what a first call allocates need not be waited for later."""
        for _ in self.stream_motion([np.zeros(SAMPLE_RATE, np.float32)]):
            pass

    def _manner(self, sampling: Sampling, style: Style | None, steps: int | None) -> dict:
        """``sampling`` and ``gains`` of the motion model, for a style."""
        if steps is not None:
            sampling = replace(sampling, steps=steps)
        if style is None:
            return {"sampling": sampling, "gains": None}
        told = self.motion.denoiser.config.style_dim > 0
        if told:
            sampling = replace(sampling, style=tuple(style.token().tolist()))
        return {"sampling": sampling, "gains": style.gains(self.typical, told)}

    def _diffuses(self, affect: Affect) -> bool:
        """Whether the affect branch shows it: what is felt. Action units that are asked for by
        themselves are shown as exactly as the rule does it."""
        return self.expression == "diffusion" and affect.known[1]

    def _style(self, style, hook: ProgressHook = quiet) -> Style | None:
        """A style as it was given, or measured in a file."""
        from gen.style import Style

        if style is None:
            return None
        if self.typical is None:
            raise ValueError("this pipeline does not say how its model moves: a style needs that")
        return style if isinstance(style, Style) else Style.load(style, hook)

    def _shown(
        self, speech, affect, edits, style, generator, fps: float, margin: int
    ) -> Iterator[MotionTrack]:
        """Speech with blinks as often as the style has them, expression, and what is held.

        Where the affect branch diffuses, ``speech`` comes with the residuals.
        """
        if self._diffuses(affect):
            spoken, again = itertools.tee(speech)
            speech, residuals = (track for track, _ in spoken), (added for _, added in again)
        if style is not None:
            seed = 0 if generator is None else generator.initial_seed()
            speech = style.paced(speech, self.typical, np.random.default_rng(seed))
        if self._diffuses(affect):
            return edited(with_residual(speech, residuals, fps, margin), edits)
        return edited(with_affect(speech, affect, fps, margin), edits)


def _prepared(portrait, size: int, square: bool, hook: ProgressHook) -> PreparedPortrait:
    if isinstance(portrait, PreparedPortrait):
        return portrait
    return prepare_portrait(portrait, size, square, hook)


def _load_refiner(folder: Path, name: str | None) -> PatchSampler | None:
    """The refiner that ``pipeline.yaml`` in a folder names (a folder beside it), if it does."""
    if name is None:
        return None
    from gen.refiner import PatchSampler

    return PatchSampler.from_pretrained(folder / name)
