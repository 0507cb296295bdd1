"""Augmentation of face crops: framing, light, sharpness, noise, occlusion; and mixup."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class FaceAugment:
    """Random changes that leave the expression as it is, on a whole batch at once.

    Geometry follows the FER+ authors (rotation 20 degrees, shift 8 %, size 5 %, shear 5 %), with
    more change of size, which covers the scatter of the data's own framing. Contrast as such needs
    no augmentation: the network standardises every crop.

    Attributes:
        rotation: degrees to either side.
        scale: of the logarithm of the size, either way.
        shift: share of the side, either way.
        shear: either way; also how much wider or narrower a face may get.
        gamma: of the logarithm of the exponent of grey values, either way.
        light: grey difference of a light that falls from one side, at most.
        blur: share of a Gaussian blur of 1.2 pixels mixed in, at most; half as much sharpening.
        noise: deviation of the grey values' noise, at most.
        erase: how often a rectangle of a sixteenth to a quarter of the crop is covered.
    """

    rotation: float = 20.0
    scale: float = 0.15
    shift: float = 0.08
    shear: float = 0.08
    gamma: float = 0.4
    light: float = 0.3
    blur: float = 1.0
    noise: float = 0.05
    erase: float = 0.4

    def scaled(self, strength: float) -> FaceAugment:
        """The same with every extent and frequency times ``strength``."""
        return FaceAugment(**{name: value * strength for name, value in vars(self).items()})

    def __call__(self, crops: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
        """Changed crops.

        Args:
            crops: ``[B, 1, S, S]``, 0 to 1.
            pixels: side of the result.
            generator: on the CPU; everything random comes from it.

        Returns:
            ``[B, 1, pixels, pixels]``, 0 to 1.
        """
        draw = _Draw(len(crops), generator, crops.device)
        crops = F.grid_sample(
            crops,
            F.affine_grid(self._frames(draw), [len(crops), 1, pixels, pixels], align_corners=False),
            padding_mode="border",
            align_corners=False,
        )
        crops = self._light(crops.clamp(1e-4, 1), draw)
        blur = draw.between(-self.blur / 2, self.blur)
        crops = torch.lerp(crops, _blurred(crops), blur) + draw.normal(crops) * draw.between(
            0, self.noise
        )
        return self._erased(crops.clamp(0, 1), draw)

    def _frames(self, draw: _Draw) -> Tensor:
        """``[B, 2, 3]``: result coordinates → crop coordinates, -1 to 1."""
        angle = draw.between(-self.rotation, self.rotation).flatten() * math.pi / 180
        size = draw.between(-self.scale, self.scale).flatten().exp()
        wider = draw.between(-self.shear, self.shear).flatten().exp()
        shear = draw.between(-self.shear, self.shear).flatten()
        move = [2 * draw.between(-self.shift, self.shift).flatten() for _ in range(2)]
        cos, sin = torch.cos(angle), torch.sin(angle)
        rows = [
            [size * wider * cos, size * (shear * cos - sin), move[0]],
            [size * wider * sin, size * (shear * sin + cos), move[1]],
        ]
        return torch.stack([torch.stack(row, -1) for row in rows], 1)

    def _light(self, crops: Tensor, draw: _Draw) -> Tensor:
        crops = crops ** draw.between(-self.gamma, self.gamma).exp()
        angle = draw.between(-math.pi, math.pi)
        span = torch.linspace(-0.5, 0.5, crops.shape[-1], device=crops.device)
        ramp = torch.cos(angle) * span + torch.sin(angle) * span[:, None]
        return (crops + ramp * draw.between(0, self.light)).clamp(0, 1)

    def _erased(self, crops: Tensor, draw: _Draw) -> Tensor:
        place = torch.linspace(0, 1, crops.shape[-1], device=crops.device)
        across = (place - draw.between(0, 1)).abs() < draw.between(0.125, 0.25)
        down = (place[:, None] - draw.between(0, 1)).abs() < draw.between(0.125, 0.25)
        covered = across & down & (draw.between(0, 1) < self.erase)
        return torch.where(covered, draw.between(0, 1), crops)


class _Draw:
    """Random numbers, one for each picture of a batch ``[B, 1, 1, 1]``."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def between(self, low: float, high: float) -> Tensor:
        values = torch.rand(self.count, 1, 1, 1, generator=self.generator).to(self.device)
        return low + (high - low) * values

    def normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator).to(self.device)


def _blurred(crops: Tensor, deviation: float = 1.2) -> Tensor:
    steps = torch.arange(-2, 3, device=crops.device)
    kernel = torch.exp(-0.5 * (steps / deviation) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(crops, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))


def mixup(
    crops: Tensor, labels: dict[str, Tensor], weight: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Each face mixed with the one opposite in the batch (Zhang et al. 2018).

    Args:
        crops: ``[B, 1, S, S]``.
        labels: ``[B, K]`` each; NaN where there is none, which mixing carries on.
        weight: of the face itself, 0 to 1.
    """
    mixed = torch.lerp(crops.flip(0), crops, weight)
    return mixed, {k: torch.lerp(v.flip(0), v, weight) for k, v in labels.items()}
