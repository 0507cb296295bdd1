"""Tracker benchmark: how well fitted and raw coefficients explain the landmarks of real clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gen.clip import ProgressHook
from recognizer.face_model import BROWS, FACE_BOTTOM, FACE_TOP, LIPS, LOWER_LID, UPPER_LID
from recognizer.fitting import FaceFitter
from recognizer.media import iter_frames, probe
from recognizer.motion_fitting import fit_motion
from recognizer.tracker import FaceTracker, largest

GROUPS: Mapping[str, tuple[int, ...]] = {
    "lips": LIPS,
    "lids": (*UPPER_LID[0], *UPPER_LID[1], *LOWER_LID[0], *LOWER_LID[1]),
    "brows": BROWS,
    "all": tuple(range(468)),
}
_VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm"}


def tracker_benchmark(folder: Path, hook: ProgressHook) -> dict:
    """Mean distance between landmarks and the posed face model, in % of the face's height.

    Three rows: ``neutral`` (no expression at all), ``raw`` (MediaPipe's scores as coefficients) and
    ``fitted`` (what :class:`recognizer.tracker.FaceTracker` returns). Identity is the same in all.

    Raises:
        ValueError: the folder holds no video with a face.
    """
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEOS)
    clips: dict[str, dict] = {}
    with FaceTracker() as tracker:
        for i, path in enumerate(videos, start=1):
            hook(f"tracking {path.name}", i, len(videos))
            tracks = tracker.video(iter_frames(path, max_side=960), probe(path).fps)
            if tracks:
                track = largest(tracks)
                seen = track.success
                clips[path.name] = _residuals(track.points[seen], track.scores[seen])
    if not clips:
        raise ValueError(f"{folder} holds no video with a face")
    mean = {
        row: {g: round(float(np.mean([c[row][g] for c in clips.values()])), 3) for g in GROUPS}
        for row in ("neutral", "raw", "fitted")
    }
    return {"unit": "% of face height", "mean": mean, "n": len(clips), "clips": clips}


def _residuals(points: np.ndarray, scores: np.ndarray) -> dict:
    fitted = fit_motion(points, scores, 25.0)
    person = fitted.fitter
    rows = {
        "neutral": np.zeros_like(scores),
        "raw": scores,
        "fitted": fitted.motion.blendshapes,
    }
    return {name: _distances(person, points, values) for name, values in rows.items()}


def _distances(person: FaceFitter, points: np.ndarray, coefficients: np.ndarray) -> dict:
    shape = person.shape
    height = np.linalg.norm(shape[FACE_TOP] - shape[FACE_BOTTOM])
    away = []
    for frame, values in zip(points.astype(np.float64), coefficients, strict=True):
        face = person.face(values)
        pose = person.pose_of(face, frame)
        away.append(np.linalg.norm((pose.unproject(frame) - face)[:, :2], axis=1))
    mean = np.mean(away, axis=0) / height * 100
    return {name: round(float(mean[list(index)].mean()), 3) for name, index in GROUPS.items()}
