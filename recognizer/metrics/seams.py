"""Whether motion that was made window by window shows where the windows meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from recognizer.metrics.metric import ClipMetric

#: Frames that a third difference spans, and the smallest deviation of a column that moves.
_SPAN, _STILL = 3, 1e-6


def seam_detectability(clip: np.ndarray, borders: Sequence[int]) -> float:
    """How well jerk alone tells where windows meet: area under the ROC curve.

    For each frame the absolute third difference, each column divided by its own deviation, is
    averaged over the columns that move. The score is the share of pairs of a frame at a border and
    one elsewhere in which the border's is larger: 0.5 where seams cannot be told, 1 where each
    stands out from all else. Below 0.5 borders are smoother than the rest, which shows as well.

    Args:
        clip: ``[T, D]`` or ``[T]`` at one frame rate, without NaN.
        borders: first frame of each window but the first.

    Returns:
        NaN where nothing moves, or no frame is left on either side.

    Raises:
        ValueError: the clip has NaN, or a border lies outside it.
    """
    clip = np.asarray(clip, np.float64)
    clip = clip.reshape(len(clip), -1)
    borders = np.asarray(borders, int)
    if not np.isfinite(clip).all():
        raise ValueError("a clip with missing frames has seams of its own")
    if ((borders <= 0) | (borders >= len(clip))).any():
        raise ValueError(f"borders must lie within {len(clip)} frames, got {borders.tolist()}")
    moving = clip[:, clip.std(axis=0) > _STILL]
    if moving.shape[1] == 0 or len(clip) <= _SPAN:
        return float("nan")
    jerk = np.abs(np.diff(moving / moving.std(axis=0), n=_SPAN, axis=0)).mean(axis=1)
    at_border = np.zeros(len(jerk), bool)
    for border in borders:
        at_border[max(border - _SPAN, 0) : border] = True
    here, elsewhere = int(at_border.sum()), int((~at_border).sum())
    if here == 0 or elsewhere == 0:
        return float("nan")
    # Mann and Whitney's U statistic, ties counting half.
    larger = rankdata(jerk)[at_border].sum() - here * (here + 1) / 2
    return float(larger / (here * elsewhere))


class SeamDetectability(ClipMetric):
    """:func:`seam_detectability` averaged over clips.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(seam_detectability)
