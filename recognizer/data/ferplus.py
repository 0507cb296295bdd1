"""FER+: the faces of FER2013 with ten people's votes each.

E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang, *Training Deep Networks for Facial Expression
Recognition with Crowd-Sourced Label Distribution*, ICMI 2016; https://github.com/microsoft/FERPlus.

Protocol of the published figures over eight emotions (``"majority"``, the authors' own reader):
an option with a single vote counts as none; a face is kept if one option has *more than half* of
the remaining votes, and if that option is neither *unknown* nor *not a face*. Of the 35,710 faces
that leaves 25,045 to train, 3,191 to validate and **3,137 to test**. Papers that keep every face
whose most voted option is an emotion (``"plurality"``: 28,385, 3,555, 3,545) measure on harder
faces: their figures lie some points lower and must not be compared with the others.

Training takes 28,478 faces: all whose votes go to the eight emotions by half or more.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from recognizer.data.faces import SPLITS, LabelledFaces
from recognizer.facs import EMOTIONS
from recognizer.files import arrays_of

VOTE_NAMES = (*EMOTIONS, "unknown", "not a face")
RULES = ("majority", "plurality", "votes")


def drop_single_votes(votes: np.ndarray) -> np.ndarray:
    """Votes ``[N, 10]`` without those that one person alone gave."""
    return np.where(votes <= 1, 0, votes)


def majority(votes: np.ndarray) -> np.ndarray:
    """int64 ``[N]``: index of the emotion with more than half of the votes ``[N, 10]``, else -1."""
    kept = drop_single_votes(votes)
    best = kept.argmax(axis=1)
    clear = (2 * kept.max(axis=1).astype(int) > kept.sum(axis=1)) & (best < len(EMOTIONS))
    return np.where(clear, best, -1)


def plurality(votes: np.ndarray) -> np.ndarray:
    """int64 ``[N]``: index of the emotion with most of the votes ``[N, 10]``, the first of a tie;
    -1 where that is no emotion."""
    best = votes.argmax(axis=1)
    return np.where(best < len(EMOTIONS), best, -1)


def soft_targets(votes: np.ndarray, least: float = 0.5) -> np.ndarray:
    """The eight emotions' shares of the votes, float32 ``[N, 8]``, single votes left out.

    Rows are NaN where the emotions together have less than ``least`` of the votes ``[N, 10]``.
    """
    kept = drop_single_votes(votes).astype(np.float32)
    emotions = kept[:, : len(EMOTIONS)]
    total = emotions.sum(axis=1, keepdims=True)
    enough = (total > 0) & (total >= least * kept.sum(axis=1, keepdims=True))
    return np.where(enough, emotions / np.maximum(total, 1), np.nan).astype(np.float32)


@dataclass
class FerPlus:
    """The whole set.

    Attributes:
        images: uint8 ``[N, 48, 48]`` grey.
        votes: uint8 ``[N, 10]`` in the order of ``VOTE_NAMES``.
        split: uint8 ``[N]``: 0 train, 1 valid, 2 test.
    """

    images: np.ndarray
    votes: np.ndarray
    split: np.ndarray

    @classmethod
    def load(cls, path: str | os.PathLike) -> FerPlus:
        """From an npz: ``bytes`` uint8 of all picture files, ``offsets`` ``[N + 1]`` into them,
        ``votes``, ``split``. A file is decoded once a process.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is not FER+, or a picture cannot be read.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        return _load(path, path.stat().st_mtime_ns)

    def faces(self, split: str, rule: str = "majority", least: float = 0.5) -> LabelledFaces:
        """The faces of a split that a rule keeps, with the shares of votes as emotion.

        Args:
            split: ``train``, ``valid`` or ``test``.
            rule: ``majority``, ``plurality``, or ``votes``: all that :func:`soft_targets` keeps.
            least: see :func:`soft_targets`.

        Raises:
            ValueError: another split or rule.
        """
        if split not in SPLITS or rule not in RULES:
            raise ValueError(f"split is one of {SPLITS} and rule one of {RULES}")
        rows = np.flatnonzero(self.split == SPLITS.index(split))
        votes = self.votes[rows]
        targets = soft_targets(votes, least if rule == "votes" else 0.0)
        if rule == "votes":
            kept = np.isfinite(targets[:, 0])
        else:
            label = majority(votes) if rule == "majority" else plurality(votes)
            kept = (label >= 0) & np.isfinite(targets[:, 0])
        return LabelledFaces(self.images[rows[kept]], targets[kept])


@lru_cache(maxsize=1)
def _load(path: Path, _changed: int) -> FerPlus:
    with arrays_of(path, "is not FER+") as file:
        data, offsets = file["bytes"], file["offsets"]
        votes, split = file["votes"], file["split"]
    if votes.shape != (len(split), len(VOTE_NAMES)) or len(offsets) != len(split) + 1:
        raise ValueError(f"{path} is not FER+: votes {votes.shape}, {len(offsets)} offsets")
    images = [
        cv2.imdecode(data[start:end], cv2.IMREAD_GRAYSCALE)
        for start, end in itertools.pairwise(offsets)
    ]
    if any(image is None or image.shape != images[0].shape for image in images):
        raise ValueError(f"{path}: a picture cannot be read, or has another size")
    return FerPlus(np.stack(images), votes, split)
