"""The recognizer on labelled pictures and on films: FER+, folders of one's own, speed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recognizer.affect import AffectTrack
from recognizer.affect_reader import read_motion
from recognizer.appearance_reader import read_crops
from recognizer.bench.affect_head import film_figures
from recognizer.bench.appearance import emotion_figures
from recognizer.data.faces import LabelledFaces
from recognizer.data.tracked_ferplus import track_picture
from recognizer.facs import AU_INDEX, AU_NAMES, EMOTIONS, PRESENT
from recognizer.fusion import Opinion, fuse
from recognizer.image_file import is_image
from recognizer.landmarks import FaceLandmarker
from recognizer.media import is_video
from recognizer.metrics.classification import confusion_matrix, f1_scores
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracked_files import Progress
from recognizer.tracker import NoFaceError

#: How folders of emotions are called elsewhere.
SYNONYMS: Mapping[str, str] = {
    "happy": "happiness", "joy": "happiness", "sad": "sadness", "angry": "anger",
    "surprised": "surprise", "disgusted": "disgust", "fearful": "fear", "afraid": "fear",
    "calm": "neutral", "contemptuous": "contempt",
}  # fmt: skip
_AU = re.compile(r"(?<![A-Za-z])AU\s*0*(\d+)", re.IGNORECASE)


def opinions(
    faces: LabelledFaces, head: AffectHead, network: AppearanceNet, reliability=(1.0, 1.0)
) -> list[Opinion]:
    """What both experts say of single faces, ``[N]`` each; NaN where the tracker finds none.

    Args:
        faces: with crops in the framing of FER+.
        head: reads their motion.
        network: reads their pixels.
        reliability: of either.
    """
    motion = np.full((len(faces), 58), np.nan, np.float32)
    with FaceLandmarker() as landmarker:
        for row, image in enumerate(faces.images):
            vector = track_picture(image, landmarker)
            if vector is not None:
                motion[row] = vector
    readings = [
        read_motion(MotionTrack.from_vectors(row[None]), head) if np.isfinite(row).all() else None
        for row in motion
    ]

    def gathered(name: str, width: int) -> np.ndarray:
        blank = np.full(width, np.nan)
        return np.stack([blank if r is None else getattr(r, name)[0] for r in readings])

    std = np.nan_to_num(gathered("valence_arousal_std", 2), nan=1.0)
    place, emotion = gathered("valence_arousal", 2), gathered("emotion", len(EMOTIONS))
    moved = Opinion("motion", place, std**2, emotion, reliability[0])
    return [moved, read_crops(faces.images, network, np.ones(len(faces), bool), reliability[1])]


def ferplus_benchmark(recognizer: Recognizer, faces: LabelledFaces) -> dict[str, Any]:
    """Both experts and their product on faces in FER+'s framing.

    A face that the tracker does not find is left to appearance.

    Returns:
        ``appearance``, ``motion`` (over the faces that were found) and ``fused``, each as of
        :func:`recognizer.bench.appearance.emotion_figures`; ``found``: how many were.

    Raises:
        ValueError: the recognizer has no appearance network.
    """
    if recognizer.appearance is None:
        raise ValueError("FER+ needs a recognizer with an appearance network")
    counted = (recognizer.reliability["motion"], recognizer.reliability["appearance"])
    experts = opinions(faces, recognizer.head, recognizer.appearance, counted)
    found = np.isfinite(experts[0].emotion[:, 0])

    def figures(emotion: np.ndarray, rows=slice(None)) -> dict[str, Any]:
        return emotion_figures(torch.from_numpy(emotion[rows]).log(), faces.emotion[rows])

    return {
        "found": int(found.sum()),
        "appearance": figures(experts[1].emotion),
        "motion": figures(experts[0].emotion, found),
        "fused": figures(fuse(experts).emotion),
    }


def emotion_folder_benchmark(
    recognizer: Recognizer, folder: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Emotions of pictures or films in one folder a class (``happiness/…``, also ``happy/…``).

    Returns:
        Figures as of :func:`recognizer.bench.appearance.emotion_figures`, and ``no_face``: the
        files in which none was found, which count as no guess and are left out.

    Raises:
        ValueError: no folder is called like an emotion, or nothing in them can be read.
    """
    named = {
        path: SYNONYMS.get(path.name.lower(), path.name.lower())
        for path in sorted(folder.iterdir())
        if path.is_dir()
    }
    files = [
        (path, EMOTIONS.index(emotion))
        for part, emotion in named.items()
        if emotion in EMOTIONS
        for path in _media(part)
    ]
    if not files:
        raise ValueError(f"{folder} holds no pictures in folders called {', '.join(EMOTIONS)}")
    tracks, label, lost = _read(recognizer, files, progress)
    emotion = [track.emotion[track.success].mean(axis=0) for track in tracks]
    logits = torch.from_numpy(np.log(np.maximum(emotion, 1e-9)))
    return {**emotion_figures(logits, np.eye(len(EMOTIONS))[label]), "no_face": lost}


def au_folder_benchmark(
    recognizer: Recognizer, folder: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Action units of pictures whose names say what they show (``AU6+AU12.jpg``).

    Returns:
        ``au``: by action unit that some but not all files show, ``n`` (files that do), ``f1`` (at
        an intensity of 1), ``best_f1`` (at the best threshold, an upper bound) and ``auc``;
        ``mean_f1``, ``mean_auc``, ``n``, ``no_face``.

    Raises:
        ValueError: no file name holds an action unit, or no face was found.
    """
    files = []
    for path in _media(folder):
        units = [AU_INDEX[f"AU{int(n):02d}"] for n in _AU.findall(path.stem)
                 if f"AU{int(n):02d}" in AU_INDEX]  # fmt: skip
        if units:
            files.append((path, np.isin(np.arange(len(AU_NAMES)), units)))
    if not files:
        raise ValueError(f"{folder} holds no pictures with names like AU6+AU12.jpg")
    tracks, truth, lost = _read(recognizer, files, progress)
    intensities = np.stack([track.aus[track.success].max(axis=0) for track in tracks])
    present = np.stack(truth)
    units = {
        name: _detection(present[:, i], intensities[:, i])
        for i, name in enumerate(AU_NAMES)
        if 0 < present[:, i].sum() < len(present)
    }
    return {
        "n": len(present),
        "threshold": PRESENT,
        "mean_f1": _mean([unit["f1"] for unit in units.values()]),
        "mean_auc": _mean([unit["auc"] for unit in units.values()]),
        "au": units,
        "no_face": lost,
    }


def film_benchmark(
    recognizer: Recognizer, folder: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """What is read from each film of a folder (see ``film_figures``), and how fast.

    Raises:
        ValueError: there is no film.
    """
    films = [path for path in _media(folder) if is_video(path)]
    if not films:
        raise ValueError(f"{folder} holds no films")
    report: dict[str, Any] = {}
    for number, path in enumerate(films):
        if progress:
            progress("films", number, len(films))
        begin = time.perf_counter()
        track = recognizer(path)
        seconds = time.perf_counter() - begin
        steady = film_figures(track.smoothed())["jitter"]
        figures = film_figures(track)
        report[path.name] = figures | {
            "jitter_smoothed": steady,
            "frames_per_second": round(len(track) / seconds, 1),
            "micro_expressions": len(track.micro_expressions()),
        }
    return report


def _media(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and (is_image(p) or is_video(p))]


def _read(
    recognizer: Recognizer, files: Sequence[tuple[Path, Any]], progress: Progress | None
) -> tuple[list[AffectTrack], list[Any], list[str]]:
    """Tracks and truths of the files that show a face, and the names of the others."""
    tracks, truths, lost = [], [], []
    for number, (path, truth) in enumerate(files):
        if progress:
            progress("pictures", number, len(files))
        try:
            tracks.append(recognizer(path))
        except NoFaceError:
            lost.append(path.name)
        else:
            truths.append(truth)
    if not tracks:
        raise ValueError(f"no face was found in any of {len(files)} files")
    return tracks, truths, lost


def _detection(truth: np.ndarray, intensity: np.ndarray) -> dict[str, float | int]:
    from sklearn.metrics import roc_auc_score

    def f1(threshold: float) -> float:
        return float(f1_scores(confusion_matrix(truth, intensity >= threshold, 2))[1])

    return {
        "n": int(truth.sum()),
        "f1": round(f1(PRESENT), 4),
        "best_f1": round(max(f1(threshold) for threshold in np.unique(intensity)), 4),
        "auc": round(float(roc_auc_score(truth, intensity)), 4),
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
