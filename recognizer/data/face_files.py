"""Files of labelled faces: this project's own, and FER+."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from recognizer.data.faces import LABELS, SPLITS, LabelledFaces, concatenate
from recognizer.data.ferplus import FerPlus
from recognizer.files import arrays_of


def save_faces(path: str | os.PathLike, splits: dict[str, LabelledFaces]) -> None:
    """Write faces by the name of their split (``train``, ``valid``, ``test``) as one npz."""
    faces = concatenate(list(splits.values()))
    split = np.concatenate(
        [np.full(len(part), SPLITS.index(name), np.uint8) for name, part in splits.items()]
    )
    labels = {name: getattr(faces, name) for name in LABELS if faces.labelled(name).any()}
    np.savez_compressed(path, images=faces.images, split=split, **labels)


def load_faces(path: str | os.PathLike, votes: float = 0.5) -> dict[str, LabelledFaces]:
    """Faces of a file by split: what :func:`save_faces` wrote, or FER+.

    Training faces of FER+ are those of :func:`recognizer.data.ferplus.soft_targets`; the other
    splits keep to the majority rule.

    Args:
        path: npz file.
        votes: for FER+, the share of votes for the eight emotions that a training face needs.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it holds no labelled faces.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with arrays_of(path, "holds no labelled faces") as file:
        made = dict(file) if {"images", "split"} <= set(file) else None
    if made is None:
        ferplus = FerPlus.load(path)
        rest = {name: ferplus.faces(name, "majority") for name in SPLITS[1:]}
        return {"train": ferplus.faces("train", "votes", votes), **rest}
    faces = LabelledFaces(made["images"], *(made.get(name) for name in LABELS))
    return {name: faces[made["split"] == i] for i, name in enumerate(SPLITS)}
