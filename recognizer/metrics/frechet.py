"""Distances between two sets of feature vectors, and between clips of coefficients over time.

Coefficients are whatever a clip was read into: ARKit-52, action units, or a user's own
Deep3DFaceRecon or EMOCA codes (:func:`load_coefficients`). Values of different readers do not
compare, so a result names its ``backend``.

A Fréchet distance has a floor above 0 that depends on how many frames there are, and frames of one
clip are far fewer samples than they look: :func:`real_floor` gives it for the same real clips, and
:func:`bootstrap_distance` the interval over clips. Frames in another order give the same distance;
:func:`delta_frechet_distance` and :func:`trajectory_frechet_distance` see motion, and
:func:`shuffled_in_time` is the control that shows it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

#: Clips of coefficients ``[T, D]`` each.
Clips = Sequence[np.ndarray]
#: Made clips, real clips → a number.
Distance = Callable[[Clips, Clips], float]


def frechet_distance(made: np.ndarray, real: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets (Dowson and Landau 1982), as in
    FID (Heusel et al. 2017).

    ``‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½)``, with the covariances divided by N - 1. The root's
    trace is taken through the symmetric ``Σ₁^½ Σ₂ Σ₁^½``, which stays real where Σ is singular.

    Args:
        made: ``[N, D]``.
        real: ``[M, D]``; two rows or more each.

    Returns:
        0 or more, in the features' unit squared; NaN for fewer than two rows.

    Raises:
        ValueError: the shapes do not match.

    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(frechet_distance(square + [3, 4], square), 6)  # of equal spread: ‖(3, 4)‖²
    25.0
    """
    made, real = _rows(made), _rows(real)
    if made.shape[1] != real.shape[1]:
        raise ValueError(f"features of {made.shape[1]} and {real.shape[1]} columns are compared")
    if min(len(made), len(real)) < 2:
        return float("nan")
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (made, real))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    away = ((made.mean(0) - real.mean(0)) ** 2).sum()
    return float(max(away + np.trace(first) + np.trace(second) - 2 * trace, 0.0))


def kernel_distance(
    made: np.ndarray, real: np.ndarray, subset: int = 1000, subsets: int = 10, seed: int = 0
) -> float:
    """KID's squared maximum mean discrepancy, unbiased (Bińkowski et al. 2018).

    Polynomial kernel ``k(x, y) = (x·y / D + 1)³``: ``Σ_{i≠j} k(xᵢ, xⱼ) / n(n−1)`` of each set
    minus twice the mean of ``k(x, y)``. Its expectation is 0 for equal distributions whatever the
    sample size, so it may come out below 0. Larger sets are averaged over random subsets. Of
    features far below 1, such as changes of coefficients, the kernel is all but linear: scale them.

    Args:
        made: ``[N, D]``.
        real: ``[M, D]``.
        subset: rows of a subset, at most.
        subsets: their number where a set is larger than one.
        seed: of the draw.

    Returns:
        NaN for fewer than two rows.

    Raises:
        ValueError: the shapes do not match.
    """
    made, real = _rows(made), _rows(real)
    if made.shape[1] != real.shape[1]:
        raise ValueError(f"features of {made.shape[1]} and {real.shape[1]} columns are compared")
    if min(len(made), len(real)) < 2:
        return float("nan")
    if max(len(made), len(real)) <= subset:
        return _discrepancy(made, real)
    random = np.random.default_rng(seed)
    draws = [
        [x[random.choice(len(x), min(subset, len(x)), replace=False)] for x in (made, real)]
        for _ in range(subsets)
    ]
    return float(np.mean([_discrepancy(*draw) for draw in draws]))


def _discrepancy(first: np.ndarray, second: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        linear = x @ y.T / x.shape[1] + 1
        return linear * linear * linear  # some ten times as fast as a power

    def within(x: np.ndarray) -> float:
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

    return float(within(first) + within(second) - 2 * kernel(first, second).mean())


def _rows(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float64)
    if features.ndim != 2:
        raise ValueError(f"features must be [N, D], got {list(features.shape)}")
    return features[np.isfinite(features).all(axis=1)]


def _joined(clips: Clips) -> np.ndarray:
    if len(clips) == 0:
        raise ValueError("there are no clips to compare")
    return np.concatenate([_rows(clip) for clip in clips])


def expression_frechet_distance(made: Clips, real: Clips) -> float:
    """E-FID: :func:`frechet_distance` between the frames of two sets of clips (EMO, Tian et al.
    2024, on Deep3DFaceRecon's expression coefficients).

    It has no canonical implementation; published values of one method differ by a factor of 70.

    Args:
        made, real: ``[T, D]`` each; rows with NaN are left out.

    Raises:
        ValueError: no clips, or columns differ.
    """
    return frechet_distance(_joined(made), _joined(real))


def expression_kernel_distance(made: Clips, real: Clips) -> float:
    """:func:`kernel_distance` between the frames of two sets of clips.

    Raises:
        ValueError: no clips, or columns differ.
    """
    return kernel_distance(_joined(made), _joined(real))


def delta_frechet_distance(made: Clips, real: Clips) -> float:
    """:func:`frechet_distance` between frame-to-frame changes: it sees motion, and its order.

    Args:
        made, real: ``[T, D]`` each, at one frame rate; changes that touch NaN are left out.

    Raises:
        ValueError: no clips, or columns differ.

    >>> wave = np.sin(np.arange(60) / 5)[:, None]
    >>> shuffled = shuffled_in_time([wave])
    >>> round(expression_frechet_distance(shuffled, [wave]), 6)  # cannot tell
    0.0
    >>> delta_frechet_distance(shuffled, [wave]) > 0.5  # can
    True
    """
    changes = ([np.diff(np.asarray(c, np.float64), axis=0) for c in set_] for set_ in (made, real))
    return frechet_distance(*(_joined(clips) for clips in changes))


def windows(clips: Clips, length: int, stride: int) -> np.ndarray:
    """All windows of ``length`` frames ``[N, length * D]``, ``stride`` frames apart.

    Windows with NaN are left out, and clips shorter than a window have none.
    """
    cut = [
        np.asarray(clip, np.float64)[start : start + length].reshape(-1)
        for clip in clips
        for start in range(0, len(clip) - length + 1, stride)
    ]
    width = length * np.asarray(clips[0]).shape[1] if len(clips) else 0
    return _rows(np.array(cut).reshape(-1, width))


def trajectory_frechet_distance(
    made: Clips, real: Clips, length: int = 25, stride: int = 5, components: int = 32
) -> float:
    """:func:`frechet_distance` between windows of motion, projected on the real windows' axes.

    Windows of ``length`` frames are points in ``length * D`` dimensions; the first principal
    components of the real ones span the space in which Gaussians are fitted, so that a covariance
    of some dozens of dimensions is estimated, not of thousands. FVMD (Liu et al. 2024) and FGD
    (Yoon et al. 2020) do the same with histograms of motion and a trained encoder; what moves in
    ways that no real window has is not seen here (:func:`delta_frechet_distance` sees it).

    Args:
        made, real: ``[T, D]`` each, at one frame rate.
        length, stride: frames.
        components: axes, at most as many as there are real windows less one.

    Returns:
        NaN where a set has fewer than two windows.

    Raises:
        ValueError: no clips, or columns differ.
    """
    if len(made) == 0 or len(real) == 0:
        raise ValueError("there are no clips to compare")
    ours, theirs = windows(made, length, stride), windows(real, length, stride)
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError("all clips must have the same columns")
    if min(len(ours), len(theirs)) < 2:
        return float("nan")
    from sklearn.decomposition import PCA

    axes = PCA(min(components, len(theirs) - 1, theirs.shape[1]), random_state=0).fit(theirs)
    return frechet_distance(axes.transform(ours), axes.transform(theirs))


def shuffled_in_time(clips: Clips, seed: int = 0) -> list[np.ndarray]:
    """The same frames of each clip in random order: a distance that cannot tell sees no motion."""
    random = np.random.default_rng(seed)
    return [np.asarray(clip)[random.permutation(len(clip))] for clip in clips]


def real_floor(
    real: Clips, distance: Distance = expression_frechet_distance, draws: int = 20, seed: int = 0
) -> dict[str, float] | None:
    """What a perfect generator would get: the distance between random halves of the real clips.

    A half has half the frames, so this is above the floor of the whole set; a generated set that
    comes below it cannot be told from real by this distance.

    Returns:
        ``{"mean", "low", "high"}`` (2.5 and 97.5 %); None for fewer than four clips, or where the
        halves have too few frames.
    """
    if len(real) < 4:
        return None
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        order = random.permutation(len(real))
        first, second = np.array_split(order, 2)
        found.append(distance([real[i] for i in first], [real[i] for i in second]))
    if not np.isfinite(found).all():
        return None
    low, high = np.quantile(found, (0.025, 0.975))
    return {"mean": float(np.mean(found)), "low": float(low), "high": float(high)}


def bootstrap_distance(
    made: Clips,
    real: Clips,
    distance: Distance = expression_frechet_distance,
    draws: int = 100,
    seed: int = 0,
) -> tuple[float, float] | None:
    """95 % interval of a distance when clips of both sets are drawn anew, with replacement.

    A drawn set holds some clips twice and so fewer different frames: a Fréchet distance is larger
    in it, and the interval may lie above the value.

    Returns:
        None for fewer than two clips in a set, or where a draw has too few frames.
    """
    if min(len(made), len(real)) < 2:
        return None
    random = np.random.default_rng(seed)
    found = [
        distance(*([x[i] for i in random.integers(len(x), size=len(x))] for x in (made, real)))
        for _ in range(draws)
    ]
    if not np.isfinite(found).all():
        return None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def load_coefficients(path: str | os.PathLike, key: str | None = None) -> np.ndarray:
    """Coefficients ``[T, D]`` from a ``.npy`` or ``.npz`` that another tool wrote.

    Args:
        path: the file.
        key: the array's name in an ``.npz``; may be left out where it holds one alone.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no finite numbers of that shape, or several arrays and no key.
    """
    path = Path(path)
    content = io.BytesIO(path.read_bytes())
    try:
        loaded = np.load(content, allow_pickle=False)
        table = loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception as error:  # a damaged archive raises from zipfile, zlib or numpy's parser
        raise ValueError(f"{path.name} is not a .npy or .npz file of numbers: {error}") from error
    if isinstance(table, dict):
        if key is None and len(table) == 1:
            key = next(iter(table))
        if key not in table:
            raise ValueError(f"{path.name} holds {', '.join(table) or 'nothing'}: name one of them")
        table = table[key]
    if table.ndim != 2 or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise ValueError(
            f"{path.name} must hold finite numbers [T, D], got {table.dtype} {list(table.shape)}"
        )
    return table.astype(np.float64)
