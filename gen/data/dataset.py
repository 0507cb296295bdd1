"""From folders of training records to batches of windows."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gen.data.corpus import FPS, CorpusConfig, aligned_waveform
from gen.data.liven import LIVENED, liven
from gen.data.records import MotionRecord
from gen.data.speech_features import Encode, encode_corpus
from gen.data.splicing import Piece, join_motion, splice
from gen.data.upper_face import loudness
from gen.style import Style
from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack

#: Frames over which a livened head moves without a break, at least.
_LIVENED_FRAMES = 30 * FPS
#: Frames on either side of a window that count for its style.
_AROUND = 5 * FPS


@dataclass
class _Stream:
    """One variant of a corpus as one long recording.

    Speech ``[N, D]``, motion ``[N, 58]`` and the loudness of the voice ``[N, 1]``.
    """

    speech: np.ndarray
    motion: np.ndarray
    level: np.ndarray

    def style(self, first: int, last: int) -> np.ndarray:
        """How the motion goes from one frame to another and seconds around, ``[9]``."""
        around = self.motion[max(0, first - _AROUND) : last + _AROUND].astype(np.float32)
        return Style.measure(MotionTrack.from_vectors(around, FPS)).token()


@dataclass
class _Corpus:
    config: CorpusConfig
    measured: np.ndarray
    streams: list[_Stream]


class MotionWindows:
    """Draws batches of windows from several corpora.

    Args:
        corpora: records (training ones only) and configuration of each.
        encode: waveform → speech features.
        cache: folder for the features.
        seed: of augmentation and liveliness.
    """

    def __init__(
        self,
        corpora: Sequence[tuple[Sequence[MotionRecord], CorpusConfig]],
        encode: Encode,
        cache: str | os.PathLike | None = None,
        seed: int = 0,
    ) -> None:
        self._corpora = []
        for records, config in corpora:
            by_name = {record.name: record for record in records}
            streams = []
            for variant in range(config.variants):
                names, features = encode_corpus(records, encode, variant, cache, seed)
                pieces = [
                    Piece(features[n], by_name[n].motion.to_vectors(), aligned_waveform(by_name[n]))
                    for n in names
                ]
                rng = np.random.default_rng([seed, variant, 1])
                if config.splice:
                    pieces = splice(pieces, config.splice, rng)
                motion = [piece.motion for piece in pieces]
                if config.liven:
                    motion = _livened(pieces, rng, config.variety)
                speech = np.concatenate([piece.speech for piece in pieces])
                level = [loudness(piece.wave, len(piece.motion)) for piece in pieces]
                level = np.concatenate(level)[:, None].astype(np.float16)
                streams.append(_Stream(speech, join_motion(motion).astype(np.float16), level))
            measured = np.logical_and.reduce([record.measured for record in records])
            if config.liven:
                measured = measured | LIVENED
            self._corpora.append(_Corpus(config, measured, streams))
        weights = np.array([corpus.config.weight for corpus in self._corpora], float)
        self._share = weights / weights.sum()

    @property
    def frames(self) -> int:
        """Frames of all streams together."""
        return sum(len(s.motion) for corpus in self._corpora for s in corpus.streams)

    def statistics(self) -> dict[str, np.ndarray]:
        """``motion_mean``, ``motion_std`` ``[58]`` and ``audio_mean``, ``audio_std`` ``[D]``.

        Corpora count by their weight, in the columns that they measure; a column that nobody
        measures has mean 0. Deviations have a floor (0.03 for coefficients, 0.3 degrees, 0.01 face
        widths), since a nearly constant column must not be magnified to the size of the others.
        """
        share = self._share[:, None]
        measured = np.stack([corpus.measured for corpus in self._corpora])
        motion = [np.concatenate([s.motion for s in c.streams]) for c in self._corpora]
        speech = [np.concatenate([s.speech for s in c.streams]) for c in self._corpora]
        floor = np.array([0.03] * 52 + [0.3] * 3 + [0.01] * 3)
        mean, std = _pooled(motion, np.where(measured, share, 0.0))
        audio_mean, audio_std = _pooled(speech, np.broadcast_to(share, (len(share), 1)))
        return {
            "motion_mean": mean,
            "motion_std": np.maximum(std, floor).astype(np.float32),
            "audio_mean": audio_mean,
            "audio_std": np.maximum(audio_std, 1e-3).astype(np.float32),
        }

    def style_statistics(self) -> dict[str, np.ndarray]:
        """``style_mean``, ``style_std`` ``[9]`` of windows' styles, corpora by their weight."""
        parts = []
        for corpus in self._corpora:
            places = [(s, at) for s in corpus.streams for at in range(0, len(s.motion), 10 * FPS)]
            parts.append(np.stack([stream.style(at, at) for stream, at in places]))
        mean, std = _pooled(parts, self._share[:, None])
        return {"style_mean": mean, "style_std": np.maximum(std, 0.05).astype(np.float32)}

    def linear_prior(self, statistics: dict[str, np.ndarray], domain: str) -> dict[str, np.ndarray]:
        """The least-squares map from speech to jaw and mouth, of the sound as recorded.

        Each column gets back the variance that least squares takes, up to a quarter of its
        deviation.

        Args:
            statistics: those of :meth:`statistics`.
            domain: of the corpora that count; all do if none is of it.

        Returns:
            ``prior_weight`` ``[D, 58]`` and ``prior_bias`` ``[58]``, normalised to normalised.
        """
        corpora = [c for c in self._corpora if c.config.domain == domain] or self._corpora
        speech = np.concatenate([c.streams[0].speech for c in corpora]).astype(np.float64)
        motion = np.concatenate([c.streams[0].motion for c in corpora]).astype(np.float64)
        speech = (speech - statistics["audio_mean"]) / statistics["audio_std"]
        motion = (motion - statistics["motion_mean"]) / statistics["motion_std"]
        middle, rest = speech.mean(0), motion.mean(0)
        weight = np.linalg.lstsq(speech - middle, motion - rest, rcond=None)[0]
        made = ((speech - middle) @ weight).std(0)
        weight *= np.clip(motion.std(0) / np.maximum(made, 1e-9), 1, 1.25)
        bias = rest - middle @ weight
        spoken = np.array([n.startswith(("jaw", "mouth")) for n in ARKIT_NAMES] + [False] * 6)
        measured = np.logical_and.reduce([c.measured for c in corpora])
        weight, bias = (
            np.where(spoken & measured, x, 0).astype(np.float32) for x in (weight, bias)
        )
        return {"prior_weight": weight, "prior_bias": bias}

    def batch(
        self,
        rng: np.random.Generator,
        size: int,
        frames: int,
        context: int,
        styles: bool = False,
    ) -> dict[str, np.ndarray]:
        """``size`` random windows.

        Args:
            rng: chance.
            size: B.
            frames: of each.
            context: frames of speech on either side.
            styles: whether to measure how the motion goes within and around each.

        Returns:
            ``motion`` float32 ``[B, frames, 58]``, ``speech`` float32 ``[B, frames + 2 * context,
            D]``, ``level`` float32 ``[B, frames]`` (loudness, 0..1), ``measured`` bool ``[B, 58]``,
            ``corpus`` int64 ``[B]`` and, if wanted, ``style`` float32 ``[B, 9]``.

        Raises:
            ValueError: a corpus is shorter than a window.
        """
        chosen = rng.choice(len(self._corpora), size=size, p=self._share)
        motion, speech, level, measured, manner = [], [], [], [], []
        for index in chosen:
            corpus = self._corpora[index]
            stream = corpus.streams[rng.integers(len(corpus.streams))]
            warp = corpus.config.warp
            rate = float(np.exp(rng.uniform(-warp, warp))) if warp else 1.0
            length = frames + 2 * context
            spare = len(stream.motion) - math.ceil(length * rate)
            if spare < 0:
                raise ValueError(
                    f"a corpus of {len(stream.motion)} frames is too short to train on"
                )
            at = int(rng.integers(spare + 1)) + np.arange(length) * rate
            speech.append(_between(stream.speech, at))
            motion.append(_between(stream.motion, at[context : context + frames]))
            level.append(_between(stream.level, at[context : context + frames])[:, 0])
            measured.append(corpus.measured)
            if styles:
                manner.append(stream.style(int(at[0]), math.ceil(at[-1])))
        return {
            "motion": np.stack(motion).astype(np.float32),
            "speech": np.stack(speech).astype(np.float32),
            "level": np.stack(level).astype(np.float32),
            "measured": np.stack(measured),
            "corpus": chosen.astype(np.int64),
        } | ({"style": np.stack(manner)} if styles else {})


def _between(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows at fractional places, interpolated between neighbours."""
    low = at.astype(int)
    share = np.float32(at - low)[:, None]
    if not share.any():
        return rows[low].astype(np.float32)
    high = np.minimum(low + 1, len(rows) - 1)
    return (1 - share) * rows[low] + share * rows[high]


def _livened(pieces: Sequence[Piece], rng: np.random.Generator, variety: float) -> list[np.ndarray]:
    out, group, frames = [], [], 0
    for i, piece in enumerate(pieces, start=1):
        group.append(piece)
        frames += len(piece.motion)
        if frames >= _LIVENED_FRAMES or i == len(pieces):
            joined = join_motion([p.motion for p in group])
            wave = np.concatenate([p.wave for p in group])
            out.append(liven(joined, wave, rng, variety))
            group, frames = [], 0
    return out


def _pooled(parts: Sequence[np.ndarray], share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of a mixture of ``[N_i, D]``, shares ``[parts, D]`` or ``[parts, 1]``."""
    share = share / np.maximum(share.sum(0), 1e-9)
    mean = sum(w * p.mean(0, dtype=np.float64) for w, p in zip(share, parts, strict=True))
    square = sum(
        w * (p.astype(np.float32) ** 2).mean(0, dtype=np.float64)
        for w, p in zip(share, parts, strict=True)
    )
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return np.asarray(mean, np.float32), np.asarray(std, np.float32)
