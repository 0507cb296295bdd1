"""Corrections of patches by diffusion: a network, a scheduler, and noise that stays the same."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from gen.models.refiner import PatchRefiner
from gen.scheduler import DDIMScheduler
from recognizer.pretrained import load_config, load_weights, save_weights

PACKAGED_WEIGHTS = Path(__file__).parent / "weights" / "refiner"


class PatchSampler:
    """Samples corrections in a few steps.

    Args:
        refiner: the network.
        scheduler: a ``diffusers`` scheduler with ``prediction_type="sample"``.
    """

    def __init__(self, refiner: PatchRefiner, scheduler: DDIMScheduler) -> None:
        self.refiner = refiner.eval()
        self.scheduler = scheduler

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike | None = None) -> PatchSampler:
        """Load a folder written by :meth:`save_pretrained`; ``None`` is the packaged model.

        Raises:
            FileNotFoundError: the folder has no refiner.
            ValueError: its weights do not fit its configuration.
        """
        path = PACKAGED_WEIGHTS if path is None else Path(path)
        refiner = load_weights(PatchRefiner, path)
        return cls(refiner, load_config(DDIMScheduler, path, "scheduler_config.json"))

    def save_pretrained(self, path: str | os.PathLike, dtype: torch.dtype = torch.float16) -> None:
        """Write network and scheduler as ``diffusers`` does, in safetensors of ``dtype``."""
        self.scheduler.save_pretrained(path)
        save_weights(self.refiner, path, dtype)

    def to(self, device: torch.device | str) -> PatchSampler:
        """Move the network."""
        self.refiner.to(device)
        return self

    @torch.inference_mode()
    def __call__(self, condition: Tensor, noise: Tensor, steps: int = 1) -> Tensor:
        """The correction ``[B, 3, S, S]`` where patches are -1..1.

        Args:
            condition: ``[B, 15, S, S]`` of :func:`gen.models.refiner.stack_condition`.
            noise: ``[B, 3, S, S]``, standard normal: the same for all frames of a clip, so that
                what is invented stays where it was.
            steps: denoising steps, 1 or more.

        Raises:
            ValueError: ``steps`` is below 1.
        """
        if steps < 1:
            raise ValueError(f"the refiner takes at least one step, got {steps}")
        self.scheduler.set_timesteps(steps)
        sample = noise
        for timestep in self.scheduler.timesteps:
            clean = self.refiner(sample, timestep, condition).sample
            sample = self.scheduler.step(clean, timestep, sample, eta=0.0).prev_sample
        return sample * self.refiner.config.correction_scale
