"""Fine-tune an affect branch by the recognizer: its samples are to be read as what was asked for.

The branch denoises from noise to the end, as it does when it is used; the affect head's error of
what comes out is propagated back through the last steps of the sampling (DRaFT-K, Clark et al.
2024; ReFL, Xu et al. 2023). The speech under it is a filmed one: its noisy states are known. A
reward is easily gamed, so four things stand against it:

* the branch as it was samples from the same noise, and its motion anchors the tuned one: of two
  Gaussians of one variance the squared distance of the means is their divergence (KL), and the
  samples' is its estimate;
* the columns that speech and chance move (lips, lids, head) are held to it more firmly;
* so is the deviation of each column in time, lest the face freeze at the head's favourite;
* the head reads motion as it comes back from drawn and tracked pictures (:mod:`gen.train.drawn`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gen.affect_sampling import GUIDED
from gen.audio import AudioEncoder
from gen.bench.expression import diffused, expression_benchmark
from gen.models.affect_branch import AffectBranch, AffectConditions
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from gen.scheduler import DDIMScheduler
from gen.train.affect_branch import BranchConfig, BranchRecipe, read_performances
from gen.train.drawn import drawn_motion
from recognizer.pretrained import load_weights

PACKAGED = Path(__file__).parents[1] / "weights" / "affect_branch"


@dataclass
class RewardConfig(BranchConfig):
    """A fine-tuning run; a YAML file has these keys and those of
    :class:`gen.train.affect_branch.BranchConfig`, but ``model`` is the tuned branch's and ``loss``
    has no meaning.

    Attributes:
        branch: folder of the affect branch to tune, ``packaged`` for the packaged one. It stays as
            it is.
        gradient_steps: how many of the last of ``sampling.steps`` are propagated through.
        anchor, hold, spread: weights of the distance from the branch as it was, in deviations: of
            the columns that expressions move; of the others; of the deviations in time.
        portraits: pictures on which motion is drawn and tracked to learn what of it is seen; none:
            the head reads it as it was commanded.
    """

    branch: str = "packaged"
    gradient_steps: int = 2
    anchor: float = 0.1
    hold: float = 2.0
    spread: float = 1.0
    portraits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises a ValueError if there are fewer sampling steps than are propagated through, or
        what has no meaning here is given."""
        super().__post_init__()
        if self.model or self.loss:
            raise ValueError("model and loss are no keys of a fine-tuning")
        steps = Sampling(**self.sampling).steps
        if not 1 <= self.gradient_steps <= steps:
            raise ValueError(f"gradient_steps must be 1..{steps}, got {self.gradient_steps}")


def tune_branch(
    config: RewardConfig | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Fine-tune an affect branch; arguments are those of :func:`gen.train.motion.train`.

    Returns:
        ``out_dir/model``, a branch like the one that was tuned.

    Raises:
        FileNotFoundError: a model, a picture or a data folder is missing.
        ValueError: the configuration does not fit the data.
    """
    config = RewardConfig.load(config)
    path = PACKAGED if config.branch == "packaged" else config.branch
    before = load_weights(AffectBranch, path).float().eval().requires_grad_(False)
    base, windows, held_out = read_performances(config, data, encoder, cache)
    torch.manual_seed(config.seed)
    tuned = AffectBranch.from_config(before.config)
    tuned.load_state_dict(before.state_dict())
    seen = drawn_motion(config.portraits, windows, config.seed)
    recipe = RewardRecipe(config, base, tuned, windows, held_out, Path(out_dir), before, seen)
    recipe.loop.run(resume)
    return recipe.model_path


class RewardRecipe(BranchRecipe):
    """Samples of the tuned branch, judged by the recognizer and held near those of the old one.

    Args:
        config, base, branch, windows, held_out, out_dir: as of
            :class:`gen.train.affect_branch.BranchRecipe`.
        before: the branch as it was.
        seen: motion → motion as it is read from pictures.
    """

    def __init__(
        self, config: RewardConfig, base: MotionGenerator, branch: AffectBranch, *rest: Any
    ) -> None:
        *rest, self.before, self.seen = rest
        super().__init__(config, base, branch, *rest)
        self.before.to(self.loop.device)
        self.seen.to(self.loop.device)
        self.scheduler = DDIMScheduler.from_config(base.scheduler.config)
        self.scheduler.set_timesteps(Sampling(**config.sampling).steps, device=self.loop.device)

    def losses(self) -> dict[str, Tensor]:
        """The recognizer's error of samples, and what holds them."""
        config, lead = self.config, self.before.config.prefix_frames
        drawn = self.drawn()
        asked, spoken = drawn.asked, drawn.spoken[:, 1:]
        noise, spoken_noise = (drawn.chance.normal(spoken) for _ in "ab")
        draw = functools.partial(
            sampled, scheduler=self.scheduler, noise=noise, neutral=drawn.neutral,
            neutral_noise=spoken_noise, speech=drawn.speech, asked=asked, past=drawn.past,
            drop_prefix=drawn.drop_prefix,
        )  # fmt: skip
        made = draw(self.loop.net, gradient_steps=config.gradient_steps)
        old = draw(self.before, gradient_steps=0)
        error = self._error(made, spoken, asked, lead)
        with torch.no_grad():
            error_before = self._error(old, spoken, asked, lead).mean()
        moved = (made - old).square().mean((0, 1))
        others = torch.ones_like(moved, dtype=torch.bool)
        others[GUIDED] = False
        terms = {
            "recognizer": error.mean(),
            "anchor": moved[~others].mean(),
            "hold": moved[others].mean(),
            "spread": (made.std(1) - old.std(1)).square().mean(),
        }
        loss = sum(getattr(config, name) * value for name, value in terms.items())
        return {"loss": loss, **terms, "recognizer_before": error_before}

    def _error(self, made: Tensor, spoken: Tensor, asked: AffectConditions, lead: int) -> Tensor:
        motion = spoken + self.before.residual(made, spoken)
        return self.error(
            self.seen(motion), self.seen(spoken), asked.aus[:, lead:],
            asked.valence_arousal[:, lead:], asked.known,
        )  # fmt: skip

    def evaluate(self) -> dict[str, Any]:
        """How held-out clips are read, by the branch as it is and as it was."""
        row = super().evaluate()
        return row | {"before": self._read_before} if row else {}

    @functools.cached_property
    def _read_before(self) -> dict[str, Any]:
        motion = MotionGenerator(self.base.denoiser, self.base.scheduler, self.before)
        perform = diffused(motion, Sampling(**self.config.sampling))
        return expression_benchmark(self.held_out, perform, self.head)


def sampled(
    branch: AffectBranch,
    scheduler: DDIMScheduler,
    noise: Tensor,
    neutral: Tensor,
    neutral_noise: Tensor,
    speech: Tensor,
    asked: AffectConditions,
    past: Tensor,
    drop_prefix: Tensor,
    gradient_steps: int,
) -> Tensor:
    """Residuals ``[B, T, 58]`` from noise, normalised, with a gradient through the last steps.

    Args:
        branch: samples.
        scheduler: with its timesteps set.
        noise: ``[B, T, 58]``.
        neutral, neutral_noise: ``[B, T, 58]``: the speech that is denoised beside, and its noise.
        speech, asked, past, drop_prefix: see :class:`gen.train.affect_branch.Drawn`.
        gradient_steps: 0 for none.
    """
    last = len(scheduler.timesteps) - gradient_steps
    with torch.set_grad_enabled(gradient_steps > 0):
        audio, affect = branch.encode_audio(speech), branch.encode_affect(asked)
    sample = clean = noise
    for step, timestep in enumerate(scheduler.timesteps):
        with torch.set_grad_enabled(step >= last):
            # The way of an ideal neutral denoiser: the same noise at every step.
            beside = scheduler.add_noise(neutral, neutral_noise, timestep[None])
            clean = branch(
                sample, beside, timestep, audio, affect, asked.known, past,
                drop_prefix=drop_prefix,
            ).sample  # fmt: skip
            sample = scheduler.step(clean, timestep, sample).prev_sample
    return clean
