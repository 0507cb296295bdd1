"""How lively and how smooth motion is, beside real motion.

Clips are arrays ``[T, D]`` at one frame rate: coefficients, angles, coordinates. NaN stands for a
frame without a face; a difference that touches one is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.metrics.agreement import pearson
from recognizer.metrics.metric import ClipMetric, Metric, stacked
from recognizer.metrics.sampling import Summary

_COLUMNS = (*ARKIT_NAMES, *POSE_NAMES)
#: Part of the face → its columns in ``MotionTrack.to_vectors()`` ``[T, 58]``.
MOTION_REGIONS: Mapping[str, tuple[int, ...]] = {
    region: tuple(i for i, name in enumerate(_COLUMNS) if name.startswith(stems))
    for region, stems in {
        "mouth": ("jaw", "mouth", "tongue"),
        "eyes": ("eye",),
        "brows": ("brow",),
        "head": ("headPitch", "headYaw", "headRoll"),
    }.items()
}


def _columns(clip: np.ndarray) -> np.ndarray:
    """A clip as float64 ``[T, D]``."""
    clip = np.asarray(clip, np.float64)
    if clip.ndim == 0 or len(clip) == 0:
        raise ValueError(f"a clip needs frames, got an array of shape {list(clip.shape)}")
    return clip.reshape(len(clip), -1)


def motion_moments(clip: np.ndarray) -> tuple[float, float]:
    """Variances of a clip ``[T, D]``, averaged over columns: of frame-to-frame change, and of the
    values. NaN where it is too short.

    Raises:
        ValueError: the clip is empty.
    """
    clip = _columns(clip)
    return _variance(np.diff(clip, axis=0)), _variance(clip)


def _variance(rows: np.ndarray) -> float:
    rows = rows[np.isfinite(rows).all(axis=1)]
    return float(rows.var(axis=0).mean()) if len(rows) > 1 else float("nan")


def liveliness(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> dict[str, float]:
    """VC-R and Std-R: how much generated motion moves, relative to real motion; 1 is as real.

    ``VC-R = Var(x[t] − x[t−1]) / Var_real(…)`` and ``Std-R = √(Var(x) / Var_real(x))``, each
    variance taken within a clip and averaged over columns, then over clips: people who hold their
    heads differently do not count as motion. Towards 0 the motion is frozen, above 1 it trembles
    (VC-R) or exaggerates (Std-R). One-step students of motion models show here what no score by
    the frame shows. The columns say of which region it is: take those of one unit together
    (:data:`MOTION_REGIONS`).

    Args:
        made: clips ``[T, D]`` or ``[T]``.
        real: others of the same columns; neither number nor lengths need match.

    Returns:
        ``{"vc_r", "std_r"}``; NaN where the real clips do not move.

    Raises:
        ValueError: a clip is empty, or columns differ.

    >>> wave = np.sin(np.arange(50) / 3)
    >>> {k: round(v, 6) for k, v in liveliness([wave / 2], [wave]).items()}
    {'vc_r': 0.25, 'std_r': 0.5}
    """
    if len({_columns(clip).shape[1] for clip in (*made, *real)}) > 1:
        raise ValueError("all clips must have the same columns")
    return moment_ratios(
        *(np.array([motion_moments(clip) for clip in clips]).reshape(-1, 2)
          for clips in (made, real))
    )  # fmt: skip


def moment_ratios(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """:func:`liveliness` from rows ``[N, 2]`` and ``[M, 2]`` of :func:`motion_moments`; a clip that
    is too short has NaN and counts for nothing."""
    made, real = (rows[np.isfinite(rows).all(axis=1)] for rows in (made, real))
    if len(made) == 0 or len(real) == 0:
        return {"vc_r": float("nan"), "std_r": float("nan")}
    with np.errstate(divide="ignore", invalid="ignore"):
        change, spread = made.mean(axis=0) / real.mean(axis=0)
    defined = np.where(real.mean(axis=0) > 1e-18, [change, np.sqrt(spread)], np.nan)
    return {"vc_r": float(defined[0]), "std_r": float(defined[1])}


class Liveliness(Metric):
    """:func:`liveliness` of clips that come one by one, with bootstrap intervals over clips.

    ``compute`` gives a :class:`recognizer.metrics.sampling.Summary` each of ``vc_r`` and ``std_r``;
    ``n`` counts the generated clips that are long enough, and generated and real clips are drawn
    anew for the interval.

    Args:
        draws: bootstrap draws.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, draws: int = 1000, **kwargs) -> None:
        super().__init__(**kwargs)
        self.draws = draws
        self.add_state("made", default=[], dist_reduce_fx="cat")
        self.add_state("real", default=[], dist_reduce_fx="cat")

    def update(self, clip: np.ndarray, real: bool) -> None:
        """Add a clip ``[T, D]`` or ``[T]``, generated or real.

        Raises:
            ValueError: it has no frames.
        """
        import torch

        rows = torch.tensor([motion_moments(clip)], dtype=torch.float64)
        (self.real if real else self.made).append(rows)

    def compute(self) -> dict[str, Summary]:
        """Ratios of all clips so far."""
        made, real = stacked(self.made, 2), stacked(self.real, 2)
        known = int(np.isfinite(made).all(axis=1).sum())
        random = np.random.default_rng(0)
        drawn = [
            moment_ratios(made[random.integers(len(made), size=len(made))],
                    real[random.integers(len(real), size=len(real))])
            for _ in range(self.draws if min(len(made), len(real)) > 1 else 0)
        ]  # fmt: skip
        report = {}
        for name, value in moment_ratios(made, real).items():
            sample = [row[name] for row in drawn if np.isfinite(row[name])]
            low_high = tuple(np.quantile(sample, (0.025, 0.975)).tolist()) if sample else None
            defined = np.isfinite(value)
            report[name] = Summary(
                value=value if defined else None,
                n=known,
                undefined=len(made) - known,
                ci95=low_high if defined else None,
            )
        return report


def smoothness(clip: np.ndarray, fps: float = 25.0) -> dict[str, float]:
    """Mean size of the first three derivatives of motion, in its unit per second, s² and s³.

    ``mean ‖Δᵏx‖ fpsᵏ`` for k = 1 (``speed``), 2 (``jitter``) and 3 (``jerk``). In ``[T, P, K]``
    the norm is over K (points in space); in ``[T, D]`` each column counts by itself.

    Args:
        clip: ``[T]``, ``[T, D]`` or ``[T, P, K]``.
        fps: frames a second.

    Returns:
        NaN for derivatives that the clip is too short for.

    Raises:
        ValueError: the clip is empty.

    >>> smoothness([0.0, 1, 2, 3], fps=25)  # steady
    {'speed': 25.0, 'jitter': 0.0, 'jerk': 0.0}
    """
    clip = np.asarray(clip, np.float64)
    points = clip if clip.ndim == 3 else _columns(clip)[..., None]
    report = {}
    for order, name in enumerate(("speed", "jitter", "jerk"), start=1):
        sizes = np.linalg.norm(np.diff(points, n=order, axis=0), axis=-1) * fps**order
        sizes = sizes[np.isfinite(sizes)]
        report[name] = float(sizes.mean()) if len(sizes) else float("nan")
    return report


def smoothness_ratio(made: np.ndarray, real: np.ndarray, fps: float = 25.0) -> dict[str, float]:
    """:func:`smoothness` of a clip over that of a real one; 1 is as real, jitter above 1 trembles.

    NaN where the real one does not move.

    Raises:
        ValueError: a clip is empty.
    """
    ours, theirs = smoothness(made, fps), smoothness(real, fps)
    return {
        name: ours[name] / theirs[name] if theirs[name] > 0 else float("nan") for name in theirs
    }


class SmoothnessRatio(ClipMetric):
    """:func:`smoothness_ratio` averaged over pairs of clips.

    Args:
        fps: frames a second.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(smoothness_ratio)
    names = ("speed", "jitter", "jerk")


def time_lagged_correlation(
    shown: np.ndarray, target: np.ndarray, max_lag: int
) -> dict[str, float]:
    """Time-lagged cross-correlation of motion in many columns.

    ``r(l) = mean_d Pearson(shown[t + l, d], target[t, d])``; columns that are constant at a lag
    are left out of its mean.

    Args:
        shown, target: ``[T, D]`` or ``[T]``.
        max_lag: frames.

    Returns:
        ``r`` at lag 0, ``r_best``, and its ``lag``: positive where ``shown`` comes late. NaN where
        no column varies.

    Raises:
        ValueError: the shapes differ, or the clip is not longer than the lag.
    """
    shown, target = _columns(shown), _columns(target)
    if shown.shape != target.shape or len(shown) <= max_lag:
        raise ValueError(
            f"clips of one shape and more than {max_lag} frames are needed, got "
            f"{list(shown.shape)} and {list(target.shape)}"
        )
    by_lag = {}
    for lag in range(-max_lag, max_lag + 1):
        late = shown[max(lag, 0) : len(shown) + min(lag, 0)]
        early = target[max(-lag, 0) : len(target) + min(-lag, 0)]
        r = [pearson(a, b) for a, b in zip(late.T, early.T, strict=True)]
        if np.isfinite(r).any():
            by_lag[lag] = float(np.nanmean(r))
    if not by_lag:
        return {"r": float("nan"), "r_best": float("nan"), "lag": float("nan")}
    best = max(by_lag, key=by_lag.__getitem__)
    return {"r": by_lag.get(0, float("nan")), "r_best": by_lag[best], "lag": float(best)}


class TimeLaggedCorrelation(ClipMetric):
    """:func:`time_lagged_correlation` averaged over pairs of clips.

    Args:
        max_lag: frames.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(time_lagged_correlation)
    names = ("r", "r_best", "lag")
