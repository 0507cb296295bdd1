"""The appearance network on labelled faces: emotions, action units, valence and arousal."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recognizer.data.faces import LabelledFaces
from recognizer.facs import AU_NAMES, EMOTIONS
from recognizer.metrics.classification import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    f1_scores,
    icc,
    macro_f1,
)
from recognizer.models.appearance import AppearanceNet


def emotion_figures(logits: Tensor, truth: np.ndarray) -> dict[str, Any]:
    """How well emotions are named.

    Args:
        logits: ``[N, 8]``.
        truth: ``[N, 8]`` distributions, of which the most probable emotion is the true one.

    Returns:
        For JSON: ``n``, ``accuracy``, ``ci95`` (Wilson), ``macro_f1``, ``f1`` and ``n_by_emotion``
        by emotion, ``cross_entropy`` (nats, to the labels' own distribution),
        ``calibration_error``, ``confusion`` (rows: truth, in the order of ``emotions``).
    """
    label = truth.argmax(axis=1)
    log_p = logits.log_softmax(-1).numpy()
    confusion = confusion_matrix(label, log_p.argmax(axis=1), len(EMOTIONS))
    share = accuracy(confusion)
    f1 = f1_scores(confusion)
    return {
        "n": len(label),
        "accuracy": round(share, 5),
        "ci95": [round(v, 5) for v in _wilson(share, len(label))],
        "macro_f1": round(macro_f1(confusion), 5),
        "f1": {
            name: None if np.isnan(value) else round(float(value), 5)
            for name, value in zip(EMOTIONS, f1, strict=True)
        },
        "n_by_emotion": dict(zip(EMOTIONS, confusion.sum(axis=1).tolist(), strict=True)),
        "cross_entropy": round(float(-(truth * log_p).sum(axis=1).mean()), 5),
        "calibration_error": round(expected_calibration_error(np.exp(log_p), label), 5),
        "emotions": list(EMOTIONS),
        "confusion": confusion.tolist(),
    }


@torch.no_grad()
def measured_benchmark(
    net: AppearanceNet, faces: LabelledFaces, batch_size: int = 256
) -> dict[str, Any]:
    """Agreement of the other heads with labels: ICC(3,1) of every action unit and of valence and
    arousal, ``None`` where the truth never varies; heads or labels that are not there are left
    out."""
    net.eval()
    names = {"au": AU_NAMES, "valence_arousal": ("valence", "arousal")}
    report: dict[str, Any] = {}
    for head, columns in names.items():
        labelled = faces[faces.labelled(head)]
        if head not in net.readouts or not len(labelled):
            continue
        crops = torch.from_numpy(labelled.images)[:, None].split(batch_size)
        seen = [getattr(net((part / 255).to(net.device)), head).cpu() for part in crops]
        guess, truth = torch.cat(seen).numpy(), getattr(labelled, head)
        values = {}
        for i, name in enumerate(columns):
            known = np.isfinite(truth[:, i])
            if head == "au":  # an interval is nothing to agree with
                known &= labelled.au_most[:, i] == truth[:, i]
            varies = known.sum() > 1 and np.ptp(truth[known, i]) > 0
            values[name] = round(icc(truth[known, i], guess[known, i]), 5) if varies else None
        found = [v for v in values.values() if v is not None]
        report[head] = {"icc": values, "mean_icc": float(np.mean(found)) if found else None}
    return report


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share of ``count``."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float(middle - half), float(middle + half)
