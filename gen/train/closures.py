"""Learn to hear *m*, *b* and *p* from synthesised speech, whose phones are known exactly.

A filmed speaker teaches what lips do on average; that they must meet on these three, whoever
speaks, is a fact of phonetics. Twenty-six voices of six languages say when; a linear map of the
speech features generalises to voices that it has not heard.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gen.audio.ridge import NeighbourRidge
from gen.audio.whisper import WhisperEncoder
from gen.data.augment import augment
from gen.data.synthesis import recite, scripts
from gen.data.tts import Synthesizer
from gen.data.voices import VOICES, Phone
from recognizer.config import read_config

#: Phones for which the lips meet, by the first letter of their IPA.
_BILABIALS = ("m", "b", "p")
_FPS = 25.0


@dataclass
class ClosureConfig:
    """How the map is fitted; a YAML file has these keys.

    Attributes:
        backends: synthesisers whose voices speak.
        records: texts of one or two sentences.
        seed: of texts, voices and noise.
        components: principal components of the speech features that are kept.
        reach: neighbouring frames on either side.
        strength: inverse of the penalty of the logistic regression.
        held_out: every so many voices are left out for the figures; the map is then fitted on all.
    """

    backends: tuple[str, ...] = ("espeak", "flite")
    records: int = 420
    seed: int = 11
    components: int = 128
    reach: int = 2
    strength: float = 1e-3
    held_out: int = 4


@dataclass
class Spoken:
    """One text: its voice, speech features ``[T, D]``, and by frame whether lips meet and whether
    anything is said (bool ``[T]``)."""

    voice: str
    features: np.ndarray
    closed: np.ndarray
    said: np.ndarray


def fit_closures(
    config: ClosureConfig | Mapping | str | os.PathLike, output: str | os.PathLike
) -> dict[str, float]:
    """Synthesise, fit, write.

    Args:
        config: the options, or their YAML file.
        output: folder of the map.

    Returns:
        ``auc`` (of voices left out), ``closed`` (share of the frames), ``frames``, ``voices``.

    Raises:
        ValueError: a bad configuration.
        BackendUnavailable: a synthesiser is not installed.
    """
    from sklearn.metrics import roc_auc_score

    if not isinstance(config, ClosureConfig):
        config = read_config(ClosureConfig, config)
    texts = synthesise(config, WhisperEncoder.from_pretrained())
    voices = sorted({text.voice for text in texts})
    left_out = set(voices[:: config.held_out])
    judge = fit([text for text in texts if text.voice not in left_out], config)
    strangers = [text for text in texts if text.voice in left_out]
    truth, odds = (
        np.concatenate(parts)
        for parts in zip(
            *((t.closed[t.said], judge(t.features)[t.said, 0]) for t in strangers), strict=True
        )
    )
    fit(texts, config).save(output)
    closed = np.concatenate([text.closed[text.said] for text in texts])
    return {
        "auc": round(float(roc_auc_score(truth, odds)), 4),
        "closed": round(float(closed.mean()), 4),
        "frames": len(closed),
        "voices": len(voices),
    }


def synthesise(config: ClosureConfig, encoder: WhisperEncoder) -> list[Spoken]:
    """The texts, every other one with noise, room, codec and another pitch."""
    voices = [voice for voice in VOICES if voice.backend in config.backends]
    if not voices:
        raise ValueError(f"no voice is spoken by {', '.join(config.backends) or 'nothing'}")
    synthesizer, texts = Synthesizer(config.seed), []
    for number, script in enumerate(scripts(config.records, config.seed, voices)):
        rng = np.random.default_rng([config.seed, number])
        speech = recite(script, synthesizer, rng)
        waveform = augment(speech.waveform, rng) if number % 2 else speech.waveform
        features = encoder.encode(waveform, _FPS)
        texts.append(Spoken(script.voice.name, features, *by_frame(speech.phones, len(features))))
    return texts


def by_frame(phones: Sequence[Phone], frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether lips meet and whether anything is said in each frame, bool ``[T]`` each.

    A frame belongs to a phone that fills more than a quarter of it, or to a silence that fills
    half.
    """
    closed, silent = np.zeros(frames, bool), np.zeros(frames, bool)
    left, right = np.arange(frames) - 0.5, np.arange(frames) + 0.5
    for phone in phones:
        overlap = np.minimum(phone.end * _FPS, right) - np.maximum(phone.start * _FPS, left)
        if not phone.ipa:
            silent |= overlap > 0.5
        elif phone.ipa.startswith(_BILABIALS):
            closed |= overlap > 0.25
    return closed, ~silent


def fit(texts: Sequence[Spoken], config: ClosureConfig) -> NeighbourRidge:
    """Logistic regression on principal components of neighbouring frames, as one linear map.

    Returns:
        Speech features → log-odds ``[T, 1]`` that the lips meet.
    """
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([text.features for text in texts])
    mean, scale = features.mean(0), features.std(0) + 1e-3
    _, axes = np.linalg.eigh(np.cov(((features - mean) / scale).T))
    axes = axes[:, : -config.components - 1 : -1]

    def around(text: Spoken) -> np.ndarray:
        part = ((text.features - mean) / scale) @ axes
        padded = np.pad(part, ((config.reach,) * 2, (0, 0)), mode="edge")
        shifts = range(2 * config.reach + 1)
        return np.concatenate([padded[i : i + len(part)] for i in shifts], axis=1)[text.said]

    closed = np.concatenate([text.closed[text.said] for text in texts])
    if closed.all() or not closed.any():
        raise ValueError("the texts hold no bilabial, or nothing else")
    model = LogisticRegression(C=config.strength, max_iter=500)
    model.fit(np.concatenate([around(text) for text in texts]), closed)
    weights = model.coef_.reshape(2 * config.reach + 1, -1) @ axes.T / scale
    rest = model.intercept_ - (weights @ mean).sum()
    return NeighbourRidge(weights[..., None].astype(np.float32), rest.astype(np.float32))
