"""Ridge regression from neighbouring speech frames: the map to beat, and a map to build on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WEIGHTS_NAME = "model.safetensors"

_ROWS = 10_000  # frames whose neighbours are laid out at once


@dataclass(frozen=True)
class NeighbourRidge:
    """A linear map from speech features around a frame to something seen in it.

    Attributes:
        weights: ``[2 * reach + 1, D, K]``: for the frames ``-reach`` to ``reach`` around each.
        rest: ``[K]``: the map of features that are all 0.
    """

    weights: np.ndarray
    rest: np.ndarray

    @property
    def reach(self) -> int:
        """Neighbours on either side."""
        return len(self.weights) // 2

    def joined(self, other: NeighbourRidge) -> NeighbourRidge:
        """Both maps as one, this one's outputs first.

        Raises:
            ValueError: they see other features or another number of neighbours.
        """
        if self.weights.shape[:2] != other.weights.shape[:2]:
            raise ValueError(
                f"maps from {self.weights.shape[:2]} and {other.weights.shape[:2]} "
                "(frames, features) cannot be joined"
            )
        return NeighbourRidge(
            np.concatenate([self.weights, other.weights], axis=2),
            np.concatenate([self.rest, other.rest]),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike, what: str) -> NeighbourRidge:
        """Read what :meth:`save` wrote.

        Args:
            folder: of the map.
            what: the map is called in messages.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file holds something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        file = Path(folder) / WEIGHTS_NAME
        if not file.is_file():
            raise FileNotFoundError(f"there is no {what} {file}")
        try:
            tensors = load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{file} is not a safetensors file: {error}") from error
        weights, rest = tensors.get("weights"), tensors.get("rest")
        if weights is None or rest is None or weights.shape[2:] != rest.shape:
            raise ValueError(f"{file} holds no {what}")
        return cls(weights.astype(np.float32), rest.astype(np.float32))

    def save(self, folder: str | os.PathLike, **beside: np.ndarray) -> None:
        """Write the map, and what goes ``beside`` it, into a folder, made if need be."""
        from safetensors.numpy import save_file

        Path(folder).mkdir(parents=True, exist_ok=True)
        tensors = {"weights": self.weights, "rest": self.rest, **beside}
        save_file(
            {name: tensor.astype(np.float32) for name, tensor in tensors.items()},
            Path(folder) / WEIGHTS_NAME,
        )

    @classmethod
    def fit(
        cls,
        features: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        reach: int = 2,
        penalty: float = 0.1,
        power: float = 1.0,
    ) -> NeighbourRidge:
        """Least squares with a penalty on the weights of features divided by ``std**power``.

        With a power of 1 all features cost the same. Below 1, those that vary little cost more: on
        whisper's features, what these add on one voice is lost on others.

        Args:
            features: ``[T_i, D]`` of each clip.
            targets: ``[T_i, K]`` of each.
            reach: neighbours on either side.
            penalty: above 0; a frame, relative to the mean variance of the divided features.
            power: of their standard deviation.
        """
        count = sum(len(f) for f in features)
        mean = sum(f.sum(0, dtype=np.float64) for f in features) / count
        square = sum((np.asarray(f, np.float64) ** 2).sum(0) for f in features) / count
        std = np.sqrt(np.maximum(square - mean**2, 0)) + 1e-6
        scale = std**power
        middle = sum(t.sum(0, dtype=np.float64) for t in targets) / count
        size = (2 * reach + 1) * len(mean)
        gram = penalty * count * np.mean((std / scale) ** 2) * np.eye(size)
        product = np.zeros((size, len(middle)))
        for x, target in _batches(features, targets, mean, scale, reach):
            gram += x.T @ x
            product += x.T @ (target - middle).astype(np.float32)
        weights = np.linalg.solve(gram, product).reshape(2 * reach + 1, len(mean), -1)
        weights /= scale[:, None]
        return cls(weights.astype(np.float32), np.float32(middle - mean @ weights.sum(0)))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """float32 ``[T, K]`` for features ``[T, D]``; the ends stand for what lies beyond."""
        return (
            _neighbours(features, self.reach) @ self.weights.reshape(-1, len(self.rest)) + self.rest
        )


def _batches(features, targets, mean, scale, reach: int):
    """Scaled neighbours and targets of many clips at once: large products are fast ones."""
    xs, ys, rows = [], [], 0
    for i, (clip, target) in enumerate(zip(features, targets, strict=True), start=1):
        xs.append(_neighbours((clip - mean) / scale, reach))
        ys.append(target)
        rows += len(clip)
        if rows >= _ROWS or i == len(features):
            yield np.concatenate(xs), np.concatenate(ys)
            xs, ys, rows = [], [], 0


def _neighbours(features: np.ndarray, reach: int) -> np.ndarray:
    padded = np.pad(np.asarray(features, np.float32), ((reach, reach), (0, 0)), mode="edge")
    views = [padded[i : i + len(features)] for i in range(2 * reach + 1)]
    return np.concatenate(views, axis=1)
