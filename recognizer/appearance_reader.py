"""Pictures of a face → its affect, by the network that looks at appearance."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from recognizer.facs import EMOTION_TO_VA, EMOTIONS
from recognizer.fusion import Opinion
from recognizer.models.appearance import AppearanceNet

#: The packaged network.
WEIGHTS = Path(__file__).parent / "weights" / "affect_appearance"
_PLACES = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])
#: People who show one emotion differ by this much in valence and in arousal: a judgement.
_WITHIN_STD = 0.25


def load_appearance(path: str | os.PathLike | None = None) -> AppearanceNet:
    """An appearance network, ready to look; the packaged one without a path.

    Raises:
        FileNotFoundError: no such folder.
    """
    path = Path(path or WEIGHTS)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no folder of an appearance network")
    return AppearanceNet.from_pretrained(path).eval()


def read_crops(
    crops: np.ndarray,
    network: AppearanceNet,
    seen: np.ndarray,
    reliability: np.ndarray | float = 1.0,
    every: int = 1,
) -> Opinion:
    """What pictures of a face say, frame by frame.

    Args:
        crops: uint8 ``[T, S, S]`` (see :func:`recognizer.crop.face_crop`).
        network: looks at each of them.
        seen: bool ``[T]``: where there is a face; NaN elsewhere.
        reliability: ``[T]`` or one number, 0..1.
        every: looks at every so many faces; between them the distribution is interpolated.

    Returns:
        The modality ``"appearance"``; valence and arousal are those of the emotions' distribution.
    """
    import torch

    emotion = np.full((len(crops), len(EMOTIONS)), np.nan)
    rows = np.flatnonzero(seen)
    if len(rows):
        looked = np.union1d(rows[::every], rows[-1])
        logits = network.logits(torch.from_numpy(crops[looked]))
        found = (logits / network.temperature.cpu()).softmax(-1).double().numpy()
        emotion[rows] = np.stack([np.interp(rows, looked, curve) for curve in found.T], axis=1)
    return emotion_opinion("appearance", emotion, reliability)


def emotion_opinion(modality: str, emotion: np.ndarray, reliability=1.0) -> Opinion:
    """An opinion on emotions with the valence and arousal that go with them.

    The mean and the variance are those of a mixture with one component an emotion, each at its
    place in :data:`recognizer.facs.EMOTION_TO_VA`.

    Args:
        modality: its name.
        emotion: ``[..., 8]`` probabilities.
        reliability: ``[...]`` or one number, 0..1.
    """
    place = emotion @ _PLACES
    variance = emotion @ _PLACES**2 - place**2 + _WITHIN_STD**2
    return Opinion(modality, place, np.nan_to_num(variance, nan=1.0), emotion, reliability)
