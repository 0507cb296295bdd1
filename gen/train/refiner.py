"""Train the refiner on folders of patch pairs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.data.patch_dataset import PatchBatch, PatchDataset
from gen.models.refiner import PatchRefiner, stack_condition
from gen.refiner import PatchSampler
from gen.scheduler import make_scheduler
from gen.train.options import DiffusionOptions
from gen.train.refiner_loss import RefinerLoss, masked_correction, step_weights


@dataclass
class RefinerTraining(DiffusionOptions):
    """A training run of a :class:`gen.models.refiner.PatchRefiner` with a
    :class:`gen.train.refiner_loss.RefinerLoss`; a YAML file has these keys, and those of
    :class:`gen.train.options.DiffusionOptions`.

    Attributes:
        data: share of every batch by the name of the data folder.
        hold_out: clips at the end of each folder to measure on.
        first_share: how often the timestep is the last one, from which sampling starts.
        with_previous: how often the patch of the frame before, as the averaged refiner corrects
            it, is given; otherwise there was none.
        eval_patches: held-out patches to measure on.
    """

    data: dict[str, float] = field(default_factory=dict)
    hold_out: int = 8
    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    first_share: float = 0.6
    with_previous: float = 0.5
    eval_patches: int = 64

    def __post_init__(self) -> None:
        """Raises a ValueError if no folder is named."""
        if not self.data:
            raise ValueError("the configuration names no data")


def train(
    config: RefinerTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train a refiner; see :mod:`recognizer.train.loop` for what all trainers share.

    Args:
        config, out_dir, resume: as of every trainer.
        data: folders of patch pairs, called as in the configuration.

    Returns:
        ``out_dir/model``, for :meth:`gen.refiner.PatchSampler.from_pretrained`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: the configuration does not fit the data, or the loss is no number any more.
    """
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
    recipe = _Recipe(config, refiner, seen, kept, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.model_path


class _Recipe:
    """Which patches are corrected from which noise, and how close held-out ones come."""

    def __init__(
        self,
        config: RefinerTraining,
        refiner: PatchRefiner,
        seen: PatchDataset,
        kept: PatchDataset,
        out_dir: Path,
    ) -> None:
        self.config, self.seen, self.kept = config, seen, kept
        self.model_path = out_dir / "model"
        self.scheduler = make_scheduler(**config.scheduler)
        self.step_weights = step_weights(
            self.scheduler.config.num_train_timesteps, config.first_share
        )
        self.loop = config.loop(out_dir, refiner, self)
        self.loss = RefinerLoss(**config.loss).to(self.loop.device)

    def losses(self) -> dict[str, Tensor]:
        """The loss of noisy corrections, and its terms."""
        config, device = self.config, self.loop.device
        rng = self.loop.rng()
        batch = self.seen.batch(rng, config.batch_size).to(device)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        scale = self.loop.net.config.correction_scale
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
        made = self.loop.net(noisy, timestep, _condition(batch, 1, previous)).sample * scale
        loss, terms = self.loss(
            made, true, batch.mask[:, 1], rendered, before, true_before, has_before
        )
        return {"loss": loss, **terms}

    @torch.no_grad()
    def _corrected(self, batch: PatchBatch, noise: Tensor, which: Tensor) -> Tensor:
        """The earlier frame's patches as they would be shown, in one step, none being known."""
        last = self.scheduler.config.num_train_timesteps - 1
        made = self.loop.average(noise[which], last, _condition(batch, 0, None)[which]).sample
        return batch.rendered[which, 0] + made * self.loop.net.config.correction_scale

    def evaluate(self) -> dict[str, Any]:
        """Distances of held-out patches to the truth: as rendered, and refined in 1 and 4 steps."""
        config, device = self.config, self.loop.device
        rng = np.random.default_rng(config.seed)
        batch = self.kept.batch(rng, config.eval_patches, augment=False).to(device)
        generator = torch.Generator().manual_seed(config.seed)
        noise = torch.randn(batch.reference.shape, generator=generator).to(device)
        sampler = PatchSampler(self.loop.average, self.scheduler)
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
        return {"held_out": report}

    def save_model(self) -> None:
        """Write the averaged refiner with its scheduler."""
        PatchSampler(self.loop.average, self.scheduler).save_pretrained(self.model_path)


def _condition(batch: PatchBatch, frame: int, previous: Tensor | None) -> Tensor:
    return stack_condition(
        batch.rendered[:, frame],
        batch.geometry[:, frame],
        batch.reference,
        batch.reference_geometry,
        previous,
    )
