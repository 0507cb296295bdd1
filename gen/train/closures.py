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

from gen.audio.whisper import WhisperEncoder
from gen.data.augment import augment
from gen.data.synthesis import Script, recite, scripts
from gen.data.tts import Synthesizer
from gen.data.voices import VOICES, Phone
from gen.train.detector import DetectorConfig, Heard, fit_detector, judged
from recognizer.config import read_config

#: Phones for which the lips meet, by the first letter of their IPA.
_BILABIALS = ("m", "b", "p")
_FPS = 25.0


@dataclass
class ClosureConfig(DetectorConfig):
    """How the map is fitted: :class:`gen.train.detector.DetectorConfig`, and these keys.

    Attributes:
        backends: synthesisers whose voices speak.
        records: texts of one or two sentences.
    """

    backends: tuple[str, ...] = ("espeak", "flite")
    records: int = 420


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

    config = read_config(ClosureConfig, config)
    texts = synthesise(config, WhisperEncoder.from_pretrained())
    odds, truth = judged(texts, config)
    fit_detector(texts, config).save(output)
    closed = np.concatenate([text.truth[text.counts] for text in texts])
    return {
        "auc": round(float(roc_auc_score(truth, odds)), 4),
        "closed": round(float(closed.mean()), 4),
        "frames": len(closed),
        "voices": len({text.source for text in texts}),
    }


def texts_of(backends: Sequence[str], records: int, seed: int) -> list[Script]:
    """What the voices of some synthesisers say.

    Raises:
        ValueError: they have no voices.
    """
    voices = [voice for voice in VOICES if voice.backend in backends]
    if not voices:
        raise ValueError(f"no voice is spoken by {', '.join(backends) or 'nothing'}")
    return scripts(records, seed, voices)


def synthesise(config: ClosureConfig, encoder: WhisperEncoder) -> list[Heard]:
    """The texts, every other one with noise, room, codec and another pitch.

    What counts is what is said; the answer is whether the lips meet.
    """
    synthesizer, texts = Synthesizer(config.seed), []
    for number, script in enumerate(texts_of(config.backends, config.records, config.seed)):
        rng = np.random.default_rng([config.seed, number])
        speech = recite(script, synthesizer, rng)
        waveform = augment(speech.waveform, rng) if number % 2 else speech.waveform
        features = encoder.encode(waveform, _FPS)
        texts.append(Heard(script.voice.name, features, *by_frame(speech.phones, len(features))))
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
