"""Pictures of a face → its affect, by the network that looks at appearance."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.special import log_softmax, softmax

from recognizer.crop import shrunk
from recognizer.facs import EMOTION_TO_VA, EMOTIONS
from recognizer.fusion import Opinion
from recognizer.models.appearance import AppearanceNet
from recognizer.pretrained import load_network

#: The packaged network.
WEIGHTS = Path(__file__).parent / "weights" / "affect_appearance"
_PLACES = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])
#: People who show one emotion differ by this much in valence and in arousal: a judgement.
_WITHIN_STD = 0.25
#: The mouth lies below this share of a crop. While it talks, the covered face has this say.
_MOUTH_TOP, _COVERED = 0.7, 0.7


def load_appearance(path: str | os.PathLike | None = None) -> AppearanceNet:
    """An appearance network, ready to look; the packaged one without a path.

    Raises:
        FileNotFoundError: no such folder.
    """
    return load_network(AppearanceNet, path, WEIGHTS, "an appearance network")


def read_crops(
    crops: np.ndarray,
    network: AppearanceNet,
    seen: np.ndarray,
    reliability: np.ndarray | float = 1.0,
    talking: np.ndarray | None = None,
    every: int = 1,
    shift: np.ndarray | None = None,
) -> Opinion:
    """What pictures of a face say, frame by frame.

    The teeth and round lips of speech look like joy and surprise. While the mouth talks, the face
    is looked at with the mouth covered too, and the two distributions are pooled.

    Args:
        crops: uint8 ``[T, S, S]`` (see :func:`recognizer.crop.face_crop`).
        network: looks at each of them.
        seen: bool ``[T]``: where there is a face; NaN elsewhere.
        reliability: ``[T]`` or one number, 0..1.
        talking: ``[T]``, 0..1 (see :func:`recognizer.talking.talking`); ``None``: nobody talks.
        every: looks at every so many faces; between them the distribution is interpolated.
        shift: ``[2, 8]``, added to the log-probabilities of the whole face and of the face with its
            mouth covered: how neutral faces look on average less how this one does at rest (see
            :func:`look_at_rest`).

    Returns:
        The modality ``"appearance"``; valence and arousal are those of the emotions' distribution.
    """
    emotion = np.full((len(crops), len(EMOTIONS)), np.nan)
    rows = np.flatnonzero(seen)
    if len(rows):
        looked = np.union1d(rows[::every], rows[-1])
        sized = shrunk(crops[looked], network.config.pixels)
        whole, covered = (0.0, 0.0) if shift is None else shift
        logits = log_softmax(_logits(sized, network), 1) + whole
        if talking is not None and talking[looked].any():
            share = _COVERED * talking[looked, None]
            hidden = log_softmax(_logits(without_mouth(sized), network), 1) + covered
            logits = (1 - share) * log_softmax(logits, 1) + share * log_softmax(hidden, 1)
        found = softmax(logits, 1)
        emotion[rows] = np.stack([np.interp(rows, looked, curve) for curve in found.T], axis=1)
    return emotion_opinion("appearance", emotion, reliability)


def look_at_rest(crops: np.ndarray, network: AppearanceNet, seen: np.ndarray) -> np.ndarray:
    """What a person who expresses nothing looks like: medians of the log-probabilities ``[2, 8]``
    of the whole face and of the face with its mouth covered.

    Args:
        crops: uint8 ``[T, S, S]``.
        network: looks at each of them.
        seen: bool ``[T]``: where there is a face, in one frame at least.
    """
    sized = shrunk(crops[seen], network.config.pixels)
    looks = [log_softmax(_logits(c, network), 1) for c in (sized, without_mouth(sized))]
    return np.stack([np.median(look, axis=0) for look in looks])


def without_mouth(crops: np.ndarray) -> np.ndarray:
    """Crops uint8 ``[T, S, S]`` with an even grey, that of the cheeks, from below the nose on."""
    side = crops.shape[-1]
    top = round(_MOUTH_TOP * side)
    out = crops.copy()
    grey = crops[:, round(0.4 * side) : top].mean(axis=(1, 2), keepdims=True)
    out[:, top:] = np.round(grey).astype(np.uint8)
    return out


def _logits(crops: np.ndarray, network: AppearanceNet) -> np.ndarray:
    import torch

    logits = network.logits(torch.from_numpy(crops)) / network.temperature.cpu()
    return logits.double().numpy()


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
