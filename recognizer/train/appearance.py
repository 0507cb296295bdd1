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

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from recognizer.bench.appearance import emotion_figures, measured_benchmark
from recognizer.config import read_config
from recognizer.data.faces import LABELS, LabelledFaces, concatenate, load_faces
from recognizer.models.appearance import AppearanceNet
from recognizer.train.augment import FaceAugment, mixup
from recognizer.train.objectives import fit_temperature, head_losses, repeat_factors
from recognizer.train.state import average_into, load_state, save_state


@dataclass
class AppearanceTraining:
    """A training run; a YAML file has these keys.

    Attributes:
        model: arguments of :class:`recognizer.models.appearance.AppearanceNet`.
        augment: arguments of :class:`recognizer.train.augment.FaceAugment`.
        loss: weight of each head.
        least_votes: share of votes for the eight emotions that a FER+ training face needs.
        epochs: over the training faces.
        max_minutes: the run ends by then, learning rate and all, even if ``epochs`` are not done.
        stages: triples of a share of the run, and from then on the side of the pictures and the
            strength of augmentation and mixup, 0 to 1.
        batch_size: faces a step and process.
        learning_rate: the highest, reached after the share ``warmup`` of the run; to zero after.
        momentum, weight_decay, clip_norm: of SGD.
        mixup: both parameters of the Beta distribution that weights are drawn from; 0 for none.
        mixup_share: of the batches, at full strength.
        repeat_below: an emotion with a smaller share of the faces than this is shown more often, by
            the root of the ratio.
        ema: decay of the averaged weights, the ones that are kept.
        compile: run through ``torch.compile``.
        log_every: steps.
        save_minutes: between states to resume from.
        seed: of everything drawn.
    """

    model: dict[str, Any] = field(default_factory=dict)
    augment: dict[str, float] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    least_votes: float = 0.5
    epochs: float = 60
    max_minutes: float | None = None
    stages: list[tuple[float, int, float]] = field(default_factory=lambda: [(0.0, 48, 1.0)])
    batch_size: int = 64
    learning_rate: float = 0.05
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float = 5.0
    mixup: float = 0.2
    mixup_share: float = 0.5
    repeat_below: float = 0.02
    ema: float = 0.999
    compile: bool = False
    log_every: int = 100
    save_minutes: float = 3.0
    seed: int = 0

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
    """Train an appearance network.

    Writes ``out_dir/log.jsonl`` (losses; figures on the validation faces after every epoch, at the
    size of the pictures then), ``out_dir/state.safetensors`` (to resume from) and ``out_dir/model``
    (averaged weights, for ``AppearanceNet.from_pretrained``).

    Args:
        config: the run, or its YAML file.
        out_dir: made if it is not there.
        data: files for :func:`recognizer.data.faces.load_faces`.
        resume: go on from ``out_dir/state.safetensors`` if it is there.

    Returns:
        ``out_dir/model``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense.
    """
    if not isinstance(config, AppearanceTraining):
        config = read_config(AppearanceTraining, config)
    sources = [load_faces(path, config.least_votes) for path in data]
    faces, kept = (concatenate([s[name] for s in sources]) for name in ("train", "valid"))
    if len(faces) < config.batch_size:
        raise ValueError(f"{len(faces)} training faces do not fill a batch of {config.batch_size}")
    torch.manual_seed(config.seed)
    trainer = _Trainer(config, AppearanceNet(**config.model), Path(out_dir))
    if resume and trainer.state_path.is_file():
        trainer.load_state()
    trainer.run(faces, kept)
    return trainer.finish(kept)


class _Trainer:
    """The loop: one optimiser step after the other, averaged, logged, saved."""

    def __init__(self, config: AppearanceTraining, net: AppearanceNet, out_dir: Path) -> None:
        from accelerate import Accelerator

        self.config = config
        self.accelerator = Accelerator()
        self.augment = FaceAugment(**config.augment)
        self.average = AppearanceNet.from_config(net.config)
        self.average.load_state_dict(net.state_dict())
        self.average.to(self.accelerator.device).eval().requires_grad_(False)
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
        net.to(memory_format=torch.channels_last)
        self.model, self.optimizer = self.accelerator.prepare(net, optimizer)
        self.net: AppearanceNet = self.accelerator.unwrap_model(self.model)
        if config.compile:
            self.model = torch.compile(self.model)
        self.step, self.elapsed = 0, 0.0
        self.out_dir = out_dir
        self.state_path = out_dir / "state.safetensors"

    def run(self, faces: LabelledFaces, kept: LabelledFaces) -> None:
        """Train until the epochs or the minutes are used up."""
        config = self.config
        self.out_dir.mkdir(parents=True, exist_ok=True)
        repeats = repeat_factors(faces.emotion, config.repeat_below)
        batch = config.batch_size * self.accelerator.num_processes
        self.epoch_steps = max(1, int(repeats.sum() / batch))
        sums: dict[str, list[float]] = {}
        mark, began, saved = time.monotonic(), self.elapsed, time.monotonic()
        order, order_epoch = np.zeros(0, int), -1
        while (progress := self._progress()) < 1:
            epoch, position = divmod(self.step, self.epoch_steps)
            if epoch != order_epoch:
                order, order_epoch = self._order(repeats, epoch), epoch
            start = position * batch + self.accelerator.process_index * config.batch_size
            rows = order[start : start + config.batch_size]
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * self._rate(progress)
            for name, value in self._train_step(faces[rows], rows, epoch, progress).items():
                sums.setdefault(name, []).append(value)
            self.step += 1
            self.elapsed = began + time.monotonic() - mark
            last = self._progress() >= 1
            if self.step % config.log_every == 0 or last:
                means = {name: round(float(np.mean(values)), 5) for name, values in sums.items()}
                sums.clear()
                self._log(lr=round(self.optimizer.param_groups[0]["lr"], 6), **means)
            if (self.step % self.epoch_steps == 0 or last) and len(kept):
                self._log(epoch=epoch + 1, valid=self._evaluate(kept, self._stage(progress)[0]))
            if time.monotonic() - saved > 60 * config.save_minutes or last:
                self.elapsed = began + time.monotonic() - mark
                self.save_state()
                saved = time.monotonic()

    def _progress(self) -> float:
        done = self.step / (self.config.epochs * self.epoch_steps)
        if self.config.max_minutes:
            done = max(done, self.elapsed / 60 / self.config.max_minutes)
        return done

    def _rate(self, progress: float) -> float:
        """One cycle: a line up, half a cosine down."""
        warmup = self.config.warmup
        if progress < warmup:
            return max(0.01, progress / warmup)
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))

    def _stage(self, progress: float) -> tuple[int, float]:
        """Side of the pictures, strength of the augmentation."""
        return [tuple(rest) for share, *rest in self.config.stages if share <= progress][-1]

    def _order(self, repeats: np.ndarray, epoch: int) -> np.ndarray:
        """Indices of an epoch's faces; a factor of 1.4 is one showing, or two in 40 % of epochs."""
        rng = np.random.default_rng([self.config.seed, epoch])
        times = np.floor(repeats + rng.random(len(repeats))).astype(int)
        order = rng.permutation(np.repeat(np.arange(len(repeats)), times))
        size = self.epoch_steps * self.config.batch_size * self.accelerator.num_processes
        return np.resize(order, size)

    def _train_step(
        self, faces: LabelledFaces, rows: np.ndarray, epoch: int, progress: float
    ) -> dict[str, float]:
        """One step; all that is random in it follows from seed, step and process."""
        config, device = self.config, self.accelerator.device
        rng = np.random.default_rng(
            [config.seed, 1 + self.step, self.accelerator.process_index, len(rows)]
        )
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        images = torch.from_numpy(faces.images)
        # A face's side in the first epoch is drawn once; from then on it alternates.
        mirrored = torch.from_numpy((_first_side(rows, config.seed) + epoch) % 2 == 1)
        images[mirrored] = images[mirrored].flip(-1)
        crops = images[:, None].to(device).float() / 255
        pixels, strength = self._stage(progress)
        crops = self.augment.scaled(strength)(crops, pixels, generator)
        labels = {
            name: torch.from_numpy(getattr(faces, name)).to(device)
            for name in LABELS
            if name in self.net.readouts
        }
        if config.mixup and rng.random() < config.mixup_share * strength:
            crops, labels = mixup(crops, labels, float(rng.beta(config.mixup, config.mixup)))
        # Dropout draws from the global generator.
        torch.manual_seed(int(rng.integers(2**62)))
        self.model.train()
        output = self.model(crops.contiguous(memory_format=torch.channels_last))
        losses = head_losses(output, labels)
        if not losses:
            raise ValueError("none of the training faces has a label for any of the heads")
        loss = sum(config.loss.get(name, 1.0) * value for name, value in losses.items())
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        average_into(self.average, self.net, self.step, config.ema)
        values = {"loss": loss, **losses, "grad_norm": norm}
        return {name: float(value.detach()) for name, value in values.items()}

    def _evaluate(self, kept: LabelledFaces, pixels: int) -> dict[str, Any]:
        """Figures of the averaged network on faces scaled to ``pixels``."""
        images = np.stack(
            [cv2.resize(x, (pixels, pixels), interpolation=cv2.INTER_AREA) for x in kept.images]
        )
        report: dict[str, Any] = {"pixels": pixels}
        named = kept.labelled("emotion")
        if "emotion" in self.average.readouts and named.any():
            logits = self.average.logits(torch.from_numpy(images[named]), mirror=False)
            figures = emotion_figures(logits, kept.emotion[named])
            report |= {k: figures[k] for k in ("accuracy", "macro_f1", "cross_entropy")}
        scaled = LabelledFaces(images, *(getattr(kept, name) for name in LABELS))
        for name, figures in measured_benchmark(self.average, scaled).items():
            report[f"{name}_icc"] = figures["mean_icc"]
        return report

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            row = {"step": self.step, "minutes": round(self.elapsed / 60, 2), **values}
            with open(self.out_dir / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def finish(self, kept: LabelledFaces) -> Path:
        """Fit the temperature on the validation faces and write the averaged network."""
        kept = kept[kept.labelled("emotion")]
        if len(kept) and "emotion" in self.average.readouts:
            logits = self.average.logits(torch.from_numpy(kept.images))
            self.average.temperature.fill_(fit_temperature(logits, kept.emotion))
        if self.accelerator.is_main_process:
            self.average.save_pretrained(self.out_dir / "model")
        return self.out_dir / "model"

    def save_state(self) -> None:
        """Write the averaged network and all that resuming needs."""
        if self.accelerator.is_main_process:
            self.average.save_pretrained(self.out_dir / "model")
            progress = {"step": self.step, "elapsed": self.elapsed}
            modules = {"model": self.net, "average": self.average}
            save_state(self.state_path, modules, self.optimizer, progress)

    def load_state(self) -> None:
        """Read what :meth:`save_state` wrote.

        Raises:
            ValueError: it belongs to another model.
        """
        modules = {"model": self.net, "average": self.average}
        progress = load_state(self.state_path, modules, self.optimizer)
        self.step, self.elapsed = int(progress["step"]), progress["elapsed"]


def _first_side(rows: np.ndarray, seed: int) -> np.ndarray:
    """A fair coin for each face, always the same: bits of a multiplicative hash."""
    mixed = (rows.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(40)).astype(np.int64) & 1
