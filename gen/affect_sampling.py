"""What affect adds to a window of motion, denoised in step with the neutral motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gen.conditioning import Affect
from gen.guidance import AffectError
from gen.models.affect_branch import AffectBranch, AffectConditions
from gen.sampling import Sampling, last_frames, seam
from gen.scheduler import DDIMScheduler
from recognizer.affect_reader import load_head
from recognizer.facs import ARKIT_NAMES, sides

if TYPE_CHECKING:
    from gen.motion import MotionGenerator

#: Steps, from the last, in which the recognizer guides, and its gradient steps in each.
_GUIDED_STEPS, _GRADIENT_STEPS = 3, 4
#: Frames over which a gradient is averaged: expressions do not tremble.
_SMOOTH = 9
#: Length of a gradient step at scale 1, chosen such that scales are of the order of 1.
_UNIT = 10.0
#: Columns that guidance may move: speech keeps the lips' opening, chance the blinks and the head.
GUIDED = [
    ARKIT_NAMES.index(name)
    for stem in (
        "browInnerUp", "browOuterUp", "browDown", "eyeWide", "eyeSquint", "cheekSquint",
        "noseSneer", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch",
    )
    for name in sides(stem)
]  # fmt: skip


class AffectSampler:
    """Samples what affect adds.

    With ``v0`` the neutral denoiser's estimate without speech, ``va`` that with speech and ``vae``
    that with affect too, motion is sampled from the nested guidance ``v0 + ga (va - v0) + ge (vae -
    va)``. The first two terms are the neutral state's (:class:`gen.sampling.WindowSampler`), the
    third one is the residual's, a state of its own: ``ge`` scales it once and not in each step.

    Args:
        branch: the network.
        scheduler: of the neutral denoiser; a copy is used.
        steps: denoising steps.
        recognizer_guidance: how far each gradient step of the recognizer goes; 0 is none.
        error: what the recognizer thinks; needed for guidance alone.
    """

    def __init__(
        self,
        branch: AffectBranch,
        scheduler: DDIMScheduler,
        steps: int,
        recognizer_guidance: float = 0.0,
        error: AffectError | None = None,
    ) -> None:
        self.branch = branch
        self.scheduler = scheduler.from_config(scheduler.config)
        self.steps = steps
        self.scale, self.error = recognizer_guidance, error

    def window(
        self,
        speech: Tensor,
        asked: AffectConditions,
        prefix: Tensor | None,
        noise: Tensor,
        pulls: tuple[tuple[Tensor, Tensor], ...] = (),
    ) -> AffectWindow:
        """Begin a window; arguments as of :meth:`gen.sampling.WindowSampler.__call__`.

        Args:
            speech: ``[1, P + n + 2 * audio_context, audio_dim]``.
            asked: over the ``P + n`` frames.
            prefix: ``[1, P, 116]`` residual and neutral motion before it, normalised.
            noise: ``[1, n, 58]``.
            pulls: what the residual is drawn to, normalised.
        """
        self.scheduler.set_timesteps(self.steps, device=noise.device)
        return AffectWindow(self, speech, asked, prefix, noise, pulls)


class AffectWindow:
    """One window on its way from noise to a residual.

    Attributes:
        clean: ``[1, n, 58]``, the latest estimate of what the branch predicts, normalised.
    """

    def __init__(self, sampler: AffectSampler, speech, asked, prefix, noise, pulls) -> None:
        self._sampler, self._asked, self._prefix, self._pulls = sampler, asked, prefix, pulls
        self._audio = sampler.branch.encode_audio(speech)
        self._affect = sampler.branch.encode_affect(asked)
        self._sample = self.clean = noise
        self._step = 0

    def step(self, noisy: Tensor, timestep: Tensor, neutral: Tensor) -> None:
        """Denoise once.

        Args:
            noisy: ``[1, n, 58]`` state of the neutral motion before its step, normalised.
            timestep: of that step.
            neutral: ``[1, n, 58]`` its estimate of the clean neutral motion, in its own units.
        """
        sampler = self._sampler
        clean = sampler.branch(
            self._sample, noisy, timestep, self._audio, self._affect, self._asked.known,
            self._prefix,
        ).sample  # fmt: skip
        if sampler.scale and self._step >= sampler.steps - _GUIDED_STEPS:
            clean = self._guided(clean, neutral)
        for known, weight in self._pulls:
            clean = torch.lerp(clean, known, weight)
        self._sample = sampler.scheduler.step(clean, timestep, self._sample).prev_sample
        self.clean = clean
        self._step += 1

    @torch.inference_mode(False)
    @torch.enable_grad()
    def _guided(self, clean: Tensor, neutral: Tensor) -> Tensor:
        """The estimate, moved to where the recognizer reads more of what is asked for."""
        sampler, asked = self._sampler, self._asked
        lead, frames = sampler.branch.config.prefix_frames, clean.shape[1]
        clean, neutral = clean.clone(), neutral.clone()
        for _ in range(_GRADIENT_STEPS):
            clean = clean.detach().requires_grad_()
            error = sampler.error(
                neutral + sampler.branch.residual(clean, neutral), neutral,
                asked.aus[:, lead:], asked.valence_arousal[:, lead:], asked.known,
            )  # fmt: skip
            (slope,) = torch.autograd.grad(frames * error.sum(), clean)
            clean = clean.detach()
            clean[..., GUIDED] -= sampler.scale * _UNIT * _averaged(slope[..., GUIDED])
        return clean


class AffectStream:
    """What affect adds to consecutive windows, each continuing the one before.

    Args:
        motion: the motion model, with its branch.
        sampling: its options.
        affect: what is asked for.
        generator: source of the noise, which is left as it is: the neutral motion does not depend
            on what is asked for.
    """

    def __init__(
        self,
        motion: MotionGenerator,
        sampling: Sampling,
        affect: Affect,
        generator: torch.Generator | None,
    ) -> None:
        self._branch, self._fps = motion.branch, motion.denoiser.config.fps
        self._affect, self._scale = affect, sampling.affect_scale
        guide = None
        if sampling.recognizer_guidance:
            guide = AffectError(load_head()).to(motion.branch.device)
        self._sampler = AffectSampler(
            motion.branch, motion.scheduler, sampling.steps, sampling.recognizer_guidance, guide
        )
        self._generator = _fork(generator)
        size = motion.branch.config.motion_dim
        self._noise = torch.empty(0, size)
        self._past = self._expected = torch.empty(0, size, device=motion.branch.device)

    def begin(self, speech: Tensor, prefix: Tensor | None, first: int, count: int) -> AffectWindow:
        """The window whose ``count`` frames begin at frame ``first``.

        Args:
            speech, prefix: as the neutral denoiser gets them.
        """
        lead = self._branch.config.prefix_frames
        times = (first + np.arange(-lead, count) + 0.5) / self._fps
        drawn = torch.randn((count - len(self._noise), 58), generator=self._generator)
        self._noise = torch.cat([self._noise, drawn])
        if prefix is not None:
            # A track to continue from is taken for neutral.
            past = self._past if len(self._past) else torch.zeros_like(prefix[0])
            prefix = torch.cat([last_frames(past, lead)[None], prefix], dim=-1)
        pulls = (seam(self._expected, count),) if len(self._expected) else ()
        asked = conditions(self._affect, times, speech.device)
        noise = self._noise.to(speech.device)[None]
        self._window = self._sampler.window(speech, asked, prefix, noise, pulls)
        return self._window

    def finish(self, neutral: Tensor, final: int) -> np.ndarray:
        """The residual float32 ``[final, 58]`` of the window that was begun, in its own units.

        Args:
            neutral: ``[count, 58]`` the neutral motion as it was sampled.
            final: how many frames the next window does not sample again.
        """
        made = self._window.clean[0]
        residual = self._branch.residual(made, neutral)[:final]
        self._past = torch.cat([self._past, made[:final]])[-self._branch.config.prefix_frames :]
        self._expected, self._noise = made[final:], self._noise[final:]
        return self._scale * residual.cpu().numpy()


def conditions(affect: Affect, times: np.ndarray, device: torch.device) -> AffectConditions:
    """What an affect asks for at times ``[T]`` in seconds, for one window."""
    curves = affect.curves(times)
    rows = (curves.aus.reshape(len(times), -1), curves.valence_arousal, curves.emotion)
    return AffectConditions(
        *(torch.from_numpy(values).to(device)[None] for values in rows),
        known=torch.tensor([affect.known], device=device),
    )


def _fork(generator: torch.Generator | None) -> torch.Generator | None:
    """A generator that follows from the state of another one."""
    if generator is None:
        return None
    twin = torch.Generator(generator.device)
    twin.set_state(generator.get_state())
    seed = int(torch.randint(2**62, (), generator=twin, device=generator.device))
    return torch.Generator().manual_seed(seed)


def _averaged(rows: Tensor) -> Tensor:
    """Rows ``[1, T, D]`` averaged over :data:`_SMOOTH` frames; the ends are held."""
    reach = _SMOOTH // 2
    padded = torch.cat([rows[:, :1]] * reach + [rows] + [rows[:, -1:]] * reach, dim=1)
    return (
        padded.unfold(1, _SMOOTH, 1)
        @ torch.hann_window(_SMOOTH + 2, False)[1:-1].to(rows)
        * (2 / (_SMOOTH + 1))
    )
