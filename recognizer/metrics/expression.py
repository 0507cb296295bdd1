"""Whether a face shows the expression that was asked for: action units, valence and arousal.

Emotions are in :mod:`recognizer.metrics.emotion`. What was asked is a set of curves sampled at the
clip's frames, or read from a real clip; what was shown is read from the clip. Frames that were not
read, or for which nothing was asked, are NaN and left out. Every figure is of the reader as well as
of the face: a report names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from recognizer.facs import AU_NAMES, PRESENT
from recognizer.metrics.agreement import (
    concordance,
    finite_pairs,
    pearson,
    root_mean_square_error,
    sign_agreement,
)
from recognizer.metrics.classification import confusion_matrix, f1_scores, icc
from recognizer.metrics.metric import ClipMetric, Metric, stacked

#: The halves of the face as Li et al. 2023 (ER-NeRF) and Peng et al. 2024 (SyncTalk) part
#: OpenFace's 17 action units.
AU_LOWER = ("AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26")
AU_UPPER = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU45")


def _curves(
    values: np.ndarray | Mapping[str, np.ndarray], names: Sequence[str], frames: int
) -> np.ndarray:
    """float64 ``[T, K]``; columns that a mapping lacks are NaN."""
    if isinstance(values, Mapping):
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not among {', '.join(names)}")
        table = np.full((frames, len(names)), np.nan)
        for name, curve in values.items():
            if np.shape(curve) not in ((), (frames,)):
                raise ValueError(f"{name} must be [{frames}], got {list(np.shape(curve))}")
            table[:, list(names).index(name)] = curve
        return table
    table = np.asarray(values, np.float64)
    if table.shape != (frames, len(names)):
        raise ValueError(f"[{frames}, {len(names)}] values are needed, got {list(table.shape)}")
    return table


def _by_column(figure: Callable, shown: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return np.array([figure(*finite_pairs(s, a)) for s, a in zip(shown.T, asked.T, strict=True)])


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def action_unit_concordance(
    shown: np.ndarray,
    asked: np.ndarray | Mapping[str, np.ndarray],
    names: Sequence[str] = AU_NAMES,
    threshold: float = PRESENT,
) -> dict:
    """CCC, ICC(3,1) and F1 of each action unit, and their means over those that are defined.

    An action unit that is never asked to change has no CCC and no ICC; one that is never asked to
    reach the threshold has no F1: NaN, named in ``undefined`` and left out of the mean. One that
    should change and does not has CCC 0.

    Args:
        shown: intensities 0-5 ``[T, K]``.
        asked: ``[T, K]``, or name → ``[T]`` for those that were asked; NaN where nothing was.
        names: the K action units.
        threshold: intensity (0-5) from which one is present, for F1; DISFA's papers use 2.

    Returns:
        ``{"ccc": {name: …}, "icc", "f1", "mean": {"ccc", "icc", "f1"}, "undefined": {figure:
        names}, "threshold", "frames"}``.

    Raises:
        ValueError: shapes do not match, or a name is unknown.

    >>> asked = np.array([0.0, 1, 2, 3])
    >>> report = action_unit_concordance(asked[:, None] / 2, {"AU12": asked}, names=["AU12"])
    >>> round(report["ccc"]["AU12"], 3), round(report["f1"]["AU12"], 3)
    (0.588, 0.8)
    """
    shown = np.asarray(shown, np.float64)
    shown = _curves(shown, names, len(shown))
    asked = _curves(asked, names, len(shown))

    def agreement(s: np.ndarray, a: np.ndarray) -> float:
        return icc(s, a) if len(a) > 1 and np.ptp(a) > 1e-9 else float("nan")

    def presence(s: np.ndarray, a: np.ndarray) -> float:
        return float(f1_scores(confusion_matrix(a >= threshold, s >= threshold, 2))[1])

    figures = {"ccc": concordance, "icc": agreement, "f1": presence}
    values = {key: _by_column(figure, shown, asked) for key, figure in figures.items()}
    report: dict = {key: dict(zip(names, row.tolist(), strict=True)) for key, row in values.items()}
    report["mean"] = {key: _mean(row) for key, row in values.items()}
    report["undefined"] = {
        key: [name for name, value in zip(names, row, strict=True) if not np.isfinite(value)]
        for key, row in values.items()
    }
    report["threshold"] = threshold
    report["frames"] = int((np.isfinite(shown) & np.isfinite(asked)).any(axis=1).sum())
    return report


class _PooledCurves(Metric):
    """Curves that were shown and asked, all frames of all clips together."""

    is_differentiable = False
    full_state_update = False
    higher_is_better = True

    def __init__(self, names: Sequence[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.names = tuple(names)
        self.add_state("shown", default=[], dist_reduce_fx="cat")
        self.add_state("asked", default=[], dist_reduce_fx="cat")

    def update(self, shown: np.ndarray, asked: np.ndarray | Mapping[str, np.ndarray]) -> None:
        """Add a clip: ``[T, K]`` shown, and asked as ``[T, K]`` or name → ``[T]`` or a number.

        Raises:
            ValueError: shapes do not match, or a name is unknown.
        """
        import torch

        shown = np.asarray(shown, np.float64)
        pair = [_curves(values, self.names, len(shown)) for values in (shown, asked)]
        self.shown.append(torch.from_numpy(pair[0]))
        self.asked.append(torch.from_numpy(pair[1]))

    def pooled(self) -> tuple[np.ndarray, np.ndarray]:
        """Shown and asked ``[N, K]``."""
        return stacked(self.shown, len(self.names)), stacked(self.asked, len(self.names))


class ActionUnitConcordance(_PooledCurves):
    """:func:`action_unit_concordance` over the frames of all clips.

    Pooling is what FERA and DISFA's papers do; clips asked for nothing but neutral then still
    count, as frames in which a unit should be absent.

    Args:
        names: the action units.
        threshold: intensity (0-5) from which one is present, for F1; DISFA's papers use 2.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    def __init__(
        self, names: Sequence[str] = AU_NAMES, threshold: float = PRESENT, **kwargs
    ) -> None:
        super().__init__(names, **kwargs)
        self.threshold = threshold

    def compute(self) -> dict:
        """The figures of all frames so far."""
        return action_unit_concordance(*self.pooled(), self.names, self.threshold)


def valence_arousal_concordance(
    shown: np.ndarray, asked: np.ndarray | Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """CCC, Pearson's r, RMSE and SAGR of valence and arousal: the four figures of AffectNet's and
    Aff-Wild's papers (Mollahosseini et al. 2017, Kollias et al. 2019).

    Args:
        shown: ``[T, 2]``, -1..1.
        asked: ``[T, 2]``, or ``"valence"`` and ``"arousal"`` → ``[T]``; NaN where nothing was
            asked.

    Returns:
        ``{"valence": {"ccc", "pearson", "rmse", "sagr"}, "arousal": …, "mean": …}``; NaN where the
        asked curve never changes (``ccc``), where either is constant (``pearson``), or where there
        is no frame; the mean is over the defined ones.

    Raises:
        ValueError: shapes do not match.
    """
    names = ("valence", "arousal")
    shown = np.asarray(shown, np.float64)
    shown, asked = (_curves(values, names, len(shown)) for values in (shown, asked))
    figures = {
        "ccc": concordance,
        "pearson": pearson,
        "rmse": root_mean_square_error,
        "sagr": sign_agreement,
    }
    values = {key: _by_column(figure, shown, asked) for key, figure in figures.items()}
    report = {
        name: {key: float(row[i]) for key, row in values.items()} for i, name in enumerate(names)
    }
    report["mean"] = {key: _mean(row) for key, row in values.items()}
    return report


class ValenceArousalConcordance(_PooledCurves):
    """:func:`valence_arousal_concordance` over the frames of all clips.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(("valence", "arousal"), **kwargs)

    def compute(self) -> dict[str, dict[str, float]]:
        """The figures of all frames so far."""
        return valence_arousal_concordance(*self.pooled())


def action_unit_error(
    made: np.ndarray, real: np.ndarray, names: Sequence[str] = AU_NAMES
) -> dict[str, float]:
    """AUE-L and AUE-U: squared difference of intensities, summed over half a face.

    ``Σ_AU mean_t (made − real)²`` over :data:`AU_LOWER` and :data:`AU_UPPER`; 0 is equal. Papers
    read OpenFace's intensities; by another reader the figure is another.

    Args:
        made, real: intensities 0-5 ``[T, K]`` of the same moments; NaN where not read.
        names: the K action units; those of the two sets that are missing are left out of the sum.

    Returns:
        ``{"aue_l", "aue_u"}``; NaN where no action unit of the half was read.

    Raises:
        ValueError: shapes do not match.
    """
    made = np.asarray(made, np.float64)
    made, real = (_curves(values, names, len(made)) for values in (made, real))
    squares = _by_column(lambda a, b: ((a - b) ** 2).mean() if len(a) else np.nan, made, real)
    report = {}
    for key, half in (("aue_l", AU_LOWER), ("aue_u", AU_UPPER)):
        used = squares[np.isin(names, half)]
        used = used[np.isfinite(used)]
        report[key] = float(used.sum()) if len(used) else float("nan")
    return report


class ActionUnitError(ClipMetric):
    """:func:`action_unit_error` averaged over pairs of clips.

    Args:
        names: the action units.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(action_unit_error)
    names = ("aue_l", "aue_u")
