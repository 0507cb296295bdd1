"""Batches of patch pairs, changed alike in look and place so that no one face is learnt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gen.data.patches import MARGIN, PIXELS, PatchPairs
from gen.renderers.patch import soft_mask

#: Log brightness by which true mouths are brighter inside than rendered ones in training: where
#: teeth and lips cannot be placed to the pixel, what is learnt is their mean, and dims the teeth.
_BRIGHTER = 0.12


@dataclass
class PatchBatch:
    """Patches as the refiner takes them; the axis of two holds neighbouring frames.

    Attributes:
        rendered: ``[B, 2, 3, S, S]``, -1..1.
        target: ``[B, 2, 3, S, S]``, -1..1.
        geometry: ``[B, 2, 3, S, S]``, 0..1.
        mask: ``[B, 2, 1, S, S]``, 0..1: where repainting is allowed.
        reference: ``[B, 3, S, S]``, -1..1.
        reference_geometry: ``[B, 3, S, S]``, 0..1.
    """

    rendered: Tensor
    target: Tensor
    geometry: Tensor
    mask: Tensor
    reference: Tensor
    reference_geometry: Tensor

    def to(self, device: torch.device | str) -> PatchBatch:
        """The same on another device."""
        return PatchBatch(**{name: value.to(device) for name, value in vars(self).items()})


class PatchDataset:
    """Patch pairs of some folders in memory.

    Args:
        folders: folder of ``.npz`` files (:class:`gen.data.patches.PatchPairs`) → its share of
            every batch.
        pixels: side ``S`` of the patches that come out.
        part: which files of each folder, sorted by name.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: a folder holds no pairs, or pairs of another size.
    """

    def __init__(
        self,
        folders: Mapping[str | os.PathLike, float],
        pixels: int,
        part: slice = slice(None),
    ) -> None:
        self.pixels = pixels
        self._clips: list[tuple[np.ndarray, ...]] = []
        shares, levels = [], []
        for folder, share in folders.items():
            if not Path(folder).is_dir():
                raise FileNotFoundError(f"there is no folder {folder}")
            paths = sorted(Path(folder).glob("*.npz"))
            if not paths[part]:
                raise ValueError(f"{folder} holds too few patch pairs: {len(paths)} files")
            clips = [_planes(PatchPairs.load(path)) for path in paths[part]]
            self._clips += clips
            levels += [_interior_level(clips)] * len(clips)
            lengths = np.array([len(moving) for moving, _ in clips], float)
            shares.append(share * lengths / lengths.sum())
        share = np.concatenate(shares)
        self._share = share / share.sum()
        self._level = torch.tensor(levels, dtype=torch.float32)

    def __len__(self) -> int:
        return sum(len(moving) for moving, _ in self._clips)

    def batch(self, rng: np.random.Generator, size: int, augment: bool = True) -> PatchBatch:
        """Random pairs.

        Args:
            rng: all that is random comes from here.
            size: ``B``.
            augment: change look and place; otherwise patches are cut from the middle.
        """
        moving, still = [], []
        chosen = rng.choice(len(self._clips), size, p=self._share)
        for clip in chosen:
            frames, reference = self._clips[clip]
            moving.append(frames[int(rng.integers(len(frames)))])
            still.append(reference)
        # [B, 2 * 10 + 6, S', S']: rendered, target, geometry, mask of both frames; reference.
        planes = np.concatenate([np.stack(moving).reshape(size, 20, PIXELS, PIXELS),
                                 np.stack(still)], axis=1)  # fmt: skip
        stack = torch.from_numpy(planes).float() / 255
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        stack = _place(stack, self.pixels, generator if augment else None)
        moving, still = stack[:, :20].unflatten(1, (2, 10)), stack[:, 20:]
        rendered, target, geometry, mask = moving.split([3, 3, 3, 1], dim=2)
        reference, reference_geometry = still.split([3, 3], dim=1)
        if augment:
            pictures = torch.stack([*rendered.unbind(1), *target.unbind(1), reference], dim=1)
            opening = torch.stack(
                [*geometry[:, :, 1:2].unbind(1)] * 2 + [reference_geometry[:, 1:2]], dim=1
            )
            pictures = _interior(pictures, opening, self._level[chosen], generator)
            pictures = _look(pictures, generator)
            rendered, target, reference = pictures[:, 0:2], pictures[:, 2:4], pictures[:, 4]
        return PatchBatch(
            rendered * 2 - 1, target * 2 - 1, geometry, mask, reference * 2 - 1, reference_geometry
        )


def _planes(pairs: PatchPairs) -> tuple[np.ndarray, np.ndarray]:
    """uint8 ``[N, 2, 10, S, S]`` and, of the portrait, ``[6, S, S]``."""
    if pairs.rendered.shape[1:] != (2, PIXELS, PIXELS, 3):
        raise ValueError(f"patch pairs must be {PIXELS} pixels, got {pairs.rendered.shape[2]}")
    mask = [[soft_mask(g / np.float32(255), MARGIN) for g in pair] for pair in pairs.geometry]
    mask = np.round(np.array(mask)[..., None] * 255).astype(np.uint8)
    moving = np.concatenate([pairs.rendered, pairs.target, pairs.geometry, mask], axis=-1)
    still = np.concatenate([pairs.reference, pairs.reference_geometry], axis=-1)
    return (
        np.ascontiguousarray(moving.transpose(0, 1, 4, 2, 3)),
        np.ascontiguousarray(still.transpose(2, 0, 1)),
    )


def _place(stack: Tensor, pixels: int, generator: torch.Generator | None) -> Tensor:
    """Cut ``[B, C, S, S]`` out of ``[B, C, S', S']``: mirrored, scaled, turned and shifted."""
    size = len(stack)
    zoom, turn = torch.full((size,), 1 / MARGIN), torch.zeros(size)
    shift, mirror = torch.zeros(size, 2), torch.ones(size)
    if generator is not None:
        zoom = zoom * (0.88 + 0.24 * torch.rand(size, generator=generator))
        turn = torch.randn(size, generator=generator).clamp(-2, 2) * 0.06
        shift = (torch.rand(size, 2, generator=generator) - 0.5) * 0.12
        mirror = torch.where(torch.rand(size, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = zoom * turn.cos(), zoom * turn.sin()
    theta = torch.stack(
        [torch.stack([cos * mirror, -sin, shift[:, 0]], 1),
         torch.stack([sin * mirror, cos, shift[:, 1]], 1)], dim=1,
    )  # fmt: skip
    # What was PIXELS wide is MARGIN patches wide: rates of sampling agree at zoom 1 / MARGIN.
    grid = F.affine_grid(theta, [size, 1, pixels, pixels], align_corners=False)
    return F.grid_sample(stack, grid, align_corners=False, padding_mode="border")


def _interior_level(clips: list[tuple[np.ndarray, ...]]) -> float:
    """How much brighter (log) true mouths are inside than rendered ones: the median of a folder."""
    ratios = []
    for frames, _ in clips:
        for patch in frames[:, 1]:
            rendered, target, opening = patch[0:3], patch[3:6], patch[7] > 200
            if opening.sum() > 40:
                bright = [np.quantile(x[:, opening].mean(0), 0.9) for x in (target, rendered)]
                ratios.append(np.log(max(bright[0], 1) / max(bright[1], 1)))
    return float(np.median(ratios)) if ratios else 0.0


def _interior(
    pictures: Tensor, opening: Tensor, level: Tensor, generator: torch.Generator
) -> Tensor:
    """Change how bright and how sharp the mouths of ``[B, 5, 3, S, S]`` are inside.

    Few people were filmed, with a soft camera. Whether teeth are bright or dim is to be learnt from
    the reference: truth and reference are changed alike, about a little more than the rendered
    brightness. The film is sharpened; so are rendered patches but for what the renderer drew and no
    camera softened.

    Args:
        pictures: two rendered and two true patches and the reference, 0..1.
        opening: ``[B, 5, 1, S, S]``, 0..1: between the lips.
        level: ``[B]`` of :func:`_interior_level`, which is taken back.
        generator: all that is random.
    """
    size = len(pictures)
    true = 0.25 * torch.randn(size, generator=generator).clamp(-2, 2)
    true = (true + _BRIGHTER - level).exp()
    drawn = (0.1 * torch.randn(size, generator=generator).clamp(-2, 2)).exp()
    gain = torch.stack([drawn, drawn, true, true, true], dim=1)[:, :, None, None, None]
    inside = F.avg_pool2d(opening.flatten(0, 1), 5, 1, 2, count_include_pad=False)
    inside = inside.view_as(opening)
    amount = 1.2 * torch.rand(size, 1, 1, 1, 1, generator=generator)
    kept = inside * torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0]).view(1, 5, 1, 1, 1)
    soft = F.avg_pool2d(pictures.flatten(0, 1), 5, 1, 2, count_include_pad=False)
    detail = pictures - soft.view_as(pictures)
    pictures = pictures + amount * (1 - kept) * detail
    return (pictures * (1 + (gain - 1) * inside)).clamp(0, 1)


def _look(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Change colour, sharpness and grain of ``[B, 5, 3, S, S]``, 0..1, alike within a sample.

    The five are two rendered, two true patches and the reference; noise is the same in a rendered
    patch and its truth, since the refiner is not to clean what the portrait has.
    """
    size = len(pictures)

    def normal(*shape: int) -> Tensor:
        return torch.randn(size, *shape, generator=generator)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(size, *shape, generator=generator)

    gain = (0.18 * normal(1).clamp(-2, 2)).exp() * (0.08 * normal(3).clamp(-2, 2)).exp()
    grey = torch.full((3, 3), 1 / 3)
    saturation = (1 + 0.3 * normal(1, 1).clamp(-2, 2)).clamp(0, 1.8)
    mix = saturation * torch.eye(3) + (1 - saturation) * grey + 0.04 * normal(3, 3)
    colour = gain[:, :, None] * mix
    gamma = (0.15 * normal(1, 1, 1, 1).clamp(-2, 2)).exp()
    out = torch.einsum("bij,bfjhw->bfihw", colour, pictures.clamp(1e-3, 1) ** gamma)
    soft = F.avg_pool2d(out.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(out)
    blur = uniform(1, 1, 1, 1) * (uniform(1, 1, 1, 1) < 0.4)
    out = out + blur * (soft - out)
    level = 0.02 * uniform(1, 1, 1, 1) * (uniform(1, 1, 1, 1) < 0.4)
    shape = out.shape[2:]
    now, before, own = (normal(1, *shape) for _ in range(3))
    grain = torch.cat([before, now, before, now, own], dim=1)
    return (out + level * grain).clamp(0, 1)
