"""Folders of training records, and how each is used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gen.data.records import MotionRecord, iter_records
from recognizer.media import SAMPLE_RATE

FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS


@dataclass(frozen=True)
class CorpusConfig:
    """How one folder of records is used.

    Attributes:
        domain: what the model is told about where the motion comes from.
        hold_out: records, the last by name, that training never sees.
        variants: versions of each record's sound, the first unchanged, the others augmented.
        weight: share of the training windows, relative to the other corpora.
        liven: replace the head's pose, blinks and brows by generated ones (for speakers filmed
            while holding still).
        variety: how much these differ in liveliness from stretch to stretch of half a minute, and
            lips in amplitude half as much: deviation of the logarithm.
        splice: mean seconds of the pieces into which clips are cut and shuffled; 0 leaves them
            whole. A corpus of one grammar otherwise teaches which sentence comes, not its sounds.
        warp: windows are played up to ``exp(warp)`` times faster or slower.
    """

    domain: str = "synthetic"
    hold_out: int = 0
    variants: int = 1
    weight: float = 1.0
    liven: bool = False
    variety: float = 0.0
    splice: float = 0.0
    warp: float = 0.0


def load_corpus(folder: str | os.PathLike) -> list[MotionRecord]:
    """The records of a folder, sorted by name.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no record, or one of another frame rate.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    records = list(iter_records(folder))
    if not records:
        raise ValueError(f"{folder} holds no motion records (.npz)")
    for record in records:
        if record.motion.fps != FPS:
            raise ValueError(f"{record.name}: motion at {record.motion.fps} fps, expected {FPS}")
        if not record.motion.valid.all():
            raise ValueError(f"{record.name}: some frames have no face")
    return records


def aligned_waveform(record: MotionRecord) -> np.ndarray:
    """The record's sound cut or padded to exactly its frames of motion."""
    samples = len(record.motion) * SAMPLES_PER_FRAME
    return np.pad(record.waveform[:samples], (0, max(0, samples - len(record.waveform))))


def held_out(
    records: Sequence[MotionRecord], count: int, folder: str | os.PathLike
) -> tuple[list[MotionRecord], list[MotionRecord]]:
    """The records to learn from, and the last ``count`` ones, to measure on.

    Raises:
        ValueError: none is left to learn from; the message names the folder.
    """
    if count >= len(records):
        raise ValueError(f"{folder} has {len(records)} records, all of them held out")
    split = len(records) - count
    return list(records[:split]), list(records[split:])


def read_corpora(
    configs: Mapping[str, Mapping[str, Any]], data: Sequence[str | os.PathLike]
) -> list[tuple[list[MotionRecord], list[MotionRecord], CorpusConfig]]:
    """Training records, held-out records and configuration of each data folder.

    Args:
        configs: :class:`CorpusConfig` arguments by the name of the folder.
        data: the folders.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: the folders are not the configuration's, or one has no record to train on.
    """
    names = [Path(folder).resolve().name for folder in data]
    if sorted(names) != sorted(configs):
        raise ValueError(
            "data folders are called as the configuration's corpora are: it names "
            f"{', '.join(sorted(configs))}; given were {', '.join(sorted(names)) or 'none'}"
        )
    corpora = []
    for folder, name in zip(data, names, strict=True):
        options = CorpusConfig(**configs[name])
        seen, kept = held_out(load_corpus(folder), options.hold_out, folder)
        corpora.append((seen, kept, options))
    return corpora
