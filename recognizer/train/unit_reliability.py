"""How far motion and pictures can be relied on for each action unit.

``python -m recognizer.train.unit_reliability SEEN.npz -o recognizer/weights/unit_reliability.json``
lets both experts read rendered people who trained neither (``recognizer.data.posed_heads
--pictures``), fits on the validation people by what factors their precisions count
(:func:`recognizer.unit_reader.fuse_units`), and reports on the test people. A minute on one core.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from recognizer.affect_reader import load_head, read_motion
from recognizer.data.activation import intensity
from recognizer.data.motion_samples import REST, SHOWN, MotionSamples
from recognizer.facs import AU_NAMES
from recognizer.metrics.classification import icc
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.motion import MotionTrack
from recognizer.unit_reader import (
    Calibration,
    UnitReading,
    UnitReliability,
    fuse_units,
    load_unit_network,
    look_at_units,
    without_rest,
)

#: A blink is no matter of single pictures.
_IN_PICTURES = np.array([name != "AU45" for name in AU_NAMES])
#: Ratios of the factors of precision are sought within these.
_LEAST, _MOST = 1e-4, 1e4


@dataclass(frozen=True)
class Readings:
    """Frames as both experts read them.

    Attributes:
        truth: ``[N, 24]`` intensities.
        motion: ``[N, 24]``.
        appearance: ``[N, 24]``.
        rest: ``[N, 24]``: what the pictures' expert sees in the same person at rest, or ``None``.
    """

    truth: np.ndarray
    motion: UnitReading
    appearance: UnitReading
    rest: np.ndarray | None

    def fused(self, reliability: UnitReliability) -> UnitReading:
        """Both as one, without what the person looks like at rest where that is known."""
        seen = self.appearance
        if self.rest is not None:
            seen = without_rest(seen, self.rest, reliability)
        return fuse_units(self.motion, seen, reliability)


def readings(
    samples: MotionSamples, head: AffectHead, network: AppearanceNet, rest_known: bool
) -> Readings:
    """Single frames of samples with crops; each as if it were a still clip.

    Args:
        samples: of :mod:`recognizer.data.posed_heads`.
        head: reads their motion.
        network: reads their pictures.
        rest_known: both experts know each person at rest; else neither, and the person's shape was
            solved from the one picture.
    """
    rows = samples[samples.alone != rest_known]
    shown = rows.role == SHOWN
    pictures = look_at_units(rows.crops, network, np.ones(len(rows), bool))
    moved = [
        read_motion(
            MotionTrack.from_vectors(vector[None]), head, _at_rest(rows, i) if rest_known else None
        )
        for i, vector in enumerate(rows.motion)
        if shown[i]
    ]
    at_rest = np.stack([pictures.mean[_rest_row(rows, i)] for i in np.flatnonzero(shown)])
    return Readings(
        truth=intensity(rows.activation[shown]),
        motion=UnitReading(
            np.concatenate([m.aus for m in moved]), np.concatenate([m.aus_std for m in moved])
        ),
        appearance=UnitReading(pictures.mean[shown], pictures.std[shown]),
        rest=at_rest if rest_known else None,
    )


def _rest_row(rows: MotionSamples, i: int) -> int:
    return int(np.flatnonzero((rows.take == rows.take[i]) & (rows.role == REST))[0])


def _at_rest(rows: MotionSamples, i: int) -> np.ndarray:
    return rows.motion[_rest_row(rows, i), :52]


def fit(part: Readings) -> UnitReliability:
    """The reliability with the least squared error of the fused reading."""
    columns = []
    for unit in range(len(AU_NAMES)):
        share = 0.0 if part.rest is None else _resting_share(part, unit)
        # Only the ratio of the factors moves the mean; the scale is fitted to the error after.
        ratio = _best_ratio(part, unit, share) if _IN_PICTURES[unit] else 0.0
        scale = _scale(part, _column(1.0, ratio, share), unit)
        columns.append((scale, scale * ratio, share))
    return UnitReliability(*(np.array(column) for column in zip(*columns, strict=True)))


def _best_ratio(part: Readings, unit: int, share: float) -> float:
    def error(log_ratio: float) -> float:
        return _squares(part, _column(1.0, math.exp(log_ratio), share), unit).mean()

    # The error may have two valleys: a coarse look first.
    steps = np.linspace(math.log(_LEAST), math.log(_MOST), 25)
    lowest = int(np.argmin([error(step) for step in steps]))
    around = steps[max(0, lowest - 1)], steps[min(len(steps) - 1, lowest + 1)]
    return math.exp(minimize_scalar(error, bounds=around, method="bounded").x)


def _column(motion: float, appearance: float, resting: float) -> UnitReliability:
    return UnitReliability(*(np.full(len(AU_NAMES), v) for v in (motion, appearance, resting)))


def _squares(part: Readings, reliability: UnitReliability, unit: int) -> np.ndarray:
    return (part.fused(reliability).mean[:, unit] - part.truth[:, unit]) ** 2


def _scale(part: Readings, reliability: UnitReliability, unit: int) -> float:
    """By how much the named precision is too high or low (its maximum likelihood)."""
    share = _squares(part, reliability, unit) / part.fused(reliability).std[:, unit] ** 2
    return float(1 / max(share.mean(), 1e-3))


def _resting_share(known: Readings, unit: int) -> float:
    """The slope, 0..1, of what the network sees too much on what it sees at rest."""
    surplus = known.appearance.mean[:, unit] - known.truth[:, unit]
    rest = known.rest[:, unit]
    absent = known.truth[:, unit] < 0.1
    if not absent.any() or np.ptp(rest[absent]) < 1e-6:
        return 0.0
    return float(np.clip((surplus * rest)[absent].sum() / (rest[absent] ** 2).sum(), 0, 1))


def agreement(part: Readings, reliability: UnitReliability) -> dict[str, dict[str, float | None]]:
    """ICC(3,1) of each action unit by motion alone, by pictures alone, and fused."""
    alone = UnitReliability(*(np.ones(len(AU_NAMES)), np.zeros(len(AU_NAMES)), np.zeros(1)))
    seen = part.appearance
    if part.rest is not None:
        seen = without_rest(seen, part.rest, reliability)
    means = {
        "motion": fuse_units(part.motion, seen, alone).mean,
        "appearance": seen.mean,
        "fused": part.fused(reliability).mean,
    }
    report = {}
    for i, name in enumerate(AU_NAMES):
        truth = part.truth[:, i]
        varies = np.ptp(truth) > 0
        report[name] = {
            kind: round(icc(truth, mean[:, i]), 4) if varies else None
            for kind, mean in means.items()
        }
    return report


def told(report: dict[str, dict[str, float | None]], least: float = 0.6) -> list[str]:
    """The action units that are told from others: those of a fused ICC of ``least`` or more."""
    return [name for name, row in report.items() if (row["fused"] or 0) >= least]


def mean_agreement(report: dict[str, dict[str, float | None]]) -> dict[str, float]:
    """The mean ICC of each expert over the action units that vary."""
    known = [row for row in report.values() if row["fused"] is not None]
    return {kind: round(float(np.mean([row[kind] for row in known])), 4) for kind in known[0]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--head", type=Path, help="folder; otherwise the packaged one")
    parser.add_argument("--network", type=Path, help="folder; otherwise the packaged one")
    options = parser.parse_args()
    samples = MotionSamples.load(options.samples)
    head, network = load_head(options.head), load_unit_network(options.network)
    cases = {"rest_known": True, "rest_unknown": False}
    fitted, figures = {}, {}
    for case, known in cases.items():
        valid, test = (readings(samples.of(s), head, network, known) for s in ("valid", "test"))
        fitted[case] = fit(valid)
        found, chosen = agreement(test, fitted[case]), told(agreement(valid, fitted[case]))
        figures[case] = {
            "frames": len(test.truth),
            "told": chosen,
            "mean_icc_told": mean_agreement({name: found[name] for name in chosen}),
            "mean_icc": mean_agreement(found),
            "icc": found,
        }
        print(case, json.dumps({k: v for k, v in figures[case].items() if k != "icc"}))
    Calibration(**fitted).save(options.output, test=figures)


if __name__ == "__main__":
    main()
