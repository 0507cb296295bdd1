"""What configurations of the two diffusion models' trainings have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from recognizer.train.loop import LoopOptions


@dataclass
class DiffusionOptions(LoopOptions):
    """Keys of both, and those of :class:`recognizer.train.loop.LoopOptions`.

    Attributes:
        model: arguments of the network.
        scheduler: arguments of ``diffusers.DDIMScheduler``.
        loss: arguments of the loss.
        steps: optimiser steps.
        batch_size: examples a step and process.
        learning_rate, weight_decay, warmup: of AdamW; cosine decay after ``warmup`` steps.
        eval_every: steps.
    """

    model: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    warmup: int = 100
    log_every: int = 20
    eval_every: int = 250
    save_every: int | None = 100
    save_minutes: float | None = None

    def optimizer(
        self, net: torch.nn.Module, betas: tuple[float, float] = (0.9, 0.999)
    ) -> torch.optim.AdamW:
        """AdamW over all of a network."""
        return torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, betas=betas
        )
