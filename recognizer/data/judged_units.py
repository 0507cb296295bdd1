"""What is known of the action units of FER+'s faces, as intervals.

``python -m recognizer.data.judged_units FERPLUS.npz -o judged.npz`` asks two witnesses. Where
nearly all judges agreed on an emotion, EMFACS says which action units show at least or at most so
much. And geometry tells parted lips, an open jaw, a smile and shut eyes: the intervals are those
that the packaged affect head names. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from recognizer.affect_reader import load_head, read_motion
from recognizer.crop import UNIT_PIXELS
from recognizer.data.face_files import save_faces
from recognizer.data.faces import LabelledFaces
from recognizer.data.ferplus import FerPlus
from recognizer.data.tracked_ferplus import track_picture
from recognizer.facs import AU_INDEX, AU_MAX, EMOTIONS
from recognizer.landmarks import FaceLandmarker
from recognizer.motion import MotionTrack

#: Of faces that nearly everybody calls by an emotion, the least intensities (EMFACS).
_AT_LEAST: Mapping[str, Mapping[str, float]] = {
    "happiness": {"AU06": 1.5, "AU12": 2.0},
    "surprise": {"AU01": 1.5, "AU02": 1.5, "AU05": 1.0, "AU25": 1.0},
    "anger": {"AU04": 1.5},
    "disgust": {"AU09": 1.0},
}
#: And the highest: of a neutral face all but these, of others a few opposites.
_FREE = ("AU25", "AU26", "AU43")
_AT_MOST: Mapping[str, Mapping[str, float]] = {
    "neutral": {name: 0.5 for name in AU_INDEX if name not in _FREE},
    "happiness": {"AU15": 0.5, "AU09": 1.0, "AU18": 1.0, "AU24": 1.0},
    "surprise": {"AU04": 1.0, "AU09": 0.5, "AU12": 1.5, "AU24": 0.5, "AU43": 0.5},
    "anger": {"AU12": 1.0, "AU43": 1.0},
    "sadness": {"AU12": 1.0, "AU09": 1.0},
}
#: What geometry tells of a stranger's single picture (see the card of ``affect_motion``).
_TOLD = ("AU12", "AU25", "AU26", "AU27", "AU43")


def judged(faces: LabelledFaces, agreed: float = 0.85) -> LabelledFaces:
    """Faces with emotions, and the intervals of action units that a share of ``agreed`` or more of
    the judges implies."""
    au = np.full((len(faces), len(AU_INDEX)), np.nan, np.float32)
    most = au.copy()
    for number, emotion in enumerate(EMOTIONS):
        rows = faces.emotion[:, number] >= agreed
        for name in AU_INDEX:
            least = _AT_LEAST.get(emotion, {}).get(name)
            highest = _AT_MOST.get(emotion, {}).get(name)
            if least is not None or highest is not None:
                au[rows, AU_INDEX[name]] = least or 0.0
                most[rows, AU_INDEX[name]] = AU_MAX if highest is None else highest
    return LabelledFaces(faces.images, emotion=faces.emotion, au=au, au_most=most)


def told_by_geometry(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of one standard deviation to either side, by the packaged affect head.

    Args:
        images: uint8 ``[N, S, S]`` in the framing of FER+.

    Returns:
        Least and highest intensities ``[N, 24]``, NaN for other action units and where the tracker
        finds no face.
    """
    import torch

    torch.set_num_threads(1)
    head, columns = load_head(), [AU_INDEX[name] for name in _TOLD]
    least, most = (np.full((len(images), len(AU_INDEX)), np.nan, np.float32) for _ in range(2))
    with FaceLandmarker() as landmarker:
        for row, image in enumerate(images):
            vector = track_picture(image, landmarker)
            if vector is not None:
                found = read_motion(MotionTrack.from_vectors(vector[None]), head)
                mean, std = found.aus[0, columns], found.aus_std[0, columns]
                least[row, columns] = np.clip(mean - std, 0, AU_MAX)
                most[row, columns] = np.clip(mean + std, 0, AU_MAX)
    return least, most


def build(ferplus: FerPlus, workers: int = 1, most: int | None = None) -> dict[str, LabelledFaces]:
    """FER+'s training and validation faces by split; judges go before geometry.

    Args:
        ferplus: the set.
        workers: processes.
        most: faces of each split at most.
    """
    splits = {}
    for split, rule in (("train", "votes"), ("valid", "majority")):
        faces = judged(ferplus.faces(split, rule)[:most])
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(told_by_geometry, np.array_split(faces.images, 8 * workers)))
        for name, told in zip(("au", "au_most"), zip(*parts, strict=True), strict=True):
            said = getattr(faces, name)
            setattr(faces, name, np.where(np.isnan(said), np.concatenate(told), said))
        side = (UNIT_PIXELS, UNIT_PIXELS)
        images = [cv2.resize(x, side, interpolation=cv2.INTER_CUBIC) for x in faces.images]
        splits[split] = faces.with_images(np.stack(images))
    return splits


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args()
    splits = build(FerPlus.load(options.ferplus), options.workers)
    save_faces(options.output, splits)
    print(f"{options.output}: " + ", ".join(f"{len(f)} {name}" for name, f in splits.items()))


if __name__ == "__main__":
    main()
