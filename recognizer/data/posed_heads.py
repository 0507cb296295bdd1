"""Rendered heads that make known action units, read back by the face tracker.

``python -m recognizer.data.posed_heads -o FILE --count 700`` renders people who do not exist, each
in one varied take and three that hold an expression, most of them talking; every picture goes
through MediaPipe and :mod:`recognizer.motion_fitting`. What comes out are the coefficients that the
tracker really delivers: shrunk, mixed up and noisy. Each person's shape is solved in three ways, as
a tracker may meet them: from the varied take, from the held take alone, from a single picture. A
person takes 1.5 s on one core and gives about 100 frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recognizer.brow_reader import brow_places
from recognizer.crop import UNIT_PIXELS, face_crop
from recognizer.data.activation import au_vector
from recognizer.data.faces import SPLITS
from recognizer.data.motion_samples import REST, SHOWN, SHUT, MotionSamples
from recognizer.data.posed_head import (
    Expression,
    HeadPicture,
    PosedHead,
    drawn_pose,
    neutral,
    shown,
)
from recognizer.data.wrinkles import Wrinkles
from recognizer.fitting import FaceFitter
from recognizer.landmarks import FaceLandmarks
from recognizer.motion_fitting import fit_motion
from recognizer.tracker import FaceTracker

_VARIED, _HELD_TAKES, _HELD = 14, 3, 10
#: Shares of a split's people: the rest trains.
_VALID, _TEST = 0.08, 0.17


@dataclass
class _Take:
    """Frames that belong together; the first is at rest, the second has shut eyes."""

    faces: list[FaceLandmarks]
    truth: list[np.ndarray]
    emotion: list[np.ndarray]
    crops: list[np.ndarray]

    def add(self, picture: HeadPicture, face: FaceLandmarks, emotion: np.ndarray) -> None:
        self.faces.append(face)
        self.truth.append(picture.truth)
        self.emotion.append(emotion)
        self.crops.append(face_crop(picture.pixels, face.points, UNIT_PIXELS))

    def measured(self, fitter: FaceFitter) -> np.ndarray:
        points = np.stack([face.points for face in self.faces])
        scores = np.stack([face.scores for face in self.faces])
        return fit_motion(points, scores, 25.0, fitter=fitter).motion.to_vectors()


def person_samples(
    rng: np.random.Generator, tracker: FaceTracker, wrinkles: Wrinkles | None = None
) -> MotionSamples | None:
    """All takes of one person; ``None`` where the tracker does not find the face at rest."""
    head = PosedHead(rng, wrinkles)

    def look(expression: Expression, pose: np.ndarray, talks: bool, clean: bool = False):
        picture = head.picture(expression, pose, talks, clean)
        faces = tracker.detect(picture.pixels)
        return picture, (faces[0] if faces else None), expression.emotion

    ends = [neutral(), Expression(au_vector({"AU43": 1.0}), neutral().one_sided, neutral().emotion)]
    quiet = [look(e, drawn_pose(rng, 0.3), talks=False, clean=True) for e in ends]
    if any(face is None for _, face, _ in quiet):
        return None

    def take(expressions: list[Expression], talks: list[bool], turn: np.ndarray) -> _Take:
        # A take begins with the person at rest and with shut eyes.
        taken = _Take([], [], [], [])
        looks = (
            look(expression, turn + drawn_pose(rng, 0.3), talk)
            for expression, talk in zip(expressions, talks, strict=True)
        )
        for picture, face, emotion in [*quiet, *looks]:
            if face is not None:
                taken.add(picture, face, emotion)
        return taken

    varied = take(
        [shown(rng, blends=0.7) for _ in range(_VARIED)],
        list(rng.random(_VARIED) < 0.3),
        drawn_pose(rng, 0.7),
    )
    takes = [(varied, fitter := _solved(varied.faces))]
    for _ in range(_HELD_TAKES):
        expression, talks = shown(rng, blends=0.35), rng.random() < 0.7
        factors = 1 - 0.4 * rng.random(_HELD) ** 2
        held = take(
            [expression.weakened(f) for f in factors],
            list(rng.random(_HELD) < 0.85 * talks),
            drawn_pose(rng, 0.7),
        )
        takes.append((held, fitter))
        if len(held.faces) > 4:
            # Of a clip that holds an expression, the tracker never sees the face at rest.
            takes.append((held, _solved(held.faces[2:])))
    rows = [(t, t.measured(fitter)) for t, fitter in takes]
    samples = _samples([*rows, (varied, _alone(varied))])
    samples.alone[samples.take == len(rows)] = True
    return samples


def _alone(take: _Take) -> np.ndarray:
    """Each picture fitted by itself."""
    return np.concatenate(
        [
            fit_motion(face.points[None], face.scores[None], 25.0).motion.to_vectors()
            for face in take.faces
        ]
    )


def _solved(faces: list[FaceLandmarks]) -> FaceFitter:
    points = np.stack([face.points for face in faces])
    return FaceFitter().fit_identity(points, np.stack([face.scores for face in faces]))


def _samples(rows: list[tuple[_Take, np.ndarray]]) -> MotionSamples:
    lengths = [len(motion) for _, motion in rows]
    role = np.concatenate([[REST, SHUT] + [SHOWN] * (n - 2) for n in lengths]).astype(np.uint8)
    return MotionSamples(
        motion=np.concatenate([motion for _, motion in rows]),
        activation=np.concatenate([np.stack(take.truth) for take, _ in rows]),
        emotion=np.concatenate([np.stack(take.emotion) for take, _ in rows]),
        person=np.zeros(sum(lengths), np.int32),
        take=np.repeat(np.arange(len(rows)), lengths).astype(np.int32),
        role=role,
        alone=np.zeros(sum(lengths), bool),
        crops=np.concatenate([np.stack(take.crops) for take, _ in rows]),
        brows=np.concatenate(
            [brow_places(np.stack([face.points for face in take.faces])) for take, _ in rows]
        ).astype(np.float32),
        split=np.zeros(sum(lengths), np.uint8),
    )


def build(
    count: int,
    seed: int = 0,
    splits: Collection[str] = SPLITS,
    pictures: bool = False,
) -> MotionSamples:
    """Samples of ``count`` people, split by person; the same seed makes the same people.

    Args:
        count: people of all splits.
        seed: of everything.
        splits: the others are left out.
        pictures: skin wrinkles, and the samples keep crops and brows.
    """
    from recognizer.data.motion_samples import concatenate

    people = []
    with FaceTracker() as tracker:
        for number in range(count):
            share = (number * 0.618034) % 1
            split = 1 if share < _VALID else 2 if share < _VALID + _TEST else 0
            if SPLITS[split] not in splits:
                continue
            wrinkles = Wrinkles(np.random.default_rng([seed, number, 1])) if pictures else None
            rng = np.random.default_rng([seed, number])
            samples = person_samples(rng, tracker, wrinkles)
            if samples is None:
                continue
            samples.split[:] = split
            people.append(samples if pictures else replace(samples, crops=None, brows=None))
    return concatenate(people)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=600, help="people")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS)
    parser.add_argument(
        "--pictures", action="store_true", help="wrinkled skin; keep crops and brows"
    )
    options = parser.parse_args()
    samples = build(options.count, options.seed, options.splits, options.pictures)
    samples.save(options.output)
    people = len(np.unique(samples.person))
    print(f"{options.output}: {len(samples)} frames of {people} people")


if __name__ == "__main__":
    main()
