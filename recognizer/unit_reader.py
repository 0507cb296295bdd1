"""Action units from two experts: how the face moves, and how it looks.

Landmarks hardly move when a cheek rises or a nose wrinkles, and a picture does not say what a
person looks like at rest. Each expert names a mean and a variance for every action unit; their
product counts by calibrated precision (see :mod:`recognizer.train.unit_reliability`).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.crop import shrunk
from recognizer.facs import AU_MAX, AU_NAMES
from recognizer.models.appearance import AppearanceNet
from recognizer.pretrained import load_network

#: The packaged network and calibration.
WEIGHTS = Path(__file__).parent / "weights" / "au_appearance"
CALIBRATION = Path(__file__).parent / "weights" / "unit_reliability.json"
#: No reading counts as surer than this (intensities): rendered faces taught the network its
#: certainty, and on real ones it has too much. A judgement, made while looking at a filmed smile.
LEAST_STD = 0.5
_KINDS = ("motion", "appearance", "resting")


@dataclass(frozen=True)
class UnitReading:
    """Action units of each frame; rows of NaN where there is no face.

    Attributes:
        mean: ``[T, 24]`` intensities 0-5.
        std: ``[T, 24]`` their standard deviations.
    """

    mean: np.ndarray
    std: np.ndarray


@dataclass(frozen=True)
class UnitReliability:
    """How the two experts are counted.

    Attributes:
        motion: ``[24]`` factors of the precision that the motion's head names; 0 leaves it out.
        appearance: ``[24]`` of the pictures' network.
        resting: ``[24]``: share of what the network sees in a face at rest that is the face's, not
            an expression's; 0 where the person at rest is not known.
    """

    motion: np.ndarray
    appearance: np.ndarray
    resting: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """Reliabilities for persons who are known at rest, and for others: without the person at rest,
    motion cannot tell a raised brow from a high one.

    Attributes:
        rest_known, rest_unknown: either.
    """

    rest_known: UnitReliability
    rest_unknown: UnitReliability

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> Calibration:
        """Read what :meth:`save` wrote; the packaged one without a path.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else.
        """
        path = Path(path or CALIBRATION)
        try:
            tables = json.loads(path.read_text(encoding="utf-8"))["reliability"]
            parts = [
                [[tables[case][name][kind] for name in AU_NAMES] for kind in _KINDS]
                for case in cls.__annotations__
            ]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no reliability of action units") from error
        return cls(*(UnitReliability(*np.array(part, np.float64)) for part in parts))

    def save(self, path: str | os.PathLike, **figures) -> None:
        """Write JSON by action unit, with whatever figures belong to it."""
        tables = {
            case: {
                name: {kind: round(float(getattr(part, kind)[i]), 4) for kind in _KINDS}
                for i, name in enumerate(AU_NAMES)
            }
            for case, part in vars(self).items()
        }
        text = json.dumps({"reliability": tables, **figures}, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")


def told_units(rest_known: bool, path: str | os.PathLike | None = None) -> list[str]:
    """The action units that the two experts tell from others: fused ICC of 0.6 or more on rendered
    validation people (see :mod:`recognizer.train.unit_reliability`).

    Args:
        rest_known: of persons who are known at rest, or of others.
        path: of the calibration; the packaged one without it.
    """
    figures = json.loads(Path(path or CALIBRATION).read_text(encoding="utf-8"))["test"]
    return figures["rest_known" if rest_known else "rest_unknown"]["told"]


def load_unit_network(path: str | os.PathLike | None = None) -> AppearanceNet:
    """A network that sees action units; the packaged one without a path.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: the network there sees something else.
    """
    network = load_network(AppearanceNet, path, WEIGHTS, "a network for action units")
    if "au" not in network.readouts:
        raise ValueError(f"{path}: this network has no head for action units")
    return network


def look_at_units(
    crops: np.ndarray, network: AppearanceNet, seen: np.ndarray, every: int = 1
) -> UnitReading:
    """What pictures of a face show.

    Args:
        crops: uint8 ``[T, S, S]`` (see :func:`recognizer.crop.face_crop`).
        network: with a head for action units.
        seen: bool ``[T]``: where there is a face.
        every: looks at every so many faces; between them both values are interpolated.
    """
    mean, std = (np.full((len(crops), len(AU_NAMES)), np.nan) for _ in range(2))
    rows = np.flatnonzero(seen)
    if len(rows):
        looked = np.union1d(rows[::every], rows[-1])
        for values, found in zip((mean, std), _units(crops[looked], network), strict=True):
            values[rows] = np.stack([np.interp(rows, looked, c) for c in found.T], axis=1)
    return UnitReading(mean, std)


def without_rest(
    reading: UnitReading, rest: np.ndarray, reliability: UnitReliability
) -> UnitReading:
    """What the pictures show beyond what the same face shows at rest.

    Args:
        reading: of the pictures.
        rest: ``[24]``: the means of the same network for the person at rest.
        reliability: says how much of them to take off.
    """
    mean = np.clip(reading.mean - reliability.resting * rest, 0, AU_MAX)
    return UnitReading(mean, reading.std)


def fuse_units(
    motion: UnitReading, appearance: UnitReading, reliability: UnitReliability
) -> UnitReading:
    """Both experts as one: means by calibrated precision (a generalised product of Gaussians, Cao
    and Fleet 2014). Where one does not know, the other stands alone. Named deviations below
    :data:`LEAST_STD` are taken for it.

    Args:
        motion: ``[T, 24]``.
        appearance: ``[T, 24]``.
        reliability: how they count.
    """
    total = np.zeros(motion.mean.shape)
    mean = np.zeros(motion.mean.shape)
    for reading, factor in ((motion, reliability.motion), (appearance, reliability.appearance)):
        precision = np.nan_to_num(factor / np.maximum(reading.std, LEAST_STD) ** 2)
        total += precision
        mean += precision * np.nan_to_num(reading.mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        return UnitReading(mean / total, np.where(total > 0, total, np.nan) ** -0.5)


def _units(crops: np.ndarray, network: AppearanceNet) -> tuple[np.ndarray, np.ndarray]:
    import torch

    sized = torch.from_numpy(shrunk(crops, network.config.pixels))
    return tuple(values.numpy() for values in network.units(sized))
