"""What a picture hides, continued: a membrane over the hole, as grainy as what is around it."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.kernels import relax

#: Sweeps on a level of the pyramid: so many, but on large ones, whose coarser ones have done the
#: work, so many pixels' share. The side from which on there is no coarser level.
_SWEEPS, _SWEPT, _SMALLEST = 8, 1500, 4
#: Known pixels so near to the hole (a share of the picture) are mixed with what is hidden.
_MIXED = 1 / 150
#: Edges at the hole's border are looked for within this (a share of the picture); fainter ones than
#: so many levels a pixel do not count; at most so much of a shade is taken from along them.
_AROUND, _FAINT, _ALONG = 1 / 40, 1.0, 0.98
#: A tile of grain, pixels, and what is finer than this (pixels) is grain, up to so many levels.
_TILE, _FINE, _GRAIN = 64, 1.5, 6.0


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue a picture into its hidden part.

    Shades solve Laplace's equation with what is known as the border (a membrane; Pérez et al.
    2003), nearly, by a pyramid. Where edges run into the hole level or upright, as a horizon and a
    door do, the membrane is stiffer along them, so that they go on. Over it lies noise with the
    spectrum of the known part's grain (random phases; Galerne et al. 2011).

    Args:
        image: uint8 ``[H, W, 3]``.
        known: bool ``[H, W]``.

    Returns:
        float32 ``[H, W, 3]``; the picture itself where it is known.
    """
    if known.all() or not known.any():
        return image.astype(np.float32)
    size = 2 * max(1, round(_MIXED * max(known.shape))) + 1
    sure = cv2.erode(known.astype(np.uint8), np.ones((size, size), np.uint8))
    weight = (sure if sure.any() else known).astype(np.float32)
    smooth = _membrane(image.astype(np.float32), weight, _level_share(image, weight))
    out = smooth + _grain(image, weight > 0)
    return np.where(known[..., None], image, out).clip(0, 255).astype(np.float32)


def _membrane(values: np.ndarray, weight: np.ndarray, level: np.ndarray) -> np.ndarray:
    """float32 ``[h, w, C]``: ``values`` where ``weight [h, w]`` is 1, a membrane where it is 0.

    ``level [h, w]``, 0..1: how much of a hidden shade comes from beside it rather than from above
    and below.
    """
    height, width = weight.shape
    if min(height, width) < _SMALLEST or weight.all():
        mean = (values * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return values + (1 - weight[..., None]) * (mean - values)
    size = ((width + 1) // 2, (height + 1) // 2)
    share, half, sparse = (
        cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        for field in (weight, values * weight[..., None], level)
    )
    half = half.reshape(*share.shape, -1) / np.maximum(share, 1e-6)[..., None]
    half = _membrane(half, (share > 0).astype(np.float32), sparse)
    out = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    out = out.reshape(values.shape)
    np.copyto(out, values, where=weight[..., None] > 0)
    sweeps = int(np.clip(_SWEPT / max(height, width), 2, _SWEEPS))
    relax(out, *np.nonzero(weight == 0), level, sweeps)
    return out


def _level_share(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """float32 ``[H, W]``, 0..1: 1 where edges at the hole's border lie level, 0 upright ones."""
    height, width = weight.shape
    size = (max(1, width // 2), max(1, height // 2))
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    known = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    sure = cv2.erode((known > 0.999).astype(np.float32), np.ones((3, 3), np.uint8))
    sigma = max(1.0, _AROUND * max(size))
    down, right = (
        cv2.GaussianBlur(sure * cv2.Sobel(grey, cv2.CV_32F, *order, scale=0.25) ** 2, (0, 0), sigma)
        for order in ((0, 1), (1, 0))
    )
    # Borders without an edge have no say.
    votes = np.dstack([down - right, down + right])
    votes /= np.maximum(cv2.GaussianBlur(sure, (0, 0), sigma), 1e-3)[..., None]
    even = np.full(known.shape, 0.5, np.float32)
    votes = _membrane(votes, (known > 0.999).astype(np.float32), even)
    share = 0.5 + 0.5 * votes[..., 0] / (votes[..., 1] + _FAINT**2)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return share.clip(1 - _ALONG, _ALONG)


def _grain(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """float32 ``[H, W, 3]``: noise as fine and as strong as that of the calmest known tile."""
    height, width = known.shape
    side = min(_TILE, height, width)
    fine = image - cv2.GaussianBlur(image, (0, 0), _FINE).astype(np.float32)
    best, chosen = np.inf, None
    for y in range(0, height - side + 1, side // 2):
        for x in range(0, width - side + 1, side // 2):
            part = (slice(y, y + side), slice(x, x + side))
            if known[part].all() and (power := float((fine[part] ** 2).mean())) < best:
                best, chosen = power, fine[part]
    if chosen is None:
        return np.zeros((height, width, 3), np.float32)
    phase = np.fft.rfft2(np.random.default_rng(0).standard_normal((side, side)))
    phase /= np.maximum(np.abs(phase), 1e-9)
    spectrum = np.fft.rfft2(np.clip(chosen, -_GRAIN, _GRAIN), axes=(0, 1)) * phase[..., None]
    tile = np.fft.irfft2(spectrum, s=(side, side), axes=(0, 1)).astype(np.float32)
    return np.tile(tile, (height // side + 1, width // side + 1, 1))[:height, :width]
