"""Features of face, voice and words with labels: what the trainable fusion learns from.

A file is an npz or a safetensors of arrays; a row is a clip, or a single frame of one.

==================  ==================  =======================================================
name                shape               holds
==================  ==================  =======================================================
``face``,           ``[N, D]`` or       features, one vector a row or one a frame; D and T are
``voice``,          ``[N, T, D]``       each modality's own; NaN where it is missing (also to
``words``                               pad short clips). At least one modality.
``face_presence``   ``[N]`` or          optional: how far it can be relied on, 0..1; 0: missing
…                   ``[N, T]``
``emotion``         ``[N]`` or          indices into :data:`recognizer.facs.EMOTIONS` (-1: not
                    ``[N, 8]``          labelled), or probabilities (NaN: not labelled)
``valence_arousal`` ``[N, 2]``          -1..1; NaN: not labelled
``split``           ``[N]``             0 train, 1 valid, 2 test; people should be in one alone
==================  ==================  =======================================================

One of the two labels may be left out. What the recognizers say becomes features by
:func:`recognizer.models.fusion_output.opinion_features`; embeddings of any other network will do.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.data.faces import LABELS, SPLITS
from recognizer.facs import EMOTIONS

MODALITIES = ("face", "voice", "words")
_LABELS = ("emotion", "valence_arousal")


@dataclass(frozen=True)
class FusionFeatures:
    """Rows of features with labels.

    Attributes:
        features: modality → float32 ``[N, D]`` or ``[N, T, D]``, finite.
        presence: modality → float32 ``[N]`` or ``[N, T]``, 0..1.
        emotion: float32 ``[N, 8]`` probabilities; rows of NaN are not labelled.
        valence_arousal: float32 ``[N, 2]``, -1..1; NaN is not labelled.
        split: uint8 ``[N]``, an index into :data:`recognizer.data.faces.SPLITS`.
    """

    features: dict[str, np.ndarray]
    presence: dict[str, np.ndarray]
    emotion: np.ndarray
    valence_arousal: np.ndarray
    split: np.ndarray

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, rows) -> FusionFeatures:
        """Some of the rows: a slice, an array of indices or a mask."""
        return FusionFeatures(
            {name: values[rows] for name, values in self.features.items()},
            {name: values[rows] for name, values in self.presence.items()},
            self.emotion[rows], self.valence_arousal[rows], self.split[rows],
        )  # fmt: skip

    @property
    def usable(self) -> np.ndarray:
        """bool ``[N]``: some modality is there, and some label."""
        there = [_by_row(values).max(axis=1) > 0 for values in self.presence.values()]
        labelled = np.isfinite(self.emotion[:, 0]) | np.isfinite(self.valence_arousal).any(axis=1)
        return np.logical_or.reduce(there) & labelled

    def of(self, split: str) -> FusionFeatures:
        """The usable rows of ``train``, ``valid`` or ``test``."""
        return self[(self.split == SPLITS.index(split)) & self.usable]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> FusionFeatures:
        """Check the arrays of a file, see the module, and bring them into one form.

        Raises:
            ValueError: they are not as said there.
        """
        names = [name for name in MODALITIES if name in arrays]
        known = {*names, *(f"{name}_presence" for name in names), *_LABELS, "split"}
        if unknown := sorted(set(arrays) - known):
            raise ValueError(f"unknown arrays {', '.join(unknown)}")
        if not names:
            raise ValueError(f"no features of {', '.join(MODALITIES)}")
        if "split" not in arrays:
            raise ValueError("no split")
        if not set(_LABELS) & set(arrays):
            raise ValueError("no labels: neither emotion nor valence_arousal")
        split = np.asarray(arrays["split"])
        count = len(split) if split.ndim == 1 else 0
        if not count or not np.isin(split, range(len(SPLITS))).all():
            raise ValueError("split must be [N] of 0 train, 1 valid, 2 test, N above 0")
        features, presence = {}, {}
        for name in names:
            values = np.asarray(arrays[name], np.float32)
            if values.ndim not in (2, 3) or len(values) != count or 0 in values.shape:
                shape = list(values.shape)
                raise ValueError(f"{name} must be [{count}, D] or [{count}, T, D], got {shape}")
            there = np.isfinite(values).all(axis=-1)
            trusted = np.asarray(arrays.get(f"{name}_presence", there), np.float32)
            if trusted.shape == (count,) and values.ndim == 3:
                trusted = np.repeat(trusted[:, None], values.shape[1], axis=1)
            if trusted.shape != there.shape or not ((trusted >= 0) & (trusted <= 1)).all():
                raise ValueError(f"{name}_presence must be {list(there.shape)}, 0..1")
            features[name] = np.where(there[..., None], values, 0).astype(np.float32)
            presence[name] = trusted * there
        return cls(
            features, presence, _emotion(arrays.get("emotion"), count),
            _place(arrays.get("valence_arousal"), count), split.astype(np.uint8),
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike) -> FusionFeatures:
        """Read a file of the form that the module describes.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it holds something else.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        try:
            return cls.from_arrays(_read(path))
        except ValueError as error:
            raise ValueError(f"{path} holds no features for the fusion: {error}") from error

    def save(self, path: str | os.PathLike) -> None:
        """Write an npz that :meth:`load` reads."""
        presence = {f"{name}_presence": values for name, values in self.presence.items()}
        labels = {name: getattr(self, name) for name in (*_LABELS, "split")}
        np.savez_compressed(path, **self.features, **presence, **labels)


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"it is no safetensors file ({error})") from error
    if not zipfile.is_zipfile(path):
        raise ValueError("it is neither npz nor safetensors")
    try:
        with np.load(path) as file:
            return dict(file)
    except zipfile.BadZipFile as error:
        raise ValueError(f"it is broken ({error})") from error


def _emotion(values: np.ndarray | None, count: int) -> np.ndarray:
    if values is None:
        return np.full((count, len(EMOTIONS)), np.nan, np.float32)
    values = np.asarray(values)
    if values.shape == (count,) and np.issubdtype(values.dtype, np.integer):
        if values.min() < -1 or values.max() >= len(EMOTIONS):
            raise ValueError(f"emotion must be -1..{len(EMOTIONS) - 1}")
        rows = np.eye(len(EMOTIONS), dtype=np.float32)[values]
        rows[values < 0] = np.nan
        return rows
    values = values.astype(np.float32)
    if values.shape != (count, len(EMOTIONS)):
        raise ValueError(f"emotion must be whole numbers [{count}] or [{count}, {len(EMOTIONS)}]")
    known = values[np.isfinite(values).all(axis=1)]
    if (known < 0).any() or (np.abs(known.sum(axis=1) - 1) > 0.01).any():
        raise ValueError("emotion must hold probabilities that add up to 1")
    return np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)


def _place(values: np.ndarray | None, count: int) -> np.ndarray:
    columns, low, high = LABELS["valence_arousal"]
    if values is None:
        return np.full((count, columns), np.nan, np.float32)
    values = np.asarray(values, np.float32)
    if values.shape != (count, columns):
        raise ValueError(f"valence_arousal must be [{count}, 2], got {list(values.shape)}")
    if (values < low - 1e-4).any() or (values > high + 1e-4).any():
        raise ValueError("valence and arousal must be -1..1")
    return np.clip(values, low, high)


def _by_row(presence: np.ndarray) -> np.ndarray:
    return presence.reshape(len(presence), -1)
