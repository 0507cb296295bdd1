"""Speech features of a corpus, in varying context and recording, cached on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from gen.data.augment import augment
from gen.data.corpus import FPS, SAMPLES_PER_FRAME, aligned_waveform
from gen.data.records import MotionRecord
from recognizer.media import SAMPLE_RATE

#: Clips that are encoded as one recording: their speech is then heard in varying context.
_GROUP_SIZES = (1, 3, 6)

Encode = Callable[[np.ndarray], np.ndarray]


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
        encoded = encode(np.concatenate([np.zeros(delay * SAMPLES_PER_FRAME, np.float32), *waves]))
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
