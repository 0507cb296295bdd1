"""Faces that show known action units: rendered heads, and what many judges agree on.

``python -m recognizer.data.au_faces -o au_faces.npz --ferplus FERPLUS.npz --people 2000`` renders
people who do not exist, 30 pictures of each, aligned by the head's true landmarks as
:func:`recognizer.crop.face_crop` does. The faces of FER+ that nearly all judges called by one
emotion join them with what EMFACS says of it, as intervals: an action unit of its prototype shows
at least so much. A picture takes 20 ms on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from recognizer.crop import CROP_PIXELS, face_crop
from recognizer.data.activation import intensity
from recognizer.data.faces import LabelledFaces, concatenate, save_faces
from recognizer.data.ferplus import FerPlus
from recognizer.data.posed_head import PosedHead, drawn_pose, neutral, shown
from recognizer.data.wrinkles import Wrinkles
from recognizer.facs import AU_INDEX, AU_MAX, EMOTIONS

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
#: Side of the pictures: a face is some 90 pixels wide, half as much again as in its crop.
_PIXELS = 192
#: Landmarks of a tracker scatter around the true ones: of the whole face, in crop pixels of 64.
_SCATTER = 1.0


def person_faces(rng: np.random.Generator, count: int, pixels: int = CROP_PIXELS) -> LabelledFaces:
    """``count`` pictures of one rendered person, the first at rest, with exact action units.

    A blink needs its second, so that AU45 is not labelled.
    """
    head = PosedHead(rng, Wrinkles(np.random.default_rng(rng.integers(2**32))), _PIXELS)
    crops, truth = [], []
    turn = drawn_pose(rng, 0.5)
    for number in range(count):
        expression = shown(rng, blends=0.6) if number else neutral()
        pose = turn + drawn_pose(rng, 0.6)
        picture = head.picture(expression, pose, rng.random() < 0.35, clean=number == 0)
        points = picture.landmarks[:, :2]
        spread = np.ptp(points[:, 0]) / 64 * _SCATTER
        moved = points + rng.normal(0, spread, 2) + rng.normal(0, spread / 2, points.shape)
        crops.append(face_crop(picture.pixels, moved, pixels))
        truth.append(intensity(picture.truth))
    au = np.array(truth, np.float32)
    au[:, AU_INDEX["AU45"]] = np.nan
    return LabelledFaces(np.stack(crops), au=au)


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


def build(
    people: int, per_person: int, ferplus: FerPlus | None, seed: int = 0, workers: int = 1
) -> dict[str, LabelledFaces]:
    """Faces by split: rendered people (a twentieth validates) and those of FER+."""
    seeds = [np.random.default_rng([seed, 2, number]) for number in range(people)]
    with ProcessPoolExecutor(workers) as pool:
        rendered = list(pool.map(person_faces, seeds, [per_person] * people, chunksize=8))
    kept = max(1, people // 20)
    splits = {"train": rendered[kept:], "valid": rendered[:kept]}
    if ferplus is not None:
        for name, rule in (("train", "votes"), ("valid", "majority")):
            faces = judged(ferplus.faces(name, rule))
            side = (CROP_PIXELS, CROP_PIXELS)
            images = [cv2.resize(x, side, interpolation=cv2.INTER_CUBIC) for x in faces.images]
            splits[name].append(faces.with_images(np.stack(images)))
    return {name: concatenate(parts) for name, parts in splits.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--ferplus", type=Path)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--per-person", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args()
    ferplus = FerPlus.load(options.ferplus) if options.ferplus else None
    splits = build(options.people, options.per_person, ferplus, options.seed, options.workers)
    save_faces(options.output, splits)
    print(f"{options.output}: " + ", ".join(f"{len(f)} {name}" for name, f in splits.items()))


if __name__ == "__main__":
    main()
