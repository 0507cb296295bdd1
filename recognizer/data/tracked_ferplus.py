"""FER+'s faces as the face tracker reads them.

``python -m recognizer.data.tracked_ferplus FERPLUS.npz -o FILE`` enlarges each 48-pixel face, puts
grey around it so that the detector sees a head and not a wall of skin, and fits the face model to
the single picture. Faces that the tracker does not find are left out (3 % of them). Seven minutes
on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from recognizer.data.faces import SPLITS
from recognizer.data.ferplus import FerPlus
from recognizer.data.motion_samples import SHOWN, MotionSamples
from recognizer.facs import AU_NAMES
from recognizer.landmarks import FaceLandmarker
from recognizer.motion_fitting import fit_motion

_PIXELS, _MARGIN, _GREY = 240, 72, 128
#: Which faces of a split are kept: validation and test by the rule of the published figures.
_RULES = {"train": "votes", "valid": "majority", "test": "majority"}


def track_picture(face: np.ndarray, landmarker: FaceLandmarker) -> np.ndarray | None:
    """``[58]`` of a face uint8 ``[S, S]`` that fills its picture; ``None`` where none is found."""
    large = cv2.resize(face, (_PIXELS, _PIXELS), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, *[_MARGIN] * 4, borderType=cv2.BORDER_CONSTANT, value=_GREY)
    faces = landmarker.detect(np.repeat(framed[..., None], 3, axis=2))
    if not faces or faces[0].size < _PIXELS / 2:
        return None
    fitted = fit_motion(faces[0].points[None], faces[0].scores[None], 25.0)
    return fitted.motion.to_vectors()[0]


def build(ferplus: FerPlus, most: int | None = None) -> tuple[MotionSamples, dict[str, int]]:
    """Samples of all splits, and how many faces of each were not found.

    Args:
        ferplus: the set.
        most: faces of each split at most.
    """
    motion, emotion, split, lost = [], [], [], {}
    with FaceLandmarker() as landmarker:
        for number, name in enumerate(SPLITS):
            faces = ferplus.faces(name, _RULES[name])
            lost[name] = 0
            for image, votes in zip(faces.images[:most], faces.emotion[:most], strict=True):
                vector = track_picture(image, landmarker)
                if vector is None:
                    lost[name] += 1
                    continue
                motion.append(vector)
                emotion.append(votes)
                split.append(number)
    count = len(motion)
    rows = np.arange(count, dtype=np.int32)
    samples = MotionSamples(
        motion=np.array(motion).reshape(count, 58),
        activation=np.full((count, len(AU_NAMES)), np.nan),
        emotion=np.array(emotion).reshape(count, 8),
        person=rows,
        take=rows,
        role=np.full(count, SHOWN, np.uint8),
        alone=np.ones(count, bool),
        split=np.array(split, np.uint8),
    )
    return samples, lost


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    samples, lost = build(FerPlus.load(options.ferplus))
    samples.save(options.output)
    print(f"{options.output}: {len(samples)} faces; not found: {lost}")


if __name__ == "__main__":
    main()
