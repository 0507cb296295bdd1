"""How well generated motion follows speech, and how alive it is: measured, beside a linear map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gen.audio.ridge import NeighbourRidge
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.metrics.agreement import lagged_correlation
from recognizer.metrics.sampling import bootstrap_interval
from recognizer.motion import MotionTrack

Features = np.ndarray
#: Frames within which lips may lie about their sound: what viewers put up with, and what files do.
_LAG, _SHIFT = 2, 6
#: Lips nearer than this (face heights) look closed.
_CLOSED = 0.015
#: Motion for speech features ``[T, 384]``: a :class:`gen.motion.MotionGenerator` or a stand-in.
Generate = Callable[[Features], MotionTrack | np.ndarray]


def lip_opening(motion: MotionTrack | np.ndarray) -> np.ndarray:
    """Distance of the inner lips ``[T]``, in face heights.

    A series is returned as it is; for a track it is the face model's.
    """
    if isinstance(motion, MotionTrack):
        return FaceModel.load().lip_opening(motion.blendshapes)
    return np.asarray(motion, dtype=np.float64)


def lip_sync_benchmark(
    generate: Generate,
    clips: Sequence[tuple[str, np.ndarray, np.ndarray | MotionTrack]],
    encode: Callable[[np.ndarray], Features],
) -> dict:
    """Correlation between generated and real lip opening, clip by clip.

    Args:
        generate: features ``[T, 384]`` → a track, or a series of lip openings ``[T]``.
        clips: name, waveform ``[N]`` at 16 kHz, and the real lip opening ``[T]`` at 25 fps or the
            real track. NaN stands for a frame without a face.
        encode: waveform → features at 25 fps.

    Returns:
        ``{"clips": [{name, r, r_best, lag, r_shifted, shift, frames}], "r": {mean, n, ci95},
        "r_best": {…}, "r_shifted": {…}, "constant": number of clips whose correlation is
        undefined}``: Pearson's r at lag 0, at the best lag within 80 ms, and at the best within
        240 ms, since published clips carry their sound that late or early themselves.
    """
    rows = []
    for name, waveform, real in clips:
        made = lip_opening(generate(encode(waveform)))
        real = lip_opening(real)
        frames = min(len(made), len(real))
        r, best, lag = lagged_correlation(made[:frames], real[:frames], _LAG)
        _, shifted, shift = lagged_correlation(made[:frames], real[:frames], _SHIFT)
        row = {"name": name, "r": r, "r_best": best, "lag": lag}
        rows.append(row | {"r_shifted": shifted, "shift": shift, "frames": frames})
    report: dict = {"clips": rows, "constant": sum(row["r"] is None for row in rows)}
    for key in ("r", "r_best", "r_shifted"):
        values = [row[key] for row in rows if row[key] is not None]
        report[key] = {
            "mean": float(np.mean(values)) if values else None,
            "n": len(values),
            "ci95": bootstrap_interval(values),
        }
    return report


def linear_lips(features: Sequence[Features], openings: Sequence[np.ndarray]) -> Generate:
    """The map to beat: a ridge regression from five speech frames to lip opening.

    Args:
        features: ``[T_i, D]`` of each training clip.
        openings: ``[T_i]`` of each.
    """
    ridge = NeighbourRidge.fit(features, [np.asarray(o)[:, None] for o in openings])
    return lambda heard: ridge(heard)[:, 0]


def liveliness(tracks: Sequence[MotionTrack], real: Sequence[MotionTrack] = ()) -> dict:
    """How much of a face moves besides the lips.

    Returns:
        ``head_std`` (standard deviation of pitch, yaw, roll within a clip, degrees),
        ``blinks_per_minute``, ``lips_closed`` (share of the frames), and, given real tracks,
        ``velocity_variance_ratio``: variance of the frame-to-frame change of the lips relative to
        theirs (1 is as lively as real, towards 0 frozen).
    """
    gaps = np.concatenate([lip_opening(t) for t in tracks]) - lip_opening(MotionTrack.zeros(1))[0]
    report = {
        "head_std": np.mean([t.pose[:, :3].std(0) for t in tracks], axis=0).tolist(),
        "blinks_per_minute": 60 * sum(_blinks(t) for t in tracks) / sum(t.duration for t in tracks),
        "lips_closed": float((gaps < _CLOSED).mean()),
    }
    if real:
        made = np.concatenate([np.diff(lip_opening(t)) for t in tracks])
        true = np.concatenate([np.diff(lip_opening(t)) for t in real])
        report["velocity_variance_ratio"] = float(made.var() / true.var())
    return report


def _blinks(track: MotionTrack, threshold: float = 0.5) -> int:
    lids = track.blendshapes[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]]
    shut = lids.mean(1) > threshold
    return int((shut[1:] & ~shut[:-1]).sum())


def seam_jerk_ratio(windows: Sequence[MotionTrack]) -> float | None:
    """Jerk where windows meet over jerk elsewhere; 1 means that no seam shows.

    The third difference of all columns, each divided by its own deviation, averaged over the frames
    whose difference spans a border, and over all others. ``None`` for a single window.
    """
    if len(windows) < 2:
        return None
    vectors = np.concatenate([w.to_vectors() for w in windows])
    vectors = vectors[:, vectors.std(0) > 1e-6]
    jerk = np.abs(np.diff(vectors / vectors.std(0), n=3, axis=0)).mean(1)
    at_border = np.zeros(len(jerk), bool)
    for border in np.cumsum([len(w) for w in windows[:-1]]):
        at_border[max(border - 3, 0) : border] = True
    return float(jerk[at_border].mean() / jerk[~at_border].mean())
