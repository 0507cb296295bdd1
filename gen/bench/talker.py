"""Sound in, motion out: the model that is measured, as the pipeline would run it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import numpy as np
import torch
import yaml

from gen.audio.encoder import AudioEncoder, load_encoder
from gen.motion import MotionGenerator
from gen.pipeline import PACKAGED
from gen.sampling import Sampling
from recognizer.motion import MotionTrack


def packaged_config() -> dict:
    """Encoder and sampling options of the packaged pipeline."""
    return yaml.safe_load((PACKAGED / "pipeline.yaml").read_text(encoding="utf-8"))


def remembering(encode: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Encode each sound once: several figures are taken of the same clips."""
    known: dict[bytes, np.ndarray] = {}

    def remembered(waveform: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(np.ascontiguousarray(waveform)).digest()
        if key not in known:
            known[key] = encode(waveform)
        return known[key]

    return remembered


class Talker:
    """A motion model with its encoder and options.

    Args:
        encoder: of speech.
        generator: of motion.
        sampling: its options.
    """

    def __init__(
        self, encoder: AudioEncoder, generator: MotionGenerator, sampling: Sampling
    ) -> None:
        self.encoder = encoder
        self.generator = generator
        self.sampling = sampling
        self.hear = remembering(encoder.encode)

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike | None = None) -> Talker:
        """A folder's motion model, or the packaged one, run as ``pipeline.yaml`` says.

        Raises:
            FileNotFoundError: the folder has no motion model.
        """
        config = packaged_config()
        generator = MotionGenerator.from_pretrained(model)
        return cls(load_encoder(config["audio_encoder"]), generator, Sampling(**config["sampling"]))

    def __call__(self, waveform: np.ndarray, seed: int = 0) -> MotionTrack:
        """The motion of a waveform ``[N]`` at 16 kHz, 25 frames a second."""
        return self.say(self.hear(waveform), seed)

    def say(self, features: np.ndarray, seed: int = 0) -> MotionTrack:
        """The motion of speech features ``[T, D]``."""
        noise = torch.Generator().manual_seed(seed)
        return self.generator(features, self.sampling, generator=noise)

    def windows(self, waveform: np.ndarray, seed: int = 0) -> list[MotionTrack]:
        """The same, window by window."""
        noise = torch.Generator().manual_seed(seed)
        return list(self.generator.stream(self.hear(waveform), self.sampling, generator=noise))
