"""Moving the mesh, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def blend(rest, weights, basis):
    """``rest + weights @ basis``, passing over weights of 0.

    Args:
        rest: float64 ``[M, 3]``.
        weights: float32 ``[K]``.
        basis: float32 ``[K, M, 3]``.
    """
    out = rest.copy()
    for k in range(len(weights)):
        w = weights[k]
        if abs(w) > 1e-4:
            for i in range(out.shape[0]):
                for j in range(3):
                    out[i, j] += w * basis[k, i, j]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def shade(texture, rows, columns, own, starts, folds, gains, amounts, tint):
    """Change the light of some pixels of a texture, in place.

    Args:
        texture: uint8 ``[H, W, C]``, colours in the first three channels.
        rows, columns: int64 ``[P]``.
        own: uint8 ``[P, 3]``: the pixels unshaded.
        starts: int64 ``[P + 1]``: where in the next two a pixel's folds are.
        folds: int32 ``[N]``.
        gains: float32 ``[N]``: relative change by that fold when it is full.
        amounts: float32 ``[K]`` of the folds, 0..1.
        tint: float32 ``[3]``: how much of the change each colour takes.
    """
    for i in range(len(rows)):
        gain = 0.0
        for j in range(starts[i], starts[i + 1]):
            gain += amounts[folds[j]] * gains[j]
        gain = min(max(gain, -0.5), 0.3)
        for k in range(3):
            value = own[i, k] * (1 + gain * tint[k]) + 0.5
            texture[rows[i], columns[i], k] = min(max(value, 0.0), 255.0)


@njit(cache=True, nogil=True, fastmath=True)
def relax(values, rows, columns, level, sweeps):
    """Draw some pixels towards their neighbours' mean, in place (Gauss and Seidel's way).

    Args:
        values: float32 ``[H, W, C]``.
        rows, columns: int64 ``[P]``, the pixels in reading order.
        level: float32 ``[H, W]``, 0..1: how much of the mean is of the neighbours beside a pixel.
        sweeps: how often, there and back in turn.
    """
    height, width, channels = values.shape
    for sweep in range(sweeps):
        for step in range(len(rows)):
            i = step if sweep % 2 == 0 else len(rows) - 1 - step
            y, x = rows[i], columns[i]
            above, below = max(y - 1, 0), min(y + 1, height - 1)
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            beside = np.float32(0.5) * level[y, x]
            upright = np.float32(0.5) - beside
            for k in range(channels):
                values[y, x, k] = beside * (values[y, left, k] + values[y, right, k]) + upright * (
                    values[above, x, k] + values[below, x, k]
                )
