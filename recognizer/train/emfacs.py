"""The model of EMFACS from rendered people, and how bold readers are on real ones.

``python -m recognizer.train.emfacs SEEN.npz FERPLUS.npz -o recognizer/weights/emfacs.json`` lets
both experts for action units read rendered people who trained neither
(``recognizer.data.posed_heads --pictures``) and are known at rest. The validation people's pictures
give how much readers make of an intensity of each unit, hence what they make of each prototype of
:data:`recognizer.facs.EMOTION_TO_AU` (a table that changes without new pictures), and their takes,
means over ten pictures, what else moves. On photographs readers are less bold: prototypes shrink by
:data:`recognizer.emfacs_reader.BOLDNESS`; how likely FER+'s validation faces are under this and
other factors is reported, and so are the test people. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from recognizer.affect_reader import load_head
from recognizer.brow_reader import brow_intensities, without_nose
from recognizer.crop import UNIT_PIXELS
from recognizer.data.activation import intensity
from recognizer.data.ferplus import FerPlus
from recognizer.data.motion_samples import REST, SHOWN, MotionSamples
from recognizer.data.tracked_ferplus import track_picture
from recognizer.emfacs_reader import BOLDNESS, LEAN_SCALE, EmfacsReader, lean, with_brows
from recognizer.facs import AU_INDEX, AU_NAMES, EMOTION_TO_AU, EMOTIONS
from recognizer.landmarks import FaceLandmarker
from recognizer.metrics.classification import icc
from recognizer.models.affect_head import AffectHead
from recognizer.models.emfacs import FEATURES, UNITS, Emfacs, log_odds
from recognizer.motion import MotionTrack
from recognizer.unit_reader import (
    Calibration,
    UnitReading,
    fuse_units,
    load_unit_network,
    look_at_units,
    told_units,
    without_rest,
)

#: People's deviation from a prototype, in shares of it and beside it; the probability of neutral,
#: one emotion of eight; the temperature: judgements, made on portraits that no benchmark uses (see
#: the model card).
VARY, FLOOR, NEUTRAL, TEMPERATURE = 0.8, 0.15, 0.125, 2.0
#: How large a prototype is read in portraits that are asked for all of it: they overdo smiles and
#: wrinkled noses against half of a rendered slope (see the model card).
_WHOLE = {
    "happiness": 1.69, "surprise": 0.87, "sadness": 1.17, "anger": 1.16, "disgust": 1.68,
    "fear": 0.95, "contempt": 1.44,
}  # fmt: skip
WHOLE = [_WHOLE[name] for name in EMOTIONS[1:]]
#: Of brows that are raised (AU01, AU02) and knitted (AU04 from this intensity on) at once, readers
#: see this share of the rise on photographs: judged by portraits, and FER+'s sad faces show a fifth
#: of the AU01 of its frightened ones, without AU02.
_KNITTED_FROM, _KNITTED = 2.0, 0.2
#: Wide vowels lift cheeks and corners of the mouth together, which rendered speech does not: their
#: deviations in log-odds and their correlation, judged by films of talkers.
_VOWELS = {"AU06": 0.3, "AU12": 0.25}
_VOWELS_TOGETHER = 0.8
#: Real faces move more than rendered ones that express nothing: deviations in log-odds of a still
#: mouth's and a talking mouth's face, judged by films of neutral talkers.
_SCATTER = 0.25, 0.3
#: Lips this far apart, as AU25, in a take without emotion: it talks.
_TALKS = 0.3
#: What speech moves; the rest of the face does not listen.
_MOUTH = np.array([*(AU_NAMES[i] >= "AU10" for i in UNITS), False])
_LEAST_FRAMES = 5
_FACTORS = np.arange(0.1, 1.01, 0.1)
_RIDGE = 20.0


@dataclass(frozen=True)
class Takes:
    """Held expressions of rendered people, as read.

    Attributes:
        emotion: ``[N]`` indices into :data:`recognizer.facs.EMOTIONS`.
        strength: ``[N]``, 0..1.
        change: ``[N, D]`` from rest (see :class:`recognizer.models.emfacs.Emfacs`).
        talking: ``[N]``: share of the frames with parted lips.
    """

    emotion: np.ndarray
    strength: np.ndarray
    change: np.ndarray
    talking: np.ndarray


def frames_read(samples: MotionSamples, head: AffectHead) -> tuple[np.ndarray, ...]:
    """Frames of persons known at rest: rows, true intensities ``[N, 24]``, changes ``[N, D]``."""
    network, calibration = load_unit_network(), Calibration.load().rest_known
    first = {t: np.flatnonzero((samples.take == t) & (samples.role == REST))[0]
             for t in np.unique(samples.take)}  # fmt: skip
    rows = np.flatnonzero((samples.role == SHOWN) & ~samples.alone)
    rest = np.array([first[t] for t in samples.take[rows]])
    seen = look_at_units(samples.crops, network, np.ones(len(samples), bool))
    at_rest = torch.from_numpy(samples.motion[rest, :52])
    with torch.no_grad():
        out = head(torch.from_numpy(samples.motion[rows])[:, None], at_rest)
    moved = UnitReading(out.au[:, 0].numpy(), (0.5 * out.au_log_variance[:, 0]).exp().numpy())
    looked = UnitReading(seen.mean[rows], seen.std[rows])
    fused = fuse_units(moved, without_rest(looked, seen.mean[rest], calibration), calibration)
    leans = lean(MotionTrack.from_vectors(samples.motion))
    change = _features(fused.mean, leans[rows] - leans[rest])
    truth = intensity(samples.activation[rows])
    calm = _emotion_of(samples.emotion[rows]) == 0
    still = calm & (truth[:, AU_INDEX["AU25"]] <= _TALKS)
    usual = np.median(change[still], axis=0) * np.r_[np.ones(len(UNITS)), 0]
    return rows, truth, change - usual


def held_takes(samples: MotionSamples, rows, truth, change) -> Takes:
    """Means over the takes that hold one expression."""
    named, take = _emotion_of(samples.emotion[rows]), samples.take[rows]
    parts = []
    for number in np.unique(take):
        inside = take == number
        if inside.sum() < _LEAST_FRAMES or (named[inside] < 0).any():
            continue
        counts = np.bincount(named[inside], minlength=len(EMOTIONS))
        emotion = 1 + counts[1:].argmax() if counts[1:].any() else 0
        prototype = _prototype(emotion)
        strength = truth[inside] @ prototype / max(prototype @ prototype, 1e-9)
        parted = truth[inside, AU_INDEX["AU25"]] > _TALKS
        parts.append((emotion, strength.mean(), change[inside].mean(0), parted.mean()))
    return Takes(*(np.array(column) for column in zip(*parts, strict=True)))


def fit(takes: Takes) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariances of what else moves ``[2, D, D]``, what talking adds ``[D]``, and how far
    one-sided expressions lean the mouth."""
    calm, talks = takes.emotion == 0, takes.talking > 0.2
    talk = takes.change[calm & talks].mean(0) * _MOUTH
    rest = takes.change - (talks * takes.talking)[:, None] * talk
    still = _shrunk(np.cov(rest[calm & ~talks].T, bias=True) / 2 + np.eye(FEATURES) / 32, 0.7)
    still += _SCATTER[0] ** 2 * np.eye(FEATURES)
    spoken = takes.change[calm & talks] - talk
    busy = _shrunk(np.cov(spoken.T, bias=True), 0.5) + _SCATTER[1] ** 2 * np.eye(FEATURES)
    vowels = np.zeros(FEATURES)
    for name, deviation in _VOWELS.items():
        vowels[UNITS.index(AU_INDEX[name])] = deviation
    together = _VOWELS_TOGETHER * np.outer(vowels, vowels)
    busy += together + (1 - _VOWELS_TOGETHER) * np.diag(vowels**2)
    one_sided = np.isin(takes.emotion, [e for e in range(1, len(EMOTIONS)) if _one_sided(e)])
    strength, leans = takes.strength[one_sided], np.abs(rest[one_sided, -1])
    return np.stack([still, busy]), talk, float((strength @ leans) / (strength @ strength))


def prototypes(slope: np.ndarray, leans: float) -> np.ndarray:
    """What readers would make of the table's emotions at strength 1, ``[7, D]``.

    Args:
        slope: ``[24]`` (see :func:`slopes`).
        leans: how far one-sided expressions lean the mouth.
    """
    out = np.zeros((len(EMOTIONS) - 1, FEATURES))
    for e in range(1, len(EMOTIONS)):
        shown = _prototype(e)
        if shown[AU_INDEX["AU04"]] >= _KNITTED_FROM:
            shown[[AU_INDEX["AU01"], AU_INDEX["AU02"]]] *= _KNITTED
        out[e - 1] = np.append((shown * slope)[list(UNITS)], leans * _one_sided(e))
    return out


def boldness(ferplus: FerPlus, expected: np.ndarray) -> dict[str, float]:
    """How unlikely labels of strangers are if prototypes shrink on photographs, ``{factor:
    cross-entropy}``: of FER+'s validation faces, relative to what its neutral ones look like, which
    are as likely as they are many."""
    faces = ferplus.faces("valid", "majority")
    head, network, calibration = load_head(), load_unit_network(), Calibration.load()
    found, motion = [], []
    with FaceLandmarker() as landmarker:
        for row, image in enumerate(faces.images):
            vector = track_picture(image, landmarker)
            if vector is not None:
                found.append(row)
                motion.append(vector)
    vectors = torch.from_numpy(np.stack(motion).astype(np.float32))
    with torch.no_grad():
        out = head(vectors[:, None])
    moved = UnitReading(out.au[:, 0].numpy(), (0.5 * out.au_log_variance[:, 0]).exp().numpy())
    side = (UNIT_PIXELS, UNIT_PIXELS)
    crops = [cv2.resize(faces.images[i], side, interpolation=cv2.INTER_CUBIC) for i in found]
    seen = look_at_units(np.stack(crops), network, np.ones(len(crops), bool))
    units = fuse_units(moved, seen, calibration.rest_unknown).mean
    change = _features(units, lean(MotionTrack.from_vectors(vectors.numpy())))
    truth = faces.emotion[found].argmax(1)
    change -= change[truth == 0].mean(0) * np.r_[np.ones(len(UNITS)), 0]
    noise = np.stack([np.cov(change[truth == 0].T)] * 2)
    report = {}
    for factor in _FACTORS:
        model = build(shrunk(expected, factor), noise, np.zeros(FEATURES), (truth == 0).mean())
        p = model(torch.from_numpy(change), torch.zeros(len(change))).emotion.numpy()
        of_truth = np.maximum(p[np.arange(len(p)), truth], 1e-9)
        report[f"{factor:.1f}"] = round(float(-np.log(of_truth).mean()), 4)
    return report


def build(
    expected: np.ndarray, noise: np.ndarray, talk: np.ndarray, neutral: float = NEUTRAL
) -> Emfacs:
    """The model of prototypes ``[7, D]`` and what :func:`fit` gives."""
    *arrays, whole = (
        torch.from_numpy(np.asarray(a, np.float64)) for a in (expected, noise, talk, WHOLE)
    )
    return Emfacs(*arrays, VARY, FLOOR, neutral, TEMPERATURE, whole)


def shown_agreement(
    samples: MotionSamples, head: AffectHead, reader: EmfacsReader
) -> dict[str, dict[str, float]]:
    """ICC(3,1) of the told action units of persons known at rest: of both experts (``fused``), of
    what their change says (``change``; see :meth:`EmfacsReader.intensities`), and of that with the
    place of the brows (``brows``), where the samples have it."""
    network, calibration = load_unit_network(), Calibration.load().rest_known
    columns: dict[str, list[np.ndarray]] = {}
    rows = samples[~samples.alone]
    for number in np.unique(rows.take):
        take = rows[rows.take == number]
        rest, shown = take.role == REST, take.role == SHOWN
        vectors = torch.from_numpy(take.motion)
        with torch.no_grad():
            at_rest = vectors[rest][:, :52].expand(len(take), -1)
            out = head(vectors[:, None], at_rest)
        moved = UnitReading(out.au[:, 0].numpy(), (0.5 * out.au_log_variance[:, 0]).exp().numpy())
        seen = look_at_units(take.crops, network, np.ones(len(take), bool))
        seen = without_rest(seen, seen.mean[rest][0], calibration)
        units = fuse_units(moved, seen, calibration).mean
        level = reader.level(units[rest], MotionTrack.from_vectors(take.motion[rest]))
        changed = reader.intensities(units[shown], level)
        found = {
            "truth": intensity(take.activation[shown]), "fused": units[shown], "change": changed,
        }  # fmt: skip
        if take.brows is not None:
            places = without_nose(take.brows[shown], changed[:, AU_INDEX["AU09"]])
            found["brows"] = with_brows(changed, brow_intensities(places, take.brows[rest][0]))
        for name, values in found.items():
            columns.setdefault(name, []).append(values)
    whole = {name: np.concatenate(values) for name, values in columns.items()}
    truth, told = whole.pop("truth"), told_units(rest_known=True)
    report = {}
    for kind, values in whole.items():
        found = {u: icc(truth[:, AU_INDEX[u]], values[:, AU_INDEX[u]]) for u in told}
        found = {"mean": np.mean(list(found.values())), **found}
        report[kind] = {name: round(float(value), 3) for name, value in found.items()}
    return report


def slopes(truth: np.ndarray, change: np.ndarray) -> np.ndarray:
    """``[24]``: by how much each unit's log-odds rise for an intensity of its own (ridge regression
    on all units)."""
    told = truth[:, UNITS]
    system = told.T @ told + _RIDGE * np.eye(len(UNITS))
    out = np.zeros(len(AU_NAMES))
    out[list(UNITS)] = np.diag(np.linalg.solve(system, told.T @ change[:, :-1]))
    return out


def shrunk(expected: np.ndarray, factor: float) -> np.ndarray:
    """Prototypes ``[7, D]`` as less bold readers read them; the lean is measured, not read."""
    return expected * np.append(np.full(len(UNITS), factor), 1.0)


def _features(units: np.ndarray, leaning: np.ndarray) -> np.ndarray:
    odds = log_odds(torch.from_numpy(units.astype(np.float64))).numpy()[:, UNITS]
    return np.concatenate([odds, LEAN_SCALE * leaning[:, None]], axis=1)


def _emotion_of(emotion: np.ndarray) -> np.ndarray:
    """Indices; -1 where no emotion is claimed."""
    named = 1 + np.nan_to_num(emotion)[:, 1:].argmax(1)
    return np.where(np.isnan(emotion[:, 0]), -1, np.where(emotion[:, 0] > 0.999, 0, named))


def _prototype(emotion: int) -> np.ndarray:
    out = np.zeros(len(AU_NAMES))
    for name, value in EMOTION_TO_AU[EMOTIONS[emotion]].items():
        out[AU_INDEX[name[:4]]] = value
    return out


def _one_sided(emotion: int) -> bool:
    return any(len(name) > 4 for name in EMOTION_TO_AU[EMOTIONS[emotion]])


def _shrunk(covariance: np.ndarray, share: float) -> np.ndarray:
    return (1 - share) * covariance + share * np.diag(np.diag(covariance))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    samples, head = MotionSamples.load(options.samples), load_head()
    valid, test = samples.of("valid"), samples.of("test")
    rows, truth, change = frames_read(valid, head)
    noise, talk, leans = fit(held_takes(valid, rows, truth, change))
    slope = slopes(truth, change)
    expected = prototypes(slope, leans)
    strangers = held_takes(test, *frames_read(test, head))
    guess = build(expected, noise, talk)(
        torch.from_numpy(strangers.change), torch.from_numpy(strangers.talking)
    ).emotion.numpy()
    model = build(shrunk(expected, BOLDNESS), noise, talk)
    numbers = {"vary": VARY, "floor": FLOOR, "neutral": NEUTRAL, "temperature": TEMPERATURE,
               "whole": WHOLE}  # fmt: skip
    arrays = {"prototypes": shrunk(expected, BOLDNESS), "noise": noise, "talk": talk}
    figures = {
        "takes": len(guess),
        "accuracy": round(float((guess.argmax(1) == strangers.emotion).mean()), 4),
        "icc": shown_agreement(test, head, EmfacsReader(model, slope)),
        "boldness": BOLDNESS,
        "ferplus_cross_entropy": boldness(FerPlus.load(options.ferplus), expected),
    }
    kept = {
        "model": {k: a.round(4).tolist() for k, a in arrays.items()} | numbers,
        "slopes": dict(zip(AU_NAMES, slope.round(4).tolist(), strict=True)),
        "test": figures,
    }
    options.output.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
