"""Rendered heads that make known action units, read back by the face tracker.

``python -m recognizer.data.posed_heads -o FILE --count 700`` renders people who do not exist, each
in one varied take and three that hold an expression, most of them talking; every picture goes
through MediaPipe and the fit of :mod:`recognizer.tracker`. What comes out are the coefficients that
the tracker really delivers: shrunk, mixed up and noisy. Each person's shape is solved in three
ways, as a tracker may meet them: from the varied take, from the held take alone, from a single
picture. A person takes 1.5 s on one core and gives about 100 frames.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from recognizer.data.activation import Person, activation, au_vector, combined
from recognizer.data.motion_samples import REST, SHOWN, SHUT, MotionSamples
from recognizer.data.rendered_head import SeeingHead
from recognizer.facs import ARKIT_INDEX, AU_INDEX, AU_NAMES, EMOTION_TO_AU, EMOTIONS, sides
from recognizer.fitting import FaceFitter
from recognizer.landmarks import FaceLandmarks
from recognizer.tracker import FaceTracker, fit_motion

_PIXELS = 288
_VARIED, _HELD_TAKES, _HELD = 14, 3, 10
#: Shares of a split's people: the rest trains.
_VALID, _TEST = 0.08, 0.17
#: What lips and jaw do in speech, as activations: closed, f, a, e, o, u, sh, l.
_VISEMES = tuple(
    au_vector(v)
    for v in (
        {}, {"AU24": 0.2}, {"AU28": 0.3, "AU25": 0.1}, {"AU25": 0.5, "AU26": 0.7},
        {"AU25": 0.5, "AU26": 0.3, "AU20": 0.3}, {"AU18": 0.4, "AU25": 0.4, "AU26": 0.4},
        {"AU18": 0.8, "AU25": 0.2, "AU26": 0.1}, {"AU22": 0.6, "AU25": 0.5, "AU26": 0.1},
        {"AU25": 0.6, "AU26": 0.3},
    )
)  # fmt: skip
#: Movements without an action unit in the set: stem → how often, up to which value.
_OTHER = {
    "jawLeft": (0.05, 0.5), "jawRight": (0.05, 0.5), "jawForward": (0.05, 0.6),
    "mouthLeft": (0.05, 0.4), "mouthRight": (0.05, 0.4), "cheekPuff": (0.04, 0.8),
    "mouthLowerDown": (0.08, 0.5), "mouthShrugUpper": (0.08, 0.4),
}  # fmt: skip
#: Not chosen for blends: shut eyes have frames of their own, and AU45 is AU43 in a hurry.
_BLENDED = [i for i, name in enumerate(AU_NAMES) if name not in ("AU43", "AU45")]


@dataclass
class Expression:
    """What a face shows: activations ``[24]``, sides ``[24]`` (see ``Person``), the emotion
    ``[8]``, NaN where nobody says."""

    shares: np.ndarray
    one_sided: np.ndarray
    emotion: np.ndarray

    def weakened(self, factor: float) -> Expression:
        """The same with all movements, and the distance from neutral, times ``factor``."""
        neutral = np.eye(len(EMOTIONS))[0]
        emotion = neutral + factor * (self.emotion - neutral)
        return Expression(factor * self.shares, self.one_sided, emotion)


def neutral() -> Expression:
    """The face at rest."""
    nothing = np.zeros(len(AU_NAMES))
    return Expression(nothing, nothing, np.eye(len(EMOTIONS))[0])


def blend(rng: np.random.Generator) -> Expression:
    """One to four action units at any intensity; no emotion is claimed."""
    shares, one_sided = np.zeros(len(AU_NAMES)), np.zeros(len(AU_NAMES))
    chosen = rng.choice(_BLENDED, rng.choice([1, 2, 3, 4], p=[0.25, 0.3, 0.25, 0.2]), replace=False)
    shares[chosen] = activation(rng.uniform(0.5, 5, len(chosen)))
    if rng.random() < 0.15:
        shares[AU_INDEX["AU43"]] = rng.uniform(0.2, 1)
    one_sided[chosen] = np.where(rng.random(len(chosen)) < 0.06, rng.choice([-1, 1]), 0)
    return Expression(shares, one_sided, np.full(len(EMOTIONS), np.nan))


def emotional(rng: np.random.Generator) -> Expression:
    """A prototype of EMFACS as people vary it, between a trace and full."""
    which = int(rng.integers(1, len(EMOTIONS)))
    strength = rng.uniform(0.25, 1)
    intensities, one_sided = np.zeros(len(AU_NAMES)), np.zeros(len(AU_NAMES))
    side = rng.choice([-1, 1])
    for name, value in EMOTION_TO_AU[EMOTIONS[which]].items():
        if rng.random() < 0.85:
            intensities[AU_INDEX[name[:4]]] = strength * value * rng.normal(1, 0.25)
            one_sided[AU_INDEX[name[:4]]] = side * (len(name) > 4)
    if rng.random() < 0.3:
        extra = rng.choice(_BLENDED)
        intensities[extra] = max(intensities[extra], rng.uniform(0, 2))
    emotion = np.zeros(len(EMOTIONS))
    # Judges agree on a moderate expression nearly as well as on a strong one.
    emotion[which] = 0.95 * strength**0.6
    emotion[0] = 1 - emotion[which]
    return Expression(activation(intensities.clip(0, 5)), one_sided, emotion)


def shown(rng: np.random.Generator, blends: float) -> Expression:
    """Any expression; a share of ``blends``, the others emotional, some of them neutral."""
    if rng.random() < blends:
        return blend(rng)
    return neutral() if rng.random() < 0.2 else emotional(rng)


class PosedHead:
    """One rendered person in front of the tracker.

    Args:
        rng: chooses everything.
        tracker: reads the pictures.
    """

    def __init__(self, rng: np.random.Generator, tracker: FaceTracker) -> None:
        self._rng, self._tracker = rng, tracker
        self._head = SeeingHead(rng, _PIXELS)
        self._person = Person(rng)
        self._grey = rng.random() < 0.3
        self._shrink = rng.uniform(0.25, 1) if rng.random() < 0.5 else 1.0

    def frame(
        self, expression: Expression, pose: np.ndarray, talks: bool, clean: bool = False
    ) -> tuple[FaceLandmarks | None, np.ndarray]:
        """What the tracker sees (``None``: no face), and the true activations ``[24]``.

        Args:
            expression: what is shown.
            pose: ``[6]`` relative to the head's own.
            talks: lips are somewhere in speech.
            clean: nothing else moves.
        """
        rng = self._rng
        shares = expression.shares
        if talks:
            viseme = _VISEMES[rng.integers(len(_VISEMES))] * rng.uniform(0.5, 1.3)
            shares = combined(shares, viseme.clip(0, 1))
        coefficients = self._person.coefficients(shares, expression.one_sided)
        jaw = coefficients[ARKIT_INDEX["jawOpen"]]
        if jaw > 0 and rng.random() < 0.15:
            coefficients[ARKIT_INDEX["mouthClose"]] = 0.5 * jaw
        if not clean:
            coefficients = combined(coefficients, self._other())
        truth = self._person.truth(shares, coefficients)
        drawn = np.clip(coefficients + self._person.rest, 0, 1.2)
        faces = self._tracker.detect(self._seen(self._head.render(drawn, pose)))
        return (faces[0] if faces else None), truth

    def _other(self) -> np.ndarray:
        rng, moved = self._rng, np.zeros(len(ARKIT_INDEX))
        for stem, (often, most) in _OTHER.items():
            if rng.random() < often:
                moved[[ARKIT_INDEX[name] for name in sides(stem)]] = rng.uniform(0, most)
        across, down = rng.normal(0, 0.25, 2)
        left, right = ("Out", "In") if across > 0 else ("In", "Out")
        moved[ARKIT_INDEX[f"eyeLook{left}Left"]] = moved[ARKIT_INDEX[f"eyeLook{right}Right"]] = min(
            1, abs(across)
        )
        for name in sides("eyeLookDown" if down > 0 else "eyeLookUp"):
            moved[ARKIT_INDEX[name]] = min(1, abs(down))
        return moved

    def _seen(self, picture: np.ndarray) -> np.ndarray:
        if self._grey:
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        if self._shrink < 1:
            small = cv2.resize(
                picture, None, fx=self._shrink, fy=self._shrink, interpolation=cv2.INTER_AREA
            )
            picture = cv2.resize(small, (_PIXELS, _PIXELS), interpolation=cv2.INTER_CUBIC)
        return picture


@dataclass
class _Take:
    """Frames that belong together; the first is at rest, the second has shut eyes."""

    faces: list[FaceLandmarks]
    truth: list[np.ndarray]
    emotion: list[np.ndarray]

    def measured(self, fitter: FaceFitter) -> np.ndarray:
        points = np.stack([face.points for face in self.faces])
        scores = np.stack([face.scores for face in self.faces])
        return fit_motion(points, scores, 25.0, fitter=fitter).motion.to_vectors()


def person_samples(rng: np.random.Generator, tracker: FaceTracker) -> MotionSamples | None:
    """All takes of one person; ``None`` where the tracker does not find the face at rest."""
    head = PosedHead(rng, tracker)
    ends = [neutral(), Expression(au_vector({"AU43": 1.0}), neutral().one_sided, neutral().emotion)]
    quiet = [head.frame(e, _pose(rng, 0.3), talks=False, clean=True) for e in ends]
    if any(face is None for face, _ in quiet):
        return None

    def take(expressions: list[Expression], talks: list[bool], turn: np.ndarray) -> _Take:
        # A take begins with the person at rest and with shut eyes.
        taken = _Take([f for f, _ in quiet], [t for _, t in quiet], [e.emotion for e in ends])
        for expression, talk in zip(expressions, talks, strict=True):
            face, truth = head.frame(expression, turn + _pose(rng, 0.3), talk)
            if face is not None:
                taken.faces.append(face)
                taken.truth.append(truth)
                taken.emotion.append(expression.emotion)
        return taken

    varied = take(
        [shown(rng, blends=0.7) for _ in range(_VARIED)],
        list(rng.random(_VARIED) < 0.3),
        _pose(rng, 0.7),
    )
    takes = [(varied, fitter := _solved(varied.faces))]
    for _ in range(_HELD_TAKES):
        expression, talks = shown(rng, blends=0.35), rng.random() < 0.7
        factors = 1 - 0.4 * rng.random(_HELD) ** 2
        held = take(
            [expression.weakened(f) for f in factors],
            list(rng.random(_HELD) < 0.85 * talks),
            _pose(rng, 0.7),
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
        split=np.zeros(sum(lengths), np.uint8),
    )


def _pose(rng: np.random.Generator, scale: float) -> np.ndarray:
    angles = rng.normal(0, (8, 13, 6)).clip(-30, 30)
    return scale * np.concatenate([angles, rng.normal(0, (0.04, 0.04, 0.2))])


def build(count: int, seed: int = 0) -> MotionSamples:
    """Samples of ``count`` people, split by person; the same seed makes the same people."""
    from recognizer.data.motion_samples import concatenate

    people = []
    with FaceTracker() as tracker:
        for number in range(count):
            samples = person_samples(np.random.default_rng([seed, number]), tracker)
            if samples is None:
                continue
            share = (number * 0.618034) % 1
            samples.split[:] = 1 if share < _VALID else 2 if share < _VALID + _TEST else 0
            people.append(samples)
    return concatenate(people)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=600, help="people")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    samples = build(options.count, options.seed)
    samples.save(options.output)
    people = len(np.unique(samples.person))
    print(f"{options.output}: {len(samples)} frames of {people} people")


if __name__ == "__main__":
    main()
