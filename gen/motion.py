"""Speech features in, facial motion out: windows of diffusion, each continuing the one before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file, save_file
from torch import Tensor

from gen.audio.closures import close_lips
from gen.models.motion import MotionDenoiser
from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack

WEIGHTS_NAME = "diffusion_pytorch_model.safetensors"
PACKAGED_WEIGHTS = Path(__file__).parent / "weights" / "motion"

#: Columns of jaw and mouth in a motion vector.
_LIPS = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth", "tongue"))]

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
    """

    def __init__(self, denoiser: MotionDenoiser, scheduler: DDIMScheduler) -> None:
        self.denoiser = denoiser.eval()
        self.scheduler = scheduler

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike | None = None) -> MotionGenerator:
        """Load a folder written by :meth:`save_pretrained`; ``None`` is the packaged model.

        Raises:
            FileNotFoundError: the folder has no motion model.
            ValueError: its weights do not fit its configuration.
        """
        path = PACKAGED_WEIGHTS if path is None else Path(path)
        for name in ("config.json", WEIGHTS_NAME, "scheduler_config.json"):
            if not (path / name).is_file():
                raise FileNotFoundError(f"{path} is no motion model: it has no {name}")
        denoiser = MotionDenoiser.from_config(MotionDenoiser.load_config(path))
        # Copied into the network's own float32 memory: arithmetic on a mapped file's unaligned
        # rows can round otherwise than training did.
        try:
            denoiser.load_state_dict(load_file(path / WEIGHTS_NAME))
        except RuntimeError as error:
            raise ValueError(f"{path / WEIGHTS_NAME} does not fit its config.json") from error
        return cls(denoiser, DDIMScheduler.from_pretrained(path))

    def save_pretrained(self, path: str | os.PathLike, dtype: torch.dtype = torch.float16) -> None:
        """Write network and scheduler as ``diffusers`` does, in safetensors of ``dtype``."""
        self.denoiser.save_config(path)
        self.scheduler.save_pretrained(path)
        weights = {n: t.to(dtype).contiguous() for n, t in self.denoiser.state_dict().items()}
        save_file(weights, Path(path) / WEIGHTS_NAME, metadata={"format": "pt"})

    def to(self, device: torch.device | str) -> MotionGenerator:
        """Move the network; noise is always drawn on the CPU, so that seeds mean the same."""
        self.denoiser.to(device)
        return self

    def __call__(
        self,
        features: np.ndarray,
        *,
        fps: float = 25.0,
        steps: int = 10,
        guidance_scale: float = 1.0,
        lip_temperature: float = 1.0,
        lip_prior: float = 0.0,
        head_scale: float = 1.0,
        domain: str | None = "real",
        start: MotionTrack | None = None,
        generator: torch.Generator | None = None,
        callback: StepCallback | None = None,
    ) -> MotionTrack:
        """Motion for the whole of an utterance.

        Args:
            features: ``[N, audio_dim]`` speech features at the model's 25 frames a second. One more
                column holds the log-odds that the lips meet: there they are closed.
            fps: frame rate of the returned track.
            steps: denoising steps a window.
            guidance_scale: classifier-free guidance on speech; 1 is none, more articulates more.
            lip_temperature: factor of the starting noise of jaw and mouth, 0..1: at 0 the lips
                hardly depend on the seed; head, brows and lids do.
            lip_prior: share of jaw and mouth that is left to the linear map that the model carries,
                0..1: a network fits the speakers that it was trained on better, the map strangers.
            head_scale: factor of the head's movement; a model trained on squared errors moves less
                than its data did.
            domain: whose lips: ``"real"`` moves as the filmed speakers of the training data do,
                ``"synthetic"`` as its rule-driven ones; ``None`` leaves it open.
            start: motion just before the first frame, to continue from; else the track begins
                freely.
            generator: source of the noise; lips follow the speech, head, brows and blinks the seed.
            callback: progress.

        Returns:
            ``N * fps / 25`` frames, blendshapes within 0..1.

        Raises:
            ValueError: features of another shape or not finite, no frames, a bad option.
        """
        tracks = list(
            self.stream(
                features,
                fps=fps,
                steps=steps,
                guidance_scale=guidance_scale,
                lip_temperature=lip_temperature,
                lip_prior=lip_prior,
                head_scale=head_scale,
                domain=domain,
                start=start,
                generator=generator,
                callback=callback,
            )
        )
        return MotionTrack.from_vectors(np.concatenate([t.to_vectors() for t in tracks]), fps)

    def stream(
        self,
        features: np.ndarray | Iterable[np.ndarray],
        *,
        fps: float = 25.0,
        steps: int = 10,
        guidance_scale: float = 1.0,
        lip_temperature: float = 1.0,
        lip_prior: float = 0.0,
        head_scale: float = 1.0,
        domain: str | None = "real",
        start: MotionTrack | None = None,
        generator: torch.Generator | None = None,
        callback: StepCallback | None = None,
    ) -> Iterator[MotionTrack]:
        """Motion window by window; the arguments are those of :meth:`__call__`.

        ``features`` may also be an iterable of blocks of any lengths. The windows do
        not depend on how the features are cut into blocks.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if not 0 <= head_scale <= 5:
            raise ValueError(f"head_scale must be 0..5, got {head_scale}")
        for name, share in (("lip_temperature", lip_temperature), ("lip_prior", lip_prior)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be 0..1, got {share}")
        if not (0 < fps < 1000):
            raise ValueError(f"fps must be positive and below 1000, got {fps}")
        if start is not None and head_scale > 0:
            start = MotionTrack(start.blendshapes, start.pose / head_scale, start.fps)
        domain_index = self.denoiser.domain_index(domain)
        config = self.denoiser.config
        blocks = [features] if isinstance(features, np.ndarray) else features
        windows = _audio_windows(
            _checked(blocks, config.audio_dim),
            lead=config.prefix_frames + config.audio_context,
            window=config.window_frames,
            tail=config.audio_context,
        )
        vectors = self._sample_windows(
            windows,
            steps,
            guidance_scale,
            lip_temperature,
            lip_prior,
            domain_index,
            start,
            generator,
            callback,
        )
        scale = np.ones(config.motion_dim, np.float32)
        scale[52:] = head_scale
        return _resampled((window * scale for window in vectors), config.fps, fps)

    @torch.inference_mode()
    def _sample_windows(
        self,
        windows: Iterable[np.ndarray],
        steps: int,
        guidance_scale: float,
        lip_temperature: float,
        lip_prior: float,
        domain: int,
        start: MotionTrack | None,
        generator: torch.Generator | None,
        callback: StepCallback | None,
    ) -> Iterator[np.ndarray]:
        """Motion vectors ``[n, 58]`` of each window, in their own units."""
        denoiser, config, device = self.denoiser, self.denoiser.config, self.denoiser.device
        # A scheduler carries the state of a run; a fresh one lets several streams interleave.
        scheduler = self.scheduler.from_config(self.scheduler.config)
        prefix = torch.zeros(1, config.prefix_frames, config.motion_dim, device=device)
        has_prefix = start is not None
        if start is not None:
            prefix = denoiser.normalize(self._known(start).to(device))[None]
        frames_out = config.prefix_frames + 2 * config.audio_context
        for index, window in enumerate(windows):
            closures = window[:, config.audio_dim :]
            heard = torch.from_numpy(window[:, : config.audio_dim]).to(device)[None]
            audio = denoiser.encode_audio(heard)
            shape = (1, len(window) - frames_out, config.motion_dim)
            lead = config.prefix_frames + config.audio_context
            expected = denoiser.prior(heard[:, lead : lead + shape[1]])[..., _LIPS]
            noise = torch.randn(shape, generator=generator)
            noise[..., _LIPS] *= lip_temperature
            sample = noise.to(device)
            scheduler.set_timesteps(steps, device=device)
            for step, timestep in enumerate(scheduler.timesteps):
                clean = self._guided(
                    sample, timestep, audio, prefix, has_prefix, domain, guidance_scale
                )
                clean[..., _LIPS] = torch.lerp(clean[..., _LIPS], expected, lip_prior)
                sample = scheduler.step(clean, timestep, sample).prev_sample
                if callback is not None:
                    callback(index, step, clean)
            motion = denoiser.denormalize(sample[0])
            motion = torch.cat([motion[:, :52].clamp(0, 1), motion[:, 52:]], dim=1)
            known = torch.cat([denoiser.denormalize(prefix[0]), motion])
            prefix = denoiser.normalize(known[-config.prefix_frames :])[None]
            has_prefix = has_prefix or len(motion) >= config.prefix_frames
            made = motion.cpu().numpy()
            if closures.shape[1]:
                made[:, :52] = close_lips(made[:, :52], closures[lead : lead + len(made), 0])
            yield made

    def _guided(
        self,
        sample: Tensor,
        timestep: Tensor,
        audio: Tensor,
        prefix: Tensor,
        has_prefix: bool,
        domain: int,
        scale: float,
    ) -> Tensor:
        """x0 with classifier-free guidance (Ho and Salimans 2022) on speech."""
        copies = 1 if scale == 1 else 2
        device = sample.device
        clean = self.denoiser(
            sample.expand(copies, -1, -1),
            timestep,
            audio.expand(copies, -1, -1),
            prefix.expand(copies, -1, -1),
            torch.full((copies,), domain, device=device),
            drop_audio=torch.arange(copies, device=device) == 1,
            drop_prefix=torch.full((copies,), not has_prefix, device=device),
        ).sample
        if copies == 1:
            return clean
        heard, deaf = clean.chunk(2)
        return deaf + scale * (heard - deaf)

    def _known(self, start: MotionTrack) -> Tensor:
        """The last prefix frames of a track at the model's frame rate; a short one is held."""
        vectors = start.filled().resampled(self.denoiser.config.fps).to_vectors()
        frames = self.denoiser.config.prefix_frames
        held = np.repeat(vectors[:1], max(0, frames - len(vectors)), axis=0)
        return torch.from_numpy(np.concatenate([held, vectors])[-frames:])


def _checked(blocks: Iterable[np.ndarray], width: int) -> Iterator[np.ndarray]:
    for block in blocks:
        block = np.asarray(block, dtype=np.float32)
        if block.ndim != 2 or block.shape[1] not in (width, width + 1):
            raise ValueError(f"speech features must be [T, {width}], got {list(block.shape)}")
        if not np.isfinite(block).all():
            raise ValueError("speech features hold values that are not finite")
        if len(block):
            yield block


def _audio_windows(
    blocks: Iterable[np.ndarray], lead: int, window: int, tail: int
) -> Iterator[np.ndarray]:
    """Cut a stream of feature blocks into arrays of ``lead + n + tail`` frames, hop ``n``.

    ``n`` is ``window``, but for the last, which may be shorter or up to ``tail - 1`` longer. What
    lies before the first frame and after the last repeats them.
    """
    buffer = None
    for block in blocks:
        buffer = np.repeat(block[:1], lead, axis=0) if buffer is None else buffer
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= lead + window + tail:
            yield buffer[: lead + window + tail]
            buffer = buffer[window:]
    if buffer is None:
        raise ValueError("there are no speech features to make motion for")
    buffer = np.concatenate([buffer, np.repeat(buffer[-1:], tail, axis=0)])
    if len(buffer) > lead + tail:
        yield buffer


def _resampled(vectors: Iterable[np.ndarray], source: float, fps: float) -> Iterator[MotionTrack]:
    """Tracks at ``fps`` from windows at ``source``: linear interpolation that runs across them."""
    if fps == source:
        for window in vectors:
            yield MotionTrack.from_vectors(window, fps)
        return
    known, first, emitted = np.empty((0, 58), np.float32), 0, 0
    for window in vectors:
        known = np.concatenate([known, window])
        last = first + len(known) - 1
        ready = int(np.floor(last * fps / source + 1e-9)) + 1
        if ready > emitted:
            yield MotionTrack.from_vectors(
                _interpolated(known, np.arange(emitted, ready) * source / fps - first), fps
            )
        emitted, known, first = max(emitted, ready), known[-1:], last
    total = max(1, round((first + 1) / source * fps))
    if total > emitted:
        yield MotionTrack.from_vectors(
            _interpolated(known, np.arange(emitted, total) * source / fps - first), fps
        )


def _interpolated(known: np.ndarray, at: np.ndarray) -> np.ndarray:
    frames = np.arange(len(known))
    return np.stack([np.interp(at, frames, column) for column in known.T], axis=1)
