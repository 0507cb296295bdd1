"""What configurations of the diffusion models' trainings have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from diffusers import ModelMixin
from torch import Tensor

from recognizer.train.loop import LoopOptions, TrainingLoop
from recognizer.train.schedule import cosine


class Recipe(Protocol):
    """What a :class:`recognizer.train.loop.TrainingLoop` asks for."""

    def losses(self) -> dict[str, Tensor]:
        """The loss of this step, and its terms."""

    def evaluate(self) -> dict[str, Any]:
        """A row for the log."""

    def save_model(self) -> None:
        """Write what was learnt."""


@dataclass
class DiffusionOptions(LoopOptions):
    """Keys of all, and those of :class:`recognizer.train.loop.LoopOptions`.

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

    def loop(
        self,
        out_dir: str | os.PathLike,
        net: ModelMixin,
        recipe: Recipe,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> TrainingLoop:
        """The loop of a run: AdamW over all of a network, cosine decay.

        Args:
            out_dir: of the run.
            net: what is trained.
            recipe: its losses, figures and model.
            betas: of AdamW.
        """
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, betas=betas
        )
        return TrainingLoop(
            self,
            out_dir,
            net,
            optimizer,
            steps=self.steps,
            eval_every=self.eval_every,
            schedule=cosine(self.warmup),
            losses=recipe.losses,
            evaluate=recipe.evaluate,
            save_model=recipe.save_model,
        )


@dataclass
class SpeechMotionOptions(DiffusionOptions):
    """Keys of trainings on windows of speech and motion, and those of :class:`DiffusionOptions`.

    Attributes:
        corpora: :class:`gen.data.corpus.CorpusConfig` arguments by the name of the data folder.
        encoder: speech encoder, see :func:`gen.audio.load_encoder`.
        drop_prefix: how often what came before a window is left out.
        prefix_noise: largest deviation of the noise on the prefix, which at inference is generated.
        speech_noise: largest deviation of the noise on standardised speech features.
        short_windows: share of batches with windows shorter than the model's.
        eval_clips: held-out clips a corpus.
    """

    corpora: dict[str, dict[str, Any]] = field(default_factory=dict)
    encoder: str = "articulation"
    drop_prefix: float = 0.15
    prefix_noise: float = 0.3
    speech_noise: float = 0.3
    short_windows: float = 0.2
    eval_clips: int = 20

    def __post_init__(self) -> None:
        """Raises a ValueError if no folder is named."""
        if not self.corpora:
            raise ValueError("the configuration names no corpora")
