"""Chance of one training step, the same on every device: it is drawn on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Chance:
    """Random numbers from a generator on the CPU, for tensors anywhere.

    Args:
        generator: what is drawn next follows from it.
        device: on which they are wanted.
    """

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator, self.device = generator, device

    @classmethod
    def drawn(cls, rng: np.random.Generator, device: torch.device) -> Chance:
        """From a seed that numpy's generator draws."""
        return cls(torch.Generator().manual_seed(int(rng.integers(2**62))), device)

    def uniform(self, *shape: int) -> Tensor:
        """float32 of a shape, 0..1."""
        return torch.rand(*shape, generator=self.generator).to(self.device)

    def normal(self, like: Tensor) -> Tensor:
        """float32 in the shape of another tensor, of deviation 1."""
        return torch.randn(like.shape, generator=self.generator).to(self.device)

    def timesteps(self, size: int, count: int) -> Tensor:
        """int64 ``[size]``, 0 up to ``count`` alike."""
        return torch.randint(count, (size,), generator=self.generator).to(self.device)
