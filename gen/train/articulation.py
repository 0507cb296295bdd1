"""Fit the map from speech to articulation on the records of filmed speakers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gen.audio.articulation import ArticulationEncoder
from gen.audio.ridge import NeighbourRidge
from gen.audio.whisper import WhisperEncoder
from gen.data.corpus import aligned_waveform, held_out, load_corpus
from gen.data.records import MotionRecord
from gen.data.upper_face import loudness
from recognizer.config import read_config
from recognizer.face_model import LIPS, FaceModel
from recognizer.facs import ARKIT_NAMES

_MOUTH = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth"))]


def lip_movements(records: Sequence[MotionRecord], components: int) -> list[np.ndarray]:
    """The principal movements of the lips' landmarks, ``[T_i, components]`` of each record."""
    face = FaceModel.load()
    geometry = face.landmark_blendshapes[:, list(LIPS)].reshape(len(ARKIT_NAMES), -1)[_MOUTH]
    lips = [record.motion.blendshapes[:, _MOUTH] @ geometry for record in records]
    middle = np.concatenate(lips).mean(0)
    covariance = sum((x - middle).T @ (x - middle) for x in lips)
    _, axes = np.linalg.eigh(covariance)
    return [(x - middle) @ axes[:, : -components - 1 : -1] for x in lips]


@dataclass
class ArticulationConfig:
    """How the map is fitted; a YAML file has these keys.

    Attributes:
        hold_out: records, the last by name, that the fit never sees.
        components: principal lip movements; loudness is one more output.
        reach: neighbouring frames on either side.
        penalty, power: of :meth:`gen.audio.ridge.NeighbourRidge.fit`.
    """

    hold_out: int = 0
    components: int = 12
    reach: int = 2
    penalty: float = 0.5
    power: float = -1.0


def fit_articulation(
    config: ArticulationConfig | Mapping | str | os.PathLike,
    data: str | os.PathLike,
    output: str | os.PathLike,
) -> Path:
    """Fit on a folder of records, and write the map.

    The sound is taken as recorded: with noise, rooms and shifted voices added to it, the map came
    out worse for strangers.

    Args:
        config: the options, or their YAML file.
        data: folder of records with measured lips.
        output: folder of the map.

    Returns:
        ``output``.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no records beside the held-out ones, or a bad configuration.
    """
    config = read_config(ArticulationConfig, config)
    records, _ = held_out(load_corpus(data), config.hold_out, data)
    base = WhisperEncoder.from_pretrained()
    waves = [aligned_waveform(record) for record in records]
    targets = [
        np.column_stack([lips, loudness(wave, len(lips))])
        for lips, wave in zip(lip_movements(records, config.components), waves, strict=True)
    ]
    scale = np.concatenate(targets).std(0) + 1e-9
    ridge = NeighbourRidge.fit(
        [base.encode(wave) for wave in waves],
        [target / scale for target in targets],
        config.reach,
        config.penalty,
        config.power,
    )
    ArticulationEncoder(base, ridge).save_pretrained(output)
    return Path(output)
