"""Whether a face shows the emotion that was asked for, by the recognizer that looks at it."""

from __future__ import annotations

import numpy as np

from recognizer.facs import EMOTIONS
from recognizer.metrics.classification import accuracy, confusion_matrix, f1_scores
from recognizer.metrics.metric import Metric

_LEVELS = ("clip", "frame")


def emotion_confusion(
    shown: np.ndarray, asked: np.ndarray | int | str, level: str = "clip"
) -> tuple[np.ndarray, int]:
    """Which emotion was taken for which, in one clip.

    Args:
        shown: ``[T, 8]`` probabilities in the order of :data:`recognizer.facs.EMOTIONS`.
        asked: an emotion's name or index; or a curve: indices ``[T]`` (negative: nothing asked) or
            intensities ``[T, 8]`` (NaN: nothing asked), of which the strongest is meant.
        level: ``"frame"`` counts frames; ``"clip"`` counts once each emotion that was asked in
            the clip, and the guess is the most probable on average over its frames.

    Returns:
        The confusion int64 ``[8, 8]`` (row: asked, column: shown), and how many frames or
        emotions were asked but could not be read.

    Raises:
        ValueError: shapes do not match, or an emotion or level is unknown.
    """
    if level not in _LEVELS:
        raise ValueError(f"level must be 'frame' or 'clip', got {level!r}")
    shown = np.asarray(shown, np.float64)
    if shown.ndim != 2 or shown.shape[1] != len(EMOTIONS):
        raise ValueError(f"emotions must be [T, {len(EMOTIONS)}], got {list(shown.shape)}")
    labels = _emotion_labels(asked, len(shown))
    read = np.isfinite(shown).all(axis=1)
    truth, guess, unread = [], [], 0
    if level == "frame":
        used = read & (labels >= 0)
        truth, guess = labels[used], shown[used].argmax(axis=1)
        unread = int(((labels >= 0) & ~read).sum())
    else:
        for emotion in np.unique(labels[labels >= 0]):
            frames = read & (labels == emotion)
            if frames.any():
                truth.append(emotion)
                guess.append(shown[frames].mean(axis=0).argmax())
            else:
                unread += 1
    return confusion_matrix(truth, guess, len(EMOTIONS)), unread


def _emotion_labels(asked: np.ndarray | int | str, frames: int) -> np.ndarray:
    if isinstance(asked, str):
        if asked not in EMOTIONS:
            raise ValueError(f"emotion must be one of {', '.join(EMOTIONS)}, got {asked!r}")
        asked = EMOTIONS.index(asked)
    curve = np.asarray(asked)
    if curve.ndim == 2 and curve.shape == (frames, len(EMOTIONS)):
        missing = ~np.isfinite(curve).all(axis=1)
        curve = np.where(missing, -1, np.nan_to_num(curve).argmax(axis=1))
    elif curve.ndim == 0:
        curve = np.full(frames, curve)
    if curve.shape != (frames,):
        raise ValueError(f"{frames} frames are shown, but asked has shape {list(curve.shape)}")
    return curve.astype(int)


def emotion_accuracy(confusion: np.ndarray) -> dict:
    """Top-1 figures of a confusion ``[8, 8]``.

    ``accuracy`` is the share that was right, ``per_class`` the same of each emotion asked for
    (recall), ``macro`` their mean, ``f1`` of each; NaN for emotions that were never asked for.
    Chance is 1/8.

    >>> confusion, unread = emotion_confusion(np.eye(8)[[1, 1, 4]], "happiness")
    >>> emotion_accuracy(confusion)["accuracy"]  # most probable on average over the clip
    1.0
    """
    asked = confusion.sum(axis=1)
    recall = np.where(asked > 0, np.diag(confusion) / np.maximum(asked, 1), np.nan)
    f1 = f1_scores(confusion)
    return {
        "accuracy": accuracy(confusion),
        "macro": float(np.nanmean(recall)) if asked.any() else float("nan"),
        "per_class": dict(zip(EMOTIONS, recall.tolist(), strict=True)),
        "f1": dict(zip(EMOTIONS, f1.tolist(), strict=True)),
        "n": int(asked.sum()),
    }


class EmotionAccuracy(Metric):
    """:func:`emotion_accuracy` over clips or frames.

    Args:
        level: ``"clip"`` or ``"frame"``, see :func:`emotion_confusion`.

    ``compute`` adds ``unread``, the number that could not be read, ``level``, and the
    ``confusion`` as lists.

    Raises:
        UnavailableError: torchmetrics is not installed.
        ValueError: another level.
    """

    is_differentiable = False
    full_state_update = False
    higher_is_better = True

    def __init__(self, level: str = "clip", **kwargs) -> None:
        super().__init__(**kwargs)
        import torch

        if level not in _LEVELS:
            raise ValueError(f"level must be 'frame' or 'clip', got {level!r}")
        self.level = level
        zeros = torch.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=torch.int64)
        self.add_state("confusion", default=zeros, dist_reduce_fx="sum")
        self.add_state("unread", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, shown: np.ndarray, asked: np.ndarray | int | str) -> None:
        """Add a clip; arguments as of :func:`emotion_confusion`."""
        import torch

        confusion, unread = emotion_confusion(shown, asked, self.level)
        self.confusion += torch.from_numpy(confusion).to(self.confusion.device)
        self.unread += unread

    def compute(self) -> dict:
        """The figures of all clips so far."""
        confusion = self.confusion.cpu().numpy()
        found = emotion_accuracy(confusion)
        return found | {
            "unread": int(self.unread),
            "level": self.level,
            "confusion": confusion.tolist(),
        }
