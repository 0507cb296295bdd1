"""Speech features in, facial motion out: windows of diffusion, each continuing the one before."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gen.affect_sampling import AffectStream
from gen.audio.closures import close_lips
from gen.audio.silence import Rest
from gen.audio.windows import SpeechWindow, speech_windows
from gen.conditioning import Affect
from gen.editing import MotionEdit, edited
from gen.manner import Blinks, Breath, Emphasis
from gen.models.affect_branch import AffectBranch
from gen.models.motion import MotionDenoiser
from gen.sampling import Pull, Sampling, WindowSampler, last_frames, seam
from gen.scheduler import DDIMScheduler
from recognizer.motion import MotionTrack
from recognizer.pretrained import load_config, load_weights, save_weights

PACKAGED_WEIGHTS = Path(__file__).parent / "weights" / "motion"

#: Called as ``callback(window, step, motion)`` after each denoising step, ``motion`` being the
#: current estimate ``[1, T, 58]``, normalised.
StepCallback = Callable[[int, int, Tensor], None]


class MotionGenerator:
    """Generates facial motion for speech, of any length in constant memory.

    Speech is cut into windows of ``denoiser.config.window_frames``; each is sampled by diffusion
    from noise, given its speech and the last frames of the window before.

    Args:
        denoiser: the network.
        scheduler: a ``diffusers`` scheduler with ``prediction_type="sample"``.
        branch: what affect adds to neutral motion, for :meth:`stream_with_affect`.

    Raises:
        ValueError: the branch goes with another sort of denoiser.
    """

    def __init__(
        self,
        denoiser: MotionDenoiser,
        scheduler: DDIMScheduler,
        branch: AffectBranch | None = None,
    ) -> None:
        for name in ("audio_dim", "audio_context", "prefix_frames") if branch else ():
            ours, theirs = (net.config[name] for net in (denoiser, branch))
            if ours != theirs:
                raise ValueError(f"{name} is {ours} in the denoiser, {theirs} in the affect branch")
        self.denoiser = denoiser.eval()
        self.scheduler = scheduler
        self.branch = branch and branch.eval()

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike | None = None, branch: str | os.PathLike | None = None
    ) -> MotionGenerator:
        """Load a folder written by :meth:`save_pretrained`; ``None`` is the packaged model.

        Args:
            path: the folder.
            branch: folder of an affect branch; ``None`` for none.

        Raises:
            FileNotFoundError: the folder has no motion model.
            ValueError: its weights do not fit its configuration.
        """
        path = PACKAGED_WEIGHTS if path is None else Path(path)
        return cls(
            load_weights(MotionDenoiser, path),
            load_config(DDIMScheduler, path, "scheduler_config.json"),
            None if branch is None else load_weights(AffectBranch, branch),
        )

    def save_pretrained(self, path: str | os.PathLike, dtype: torch.dtype = torch.float16) -> None:
        """Write network and scheduler as ``diffusers`` does, in safetensors of ``dtype``."""
        self.scheduler.save_pretrained(path)
        save_weights(self.denoiser, path, dtype)

    def to(self, device: torch.device | str) -> MotionGenerator:
        """Move the network; noise is always drawn on the CPU, so that seeds mean the same."""
        self.denoiser.to(device)
        if self.branch is not None:
            self.branch.to(device)
        return self

    def __call__(
        self,
        features: np.ndarray,
        sampling: Sampling | None = None,
        *,
        fps: float = 25.0,
        start: MotionTrack | None = None,
        edits: Sequence[MotionEdit] = (),
        gains: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback: StepCallback | None = None,
        **options,
    ) -> MotionTrack:
        """Motion for the whole of an utterance.

        Args:
            features: ``[N, audio_dim]`` speech features at the model's 25 frames a second. One more
                column holds the log-odds that the lips meet: there they are closed. Two
                more say how far the face is to rest and the lips to part for a breath, 0..1 (see
                :class:`gen.audio.silence.Rest`, :class:`gen.manner.Breath`).
            sampling: see :class:`gen.sampling.Sampling`.
            fps: frame rate of the returned track.
            start: motion just before the first frame, to continue from; else the track begins
                freely.
            edits: coefficients that are held, in the returned motion's own units; the rest is
                sampled to fit. Of two that hold the same the later stands.
            gains: ``[58]`` factors of the columns of the motion (see :meth:`gen.style.Style.gains`)
                beside those of ``sampling`` (:meth:`gen.sampling.Sampling.units`).
            generator: source of the noise; lips follow the speech, head, brows and blinks the seed.
            callback: progress.
            options: fields of ``sampling`` by name, which they replace.

        Returns:
            ``N * fps / 25`` frames, blendshapes within 0..1.

        Raises:
            ValueError: features of another shape or not finite, no frames, a bad option.
        """
        tracks = self.stream(
            features, sampling, fps=fps, start=start, edits=edits, gains=gains,
            generator=generator, callback=callback, **options,
        )  # fmt: skip
        return MotionTrack.from_vectors(np.concatenate([t.to_vectors() for t in tracks]), fps)

    def stream(
        self,
        features: np.ndarray | Iterable[np.ndarray],
        sampling: Sampling | None = None,
        **options,
    ) -> Iterator[MotionTrack]:
        """Motion window by window; the arguments are those of :meth:`__call__`.

        ``features`` may also be an iterable of blocks of any lengths. The windows do not depend on
        how the features are cut into blocks. Each samples ``overlap`` frames that the next one
        samples again, from the same noise and drawn to what they were, first firmly, then ever less
        so: where windows meet nothing jumps. These frames are given out when they are final.
        """
        sampling, options = _options(sampling, options)
        return self.stream_windows(self._windows(features, sampling), sampling, **options)

    def stream_with_affect(
        self,
        features: np.ndarray | Iterable[np.ndarray],
        affect: Affect,
        sampling: Sampling | None = None,
        **options,
    ) -> Iterator[tuple[MotionTrack, np.ndarray]]:
        """The motion of :meth:`stream` and, with each track, what affect adds to it.

        Yields:
            The neutral track and the residual, float32 ``[n, 58]`` in the same units:
            :func:`gen.mixing.with_residual` joins them.

        Raises:
            ValueError: there is no affect branch.
        """
        sampling, options = _options(sampling, options)
        windows = self._windows(features, sampling)
        return self.stream_windows_with_affect(windows, affect, sampling, **options)

    def _windows(
        self, features: np.ndarray | Iterable[np.ndarray], sampling: Sampling
    ) -> Iterator[SpeechWindow]:
        config = self.denoiser.config
        window = sampling.window or config.window_frames
        if sampling.overlap >= window:
            raise ValueError(f"an overlap of {sampling.overlap} leaves nothing of {window} frames")
        blocks = [features] if isinstance(features, np.ndarray) else features
        return speech_windows(
            _checked(blocks, config.audio_dim),
            lead=config.prefix_frames + config.audio_context,
            window=window,
            hop=window - sampling.overlap,
            tail=config.audio_context,
        )

    def stream_windows(
        self,
        windows: Iterable[SpeechWindow],
        sampling: Sampling | None = None,
        *,
        fps: float = 25.0,
        start: MotionTrack | None = None,
        edits: Sequence[MotionEdit] = (),
        gains: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback: StepCallback | None = None,
    ) -> Iterator[MotionTrack]:
        """Motion for windows of speech that are cut already; see :class:`SpeechWindow`.

        What a window samples beyond its final frames the next one is drawn to. The arguments are
        those of :meth:`__call__`.
        """
        vectors = self._drawn(windows, sampling, fps, start, edits, gains, generator, callback)
        return edited((MotionTrack.from_vectors(part, fps) for part in vectors), edits)

    def stream_windows_with_affect(
        self,
        windows: Iterable[SpeechWindow],
        affect: Affect,
        sampling: Sampling | None = None,
        *,
        fps: float = 25.0,
        start: MotionTrack | None = None,
        edits: Sequence[MotionEdit] = (),
        gains: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback: StepCallback | None = None,
    ) -> Iterator[tuple[MotionTrack, np.ndarray]]:
        """What :meth:`stream_with_affect` yields, for windows that are cut already."""
        if self.branch is None:
            raise ValueError("this motion model has no affect branch")
        drawn, again = itertools.tee(
            self._drawn(windows, sampling, fps, start, edits, gains, generator, callback, affect)
        )
        neutral = (MotionTrack.from_vectors(part[:, :58], fps) for part in drawn)
        return zip(edited(neutral, edits), (part[:, 58:] for part in again), strict=True)

    def _drawn(
        self, windows, sampling, fps, start, edits, gains, generator, callback, affect=None
    ) -> Iterator[np.ndarray]:
        """Vectors of :meth:`_sampled` at ``fps``."""
        sampling = sampling or Sampling()
        if not (0 < fps < 1000):
            raise ValueError(f"fps must be positive and below 1000, got {fps}")
        units = sampling.units() * np.float32(1 if gains is None else gains)
        vectors = self._sampled(windows, sampling, units, start, edits, generator, callback, affect)
        return _resampled(vectors, self.denoiser.config.fps, fps)

    def _sampled(
        self,
        windows: Iterable[SpeechWindow],
        sampling: Sampling,
        units: np.ndarray,
        start: MotionTrack | None,
        edits: Sequence[MotionEdit],
        generator: torch.Generator | None,
        callback: StepCallback | None,
        affect: Affect | None,
    ) -> Iterator[np.ndarray]:
        """Motion vectors ``[n, 58]`` of each window, ``units`` times what the network makes; given
        an affect, ``[n, 116]``: with what it adds.
        """
        denoiser, config, device = self.denoiser, self.denoiser.config, self.denoiser.device
        sample = WindowSampler(denoiser, self.scheduler, sampling)
        lead = config.prefix_frames + config.audio_context
        made = None if start is None else self._known(start, units)
        noise = torch.empty(0, config.motion_dim)
        expected = torch.empty(0, config.motion_dim, device=device)
        emphasise, thin = Emphasis(sampling.emphasis), Blinks(sampling.blink_gap, config.fps)
        first, rest, breathe = 0, Rest(), Breath()
        added = affect and AffectStream(self, sampling, affect, generator)
        for index, window in enumerate(windows):
            count = len(window.features) - lead - config.audio_context
            drawn = torch.randn((1, count - len(noise), 58), generator=generator)
            noise = torch.cat([noise, drawn[0]])
            pulls = [seam(expected, count)] if len(expected) else []
            pulls += [self._pull(edit, first, count, units) for edit in edits]
            speech = torch.from_numpy(window.features[:, : config.audio_dim]).to(device)[None]
            prefix = None if made is None else last_frames(made, config.prefix_frames)[None]
            normal = sample(
                speech,
                prefix,
                noise.to(device)[None],
                pulls,
                callback and functools.partial(callback, index),
                added and added.begin(speech, prefix, first, count),
            )
            motion = denoiser.denormalize(normal)
            motion = torch.cat([motion[:, :52].clamp(0, 1), motion[:, 52:]], dim=1)
            final, kept = motion[: window.final].cpu().numpy(), denoiser.normalize(motion)
            made = kept[: window.final] if made is None else torch.cat([made, kept[: window.final]])
            made = made[-config.prefix_frames :]
            expected, noise = kept[window.final :], noise[window.final :]
            beside = window.features[lead : lead + window.final, config.audio_dim :].T
            final *= units
            final[:, :52] = final[:, :52].clip(0, 1)
            final = thin(emphasise(final))
            drawn = beside[2] if len(beside) > 2 else np.zeros(len(final))
            final = breathe(final, drawn)
            if len(beside) > 0:
                final[:, :52] = close_lips(final[:, :52], beside[0])
            if len(beside) > 1:  # who draws breath is at rest no more
                final = rest(final, beside[1] * (1 - drawn))
            yield np.hstack([final, added.finish(motion, window.final)]) if added else final
            first += window.final

    def _known(self, start: MotionTrack, units: np.ndarray) -> Tensor:
        """The last prefix frames of a track at the model's frame rate; a short one is held."""
        vectors = start.filled().resampled(self.denoiser.config.fps).to_vectors()
        vectors = torch.from_numpy(_in_units(vectors, units)).to(self.denoiser.device)
        return last_frames(self.denoiser.normalize(vectors), self.denoiser.config.prefix_frames)

    def _pull(self, edit: MotionEdit, first: int, count: int, units: np.ndarray) -> Pull:
        """What an edit holds in a window that begins at frame ``first``."""
        values, weights = edit.at((first + np.arange(count)) / self.denoiser.config.fps)
        known = torch.from_numpy(_in_units(values, units)).to(self.denoiser.device)
        weights = torch.from_numpy(weights * (units > 0)).to(self.denoiser.device)
        return self.denoiser.normalize(known), weights


def _in_units(vectors: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Motion vectors as the network makes them; what ``units`` take out is 0."""
    out = np.divide(vectors, units, out=np.zeros_like(vectors), where=units > 0)
    out[:, :52] = out[:, :52].clip(0, 1)
    return out


def _checked(blocks: Iterable[np.ndarray], width: int) -> Iterator[np.ndarray]:
    for block in blocks:
        block = np.asarray(block, dtype=np.float32)
        if block.ndim != 2 or not 0 <= block.shape[1] - width <= 3:
            raise ValueError(f"speech features must be [T, {width}], got {list(block.shape)}")
        if not np.isfinite(block).all():
            raise ValueError("speech features hold values that are not finite")
        if len(block):
            yield block


def _options(sampling: Sampling | None, options: dict) -> tuple[Sampling, dict]:
    """Options given by name go into ``sampling``; the rest is given back."""
    names = {field.name for field in fields(Sampling)}
    named = {name: value for name, value in options.items() if name in names}
    rest = {name: value for name, value in options.items() if name not in names}
    return replace(sampling or Sampling(), **named), rest


def _resampled(vectors: Iterable[np.ndarray], source: float, fps: float) -> Iterator[np.ndarray]:
    """Rows at ``fps`` from windows at ``source``: linear interpolation that runs across them."""
    if fps == source:
        yield from vectors
        return
    known, first, emitted = None, 0, 0
    for window in vectors:
        known = window if known is None else np.concatenate([known, window])
        last = first + len(known) - 1
        ready = int(np.floor(last * fps / source + 1e-9)) + 1
        if ready > emitted:
            yield _interpolated(known, np.arange(emitted, ready) * source / fps - first)
        emitted, known, first = max(emitted, ready), known[-1:], last
    total = max(1, round((first + 1) / source * fps))
    if total > emitted:
        yield _interpolated(known, np.arange(emitted, total) * source / fps - first)


def _interpolated(known: np.ndarray, at: np.ndarray) -> np.ndarray:
    frames = np.arange(len(known))
    return np.stack([np.interp(at, frames, column) for column in known.T], axis=1)
