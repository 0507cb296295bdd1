"""Values with their uncertainty: Gaussians whose variance a network names itself."""

from __future__ import annotations

import torch
from torch import Tensor

#: Log-variances are kept within these: nothing is known to better than 0.05 or worse than 4.5 AU
#: intensities.
_LEAST, _MOST = -6.0, 3.0


def bounded(log_variance: Tensor) -> Tensor:
    """Within the limits, without a dead gradient at either."""
    middle, half = (_MOST + _LEAST) / 2, (_MOST - _LEAST) / 2
    return middle + half * torch.tanh((log_variance - middle) / half)


def beta_nll(
    guess: Tensor,
    log_variance: Tensor,
    truth: Tensor,
    most: Tensor | None = None,
    beta: float = 0.5,
) -> Tensor:
    """β-weighted negative log-likelihood (Seitzer et al. 2022), a mean over what is known.

    ``σ^2β (½ log σ² + d² / 2σ²)`` with the first factor held constant; ``d`` is the distance to
    the truth, which may be an interval. A plain likelihood (β = 0) would give up on values that are
    hard to guess.

    Args:
        guess: ``[...]``.
        log_variance: ``[...]``.
        truth: ``[...]``; NaN where it is not known.
        most: ``[...]``: the upper end of the interval that begins at ``truth``.
        beta: 0..1.
    """
    known = truth.isfinite()
    low = truth.nan_to_num()
    high = low if most is None else most.nan_to_num()
    distance = guess - guess.clamp(low, high)
    nll = 0.5 * (log_variance + distance**2 * torch.exp(-log_variance))
    weighted = torch.exp(beta * log_variance.detach()) * nll
    return (weighted * known).sum() / known.sum().clamp_min(1)
