"""From folders of training records to batches of windows, with speech features cached on disk."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from gen.data.augment import augment
from gen.data.liven import LIVENED, liven
from gen.data.records import SAMPLE_RATE, MotionRecord, iter_records
from gen.data.upper_face import loudness
from gen.style import Style
from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack

FPS = 25
_SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
#: Frames within which a cut looks for the quietest.
_SNAP = 5
#: Clips that are encoded as one recording: their speech is then heard in varying context.
_GROUP_SIZES = (1, 3, 6)
#: Frames over which a livened head moves without a break, at least.
_LIVENED_FRAMES = 30 * FPS
#: Frames on either side of a window that count for its style.
_AROUND = 5 * FPS

Encode = Callable[[np.ndarray], np.ndarray]


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
    samples = len(record.motion) * _SAMPLES_PER_FRAME
    return np.pad(record.waveform[:samples], (0, max(0, samples - len(record.waveform))))


def encode_corpus(
    records: Sequence[MotionRecord],
    encode: Encode,
    variant: int,
    cache: str | os.PathLike | None = None,
    seed: int = 0,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Speech features of one variant of a corpus.

    Clips are augmented one by one (variant 0 is left as it is), joined into recordings of one or
    several clips in random order, and encoded.

    Args:
        records: the corpus.
        encode: waveform ``[N]`` → features ``[N / 640, D]``.
        variant: number of the variant.
        cache: folder where the result is kept; the file's name depends on all that it depends on.
        seed: of order and augmentation.

    Returns:
        Names in the order in which the clips were joined, and float16 features ``[T, D]`` of each.
    """
    path = None
    if cache is not None:
        path = Path(cache) / f"speech-{_digest(records, encode)}-{seed}-{variant:03d}.safetensors"
        if path.is_file():
            with safe_open(path, framework="numpy") as file:
                order = json.loads(file.metadata()["order"])
                return order, {name: file.get_tensor(name) for name in order}
    rng = np.random.default_rng([seed, variant])
    order = [records[i] for i in rng.permutation(len(records))]
    size = _GROUP_SIZES[variant % len(_GROUP_SIZES)]
    features: dict[str, np.ndarray] = {}
    for i in range(0, len(order), size):
        group = order[i : i + size]
        waves = [aligned_waveform(record) for record in group]
        if variant > 0:
            waves = [augment(wave, rng) for wave in waves]
        # Encoders cut sound into windows: silence before moves the clip against their grid.
        delay = int(rng.integers(FPS)) if variant > 0 else 0
        encoded = encode(np.concatenate([np.zeros(delay * _SAMPLES_PER_FRAME, np.float32), *waves]))
        ends = np.cumsum([len(record.motion) for record in group])
        if len(encoded) != delay + ends[-1]:
            raise ValueError(f"{group[0].name}: {len(encoded)} feature frames for {ends[-1]}")
        encoded = encoded[delay:].astype(np.float16)
        for record, part in zip(group, np.split(encoded, ends[:-1]), strict=True):
            features[record.name] = part
    names = [record.name for record in order]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file(features, partial, metadata={"order": json.dumps(names)})
        os.replace(partial, path)
    return names, features


def _digest(records: Sequence[MotionRecord], encode: Encode) -> str:
    """Tells corpora of the same names and sounds, heard by the same encoder, from others."""
    digest = hashlib.sha256()
    # What the encoder makes of three seconds of noise stands for the encoder; rounded, since
    # processors differ in the last bits.
    probe = np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32) * 0.1
    digest.update(np.round(encode(probe).mean(0), 1).astype(np.float16).tobytes())
    for record in records:
        digest.update(f"{record.name}:{len(record.motion)}:".encode())
        digest.update(aligned_waveform(record).astype(np.float32).tobytes())
    return digest.hexdigest()[:12]


def join_motion(parts: Sequence[np.ndarray], lips: int = 3, head: int = 12) -> np.ndarray:
    """Clips of motion one after the other, drawn together where they meet.

    At each joint both sides move to their mean within ``lips`` frames for the coefficients and
    ``head`` frames for the pose, so that no window shows a jump that no face can make.

    Args:
        parts: float32 ``[T_i, 58]``.

    Returns:
        float32 ``[sum T_i, 58]``.
    """
    out = np.concatenate(parts).astype(np.float32)
    for joint in np.cumsum([len(part) for part in parts[:-1]]):
        gap = out[joint] - out[joint - 1]
        for columns, reach in ((slice(0, 52), lips), (slice(52, None), head)):
            before = min(reach, joint)
            after = min(reach, len(out) - joint)
            rise = np.arange(1, before + 1)[:, None] / (before + 0.5)
            fall = np.arange(after, 0, -1)[:, None] / (after + 0.5)
            out[joint - before : joint, columns] += rise * gap[columns] / 2
            out[joint : joint + after, columns] -= fall * gap[columns] / 2
    return out


@dataclass
class Piece:
    """A clip or part of one: speech ``[T, D]``, motion ``[T, 58]``, sound ``[640 T]``."""

    speech: np.ndarray
    motion: np.ndarray
    wave: np.ndarray


def splice(pieces: Sequence[Piece], seconds: float, rng: np.random.Generator) -> list[Piece]:
    """Cut clips where they are quiet, into pieces of about ``seconds``, and shuffle these."""
    out = []
    for piece in pieces:
        frames = len(piece.motion)
        level = loudness(piece.wave, frames)
        cuts, at = [0], 0.0
        while (at := at + rng.uniform(0.5, 1.5) * seconds * FPS) < frames - _SNAP:
            low = max(int(at) - _SNAP, cuts[-1] + _SNAP)
            high = int(at) + _SNAP
            if low < high:
                cuts.append(low + int(np.argmin(level[low:high])))
        for begin, end in itertools.pairwise([*cuts, frames]):
            sound = slice(begin * _SAMPLES_PER_FRAME, end * _SAMPLES_PER_FRAME)
            out.append(Piece(piece.speech[begin:end], piece.motion[begin:end], piece.wave[sound]))
    return [out[i] for i in rng.permutation(len(out))]


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
