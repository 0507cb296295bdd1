"""Moving the mesh, compiled by numba."""

from __future__ import annotations

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
