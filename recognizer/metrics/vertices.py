"""How far the points of a moving face lie from where they should be, and whether they move enough.

For vertices of a head ``[T, V, 3]`` or landmarks ``[T, 478, 2 or 3]``, both clips in one frame of
reference: a head's motion that is left in counts as error. Papers compare vertices in metres, free
of head motion; values in other units are other values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recognizer.metrics.metric import ClipMetric


def _pair(made: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frames that both clips have and in which both were found."""
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    if made.ndim != 3 or real.ndim != 3 or made.shape[1:] != real.shape[1:]:
        raise ValueError(
            f"points [T, V, 2 or 3] are compared, got {list(made.shape)} and {list(real.shape)}"
        )
    frames = min(len(made), len(real))
    made, real = made[:frames], real[:frames]
    found = np.isfinite(made).all(axis=(1, 2)) & np.isfinite(real).all(axis=(1, 2))
    return made[found], real[found]


def lip_vertex_error(made: np.ndarray, real: np.ndarray, lips: Sequence[int]) -> float:
    """LVE: squared distance of the worst lip point, averaged over frames (MeshTalk, Richard et al.
    2021; squared in CodeTalker's and FaceDiffuser's code and in torchmetrics).

    ``mean_t max_v ‖made[t, v] − real[t, v]‖²``, in the unit squared. Of clips of different lengths
    the longer one is cut.

    Args:
        made, real: ``[T, V, 2 or 3]``; frames with NaN are left out.
        lips: indices of the lips' points.

    Returns:
        NaN where no frame is left.

    Raises:
        ValueError: the shapes do not match.

    >>> real = np.zeros((1, 4, 3))
    >>> made = real.copy()
    >>> made[0, 2] = (0, 3, 4)
    >>> lip_vertex_error(made, real, lips=[2, 3])
    25.0
    """
    made, real = _pair(made, real)
    squares = ((made - real)[:, list(lips)] ** 2).sum(axis=-1)
    return float(squares.max(axis=1).mean()) if len(squares) else float("nan")


def mean_vertex_error(made: np.ndarray, real: np.ndarray) -> float:
    """MVE: distance of a point, averaged over points and frames, in their unit.

    Args:
        made, real: ``[T, V, 2 or 3]``; frames with NaN are left out.

    Returns:
        NaN where no frame is left.

    Raises:
        ValueError: the shapes do not match.
    """
    made, real = _pair(made, real)
    distances = np.linalg.norm(made - real, axis=-1)
    return float(distances.mean()) if distances.size else float("nan")


def upper_face_dynamics_deviation(
    made: np.ndarray,
    real: np.ndarray,
    neutral: np.ndarray,
    points: Sequence[int],
    absolute: bool = False,
) -> float:
    """FDD: how much less the upper face varies than the real one (CodeTalker, Xing et al. 2023).

    ``mean_v [std_t ‖real[t, v] − neutral[v]‖² − std_t ‖made[t, v] − neutral[v]‖²]``, in the unit
    squared, as their code computes it. Positive: too little motion; negative: too much. Signed
    values cancel over clips, so that a model can come out at 0 that is wrong on each;
    ``absolute`` takes the size of each clip's before they are averaged.

    Args:
        made, real: ``[T, V, 2 or 3]``; frames with NaN are left out.
        neutral: ``[V, 2 or 3]``: the face at rest.
        points: indices of the upper face's points.

    Returns:
        NaN where no frame is left.

    Raises:
        ValueError: the shapes do not match.
    """
    made, real = _pair(made, real)
    neutral = np.asarray(neutral, np.float64)
    if neutral.shape != made.shape[1:]:
        raise ValueError(f"neutral must be {list(made.shape[1:])}, got {list(neutral.shape)}")
    if len(made) == 0:
        return float("nan")
    ours, theirs = (
        ((clip - neutral)[:, list(points)] ** 2).sum(axis=-1).std(axis=0) for clip in (made, real)
    )
    deviation = float((theirs - ours).mean())
    return abs(deviation) if absolute else deviation


class LipVertexError(ClipMetric):
    """:func:`lip_vertex_error` averaged over clips.

    Args:
        lips: indices of the lips' points.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    higher_is_better = False
    measure = staticmethod(lip_vertex_error)


class MeanVertexError(ClipMetric):
    """:func:`mean_vertex_error` averaged over clips.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    higher_is_better = False
    measure = staticmethod(mean_vertex_error)


class UpperFaceDynamicsDeviation(ClipMetric):
    """:func:`upper_face_dynamics_deviation` averaged over clips.

    Args:
        points: indices of the upper face's points.
        absolute: average the sizes.
        neutral: the face at rest, unless each clip brings its own.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(upper_face_dynamics_deviation)
