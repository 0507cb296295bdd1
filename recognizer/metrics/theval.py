"""THEval's measures that need no network, and how it scores them.

Quignon, Chopin, Wang and Dantcheva, *THEval: Evaluation Framework for Talking Head Video
Generation* (arXiv 2511.04520, 2025). The formulas are those of its code (github.com/Newbyl/THEval,
folders ``Naturalness`` and ``Synchronization``); its three measures of picture quality need
networks of their own and are not here. Three things are read otherwise than there:

* Landmarks, head angles and speech come from the caller (theirs: MediaPipe's older face mesh,
  FaceXFormer, Silero VAD), so the published figures of real clips (:data:`GROUND_TRUTH`) are a
  yardstick, not a calibration: where real clips read by the same tools are at hand, score against
  theirs.
* A frame without a face is left out, as there; a clip without enough frames is undefined (NaN),
  where some of their scripts write 0.
* Differences are taken from one found frame to the next, at the clip's own frame rate, as there:
  compare clips of one rate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.face_model import (
    BROWS,
    LIPS,
    LOWER_INNER_LIP,
    LOWER_LID,
    UPPER_INNER_LIP,
    UPPER_LID,
)
from recognizer.metrics.metric import ClipMetric

#: Means of THEval's real clips (its table of raw values).
GROUND_TRUTH: Mapping[str, float] = {
    "eyebrow_dynamics": 0.0068,
    "lip_dynamics": 1.717,
    "head_motion": 18.47,
    "silent_lip_stability": 0.0263,
    "lip_volume_distance": 0.2528,
}
#: The dimensions that their scores are averaged in.
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "naturalness": ("lip_dynamics", "head_motion", "eyebrow_dynamics"),
    "synchronization": ("silent_lip_stability", "lip_volume_distance"),
}
_EYES = tuple(sorted({*UPPER_LID[i], *LOWER_LID[i]}) for i in (0, 1))
_BROWS = (sorted(BROWS[:10]), sorted(BROWS[10:]))
_OUTER_CORNERS = (33, 263)
_INNER_AND_OUTER = ((33, 133), (362, 263))
#: All but the last pair of the inner lips, as in their lists.
_UPPER, _LOWER = list(UPPER_INNER_LIP[:8]), list(LOWER_INNER_LIP[:8])
#: Side of the square picture in which they measure lips, and frames they look at.
_SQUARE, _MAX_FRAMES = 256, 500
_MIN_SILENCE = 0.3
_MIN_SPEECH = 0.1


def _flat(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1] < 468 or points.shape[2] < 2:
        raise ValueError(f"landmarks must be [T, 478, 2 or 3], got {list(points.shape)}")
    return points[..., :2]


def _found(points: np.ndarray) -> np.ndarray:
    return np.isfinite(points).all(axis=(1, 2))


def _in_square(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a picture ``(width, height)`` → of the same picture squeezed into a square."""
    return points * (_SQUARE / np.asarray(size, np.float64))


def eyebrow_dynamics(points: np.ndarray) -> float:
    """How much the brows move: mean ``|d[t] − d[t−1]|`` over both sides.

    ``d`` is the distance between the middle of a brow and of its eye, in distances between the
    eyes. Real speakers: 0.0068 a frame; 0 is a frozen brow.

    Args:
        points: ``[T, 478, 2 or 3]`` MediaPipe's landmarks in pixels; NaN where no face was found.

    Raises:
        ValueError: another shape.
    """
    points = _flat(points)
    points = points[_found(points)]
    if len(points) < 2:
        return float("nan")
    eyes = [points[:, eye].mean(1) for eye in _EYES]
    between = np.linalg.norm(eyes[0] - eyes[1], axis=-1)
    lifts = [
        np.linalg.norm(points[:, brow].mean(1) - eye, axis=-1) / between
        for brow, eye in zip(_BROWS, eyes, strict=True)
    ]
    return float(np.abs(np.diff(lifts, axis=1)).mean())


def lip_dynamics(points: np.ndarray, size: tuple[int, int], relative: bool = False) -> float:
    """How much the lips change shape: mean deviation over time of the 780 distances between them.

    By default the standard deviation in pixels of a picture squeezed to 256x256 (their code at the
    time of the published figures; real speakers: 1.717), so it grows with the face's size in the
    picture. Their later code takes the variance of distances relative to that of the outer corners
    of the eyes: ``relative``. The first 500 frames count, as there.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; NaN where no face was found.
        size: ``(width, height)`` of the picture.
        relative: the later definition, for which no figure of real clips is published here.

    Raises:
        ValueError: another shape.
    """
    points = _flat(points)[:_MAX_FRAMES]
    points = points[_found(points)]
    if len(points) < 2:
        return float("nan")
    lips = points[:, list(LIPS)] if relative else _in_square(points[:, list(LIPS)], size)
    first, second = np.triu_indices(len(LIPS), 1)
    distances = np.linalg.norm(lips[:, first] - lips[:, second], axis=-1)
    if not relative:
        return float(distances.std(axis=0).mean())
    left, right = (points[:, corner] for corner in _OUTER_CORNERS)
    return float((distances / np.linalg.norm(left - right, axis=-1)[:, None]).var(axis=0).mean())


def head_motion(angles: np.ndarray, centres: np.ndarray) -> float:
    """How much and how unevenly the head moves: ``√(σ · v + w)``.

    ``σ`` is the mean standard deviation of pitch, yaw and roll (degrees), ``v`` the mean variance
    of their change from frame to frame, ``w`` the mean variance of the face box's middle in pixels.
    Units are mixed, as there; ``w`` weighs most, so clips of one picture size alone compare. Real
    speakers: 18.47, in their clips' own pixels.

    Args:
        angles: ``[T, 3]`` pitch, yaw, roll in degrees; NaN where no face was found.
        centres: ``[T, 2]`` in pixels, e.g. of :func:`face_centres`.

    Raises:
        ValueError: other shapes.
    """
    angles, centres = np.asarray(angles, np.float64), np.asarray(centres, np.float64)
    if angles.ndim != 2 or angles.shape[1] != 3 or centres.shape != (len(angles), 2):
        raise ValueError(
            f"angles [T, 3] and centres [T, 2] are needed, got {list(angles.shape)} and "
            f"{list(centres.shape)}"
        )
    found = np.isfinite(angles).all(1) & np.isfinite(centres).all(1)
    angles, centres = angles[found], centres[found]
    if len(angles) < 3:
        return float("nan")
    turning = angles.std(0).mean() * np.diff(angles, axis=0).var(0).mean()
    return float(np.sqrt(turning + centres.var(0).mean()))


def face_centres(points: np.ndarray) -> np.ndarray:
    """Middles ``[T, 2]`` of the boxes about landmarks ``[T, 478, 2 or 3]``; NaN without a face."""
    points = _flat(points)
    return (points.min(axis=1) + points.max(axis=1)) / 2


def silent_lip_stability(
    points: np.ndarray, speech: np.ndarray, size: tuple[int, int], fps: float
) -> float:
    """How still the lips are in silence: ``median |o − mean(o)|`` over its frames; 0 is still.

    ``o`` is the mean height of eight pairs of inner lip points in distances of the eyes' outer
    corners, in the picture squeezed to a square. Silences of 0.3 s and more count. Real speakers:
    0.0263. NaN where fewer than two frames are silent.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; NaN where no face was found.
        speech: bool ``[T]``: frames in which somebody speaks.
        size: ``(width, height)`` of the picture.
        fps: frames a second.

    Raises:
        ValueError: other shapes.
    """
    points, speech = _flat(points), _speech(speech, len(points))
    points = points[_long_runs(~speech, _MIN_SILENCE * fps) & _found(points)]
    if len(points) < 2:
        return float("nan")
    points = _in_square(points, size)
    left, right = (points[:, corner] for corner in _OUTER_CORNERS)
    heights = np.abs(points[:, _UPPER, 1] - points[:, _LOWER, 1]).mean(1)
    opening = heights / np.linalg.norm(left - right, axis=-1)
    return float(np.median(np.abs(opening - opening.mean())))


def lip_volume_distance(
    points: np.ndarray, volume: np.ndarray, speech: np.ndarray, size: tuple[int, int]
) -> float:
    """THEval's "lip-sync": mean ``|o − v|`` while somebody speaks; real speakers: 0.2528.

    ``o`` is the opening of the lips, ``v`` the volume of the sound, both stretched to 0..1 over
    the frames with speech. Of unrelated uniform series it is 1/3. NaN where less than a tenth of
    the clip is speech.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; NaN where no face was found.
        volume: ``[T]`` of :func:`frame_volume`.
        speech: bool ``[T]``: frames in which somebody speaks.
        size: ``(width, height)`` of the picture.

    Raises:
        ValueError: other shapes.
    """
    points = _flat(points)
    speech, volume = _speech(speech, len(points)), np.asarray(volume, np.float64)
    if volume.shape != speech.shape:
        raise ValueError(f"volume must be [{len(points)}], got {list(volume.shape)}")
    used = speech & _found(points)
    if len(points) == 0 or speech.mean() < _MIN_SPEECH or used.sum() < 2:
        return float("nan")
    points = _in_square(points[used], size)
    heights = np.abs(points[:, _UPPER, 1].mean(1) - points[:, _LOWER, 1].mean(1))
    eyes = [points[:, list(pair), 0].mean(1) for pair in _INNER_AND_OUTER]
    opening = _stretched(heights / np.abs(eyes[0] - eyes[1]))
    return float(np.abs(opening - _stretched(volume[used])).mean())


def frame_volume(waveform: np.ndarray, rate: int, frames: int, fps: float) -> np.ndarray:
    """Root mean square of the sound in windows of 50 ms, at the times of video frames ``[T]``.

    Windows are centred on multiples of 50 ms, silence is added at the ends, and values between are
    interpolated: librosa's ``feature.rms`` as THEval calls it.

    Args:
        waveform: ``[N]``, mono.
        rate: samples a second.
        frames: T.
        fps: video frames a second.
    """
    step = int(rate * 0.05)
    power = np.pad(np.asarray(waveform, np.float64) ** 2, step // 2)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, len(power) - step + 1, step)
    if len(starts) == 0:
        return np.zeros(frames)
    rms = np.sqrt(np.maximum(sums[starts + step] - sums[starts], 0) / step)
    return np.interp(np.arange(frames) / fps, np.arange(len(rms)) * step / rate, rms)


def _speech(speech: np.ndarray, frames: int) -> np.ndarray:
    speech = np.asarray(speech, bool)
    if speech.shape != (frames,):
        raise ValueError(f"speech must be [{frames}], got {list(speech.shape)}")
    return speech


def _long_runs(mask: np.ndarray, length: float) -> np.ndarray:
    """The mask without runs of fewer than ``length`` frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    kept = np.zeros_like(mask)
    for start, end in edges.reshape(-1, 2):
        kept[start:end] = end - start >= length
    return kept


def _stretched(series: np.ndarray) -> np.ndarray:
    return (series - series.min()) / (np.ptp(series) + 1e-8)


def theval_scores(
    values: Mapping[str, float | None], ground_truth: Mapping[str, float] = GROUND_TRUTH
) -> dict[str, float | None]:
    """THEval's scores: ``1 − |m − GT| / |GT|`` of each mean, at most 1; its equation 12.

    A dimension and ``score`` are unweighted means of those measured; their final score also
    averages the three measures of picture quality. None where a measure is undefined.

    Args:
        values: measure → mean over clips; None or NaN where no clip has it.
        ground_truth: the same of real clips, not 0.

    Raises:
        ValueError: a measure is unknown.

    >>> scores = theval_scores({"lip_dynamics": 1.717, "head_motion": 18.47 / 2})
    >>> scores["lip_dynamics"], scores["head_motion"], scores["score"]
    (1.0, 0.5, 0.75)
    """
    unknown = sorted(set(values) - set(ground_truth))
    if unknown:
        raise ValueError(f"there is no ground truth for {', '.join(unknown)}")
    scores: dict[str, float | None] = {}
    for name, value in values.items():
        known = value is not None and np.isfinite(value)
        truth = ground_truth[name]
        scores[name] = 1 - abs(value - truth) / abs(truth) if known else None
    measured = {name: score for name, score in scores.items() if score is not None}
    for dimension, members in {**DIMENSIONS, "score": tuple(measured)}.items():
        used = [measured[name] for name in members if name in measured]
        scores[dimension] = float(np.mean(used)) if used else None
    return scores


def theval_measures(
    points: np.ndarray,
    angles: np.ndarray,
    volume: np.ndarray,
    speech: np.ndarray,
    size: tuple[int, int],
    fps: float,
) -> dict[str, float]:
    """All five raw measures of a clip, by the names of :data:`GROUND_TRUTH`; NaN where undefined.

    Arguments are those of the single functions.
    """
    return {
        "eyebrow_dynamics": eyebrow_dynamics(points),
        "lip_dynamics": lip_dynamics(points, size),
        "head_motion": head_motion(angles, face_centres(points)),
        "silent_lip_stability": silent_lip_stability(points, speech, size, fps),
        "lip_volume_distance": lip_volume_distance(points, volume, speech, size),
    }


class THEval(ClipMetric):
    """:func:`theval_measures` averaged over clips, then scored.

    Args:
        ground_truth: means of real clips to score against.

    ``update`` takes the arguments of :func:`theval_measures`. ``compute`` gives
    ``{"measures": {name: Summary}, "scores": theval_scores(…)}``.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(theval_measures)
    names = tuple(GROUND_TRUTH)

    def __init__(self, ground_truth: Mapping[str, float] = GROUND_TRUTH, **settings) -> None:
        super().__init__(**settings)
        self.ground_truth = dict(ground_truth)

    def compute(self) -> dict:
        """Summaries of the raw measures, and the scores of their means."""
        measures = super().compute()
        means = {name: summary["value"] for name, summary in measures.items()}
        return {"measures": measures, "scores": theval_scores(means, self.ground_truth)}
