"""Train the appearance network on labelled faces.

The recipe is for a small set (FER+: 28,000 faces) and a small budget (two CPU cores, 100 minutes):

* The shares of the votes are the targets (Barsoum et al. 2016: 84.7 to 85.0 % on FER+ with them,
  83.9 % with the winning label). They smooth labels by as much as people disagree, and faces
  without a clear winner can be trained on too.
* SGD with Nesterov momentum, which did best of six optimisers on FER2013 (Khaireddin and Chen
  2021), under a one-cycle learning rate (Smith and Topin 2018); no weight decay on normalisation
  and biases.
* Small pictures and weak augmentation first (progressive learning, Tan and Le 2021): half the side
  costs a quarter, and early epochs need no detail. The last epochs see faces nearly as they are.
* Every other epoch shows each face mirrored, alternating instead of by chance (Jordan 2024).
* Rare emotions are shown more often by repeat factors (Gupta, Dollár and Girshick 2019).
* Mixup and the augmentation of :class:`recognizer.train.augment.FaceAugment`.
* The averaged weights are kept; in the end a temperature is fitted to the validation votes (Guo et
  al. 2017), because fusion weighs the network by its confidence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from recognizer.appearance_reader import load_appearance
from recognizer.bench.appearance import emotion_figures, measured_benchmark
from recognizer.data.face_files import load_faces
from recognizer.data.faces import LABELS, LabelledFaces, concatenate
from recognizer.models.appearance import AppearanceNet
from recognizer.train.augment import FaceAugment, mixup
from recognizer.train.loop import LoopOptions, TrainingLoop, processes
from recognizer.train.objectives import fit_temperature, head_losses, repeat_factors
from recognizer.train.schedule import one_cycle


@dataclass
class AppearanceTraining(LoopOptions):
    """A training run; a YAML file has these keys, and those of
    :class:`recognizer.train.loop.LoopOptions`.

    Attributes:
        model: arguments of :class:`recognizer.models.appearance.AppearanceNet`.
        augment: arguments of :class:`recognizer.train.augment.FaceAugment`.
        loss: weight of each head.
        least_votes: share of votes for the eight emotions that a FER+ training face needs.
        epochs: over the training faces.
        stages: triples of a share of the run, and from then on the side of the pictures and the
            strength of augmentation and mixup, 0 to 1.
        batch_size: faces a step and process.
        learning_rate: the highest, reached after the share ``warmup`` of the run; to zero after.
        momentum, weight_decay: of SGD.
        mixup: both parameters of the Beta distribution that weights are drawn from; 0 for none.
        mixup_share: of the batches, at full strength.
        repeat_below: an emotion with a smaller share of the faces than this is shown more often, by
            the root of the ratio.
        compile: run through ``torch.compile``.
        init: folder of a network of the same shape whose weights are trained on.
    """

    model: dict[str, Any] = field(default_factory=dict)
    augment: dict[str, float] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    least_votes: float = 0.5
    epochs: float = 60
    stages: list[tuple[float, int, float]] = field(default_factory=lambda: [(0.0, 48, 1.0)])
    batch_size: int = 64
    learning_rate: float = 0.05
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float = 5.0
    ema: float = 0.999
    mixup: float = 0.2
    mixup_share: float = 0.5
    repeat_below: float = 0.02
    compile: bool = False
    init: str | None = None

    def __post_init__(self) -> None:
        """Check the stages.

        Raises:
            ValueError: they are no triples, or do not begin with the run.
        """
        if any(len(stage) != 3 for stage in self.stages) or not self.stages:
            raise ValueError("stages are triples of share, pixels and strength")
        shares = [stage[0] for stage in self.stages]
        if shares[0] != 0 or sorted(shares) != shares:
            raise ValueError("stages begin at 0 and follow each other")


def train(
    config: AppearanceTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train an appearance network; see :mod:`recognizer.train.loop` for what all trainers share.

    Figures on the validation faces, after every epoch, are at the size of the pictures then.

    Args:
        config, out_dir, resume: as of every trainer.
        data: files for :func:`recognizer.data.face_files.load_faces`.

    Returns:
        ``out_dir/model``, for ``AppearanceNet.from_pretrained``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense, or the loss is no number any more.
    """
    config = AppearanceTraining.load(config)
    sources = [load_faces(path, config.least_votes) for path in data]
    faces, kept = (concatenate([s[name] for s in sources]) for name in ("train", "valid"))
    if len(faces) < config.batch_size:
        raise ValueError(f"{len(faces)} training faces do not fill a batch of {config.batch_size}")
    torch.manual_seed(config.seed)
    recipe = _Recipe(config, faces, kept, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.finish()


class _Recipe:
    """Which faces are shown and how, what answers cost, and what is measured."""

    def __init__(
        self,
        config: AppearanceTraining,
        faces: LabelledFaces,
        kept: LabelledFaces,
        out_dir: Path,
    ) -> None:
        self.config, self.faces, self.kept = config, faces, kept
        self.model_path = out_dir / "model"
        self.augment = FaceAugment(**config.augment)
        self.repeats = repeat_factors(faces.emotion, config.repeat_below)
        net = AppearanceNet(**config.model)
        if config.init is not None:
            net.load_state_dict(load_appearance(config.init).state_dict())
        net = net.to(memory_format=torch.channels_last)
        matrices = [p for p in net.parameters() if p.ndim > 1]
        vectors = [p for p in net.parameters() if p.ndim <= 1]
        optimizer = torch.optim.SGD(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=True,
        )
        self.batch = config.batch_size * processes()
        self.epoch_steps = max(1, int(self.repeats.sum() / self.batch))
        self.loop = TrainingLoop(
            config,
            out_dir,
            net,
            optimizer,
            steps=config.epochs * self.epoch_steps,
            eval_every=self.epoch_steps,
            schedule=one_cycle(config.warmup),
            losses=self.losses,
            evaluate=self.evaluate,
            save_model=self.save_model,
        )
        self.network = torch.compile(self.loop.net) if config.compile else self.loop.net
        self.order, self.epoch, self.pixels = np.zeros(0, int), -1, 0

    def losses(self) -> dict[str, Tensor]:
        """The weighted sum over the heads, and the loss of each."""
        config, device = self.config, self.loop.device
        rows = self._rows()
        rng = np.random.default_rng([config.seed, 1 + self.loop.step, self.loop.process, len(rows)])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        faces = self.faces[rows]
        images = torch.from_numpy(faces.images)
        # A face's side in the first epoch is drawn once; from then on it alternates.
        mirrored = torch.from_numpy((_first_side(rows, config.seed) + self.epoch) % 2 == 1)
        images[mirrored] = images[mirrored].flip(-1)
        crops = images[:, None].to(device).float() / 255
        self.pixels, strength = self._stage()
        crops = self.augment.scaled(strength)(crops, self.pixels, generator)
        labels = {
            name: torch.from_numpy(getattr(faces, name)).to(device)
            for name in LABELS
            if name.removesuffix("_most") in self.loop.net.readouts
        }
        if config.mixup and rng.random() < config.mixup_share * strength:
            crops, labels = mixup(crops, labels, float(rng.beta(config.mixup, config.mixup)))
        # Dropout draws from the global generator.
        torch.manual_seed(int(rng.integers(2**62)))
        output = self.network(crops.contiguous(memory_format=torch.channels_last))
        losses = head_losses(output, labels)
        if not losses:
            raise ValueError("none of the training faces has a label for any of the heads")
        loss = sum(config.loss.get(name, 1.0) * value for name, value in losses.items())
        return {"loss": loss, **losses}

    def _rows(self) -> np.ndarray:
        """This step's faces."""
        epoch, position = divmod(self.loop.step, self.epoch_steps)
        if epoch != self.epoch:
            self.order, self.epoch = self._order(epoch), epoch
        start = position * self.batch + self.loop.process * self.config.batch_size
        return self.order[start : start + self.config.batch_size]

    def _order(self, epoch: int) -> np.ndarray:
        """Indices of an epoch's faces; a factor of 1.4 is one showing, or two in 40 % of epochs."""
        rng = np.random.default_rng([self.config.seed, epoch])
        times = np.floor(self.repeats + rng.random(len(self.repeats))).astype(int)
        order = rng.permutation(np.repeat(np.arange(len(times)), times))
        return np.resize(order, self.epoch_steps * self.batch)

    def _stage(self) -> tuple[int, float]:
        """Side of the pictures, strength of the augmentation."""
        done = self.loop.progress
        return [tuple(rest) for share, *rest in self.config.stages if share <= done][-1]

    def evaluate(self) -> dict[str, Any]:
        """Figures of the averaged network on the validation faces, as large as the last batch."""
        kept, pixels, average = self.kept, self.pixels, self.loop.average
        if not len(kept):
            return {}
        images = np.stack(
            [cv2.resize(x, (pixels, pixels), interpolation=cv2.INTER_AREA) for x in kept.images]
        )
        report: dict[str, Any] = {"pixels": pixels}
        named = kept.labelled("emotion")
        if "emotion" in average.readouts and named.any():
            logits = average.logits(torch.from_numpy(images[named]), mirror=False)
            figures = emotion_figures(logits, kept.emotion[named])
            report |= {k: figures[k] for k in ("accuracy", "macro_f1", "cross_entropy")}
        scaled = LabelledFaces(images, *(getattr(kept, name) for name in LABELS))
        for name, figures in measured_benchmark(average, scaled).items():
            report[f"{name}_icc"] = figures["mean_icc"]
        return {"epoch": self.epoch + 1, "valid": report}

    def save_model(self) -> None:
        """Write the averaged network."""
        self.loop.average.save_pretrained(self.model_path)

    def finish(self) -> Path:
        """Fit the temperature on the validation faces and write the averaged network."""
        kept, average = self.kept[self.kept.labelled("emotion")], self.loop.average
        if len(kept) and "emotion" in average.readouts:
            logits = average.logits(torch.from_numpy(kept.images))
            average.temperature.fill_(fit_temperature(logits, kept.emotion))
        if self.loop.is_main:
            self.save_model()
        return self.model_path


def _first_side(rows: np.ndarray, seed: int) -> np.ndarray:
    """A fair coin for each face, always the same: bits of a multiplicative hash."""
    mixed = (rows.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(40)).astype(np.int64) & 1
