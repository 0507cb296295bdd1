"""How a face moves as its landmarks show it, whatever coefficients a tracker calls that.

The same blink drawn on six portraits has four times the variance of ``eyeBlink`` and ``eyeSquint``
on one than on another: a face that squints at rest has less left to squint, and pursed lips are a
pucker on one face and the end of a smile on the next. Distances in the picture are free of that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import butter, sosfiltfilt

from gen.bench.clips import FPS, face_height, seen_opening
from recognizer.face_model import LIP_CORNERS, LOWER_LID, UPPER_LID
from recognizer.metrics.dynamics import Liveliness, liveliness

#: Below the nose, and the middle of the upper lip's border.
_NOSE, _UPPER_LIP = 2, 0
#: The middle of a lid's margin, of nine points from corner to corner.
_MIDDLE = slice(3, 6)
#: Eyes are open in three frames of four of any two seconds.
_AROUND, _OPEN = 25, 75
#: Speech moves lips faster than this (Hz), what is felt moves them slower.
_QUICK = 1.0


def visible_series(points: np.ndarray) -> dict[str, np.ndarray]:
    """What landmarks show of lids and lips, ``[T]`` each; a frame without a face is interpolated.

    Args:
        points: ``[T, 478, 2]`` pixels; NaN without a face.

    Returns:
        ``lids``: how far they are shut, as a share of the person's open eye in the two seconds
        around; ``opening``, ``width`` of the lips and ``upper_lip``: its border's distance from the
        nose, in face heights. A head that turns shows a narrower mouth.

    Raises:
        ValueError: no frame shows a face.
    """
    seen = np.isfinite(points).all(axis=(1, 2))
    if not seen.any():
        raise ValueError("no frame shows a face")
    height = np.median(face_height(points[seen]))
    corners, lip = points[:, list(LIP_CORNERS)], points[:, [_NOSE, _UPPER_LIP]]
    series = {
        "opening": seen_opening(points) * face_height(points) / height,
        "width": np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1) / height,
        "upper_lip": np.linalg.norm(lip[:, 0] - lip[:, 1], axis=-1) / height,
    }
    frames = np.arange(len(points))
    lids = np.interp(frames, frames[seen], _aperture(points[seen]))
    opened = [
        np.percentile(lids[max(0, i - _AROUND) : i + _AROUND + 1], _OPEN) for i in range(len(lids))
    ]
    filled = {n: np.interp(frames, frames[seen], row[seen]) for n, row in series.items()}
    return {"lids": 1 - lids / opened} | filled


def _aperture(points: np.ndarray) -> np.ndarray:
    """Distance of the lids ``[T]`` in eye widths, mean of both eyes."""
    eyes = []
    for upper, lower in zip(UPPER_LID, LOWER_LID, strict=True):
        gap = points[:, upper[_MIDDLE]] - points[:, lower[_MIDDLE]]
        width = np.linalg.norm(points[:, upper[0]] - points[:, upper[-1]], axis=-1)
        eyes.append(np.linalg.norm(gap, axis=-1).mean(axis=-1) / width)
    return np.mean(eyes, axis=0)


def visible_liveliness(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> dict:
    """VC-R and Std-R of :func:`visible_series`.

    Args:
        made, real: landmarks of clips, ``[T, 478, 2]`` each.

    Returns:
        By series ``vc_r`` and ``std_r`` (:func:`recognizer.metrics.dynamics.liveliness`);
        ``std_r_quick``: Std-R of what is faster than 1 Hz, without the smiles that come and stay;
        ``people``: :func:`people_apart` of the real ones.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """
    shown = [[visible_series(points) for points in side] for side in (made, real)]
    report = {}
    for name in shown[0][0]:
        ours, theirs = ([row[name] for row in side] for side in shown)
        quick = _compared([_quick(row) for row in ours], [_quick(row) for row in theirs])
        report[name] = _compared(ours, theirs) | {
            "std_r_quick": quick["std_r"], "people": people_apart(theirs),
        }  # fmt: skip
    return report


def _compared(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> dict:
    metric = Liveliness()
    for rows, is_real in ((made, False), (real, True)):
        for row in rows:
            metric.update(row, is_real)
    return metric.compute()


def _quick(series: np.ndarray) -> np.ndarray:
    return sosfiltfilt(butter(2, _QUICK, "high", fs=FPS, output="sos"), series)


def people_apart(clips: Sequence[np.ndarray]) -> dict[str, tuple[float, float]] | None:
    """How far real people are from one another: the lowest and highest ``vc_r`` and ``std_r`` of
    one clip against all others; ``None`` of fewer than three.

    Args:
        clips: ``[T, D]`` or ``[T]`` each.
    """
    if len(clips) < 3:
        return None
    alone = [liveliness([clip], [*clips[:i], *clips[i + 1 :]]) for i, clip in enumerate(clips)]
    return {
        name: (float(np.nanmin(row)), float(np.nanmax(row)))
        for name, row in ((n, [one[n] for one in alone]) for n in ("vc_r", "std_r"))
    }
