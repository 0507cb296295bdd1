"""Train what affect adds to a neutral motion model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.audio import AudioEncoder, load_encoder
from gen.bench.expression import diffused, expression_benchmark
from gen.data.corpus import aligned_waveform, read_corpora
from gen.data.dataset import MotionWindows
from gen.data.expressions import ExpressiveWindows
from gen.guidance import AffectError
from gen.models.affect_branch import AffectBranch, AffectConditions
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from gen.train.chance import Chance
from gen.train.motion_loss import MotionLoss, lip_geometry
from gen.train.options import SpeechMotionOptions
from recognizer.affect_reader import load_head
from recognizer.motion import MotionTrack
from recognizer.pretrained import save_weights

#: Windows from which the residual's deviation is estimated, and its least values: of coefficients,
#: angles in degrees and places in face widths.
_MEASURED, _FLOORS = 160, [0.02] * 52 + [0.3] * 3 + [0.005] * 3


@dataclass
class BranchConfig(SpeechMotionOptions):
    """A training run of a :class:`gen.models.affect_branch.AffectBranch` with a
    :class:`gen.train.motion_loss.MotionLoss`; a YAML file has these keys, and those of
    :class:`gen.train.options.SpeechMotionOptions`.

    Attributes:
        base: folder of the neutral motion model, which stays as it is; ``packaged`` for the
            packaged one.
        recognizer: weight of what the affect head thinks of the estimate
            (:class:`gen.guidance.AffectError`), which counts by the share of the signal in the
            noisy motion; 0 leaves it out.
        recognizer_against: what its reading is held against: what was ``asked`` for, or its reading
            of the ``performance``.
        drop_aus, drop_place, drop_emotion: how often a condition is left out.
        eval_clips: held-out clips a corpus; the demands of
            :func:`gen.bench.expression.standard_demands` are made of them in turn.
        sampling: options of the evaluation's :class:`gen.sampling.Sampling`.
    """

    base: str = "packaged"
    recognizer: float = 1.0
    recognizer_against: str = "asked"
    drop_aus: float = 0.15
    drop_place: float = 0.3
    drop_emotion: float = 0.3
    short_windows: float = 0.3
    eval_clips: int = 29
    sampling: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises a ValueError if no folder is named, or the recognizer is held against neither."""
        super().__post_init__()
        if self.recognizer_against not in ("performance", "asked"):
            raise ValueError(
                f"recognizer_against is performance or asked, got {self.recognizer_against!r}"
            )


def train_branch(
    config: BranchConfig | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Train an affect branch; arguments and errors are those of :func:`gen.train.motion.train`.

    Returns:
        ``out_dir/model``, the folder of the branch.
    """
    config = BranchConfig.load(config)
    base, windows, held_out = read_performances(config, data, encoder, cache)
    torch.manual_seed(config.seed)
    shared = ("audio_dim", "audio_context", "prefix_frames", "window_frames")
    branch = AffectBranch(**{name: base.denoiser.config[name] for name in shared} | config.model)
    _measure(branch, base.denoiser, windows, config.seed)
    recipe = BranchRecipe(config, base, branch, windows, held_out, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.model_path


def read_performances(
    config: BranchConfig,
    data: Sequence[str | os.PathLike],
    encoder: AudioEncoder | None,
    cache: str | os.PathLike | None,
) -> tuple[MotionGenerator, ExpressiveWindows, list[tuple[np.ndarray, MotionTrack]]]:
    """What a branch is trained on and measured with; arguments are those of :func:`train_branch`.

    Returns:
        The neutral model, the windows, and the held-out clips: features and motion of each.

    Raises:
        FileNotFoundError: the neutral model or a folder is missing.
        ValueError: the configuration does not fit the data.
    """
    corpora = read_corpora(config.corpora, data)
    base = MotionGenerator.from_pretrained(None if config.base == "packaged" else config.base)
    encoder = encoder or load_encoder(config.encoder)
    if encoder.dim != base.denoiser.config.audio_dim:
        raise ValueError(
            f"the encoder {config.encoder!r} gives {encoder.dim} features, the neutral model"
            f" {config.base} takes {base.denoiser.config.audio_dim}"
        )
    windows = MotionWindows(
        [(train_part, options) for train_part, _, options in corpora],
        encoder.encode,
        cache,
        config.seed,
    )
    held_out = [
        (encoder.encode(aligned_waveform(record)), record.motion)
        for _, kept, _ in corpora
        for record in kept[: config.eval_clips]
    ]
    return base, ExpressiveWindows(windows), held_out


def _measure(
    branch: AffectBranch, denoiser: MotionDenoiser, windows: ExpressiveWindows, seed: int
) -> None:
    """Fill the buffers by which the branch sees speech and motion."""
    for name in ("audio_mean", "audio_std"):
        getattr(branch, name).copy_(getattr(denoiser, name))
    batch = windows.batch(np.random.default_rng([seed, 2]), _MEASURED, 50, 0)
    made = batch["shown"] - batch["motion"] if branch.config.residual else batch["shown"]
    std = np.maximum(made.std((0, 1)), _FLOORS).astype(np.float32)
    branch.residual_std.copy_(torch.from_numpy(std))
    if not branch.config.residual:
        branch.residual_mean.copy_(torch.from_numpy(made.mean((0, 1))))


@dataclass(frozen=True)
class Drawn:
    """A batch of windows of ``T`` frames to learn from.

    Attributes:
        spoken, shown: ``[B, 1 + T, 58]`` speech alone and its performance in their own units, with
            the frame before the window.
        neutral: ``[B, T, 58]`` speech alone, as the neutral denoiser sees it.
        target: ``[B, T, 58]`` what the branch is to predict, normalised.
        speech: ``[B, P + T + 2 * audio_context, audio_dim]`` its features.
        asked: over ``P + T`` frames.
        past: ``[B, P, 116]`` residual and neutral motion before the window, normalised.
        drop_prefix: bool ``[B]``.
        chance: what else this step draws.
    """

    spoken: Tensor
    shown: Tensor
    neutral: Tensor
    target: Tensor
    speech: Tensor
    asked: AffectConditions
    past: Tensor
    drop_prefix: Tensor
    chance: Chance


class BranchRecipe:
    """Which performances are denoised under which conditions, and how well they are read."""

    def __init__(
        self,
        config: BranchConfig,
        base: MotionGenerator,
        branch: AffectBranch,
        windows: ExpressiveWindows,
        held_out: list[tuple[np.ndarray, MotionTrack]],
        out_dir: Path,
    ) -> None:
        self.config, self.base, self.windows, self.held_out = config, base, windows, held_out
        self.model_path = out_dir / "model"
        self.loop = config.loop(out_dir, branch, self, betas=(0.9, 0.98))
        base.to(self.loop.device)
        self.loss = MotionLoss(*lip_geometry(), **config.loss).to(self.loop.device)
        self.head = load_head().to(self.loop.device)
        self.error = AffectError(self.head)
        self.signal = base.scheduler.alphas_cumprod.to(self.loop.device)

    def drawn(self, frames: int | None = None) -> Drawn:
        """What this step learns from.

        Args:
            frames: of the windows; by default the model's, fewer in ``short_windows``.
        """
        config, device, branch = self.config, self.loop.device, self.loop.net
        rng, options, denoiser = self.loop.rng(), branch.config, self.base.denoiser
        chance = Chance.drawn(rng, device)
        lead = options.prefix_frames
        if frames is None:
            frames = options.window_frames
            if rng.random() < config.short_windows:
                frames = int(rng.integers(min(8, frames), frames + 1))
        size = config.batch_size
        batch = {
            name: torch.from_numpy(values).to(device)
            for name, values in self.windows.batch(
                rng, size, lead + frames, options.audio_context
            ).items()
        }

        neutral = denoiser.normalize(batch["motion"])
        neutral = torch.where(batch["measured"][:, None], neutral, 0.0)
        target = branch.target(batch["motion"], batch["shown"])
        past = torch.cat([target, neutral], dim=-1)[:, :lead]
        past = past + chance.normal(past) * config.prefix_noise * chance.uniform(size, 1, 1)
        drop_prefix = chance.uniform(size) < config.drop_prefix
        speech = batch["speech"]
        noise = chance.normal(speech) * config.speech_noise * chance.uniform(size, 1, 1)
        speech = speech + noise * branch.audio_std

        drops = (config.drop_aus, config.drop_place, config.drop_emotion)
        known = batch["known"] & (chance.uniform(size, 3) >= torch.tensor(drops, device=device))
        # Nothing asked for is the neutral model: there would be nothing to learn.
        known[:, 0] |= ~known.any(1)
        asked = AffectConditions(batch["aus"], batch["valence_arousal"], batch["emotion"], known)
        return Drawn(
            batch["motion"][:, lead - 1 :], batch["shown"][:, lead - 1 :], neutral[:, lead:],
            target[:, lead:], speech, asked, past, drop_prefix, chance,
        )  # fmt: skip

    def losses(self) -> dict[str, Tensor]:
        """The loss of noisy windows, and its terms."""
        config, branch, scheduler = self.config, self.loop.net, self.base.scheduler
        drawn = self.drawn()
        clean, neutral, asked = drawn.target, drawn.neutral, drawn.asked
        size, lead = len(clean), branch.config.prefix_frames

        count = scheduler.config.num_train_timesteps
        timestep = drawn.chance.timesteps(size, count)
        made = branch(
            scheduler.add_noise(clean, drawn.chance.normal(clean), timestep),
            scheduler.add_noise(neutral, drawn.chance.normal(neutral), timestep),
            timestep,
            branch.encode_audio(drawn.speech),
            branch.encode_affect(asked),
            asked.known,
            drawn.past,
            drop_prefix=drawn.drop_prefix,
        ).sample

        spoken, shown = drawn.spoken[:, 1:], drawn.shown
        estimate = spoken + branch.residual(made, spoken)
        std = branch.residual_std
        everything = torch.ones(size, shown.shape[-1], dtype=torch.bool, device=shown.device)
        loss, terms = self.loss(
            estimate / std, shown[:, 1:] / std, shown[:, :1] / std,
            everything, torch.zeros_like(std), std,
        )  # fmt: skip
        if config.recognizer:
            if config.recognizer_against == "performance":
                error = self.error.between(estimate, shown[:, 1:], spoken)
            else:
                error = self.error(
                    estimate, spoken, asked.aus[:, lead:], asked.valence_arousal[:, lead:],
                    asked.known,
                )  # fmt: skip
            terms["recognizer"] = (self.signal[timestep] * error).mean()
            loss = loss + config.recognizer * terms["recognizer"]
        return {"loss": loss, **terms}

    def evaluate(self) -> dict[str, Any]:
        """How held-out clips with the standard demands are read, and how lips follow."""
        motion = MotionGenerator(self.base.denoiser, self.base.scheduler, self.loop.average)
        perform = diffused(motion, Sampling(**self.config.sampling))
        if not self.held_out:
            return {}
        return {"held_out": expression_benchmark(self.held_out, perform, self.head)}

    def save_model(self) -> None:
        """Write the averaged branch."""
        save_weights(self.loop.average, self.model_path)
