"""The curve by which everything here comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def smoothstep(x: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """``x² (3 − 2x)``: from 0 to 1, at rest at both ends; 0 before and 1 after."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
