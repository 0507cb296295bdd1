"""The One-Euro filter: little jitter at rest, little lag in motion.

G. Casiez, N. Roussel and D. Vogel, "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy
Input in Interactive Systems", CHI 2012.
"""

from __future__ import annotations

import math

import numpy as np


def one_euro(
    values: np.ndarray,
    fps: float,
    min_cutoff: float = 1.0,
    beta: float = 0.5,
    derivative_cutoff: float = 1.0,
) -> np.ndarray:
    """Smooth each column over time, causally.

    An exponential smoother whose cut-off frequency is ``min_cutoff + beta * |speed|``, where the
    speed is itself smoothed at ``derivative_cutoff``. After NaN a column starts afresh.

    Args:
        values: ``[T, ...]``, NaN where nothing was measured.
        fps: samples a second.
        min_cutoff: cut-off at rest in Hz, above 0.
        beta: what speed (units a second) adds to the cut-off, 0 or more.
        derivative_cutoff: cut-off of the speed in Hz, above 0.

    Returns:
        Of the same shape and dtype, NaN where ``values`` is.

    Raises:
        ValueError: a frequency is not positive, or ``beta`` is negative.
    """
    for name, value in (
        ("fps", fps), ("min_cutoff", min_cutoff), ("derivative_cutoff", derivative_cutoff),
    ):  # fmt: skip
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive, got {value}")
    if not (beta >= 0 and math.isfinite(beta)):
        raise ValueError(f"beta must not be negative, got {beta}")
    values = np.asarray(values)
    out = np.empty_like(values)
    speed_share = _share(derivative_cutoff, fps)
    last = np.full(values.shape[1:], np.nan)
    speed = np.zeros(values.shape[1:])
    for i, value in enumerate(values.astype(np.float64)):
        fresh = np.isnan(last)
        step = np.where(fresh, 0.0, (value - last) * fps)
        speed = np.where(fresh, 0.0, speed + speed_share * (step - speed))
        share = np.where(fresh, 1.0, _share(min_cutoff + beta * np.abs(speed), fps))
        last = np.where(fresh, value, last + share * (value - last))
        out[i] = last
    return out


def _share(cutoff, fps: float):
    """Weight of the newest sample in an exponential smoother of this cut-off frequency."""
    turn = 2 * math.pi * cutoff / fps
    return turn / (turn + 1)
