"""Rendered faces that show known action units, aligned for the network that looks at pictures.

``python -m recognizer.data.au_faces -o au_faces.npz --people 2200`` renders people who do not
exist, 30 pictures of each, aligned by the head's true landmarks as
:func:`recognizer.crop.face_crop` does. A picture takes 15 ms on one core.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from recognizer.crop import UNIT_PIXELS, face_crop
from recognizer.data.activation import intensity
from recognizer.data.face_files import save_faces
from recognizer.data.faces import LabelledFaces, concatenate
from recognizer.data.posed_head import PosedHead, drawn_pose, neutral, shown
from recognizer.data.wrinkles import Wrinkles
from recognizer.facs import AU_INDEX

#: Side of the pictures: a face is some 90 pixels wide, half as much again as in its crop.
_PIXELS = 192
#: Landmarks of a tracker scatter around the true ones: of the whole face, in crop pixels of 64.
_SCATTER = 1.0


def person_faces(rng: np.random.Generator, count: int, pixels: int = UNIT_PIXELS) -> LabelledFaces:
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


def build(
    people: int, per_person: int, seed: int = 0, workers: int = 1
) -> dict[str, LabelledFaces]:
    """Faces by split; a twentieth of the people validates."""
    seeds = [np.random.default_rng([seed, 2, number]) for number in range(people)]
    with ProcessPoolExecutor(workers) as pool:
        faces = list(pool.map(person_faces, seeds, [per_person] * people, chunksize=8))
    kept = max(1, people // 20)
    return {"train": concatenate(faces[kept:]), "valid": concatenate(faces[:kept])}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--per-person", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args()
    splits = build(options.people, options.per_person, options.seed, options.workers)
    save_faces(options.output, splits)
    print(f"{options.output}: " + ", ".join(f"{len(f)} {name}" for name, f in splits.items()))


if __name__ == "__main__":
    main()
