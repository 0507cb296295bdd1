"""How a window of motion is sampled: the options, and the denoising of one window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gen.models.motion import MotionDenoiser
from gen.scheduler import DDIMScheduler
from recognizer.easing import smoothstep
from recognizer.facs import ARKIT_NAMES

if TYPE_CHECKING:
    from gen.affect_sampling import AffectWindow

#: Columns of jaw and mouth in a motion vector, of the brows, and of where the eyes turn.
LIPS = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth", "tongue"))]
BROWS = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith("brow")]
GAZE = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith("eyeLook")]

#: Values ``[n, 58]`` that a window is drawn to, normalised, and how firmly ``[n, 58]``: 1 holds.
Pull = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Sampling:
    """Options of sampling; ``pipeline.yaml`` fills them.

    Attributes:
        steps: denoising steps a window.
        guidance_scale: classifier-free guidance on speech, of jaw and mouth alone; 1 is none, more
            articulates more. What follows speech by chance (blinks, brows, the head) would come
            too often.
        lip_temperature: factor of the starting noise of jaw and mouth, 0..1: at 0 the lips hardly
            depend on the seed; head, brows and lids do.
        lip_prior: share of jaw and mouth that is left to the linear map that the model carries,
            0..1: a network fits the speakers that it was trained on better, the map strangers.
        head_scale: factor of the head's movement, 0..5; a model trained on squared errors moves
            less than its data did.
        place_scale: factor of what of that is a change of place, 0..1: a torso that stands still
            bears less of it than a filmed one, which moves along.
        lip_scale: factor of jaw and mouth, 0..2.
        emphasis: factor of how far the lips depart from where they were in the last second, 0..4
            (:class:`gen.manner.Emphasis`); who was filmed for the training data may mumble.
        brow_scale: factor of the brows, 0..3.
        gaze_scale: factor of how far the eyes turn, 0..3.
        blink_gap: seconds within which no blink follows another, 0..10, but a double one
            (:class:`gen.manner.Blinks`).
        style: how it should move, as a model that knows styles is told
            (:meth:`gen.style.Style.token`); ``None`` leaves it open.
        domain: whose lips: ``"real"`` moves as the filmed speakers of the training data do,
            ``"synthetic"`` as its rule-driven ones; ``None`` leaves it open.
        window: frames a window; ``None`` for as many as the model was trained on.
        overlap: frames at a window's end that the next one samples again, drawn to what they were
            (see :meth:`gen.motion.MotionGenerator.stream`).
        affect_scale: how much of what affect adds is shown, 0..3; 1 is as it was learnt.
        recognizer_guidance: how firmly the recognizer's reading of the motion draws it to what is
            asked for, 0..10; 0 leaves it out.

    Raises:
        ValueError: a value out of its range.
    """

    steps: int = 10
    guidance_scale: float = 1.0
    lip_temperature: float = 1.0
    lip_prior: float = 0.0
    head_scale: float = 1.0
    place_scale: float = 1.0
    lip_scale: float = 1.0
    emphasis: float = 1.0
    brow_scale: float = 1.0
    gaze_scale: float = 1.0
    blink_gap: float = 0.0
    style: tuple[float, ...] | None = None
    domain: str | None = "real"
    window: int | None = None
    overlap: int = 0
    affect_scale: float = 1.0
    recognizer_guidance: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        highest = {
            "lip_temperature": 1, "lip_prior": 1, "head_scale": 5, "place_scale": 1,
            "lip_scale": 2, "emphasis": 4, "brow_scale": 3, "gaze_scale": 3, "blink_gap": 10,
            "affect_scale": 3,
            "recognizer_guidance": 10,
        }  # fmt: skip
        for name, high in highest.items():
            if not 0 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be 0..{high}, got {getattr(self, name)}")
        if self.window is not None and self.window < 1:
            raise ValueError(f"window must be at least 1 frame, got {self.window}")
        if self.overlap < 0:
            raise ValueError(f"overlap must not be negative, got {self.overlap}")

    def units(self) -> np.ndarray:
        """Factors float32 ``[58]`` of what the network makes."""
        units = np.ones(58, np.float32)
        units[LIPS], units[BROWS], units[GAZE] = self.lip_scale, self.brow_scale, self.gaze_scale
        units[52:] *= self.head_scale
        units[55:] *= self.place_scale
        return units


class WindowSampler:
    """Samples windows of motion with one set of options.

    Args:
        denoiser: the network.
        scheduler: with ``prediction_type="sample"``; a copy of it is used, because a scheduler
            carries the state of a run and several streams may interleave.
        options: see :class:`Sampling`.
    """

    def __init__(
        self, denoiser: MotionDenoiser, scheduler: DDIMScheduler, options: Sampling
    ) -> None:
        self.denoiser = denoiser
        self.scheduler = scheduler.from_config(scheduler.config)
        self.options = options
        self.domain = denoiser.domain_index(options.domain)
        self.style = denoiser.style_token(options.style)

    @torch.inference_mode()
    def __call__(
        self,
        speech: Tensor,
        prefix: Tensor | None,
        noise: Tensor,
        pulls: Iterable[Pull] = (),
        report: Callable[[int, Tensor], None] | None = None,
        affect: AffectWindow | None = None,
    ) -> Tensor:
        """Motion from noise.

        Each step's estimate of the clean motion is drawn to the known values before it is noised
        again, so that what is free is sampled to fit what is held (imputation, as in MDM, Tevet et
        al. 2022, and 3DiFACE, Thambiraja et al. 2023).

        Args:
            speech: ``[1, P + n + 2 * audio_context, audio_dim]`` features around the window.
            prefix: ``[1, P, 58]`` motion before it, normalised; ``None`` where there is none.
            noise: ``[1, n, 58]``, of unit variance.
            pulls: applied in this order.
            report: called with the number of a step and its estimate ``[1, n, 58]``.
            affect: what affect adds, denoised along (see :mod:`gen.affect_sampling`).

        Returns:
            ``[n, 58]``, normalised.
        """
        denoiser, config = self.denoiser, self.denoiser.config
        lead = config.prefix_frames + config.audio_context
        audio = denoiser.encode_audio(speech)
        expected = denoiser.prior(speech[:, lead : lead + noise.shape[1]])[..., LIPS]
        pulls = list(pulls)
        sample = noise.clone()
        sample[..., LIPS] *= self.options.lip_temperature
        self.scheduler.set_timesteps(self.options.steps, device=sample.device)
        for step, timestep in enumerate(self.scheduler.timesteps):
            clean = self._guided(sample, timestep, audio, prefix)
            clean[..., LIPS] = torch.lerp(clean[..., LIPS], expected, self.options.lip_prior)
            for known, weight in pulls:
                clean = torch.lerp(clean, known, weight)
            if affect is not None:
                affect.step(sample, timestep, denoiser.denormalize(clean))
            sample = self.scheduler.step(clean, timestep, sample).prev_sample
            if report is not None:
                report(step, clean)
        return sample[0]

    def _guided(
        self, sample: Tensor, timestep: Tensor, audio: Tensor, prefix: Tensor | None
    ) -> Tensor:
        """x0 with classifier-free guidance (Ho and Salimans 2022) on speech."""
        scale, config = self.options.guidance_scale, self.denoiser.config
        copies = 1 if scale == 1 else 2
        device = sample.device
        if prefix is None:
            before = torch.zeros(1, config.prefix_frames, config.motion_dim, device=device)
        else:
            before = prefix
        clean = self.denoiser(
            sample.expand(copies, -1, -1),
            timestep,
            audio.expand(copies, -1, -1),
            before.expand(copies, -1, -1),
            torch.full((copies,), self.domain, device=device),
            None if self.style is None else self.style.expand(copies, -1),
            drop_audio=torch.arange(copies, device=device) == 1,
            drop_prefix=torch.full((copies,), prefix is None, device=device),
        ).sample
        if copies == 1:
            return clean
        heard, deaf = clean.chunk(2)
        guided = heard.clone()
        guided[..., LIPS] = torch.lerp(deaf[..., LIPS], heard[..., LIPS], scale)
        return guided


def seam(expected: Tensor, count: int) -> Pull:
    """Draw a window of ``count`` frames to what its first ones were expected to be.

    Held at the first frame, left free after the last: the weight falls as a smoothstep does.
    """
    frames = min(len(expected), count)
    known = expected.new_zeros(count, expected.shape[1])
    known[:frames] = expected[:frames]
    x = torch.arange(count, device=expected.device) / len(expected)
    return known, (1 - smoothstep(x))[:, None]


def last_frames(frames: Tensor, count: int) -> Tensor:
    """The last ``count`` of frames ``[n, D]``; too few are led by the first one, held."""
    return torch.cat([frames[:1].expand(max(0, count - len(frames)), -1), frames[-count:]])
