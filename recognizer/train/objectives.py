"""What the appearance network is trained for: losses, sampling of rare emotions, calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from recognizer.models.appearance import AppearanceOutput
from recognizer.models.gaussian import beta_nll


def head_losses(output: AppearanceOutput, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Mean loss of each head that has labels in the batch.

    Emotion: cross-entropy to the distribution. Action units: β-weighted Gaussian likelihood of the
    interval. Valence-arousal: squared error. Labels that are NaN do not count.
    """
    losses = {}
    for name, truth in labels.items():
        known = truth.isfinite()
        guess = output.logits if name == "emotion" else getattr(output, name, None)
        if guess is None or not known.any():
            continue
        safe = truth.nan_to_num()
        if name == "emotion":
            losses[name] = -(safe * guess.log_softmax(-1)).sum() / known.all(-1).sum()
        elif name == "au":
            losses[name] = beta_nll(guess, output.au_log_variance, truth, labels.get("au_most"))
        else:
            losses[name] = ((guess - safe) ** 2 * known).sum() / known.sum()
    return losses


def repeat_factors(emotion: np.ndarray, below: float) -> np.ndarray:
    """How often each face should be seen in an epoch, ``[N]``, 1 or more.

    ``max(1, sqrt(below / share))`` of its most probable emotion; 1 for faces ``[N, 8]`` of NaN.
    """
    factors = np.ones(len(emotion))
    known = np.isfinite(emotion[:, 0])
    label = emotion[known].argmax(axis=1)
    share = np.bincount(label, minlength=emotion.shape[1]) / max(1, known.sum())
    factors[known] = np.sqrt(np.maximum(1.0, below / np.maximum(share[label], 1e-9)))
    return factors


def fit_temperature(logits: Tensor, truth: np.ndarray) -> float:
    """The temperature with the least cross-entropy of ``logits / temperature`` ``[N, 8]`` to the
    distributions ``[N, 8]``, 0.2 to 5."""
    target = torch.from_numpy(truth)

    def cross_entropy(log_temperature: float) -> float:
        log_p = (logits / math.exp(log_temperature)).log_softmax(-1)
        return float(-(target * log_p).sum(-1).mean())

    return math.exp(minimize_scalar(cross_entropy, bounds=(-1.6, 1.6), method="bounded").x)
