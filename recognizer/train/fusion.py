"""Train the fusion of face, voice and words on features with labels.

Every step sees a batch twice: with all modalities that it has, and with some of them dropped at
random, so that any subset is answered. The losses are those of
:mod:`recognizer.train.fusion_objectives`, which says why each is there. The modality that is ahead
takes smaller steps (on-the-fly gradient modulation with generalisation enhancement, OGM-GE). The
paper scales gradients for plain gradient descent; AdamW divides a gradient by its size, which would
undo any factor on it, so that the factor is on the encoder's learning rate here, which is the same
for plain descent.

Made data, a face that tells nearly all beside a voice that is hard to read, four runs: trained by
the fused answer alone, the voice's head ends at a cross-entropy of 1.09; with modulation (α = 1) at
0.96, in every run lower; with losses of its own at 0.35. Those are therefore on by default, and
modulation is mild. The noise improved nothing there and is off.

The averaged weights are kept; in the end the temperatures of the fused answer and of every expert
are fitted to the validation rows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recognizer.bench.fusion import figures, network_answers, read_rows
from recognizer.data.fusion_features import FusionFeatures
from recognizer.models.fusion import FusionNet
from recognizer.models.fusion_output import Expert
from recognizer.train.fusion_objectives import (
    add_noise,
    decoupling_losses,
    distillation_loss,
    modulation,
    task_loss,
)
from recognizer.train.loop import LoopOptions, TrainingLoop, processes
from recognizer.train.objectives import fit_temperature
from recognizer.train.schedule import one_cycle


@dataclass
class FusionTraining(LoopOptions):
    """A training run; a YAML file has these keys, and those of
    :class:`recognizer.train.loop.LoopOptions`.

    Attributes:
        model: arguments of :class:`recognizer.models.fusion.FusionNet` but ``features``, which are
            the file's.
        loss: weights of ``fused``, ``dropped``, ``unimodal``, ``orthogonality``, ``rebuilding``,
            ``margin`` and ``distillation``; 1 if not named, 0: left out.
        drop: probability that a modality is dropped in the second look; one always stays.
        unimodal_gradient: share, 0..1, of the experts' own losses that reaches their encoders; with
            0 they only observe what the fused answer made of the encoders.
        alpha: strength of gradient modulation, 0: none.
        noise: strength of its generalisation enhancement, 1 as in the authors' code.
        epochs: over the training rows.
        batch_size: rows a step.
        learning_rate: the highest, reached after the share ``warmup`` of the run; to zero after.
        weight_decay: of AdamW.
        valid_every: epochs.
    """

    model: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    drop: float = 0.4
    unimodal_gradient: float = 1.0
    alpha: float = 0.3
    noise: float = 0.0
    epochs: float = 15
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 0.3
    clip_norm: float = 5.0
    ema: float = 0.99
    log_every: int = 50
    valid_every: int = 5

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a loss that is none, or a share beyond 0..1.
        """
        if unknown := sorted(set(self.loss) - set(LOSSES)):
            raise ValueError(f"no such loss: {', '.join(unknown)}; there are {', '.join(LOSSES)}")
        for name in ("drop", "unimodal_gradient", "warmup", "ema"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0..1, got {getattr(self, name)}")


LOSSES = (
    "fused", "dropped", "unimodal", "orthogonality", "rebuilding", "margin", "distillation",
)  # fmt: skip


def train(
    config: FusionTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: str | os.PathLike,
    resume: bool = False,
) -> Path:
    """Train a fusion; see :mod:`recognizer.train.loop` for what all trainers share.

    Among the losses, ``step_NAME`` is the factor on each encoder's learning rate.

    Args:
        config, out_dir, resume: as of every trainer.
        data: file for :class:`recognizer.data.fusion_features.FusionFeatures`.

    Returns:
        ``out_dir/model``, for ``FusionNet.from_pretrained``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense, or the loss is no number any more.
    """
    config = FusionTraining.load(config)
    rows = FusionFeatures.load(data)
    if not len(rows.of("train")):
        raise ValueError(f"{data}: no training row has a modality and a label")
    torch.manual_seed(config.seed)
    recipe = _Recipe(config, rows, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.finish()


class _Recipe:
    """Which rows are seen, what answers cost, how encoders are held back, what is measured."""

    def __init__(self, config: FusionTraining, data: FusionFeatures, out_dir: Path) -> None:
        self.config = config
        self.rows, self.kept = data.of("train"), data.of("valid")
        sizes = {name: values.shape[-1] for name, values in data.features.items()}
        net = FusionNet(features=sizes, **config.model)
        for name, encoder in net.encoders.items():
            there = self.rows.features[name][self.rows.presence[name] > 0]
            if not len(there):
                raise ValueError(f"no training row has {name}")
            encoder.mean.copy_(torch.from_numpy(there.mean(axis=0)))
            # A feature that never varies in training tells nothing: it is not blown up.
            spread = np.where(there.std(axis=0) > 1e-6, there.std(axis=0), 1.0)
            encoder.scale.copy_(torch.from_numpy(spread))
        own = {name: list(encoder.parameters()) for name, encoder in net.encoders.items()}
        taken = {id(p) for parameters in own.values() for p in parameters}
        rest = [p for p in net.parameters() if id(p) not in taken]
        groups = [{"params": rest, "modality": None}]
        groups += [{"params": parameters, "modality": name} for name, parameters in own.items()]
        optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.batch = config.batch_size * processes()
        self.epoch_steps = math.ceil(len(self.rows) / self.batch)
        self.loop = TrainingLoop(
            config,
            out_dir,
            net,
            optimizer,
            steps=max(1, round(config.epochs * self.epoch_steps)),
            eval_every=config.valid_every * self.epoch_steps,
            schedule=one_cycle(config.warmup),
            losses=self.losses,
            evaluate=self.evaluate,
            after_backward=self.add_noise,
        )
        self.factors: dict[str, float] = {}

    def losses(self) -> dict[str, Tensor | float]:
        """The weighted sum, its terms, and the factor on each encoder's learning rate."""
        torch.manual_seed(int(self.loop.rng(1).integers(2**62)))
        batch = self._batch()
        emotion, place = self._tensor(batch.emotion), self._tensor(batch.valence_arousal)
        experts = self.loop.net.experts(
            {name: self._tensor(values) for name, values in batch.features.items()},
            {name: self._tensor(values) for name, values in batch.presence.items()},
            clip=True,
        )
        terms = self._terms(experts, emotion, place)
        loss = sum(self.config.loss.get(name, 1.0) * value for name, value in terms.items())
        self.factors = self.loop.agreed(modulation(experts, emotion, self.config.alpha))
        for group in self.loop.optimizer.param_groups:
            group["lr_scale"] = self.factors.get(group["modality"], 1.0)
        steps = {f"step_{name}": factor for name, factor in self.factors.items()}
        return {"loss": loss, **terms, **steps}

    def add_noise(self) -> None:
        """The generalisation enhancement of encoders that are held back."""
        for name, factor in self.factors.items():
            if factor < 1:
                add_noise(self.loop.net.encoders[name], self.config.noise)

    def _batch(self) -> FusionFeatures:
        epoch, position = divmod(self.loop.step, self.epoch_steps)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.rows))
        rows = order[position * self.batch :][: self.batch]
        # An epoch's last rows may be fewer than the processes.
        rows = np.resize(rows, max(len(rows), processes()))
        return self.rows[rows[self.loop.process :: processes()]]

    def _terms(
        self, experts: Mapping[str, Expert], emotion: Tensor, place: Tensor
    ) -> dict[str, Tensor]:
        """Every loss that has a weight and, in this batch, labels."""
        wanted = {name for name in LOSSES if self.config.loss.get(name, 1.0)}
        full = self.loop.net.combine(experts)
        alone = {name: self._observed(name, expert) for name, expert in experts.items()}
        there = {name: expert.presence > 0 for name, expert in experts.items()}
        found = {
            "fused": [task_loss(full, emotion, place)],
            "unimodal": [task_loss(alone[n], emotion, place, there[n]) for n in experts],
        }
        if wanted & {"dropped", "distillation"}:
            some = self.loop.net.combine(_dropped(experts, self.config.drop))
            everywhere = torch.ones_like(next(iter(there.values())))
            found["dropped"] = [task_loss(some, emotion, place)]
            found["distillation"] = [
                distillation_loss(full, some, emotion, everywhere),
                *(distillation_loss(full, alone[n], emotion, there[n]) for n in experts),
            ]
        if wanted & {"orthogonality", "rebuilding", "margin"}:
            decoupling = decoupling_losses(experts, emotion)
            found |= {name: [value] for name, value in decoupling.items()}
        return {
            name: torch.stack(known).mean()
            for name, values in found.items()
            if name in wanted and (known := [value for value in values if value is not None])
        }

    def _observed(self, name: str, expert: Expert) -> Expert:
        """The expert, of whose losses a share reaches the encoder."""
        share = self.config.unimodal_gradient
        if share == 1:
            return expert
        parts = (torch.lerp(x.detach(), x, share) for x in (expert.shared, expert.private))
        logits, place, spread = self.loop.net.read(name, *parts, expert.standard)
        return replace(expert, logits=logits, valence_arousal=place, log_variance=spread)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.loop.device)

    def evaluate(self) -> dict[str, Any]:
        """Figures of the averaged network on validation rows: fused, and each modality alone."""
        report, average = {}, self.loop.average
        chosen_sets = (average.names, *((name,) for name in average.names))
        for chosen in chosen_sets if len(self.kept) else ():
            answer = network_answers(average, self.kept, chosen)
            found = figures(answer.emotion, answer.valence_arousal, self.kept)
            report["+".join(chosen)] = {
                k: v if v is None else round(v, 5) for k, v in found.items()
            }
        return {"epoch": self.loop.step // self.epoch_steps, "valid": report}

    def finish(self) -> Path:
        """Fit the temperatures on the validation rows and write the averaged network."""
        kept = self.kept[np.isfinite(self.kept.emotion[:, 0])]
        average, folder = self.loop.average.cpu(), self.loop.out_dir / "model"
        if len(kept):
            parts = read_rows(average, kept, average.names)
            logits = torch.cat([part.logits for part in parts])
            average.temperature.fill_(fit_temperature(logits, kept.emotion))
            for i, name in enumerate(average.names):
                experts = [part.experts[name] for part in parts]
                there = torch.cat([e.presence for e in experts]) > 0
                if there.any():
                    own = torch.cat([e.logits for e in experts])[there]
                    truth = kept.emotion[there.numpy()]
                    average.temperatures[i] = fit_temperature(own, truth)
        if self.loop.is_main:
            average.save_pretrained(folder)
        return folder


def _dropped(experts: Mapping[str, Expert], drop: float) -> dict[str, Expert]:
    """Each modality of each row dropped with this probability; one that is there stays."""
    presence = torch.stack([expert.presence for expert in experts.values()])
    luck = torch.rand_like(presence).where(presence > 0, -1.0)
    stays = (luck >= drop) | (luck == luck.amax(0))
    return {
        name: replace(expert, presence=expert.presence * stay)
        for (name, expert), stay in zip(experts.items(), stays, strict=True)
    }
