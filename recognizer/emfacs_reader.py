"""Action units of a person who is known at rest → emotions, by EMFACS.

What a network for appearance calls an emotion is what judges called pictures of strangers: a face
that talks looks neutral to it. Who knows a person at rest asks another question: what has changed,
and which emotion changes it so? :class:`recognizer.models.emfacs.Emfacs` answers it from the action
units of :mod:`recognizer.unit_reader`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import softmax

from recognizer.brow_reader import BROW_UNITS
from recognizer.facs import ARKIT_INDEX, AU_INDEX, AU_MAX, AU_NAMES, EMOTIONS
from recognizer.models.emfacs import UNITS, Emfacs, intensity, log_odds, place
from recognizer.motion import MotionTrack

#: The packaged model (see :mod:`recognizer.train.emfacs`).
MODEL = Path(__file__).parent / "weights" / "emfacs.json"
#: The lean of the mouth's corners is counted in fifths of a coefficient: of the size of the other
#: features.
LEAN_SCALE = 5.0
#: Moods outlast syllables: deviation of the window of evidence in seconds.
_WINDOW = 1.0
#: People who show one emotion alike differ by this much in valence and arousal: a judgement.
_WITHIN_STD = 0.25
#: Log-odds that readings scatter by at rest.
_SCATTER = 0.3
#: How bold readers are on photographs against rendered heads, on which the slopes were fitted: half
#: as much. A judgement: what FER+'s validation faces say depends on neutral's prior (see the card).
BOLDNESS = 0.5
#: Of an intensity, the change of log-odds says so much, and what was read the rest; nothing of a
#: nose that wrinkles, of which readers see an eighth on photographs.
_CHANGE_TELLS, _NOSE_TELLS = 0.5, 1.0
#: Units whose log-odds rise by less than this an intensity hardly change.
_LEAST_SLOPE = 0.5
#: How far the place of the brows is believed, against what pictures show of them: as evidence of
#: emotions, and as intensities. Pictures of photographs show a fifth of a raised brow. As
#: intensities 0, 0.6, 0.8 and 1 were tried on nine films: MediaPipe's scores agree best with 0.8.
_BROWS_TELL, _BROWS_SHOW = 0.5, 0.8
_BROWS = [AU_INDEX[name] for name in BROW_UNITS]


@dataclass(frozen=True)
class RestingLevel:
    """Where readings lie while a person expresses nothing.

    Attributes:
        odds: ``[24]`` log-odds of the action units.
        lean: see :func:`lean`.
        brows: ``[3]`` intensities by the place of the brows; ``None``: not known.
    """

    odds: np.ndarray
    lean: float
    brows: np.ndarray | None = None


@dataclass(frozen=True)
class Felt:
    """Evidence of action units, frame by frame; NaN where there is no face.

    Attributes:
        emotion: ``[T, 8]`` probabilities.
        strength: ``[T, 8]``, 0..1.
    """

    emotion: np.ndarray
    strength: np.ndarray

    def placed(self, emotion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Valence and arousal ``[T, 2]`` and their variances, if the emotions are ``[T, 8]``."""
        import torch

        p, s = (torch.from_numpy(np.asarray(x, np.float64)) for x in (emotion, self.strength))
        mean = place(p, s)
        units = torch.eye(len(EMOTIONS)).to(p)
        squares = (p * intensity(s) ** 2) @ place(units, torch.ones_like(units)) ** 2
        return mean.numpy(), (squares - mean**2 + _WITHIN_STD**2).numpy()


class EmfacsReader:
    """Reads emotions from the changes of action units.

    Args:
        model: of the emotions.
        slopes: ``[24]``: by how much log-odds rise for each intensity (0-5); 0: not known.
    """

    def __init__(self, model: Emfacs, slopes: np.ndarray) -> None:
        self.model, self.slopes = model, np.asarray(slopes, np.float64)

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> EmfacsReader:
        """Read what :mod:`recognizer.train.emfacs` wrote; the packaged model without a path.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else.
        """
        import torch

        path = Path(path or MODEL)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            arrays = [
                torch.tensor(kept["model"][name], dtype=torch.float64)
                for name in ("prototypes", "noise", "talk", "whole")
            ]
            numbers = {k: kept["model"][k] for k in ("vary", "floor", "neutral", "temperature")}
            *arrays, whole = arrays
            return cls(
                Emfacs(*arrays, **numbers, whole=whole), [kept["slopes"][name] for name in AU_NAMES]
            )
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no model of EMFACS") from error

    def level(
        self, units: np.ndarray, motion: MotionTrack, brows: np.ndarray | None = None
    ) -> RestingLevel:
        """The median reading of a person at rest, or of one who often is.

        Readings scatter to both sides of where they rest: a lower quantile would call the scatter
        an expression.

        Args:
            units: ``[T, 24]`` intensities, read as those of :meth:`read` will be.
            motion: of the same frames.
            brows: ``[T, 3]`` (see :func:`recognizer.brow_reader.brow_intensities`).
        """
        seen = np.isfinite(units[:, 0])
        return RestingLevel(
            np.median(_odds(units[seen]), axis=0),
            float(np.median(lean(motion)[seen])),
            None if brows is None else np.median(brows[seen], axis=0),
        )

    def read(
        self,
        units: np.ndarray,
        motion: MotionTrack,
        talking: np.ndarray,
        level: RestingLevel,
        brows: np.ndarray | None = None,
    ) -> Felt:
        """Emotions of each frame.

        Args:
            units: ``[T, 24]`` intensities 0-5, NaN where there is no face.
            motion: of the same frames.
            talking: ``[T]`` (see :func:`recognizer.talking.talking`).
            level: of the person at rest.
            brows: ``[T, 3]`` intensities by the place of the brows, if it is known.
        """
        import torch

        seen = np.isfinite(units[:, 0])
        emotion, strength = (np.full((len(units), len(EMOTIONS)), np.nan) for _ in range(2))
        if seen.any():
            odds = _odds(units[seen]) - level.odds
            if brows is not None and level.brows is not None:
                rise = BOLDNESS * self.slopes[_BROWS] * (brows[seen] - level.brows)
                odds[:, _BROWS] += _BROWS_TELL * (rise - odds[:, _BROWS])
            leaning = LEAN_SCALE * (lean(motion)[seen] - level.lean)
            change = np.concatenate([odds[:, UNITS], leaning[:, None]], axis=1)
            change = gaussian_filter1d(change, _WINDOW * motion.fps, axis=0, mode="nearest")
            with torch.no_grad():
                found = self.model(torch.from_numpy(change), torch.from_numpy(talking[seen] * 1.0))
            emotion[seen], strength[seen] = found.emotion.numpy(), found.strength.numpy()
        return Felt(emotion, strength)

    def intensities(self, units: np.ndarray, level: RestingLevel) -> np.ndarray:
        """Intensities ``[T, 24]`` by the change of their log-odds, averaged with those read.

        A network that sees strangers answers with the mean of what may be: on photographs little.
        Of a person known at rest a small answer that was smaller yet says more.
        """
        share = np.where(self.slopes >= _LEAST_SLOPE, _CHANGE_TELLS, 0.0)
        share[AU_INDEX["AU09"]] = _NOSE_TELLS
        change = _odds(units) - level.odds - _SCATTER
        told = np.clip(change / (BOLDNESS * np.maximum(self.slopes, _LEAST_SLOPE)), 0, AU_MAX)
        return units + share * (told - units)


def with_brows(units: np.ndarray, brows: np.ndarray | None) -> np.ndarray:
    """Intensities ``[T, 24]`` in which what brows do is told by their place first (``[T, 3]``),
    where that is known."""
    out = np.array(units)
    if brows is not None:
        out[:, _BROWS] += _BROWS_SHOW * (brows - out[:, _BROWS])
    return out


def steadied(emotion: np.ndarray, fps: float) -> np.ndarray:
    """Probabilities ``[T, 8]`` as geometric means over the window of evidence; rows of NaN stay."""
    seen = np.isfinite(emotion[:, 0])
    out = np.full(emotion.shape, np.nan)
    if seen.any():
        logs = np.log(np.maximum(emotion[seen], 1e-6))
        out[seen] = softmax(gaussian_filter1d(logs, _WINDOW * fps, axis=0, mode="nearest"), axis=1)
    return out


def lean(motion: MotionTrack) -> np.ndarray:
    """``[T]``: how much further the left corner of the mouth is pulled than the right."""
    columns = motion.blendshapes.T.astype(np.float64)
    return sum(
        columns[ARKIT_INDEX[f"{stem}Left"]] - columns[ARKIT_INDEX[f"{stem}Right"]]
        for stem in ("mouthSmile", "mouthDimple")
    )


def _odds(units: np.ndarray) -> np.ndarray:
    import torch

    return log_odds(torch.from_numpy(np.clip(units, 0, AU_MAX).astype(np.float64))).numpy()
