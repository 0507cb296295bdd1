"""Micro-expressions: facial movements that come and go within half a second.

Spotting follows the rule that most methods share (feature difference analysis, A. Moilanen, G. Zhao
and M. Pietikäinen 2014; main directional maximal difference, S.-J. Wang and others 2017, baseline
of the MEGC challenges): a frame stands out where the face differs from what it was shortly before
and what it is shortly after. Here the face is its ARKit coefficients, from which the head's pose
is already taken out, and the difference is a morphological top-hat: what a coefficient rises above
the level that it keeps up for longer than half a second.

A rise counts in proportion to what is usual in this recording. Its usual size is that of the
tracker's noise, plus what the recording itself shows of how far the coefficient follows the head,
the articulation and the blinks: a talker's lip corners must rise more than a listener's. What a
person does again and again, such as lifting the brows to stress a word, is a habit and no
micro-expression either.

Measured on no database of micro-expressions, for none may be had here. Injected into tracks of a
man reading (GRID, stretches of 3 s), expressions of 0.2 to 0.4 s that move the coefficients by 0.25
are found in 83 to 100 % of the cases, by class, at 1.4 false alarms a minute; in seven animated
clips, in 29 to 100 % at about four alarms a minute, some of which may be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recognizer.facs import sides
from recognizer.motion import MotionTrack

#: Shortest and longest micro-expression in seconds (Yan and others 2013: under 0.5 s).
SHORTEST, LONGEST = 0.04, 0.5
#: What is looked at, by region. Lid tightening is not: it cannot be told from gaze and blinks.
REGIONS: Mapping[str, tuple[str, ...]] = {
    "brows": ("browDown", "browInnerUp", "browOuterUp"),
    "eyes": ("eyeWide", "cheekSquint"),
    "nose": ("noseSneer", "mouthUpperUp"),
    "mouth": ("mouthSmile", "mouthDimple", "mouthFrown", "mouthStretch", "mouthPress"),
}
#: What speaks for which class. Brows that rise only within are sad or afraid, not surprised.
KINDS: Mapping[str, tuple[str, ...]] = {
    "positive": ("mouthSmile", "cheekSquint"),
    "negative": (
        "browDown", "noseSneer", "mouthUpperUp", "mouthFrown", "mouthStretch", "mouthPress",
        "mouthDimple",
    ),
    "surprise": ("browOuterUp", "eyeWide"),
}  # fmt: skip
_ARTICULATION = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthRollLower",
    "mouthRollUpper", "mouthShrugUpper",
)  # fmt: skip
#: A rise must be this many times its usual size, and this large.
THRESHOLD, LEAST_RISE = 6.0, 0.04
#: No coefficient is tracked better than this.
_NOISE = 0.006
#: A rise must be this many times as large as all but a tenth of the largest rises of half a second.
_HABIT, _BEYOND_HABIT = 90.0, 2.4
#: What is expected of that before anything is seen, worth so many half-seconds: rises of the brows
#: and eyes, and those of the mouth in shares of how far it swings (see :func:`_nuisances`).
#: Measured on the first speaker of the GRID corpus reading neutral sentences.
_EXPECTED: Mapping[str, float] = {
    "browDown": 0.08, "browInnerUp": 0.04, "browOuterUp": 0.04, "eyeWide": 0.03,
    "cheekSquint": 0.01, "noseSneer": 0.01,
}  # fmt: skip
_EXPECTED_OF_SWING, _EXPECTED_WORTH = 1.2, 10.0
#: What is usual is learnt in stretches of at most this many seconds.
_STRETCH = 30.0
#: A closing of the lids beyond this is a blink; the eyes' region is not looked at around it.
_BLINK, _AROUND_BLINK = 0.15, 0.12
#: Onset and offset are where this share of the rise is reached.
_FOOT = 0.2
#: Rises this near in time are one expression.
_SAME = 0.12
#: Frames a second below which half a second is too few of them, and seconds of a face below which
#: nothing is usual.
_LEAST_RATE, _LEAST_SECONDS = 15.0, 2.5


@dataclass(frozen=True)
class MicroExpression:
    """A brief facial movement.

    Attributes:
        onset: seconds from the track's beginning.
        apex: likewise.
        offset: likewise.
        region: of :data:`REGIONS`, where it was strongest.
        kind: ``"positive"``, ``"negative"`` or ``"surprise"``.
        strength: rise of the leading coefficient over its usual size, :data:`THRESHOLD` or more.
        rises: stems of ARKit names → rise of the coefficient (mean of the sides, or one side if
            the other stays), those above half of their threshold.
    """

    onset: float
    apex: float
    offset: float
    region: str
    kind: str
    strength: float
    rises: dict[str, float]

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset


def spot(track: MotionTrack, threshold: float = THRESHOLD) -> list[MicroExpression]:
    """The micro-expressions of a face, in the order of time.

    Args:
        track: at 15 frames a second or more. Frames without a face are passed over; stretches
            under 2.5 seconds are too short to know what is usual.
        threshold: how many times its usual size a rise must have, above 0.

    Raises:
        ValueError: the rate is too low, or ``threshold`` is not positive.
    """
    if track.fps < _LEAST_RATE:
        raise ValueError(
            f"micro-expressions need {_LEAST_RATE:g} frames a second or more, got {track.fps:g}"
        )
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, got {threshold}")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], track.valid, [0]])))
    found = []
    for start, stop in edges.reshape(-1, 2):
        if stop - start < _LEAST_SECONDS * track.fps:
            continue
        parts = 1 + int((stop - start) / (_STRETCH * track.fps))
        bounds = np.linspace(start, stop, parts + 1).round().astype(int)
        for a, b in pairwise(bounds):
            part = MotionTrack(track.blendshapes[a:b], track.pose[a:b], track.fps)
            found += _spot_in(part, a / track.fps, threshold)
    return found


def _spot_in(track: MotionTrack, begin: float, threshold: float) -> list[MicroExpression]:
    """Micro-expressions of a track without gaps that begins at ``begin`` seconds."""
    rises = {stem: _rise(track, stem) for stems in REGIONS.values() for stem in stems}
    nuisances = _nuisances(track)
    swing = _EXPECTED_OF_SWING * float(nuisances[:, 1].mean())
    scores = {
        stem: _peak_scores(rise, nuisances, _EXPECTED.get(stem, swing), track.fps)
        for stem, rise in rises.items()
    }
    for stem in REGIONS["eyes"]:
        scores[stem][_near_blink(track)] = 0.0
    highest = np.max(list(scores.values()), axis=0)
    reach = max(1, round(_SAME * track.fps))
    events = []
    for apex in np.argsort(-highest, kind="stable"):
        if highest[apex] < threshold:
            break
        near = slice(max(0, apex - reach), apex + reach + 1)
        peaks = {stem: float(score[near].max()) for stem, score in scores.items()}
        leader = max(peaks, key=peaks.get)
        onset, offset = _feet(rises[leader], int(apex))
        taken = any(a - reach <= apex <= b + reach for a, b, _ in events)
        if taken or not SHORTEST * track.fps <= offset - onset <= LONGEST * track.fps + 1:
            continue
        event = MicroExpression(
            onset=float(begin + onset / track.fps),
            apex=float(begin + apex / track.fps),
            offset=float(begin + offset / track.fps),
            region=next(name for name, stems in REGIONS.items() if leader in stems),
            kind=_kind(peaks),
            strength=peaks[leader],
            rises={
                stem: float(rises[stem][near].max())
                for stem, peak in peaks.items()
                if peak >= threshold / 2
            },
        )
        events.append((onset, offset, event))
    return [event for _, _, event in sorted(events, key=lambda one: one[0])]


def _rise(track: MotionTrack, stem: str) -> np.ndarray:
    """float64 ``[T]``: how far a coefficient stands above what it keeps up for longer."""
    curves = [_top_hat(_smooth(track[name].astype(float)), track.fps) for name in sides(stem)]
    # A one-sided rise counts as much as one of both sides.
    return np.max(curves, axis=0)


def _top_hat(curve: np.ndarray, fps: float) -> np.ndarray:
    from scipy.ndimage import grey_opening

    return curve - grey_opening(curve, size=int(LONGEST * fps) + 2, mode="nearest")


def _smooth(curve: np.ndarray) -> np.ndarray:
    padded = np.pad(curve, 1, mode="edge")
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def _nuisances(track: MotionTrack) -> np.ndarray:
    """``[T, 3]``: how much the head turns, the mouth articulates and the lids move, around each
    frame."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    around = int(LONGEST * track.fps) | 1
    turning = np.linalg.norm(np.gradient(track.pose[:, :3].astype(float), axis=0), axis=1)
    mouth = np.stack(
        [track[n].astype(float) for stem in _ARTICULATION for n in sides(stem)], axis=1
    )
    mean = uniform_filter1d(mouth, around, axis=0)
    swing = np.sqrt(uniform_filter1d((mouth - mean) ** 2, around, axis=0).sum(axis=1))
    lids = np.abs(np.gradient(_lids(track)))
    return np.stack(
        [uniform_filter1d(turning, around), swing, maximum_filter1d(lids, around // 2 | 1)], axis=1
    )


def _peak_scores(
    rise: np.ndarray, nuisances: np.ndarray, expected: float, fps: float
) -> np.ndarray:
    """``[T]``: at each peak the rise over its usual size, elsewhere 0.

    What is usual is learnt from the rest of the recording, a second around the peak left out; its
    habit is ``expected`` as long as little is seen.
    """
    from scipy.optimize import nnls
    from scipy.signal import find_peaks

    regressors = np.column_stack([np.ones(len(rise)), nuisances])
    regressors /= np.maximum(regressors.max(axis=0), 1e-9)
    around, block = round(LONGEST * fps), max(1, int(LONGEST * fps))
    scores = np.zeros(len(rise))
    peaks, _ = find_peaks(rise, height=LEAST_RISE, distance=max(1, round(_SAME * fps)))
    for peak in peaks:
        rest = np.ones(len(rise), bool)
        rest[max(0, peak - around) : peak + around + 1] = False
        others = rise[rest]
        shares, _ = nnls(regressors[rest], np.minimum(others, np.percentile(others, 95)))
        followed = float(regressors[peak] @ shares) + _NOISE
        whole = others[: len(others) // block * block].reshape(-1, block).max(axis=1)
        share = len(whole) / (len(whole) + _EXPECTED_WORTH)
        habit = share * float(np.percentile(whole, _HABIT)) + (1 - share) * expected
        scores[peak] = rise[peak] / max(followed, _BEYOND_HABIT / THRESHOLD * habit)
    return scores


def _lids(track: MotionTrack) -> np.ndarray:
    return np.mean([track[name].astype(float) for name in sides("eyeBlink")], axis=0)


def _near_blink(track: MotionTrack) -> np.ndarray:
    """bool ``[T]``."""
    from scipy.ndimage import maximum_filter1d

    closing = _top_hat(_lids(track), track.fps)
    return maximum_filter1d(closing, 2 * round(_AROUND_BLINK * track.fps) + 1) > _BLINK


def _feet(rise: np.ndarray, apex: int) -> tuple[int, int]:
    """The last frame before and the first after the apex at the foot of the rise."""
    low = rise < _FOOT * rise[apex]
    before, after = np.flatnonzero(low[:apex]), np.flatnonzero(low[apex:])
    onset = int(before[-1]) if len(before) else 0
    return onset, apex + int(after[0]) if len(after) else len(rise) - 1


def _kind(peaks: Mapping[str, float]) -> str:
    evidence = {kind: sum(peaks[stem] ** 2 for stem in stems) for kind, stems in KINDS.items()}
    raised = peaks["browInnerUp"] ** 2
    evidence["surprise" if peaks["browOuterUp"] ** 2 > raised / 4 else "negative"] += raised
    return max(evidence, key=evidence.get)
