"""Train the refiner on folders of patch pairs."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gen.data.patch_dataset import PatchBatch, PatchDataset
from gen.models.refiner import PatchRefiner, stack_condition
from gen.refiner import PatchSampler, make_scheduler
from gen.train.refiner_loss import RefinerLoss, masked_correction, step_weights
from recognizer.config import read_config


@dataclass
class RefinerTraining:
    """A training run; a YAML file has these keys.

    Attributes:
        data: share of every batch by the name of the data folder.
        hold_out: clips at the end of each folder to measure on.
        model: arguments of :class:`gen.models.refiner.PatchRefiner`.
        scheduler: arguments of ``diffusers.DDIMScheduler``.
        loss: arguments of :class:`gen.train.refiner_loss.RefinerLoss`.
        steps: optimiser steps.
        max_minutes: the learning rate ends by then even if ``steps`` are not reached.
        batch_size: patches a step and process.
        learning_rate, weight_decay, warmup: of AdamW; cosine decay after ``warmup`` steps.
        clip_norm: of the gradient.
        ema: decay of the averaged weights, the ones that are kept.
        first_share: how often the timestep is the last one, from which sampling starts.
        with_previous: how often the patch of the frame before, as the averaged refiner corrects
            it, is given; otherwise there was none.
        log_every, eval_every, save_every: steps.
        eval_patches: held-out patches to measure on.
        seed: of everything drawn.
    """

    data: dict[str, float] = field(default_factory=dict)
    hold_out: int = 8
    model: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    steps: int = 4000
    max_minutes: float | None = None
    batch_size: int = 16
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    warmup: int = 100
    clip_norm: float = 1.0
    ema: float = 0.998
    first_share: float = 0.6
    with_previous: float = 0.5
    log_every: int = 20
    eval_every: int = 250
    save_every: int = 100
    eval_patches: int = 64
    seed: int = 0

    @classmethod
    def load(cls, source: Mapping | str | os.PathLike) -> RefinerTraining:
        """From a mapping or a YAML file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not a mapping, a key that is none, or no data.
        """
        config = read_config(cls, source)
        if not config.data:
            raise ValueError("the configuration names no data")
        return config


def train(
    config: RefinerTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train a refiner.

    Writes ``out_dir/log.jsonl`` (losses and held-out figures), ``out_dir/state.safetensors`` (to
    resume from) and ``out_dir/model`` (averaged weights, for
    :meth:`gen.refiner.PatchSampler.from_pretrained`).

    Args:
        config: the run, or its YAML file.
        out_dir: made if it is not there.
        data: folders of patch pairs, called as in the configuration.
        resume: go on from ``out_dir/state.safetensors`` if it is there.

    Returns:
        ``out_dir/model``.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: the configuration does not fit the data.
    """
    if not isinstance(config, RefinerTraining):
        config = RefinerTraining.load(config)
    names = [Path(folder).name for folder in data]
    if sorted(names) != sorted(config.data):
        raise ValueError(
            f"the configuration has data {', '.join(sorted(config.data))};"
            f" the folders are {', '.join(sorted(names)) or 'none'}"
        )
    torch.manual_seed(config.seed)
    refiner = PatchRefiner(**config.model)
    shares = {folder: config.data[Path(folder).name] for folder in data}
    pixels = refiner.config.pixels
    seen = PatchDataset(shares, pixels, slice(None, -config.hold_out or None))
    kept = PatchDataset(shares, pixels, slice(-config.hold_out, None))
    trainer = _Trainer(config, refiner, Path(out_dir))
    if resume and trainer.state_path.is_file():
        trainer.load_state()
    trainer.run(seen, kept)
    return trainer.model_path


class _Trainer:
    """The loop: one optimiser step after the other, averaged, logged, saved."""

    def __init__(self, config: RefinerTraining, refiner: PatchRefiner, out_dir: Path) -> None:
        from accelerate import Accelerator

        self.config = config
        self.accelerator = Accelerator()
        device = self.accelerator.device
        self.scheduler = make_scheduler(**config.scheduler)
        self.step_weights = step_weights(
            self.scheduler.config.num_train_timesteps, config.first_share
        )
        self.average = PatchRefiner.from_config(refiner.config)
        self.average.load_state_dict(refiner.state_dict())
        self.average.to(device).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            refiner.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.loss = RefinerLoss(**config.loss).to(device)
        self.model, self.optimizer = self.accelerator.prepare(refiner, optimizer)
        self.refiner: PatchRefiner = self.accelerator.unwrap_model(self.model)
        self.step, self.elapsed = 0, 0.0
        self.out_dir = out_dir
        self.state_path = out_dir / "state.safetensors"
        self.model_path = out_dir / "model"

    def run(self, seen: PatchDataset, kept: PatchDataset) -> None:
        """Train until the steps or the minutes are used up."""
        config = self.config
        self.out_dir.mkdir(parents=True, exist_ok=True)
        sums: dict[str, list[float]] = {}
        mark, began = time.monotonic(), self.elapsed
        while (progress := self._progress()) < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * self._rate(progress)
            terms = self._train_step(seen)
            self.step += 1
            self.elapsed = began + time.monotonic() - mark
            for name, value in terms.items():
                sums.setdefault(name, []).append(value)
            last = self._progress() >= 1
            if self.step % config.log_every == 0 or last:
                means = {name: round(float(np.mean(v)), 5) for name, v in sums.items()}
                sums.clear()
                self._log(lr=self.optimizer.param_groups[0]["lr"], **means)
            if self.step % config.eval_every == 0 or last:
                self._log(held_out=self._evaluate(kept))
            if self.step % config.save_every == 0 or last:
                self.save_state()

    def _progress(self) -> float:
        done = self.step / self.config.steps
        if self.config.max_minutes:
            done = max(done, self.elapsed / 60 / self.config.max_minutes)
        return done

    def _rate(self, progress: float) -> float:
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup))
        return warm * max(0.01, 0.5 * (1 + math.cos(math.pi * progress)))

    def _train_step(self, seen: PatchDataset) -> dict[str, float]:
        """One step; all that is random in it follows from seed, step and process."""
        config, device = self.config, self.accelerator.device
        rng = np.random.default_rng([config.seed, self.step, self.accelerator.process_index])
        batch = seen.batch(rng, config.batch_size).to(device)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        scale = self.refiner.config.correction_scale
        noise = torch.randn(batch.reference.shape, generator=generator).to(device)
        timestep = torch.multinomial(
            self.step_weights, config.batch_size, replacement=True, generator=generator
        ).to(device)
        has_before = torch.rand(config.batch_size, generator=generator).to(device)
        has_before = has_before < config.with_previous

        rendered = batch.rendered[:, 1]
        before = batch.rendered[:, 0].clone()
        previous = rendered.clone()
        if has_before.any():
            before[has_before] = self._corrected(batch, noise, has_before)
            previous[has_before] = before[has_before]
        true = masked_correction(rendered, batch.target[:, 1], batch.mask[:, 1])
        true_before = batch.rendered[:, 0] + masked_correction(
            batch.rendered[:, 0], batch.target[:, 0], batch.mask[:, 0]
        )
        noisy = self.scheduler.add_noise(true / scale, noise, timestep)
        made = self.model(noisy, timestep, _condition(batch, 1, previous)).sample * scale
        loss, terms = self.loss(
            made, true, batch.mask[:, 1], rendered, before, true_before, has_before
        )
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        # The average must forget the untrained weights soon: a short memory at first.
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.refiner.parameters(), strict=True)
        for kept, new in pairs:
            kept.lerp_(new.detach(), 1 - decay)
        values = {"loss": loss, **terms, "grad_norm": norm}
        return {name: float(value.detach()) for name, value in values.items()}

    @torch.no_grad()
    def _corrected(self, batch: PatchBatch, noise: Tensor, which: Tensor) -> Tensor:
        """The earlier frame's patches as they would be shown, in one step, none being known."""
        last = self.scheduler.config.num_train_timesteps - 1
        made = self.average(noise[which], last, _condition(batch, 0, None)[which]).sample
        return batch.rendered[which, 0] + made * self.refiner.config.correction_scale

    def _evaluate(self, kept: PatchDataset) -> dict[str, float]:
        """Distances of held-out patches to the truth: as rendered, and refined in 1 and 4 steps."""
        config, device = self.config, self.accelerator.device
        rng = np.random.default_rng(config.seed)
        batch = kept.batch(rng, config.eval_patches, augment=False).to(device)
        generator = torch.Generator().manual_seed(config.seed)
        noise = torch.randn(batch.reference.shape, generator=generator).to(device)
        sampler = PatchSampler(self.average, self.scheduler)
        rendered, mask = batch.rendered[:, 1], batch.mask[:, 1]
        true = masked_correction(rendered, batch.target[:, 1], mask)
        made = {"rendered": torch.zeros_like(true)}
        for steps in (1, 4):
            made[f"refined{steps}"] = sampler(_condition(batch, 1, None), noise, steps)
        report = {}
        for name, correction in made.items():
            error = (correction - true).abs().mean() / mask.mean()
            report[f"{name}/pixels"] = round(float(error), 5)
            if self.loss.network is not None:
                with torch.no_grad():
                    distance = self.loss.network(rendered + correction, rendered + true).mean()
                report[f"{name}/perceptual"] = round(float(distance), 5)
        return report

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            row = {"step": self.step, "minutes": round(self.elapsed / 60, 2), **values}
            with open(self.out_dir / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def save_state(self) -> None:
        """Write the averaged model and all that resuming needs."""
        if not self.accelerator.is_main_process:
            return
        PatchSampler(self.average, self.scheduler).save_pretrained(self.model_path)
        tensors = {f"model.{k}": v for k, v in self.refiner.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        moments = self.optimizer.state_dict()["state"]
        for index, state in moments.items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
        metadata = {"progress": json.dumps({"step": self.step, "elapsed": self.elapsed})}
        partial = self.state_path.with_suffix(".partial")
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, partial, metadata)
        os.replace(partial, self.state_path)

    def load_state(self) -> None:
        """Read what :meth:`save_state` wrote.

        Raises:
            ValueError: it belongs to another model.
        """
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
        with safe_open(self.state_path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118
                part, name = key.split(".", 1)
                parts[part][name] = file.get_tensor(key)
        try:
            self.refiner.load_state_dict(parts["model"])
            self.average.load_state_dict(parts["average"])
        except RuntimeError as error:
            raise ValueError(f"{self.state_path} is of another model: {error}") from error
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in parts["optimizer"].items():
            index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.elapsed = progress["step"], progress["elapsed"]


def _condition(batch: PatchBatch, frame: int, previous: Tensor | None) -> Tensor:
    return stack_condition(
        batch.rendered[:, frame],
        batch.geometry[:, frame],
        batch.reference,
        batch.reference_geometry,
        previous,
    )
