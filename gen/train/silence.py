"""Learn to hear that nobody speaks: speech and pauses, and sounds that are no speech at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gen.audio.silence import SilenceDetector
from gen.audio.whisper import WhisperEncoder
from gen.data.augment import augment
from gen.data.corpus import aligned_waveform, held_out, load_corpus
from gen.data.instruments import Band
from gen.data.nonspeech import nonspeech
from gen.data.records import MotionRecord
from gen.data.synthesis import recite
from gen.data.tts import Synthesizer
from gen.data.upper_face import loudness
from gen.data.voices import Phone, Speech
from gen.train.closures import by_frame, texts_of
from gen.train.detector import DetectorConfig, Heard, fit_detector, judged
from recognizer.config import read_config
from recognizer.media import SAMPLE_RATE

_FPS = 25.0
#: Frames around speech that belong to neither side: lips part before a sound and rest after it.
_MARGIN = 3
#: Seconds of a text that is drawn out.
_LONGEST = 12
#: Loudness (0..1, see :func:`gen.data.upper_face.loudness`) of pauses and of speech.
_PAUSE, _SPEECH = 0.15, 0.4


@dataclass
class SilenceConfig(DetectorConfig):
    """How the detector is fitted: :class:`gen.train.detector.DetectorConfig`, and these keys.

    Attributes:
        backends: synthesisers whose voices speak.
        texts: texts of one or two sentences, one in seven of them drawn out as if sung.
        records: of filmed speakers, beside them.
        hold_out: records, the last by name, that the fit never sees.
        sounds: without speech, 3 to 10 s each.
    """

    stride: int = 3
    balanced: bool = True
    backends: tuple[str, ...] = ("espeak", "flite")
    texts: int = 280
    records: int = 80
    hold_out: int = 0
    sounds: int = 420


def fit_silence(
    config: SilenceConfig | Mapping | str | os.PathLike,
    data: str | os.PathLike,
    output: str | os.PathLike,
) -> dict[str, float]:
    """Synthesise, fit, write.

    Args:
        config: the options, or their YAML file.
        data: folder of records of the speakers whose motion the motion model learnt: what they
            sound like in pauses is what it knows as a pause.
        output: folder of the detector.

    Returns:
        Of sources left out: ``auc``, and at log-odds 0 ``speech_lost`` (share of the frames of
        speech that are heard as none) and ``found`` (of the frames without speech); ``frames``.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a bad configuration, or a folder without records beside those held out.
        BackendUnavailable: a synthesiser of voices or of music is not installed.
    """
    from sklearn.metrics import roc_auc_score

    config = read_config(SilenceConfig, config)
    records, _ = held_out(load_corpus(data), config.hold_out, data)
    rng = np.random.default_rng(config.seed)
    chosen = [records[i] for i in rng.permutation(len(records))[: config.records]]
    encoder, band = WhisperEncoder.from_pretrained(), Band()
    heard = [
        *spoken(config, encoder, band),
        *filmed(chosen, config, encoder, band),
        *unspoken(config, encoder, band),
    ]
    odds, truth = judged(heard, config)
    SilenceDetector(fit_detector(heard, config), mean_pause(chosen, encoder)).save(output)
    return {
        "auc": round(float(roc_auc_score(truth, odds)), 4),
        "speech_lost": round(float((odds[~truth] > 0).mean()), 4),
        "found": round(float((odds[truth] > 0).mean()), 4),
        "frames": sum(int(sound.counts.sum()) for sound in heard),
    }


def spoken(config: SilenceConfig, encoder: WhisperEncoder, band: Band) -> list[Heard]:
    """Synthesised texts between pauses, in rooms, over noise and music, and from far off."""
    synthesizer, out = Synthesizer(config.seed), []
    for number, script in enumerate(texts_of(config.backends, config.texts, config.seed)):
        rng = np.random.default_rng([config.seed, number])
        speech = recite(script, synthesizer, rng)
        if number % 7 == 0:
            speech = drawn_out(speech, rng.uniform(2, 8))
        _, said = by_frame(speech.phones, round(len(speech.waveform) / SAMPLE_RATE * _FPS))
        out.append(_placed(script.voice.name, speech.waveform, said, ~said, rng, encoder, band))
    return out


def drawn_out(speech: Speech, factor: float) -> Speech:
    """The same so many times slower at its own pitch, its first 12 s: a note that is held must not
    pass for an organ's."""
    import librosa

    slow = librosa.effects.time_stretch(speech.waveform, rate=1 / factor, n_fft=1024)
    phones = [Phone(p.ipa, p.start * factor, p.end * factor) for p in speech.phones]
    return Speech(slow[: _LONGEST * SAMPLE_RATE], phones)


def filmed(
    records: Sequence[MotionRecord], config: SilenceConfig, encoder: WhisperEncoder, band: Band
) -> list[Heard]:
    """Recorded speech, treated likewise; loudness tells speech from pauses."""
    out = []
    for number, record in enumerate(records):
        rng = np.random.default_rng([config.seed, number, 1])
        level = loudness(record.waveform, len(record.motion))
        said = level > _SPEECH
        waveform = aligned_waveform(record)
        out.append(_placed(record.speaker, waveform, said, level < _PAUSE, rng, encoder, band))
    return out


def unspoken(config: SilenceConfig, encoder: WhisperEncoder, band: Band) -> list[Heard]:
    """Sounds without speech."""
    out = []
    for number in range(config.sounds):
        rng = np.random.default_rng([config.seed, number, 2])
        name, sound = nonspeech(round(rng.uniform(3, 10) * SAMPLE_RATE), rng, band)
        features = encoder.encode(sound, _FPS)
        every = np.ones(len(features), bool)
        out.append(Heard(f"{name} {number}", features, every, every))
    return out


def mean_pause(records: Sequence[MotionRecord], encoder: WhisperEncoder) -> np.ndarray:
    """The mean features ``[D]`` of the pauses of records as they were recorded."""
    pauses = []
    for record in records:
        quiet = loudness(record.waveform, len(record.motion)) < _PAUSE
        if quiet.any():
            pauses.append(encoder.encode(aligned_waveform(record), _FPS)[quiet])
    if not pauses:
        raise ValueError("nobody pauses in these records")
    return np.concatenate(pauses).mean(0)


def _placed(
    source: str,
    waveform: np.ndarray,
    said: np.ndarray,
    silent: np.ndarray,
    rng: np.random.Generator,
    encoder: WhisperEncoder,
    band: Band,
) -> Heard:
    """Speech as it comes: after silence, in a room, over other sounds, quiet."""
    hop = SAMPLE_RATE // round(_FPS)
    if rng.random() < 0.5:
        waveform = augment(waveform, rng)
    if rng.random() < 0.25:  # gated: digital silence between the words
        open_ = np.convolve(said, np.ones(2 * _MARGIN + 1), "same") > 0
        gate = np.repeat(open_, hop)[: len(waveform)]
        waveform = waveform * np.pad(gate, (0, len(waveform) - len(gate)))
    if rng.random() < 0.5:
        around = rng.integers(0, 3 * round(_FPS), size=2)
        hiss = 10 ** rng.uniform(-5, -3.3) * (rng.random() < 0.6)
        waveform = np.pad(waveform[: len(said) * hop], tuple(around * hop))
        waveform = waveform + hiss * rng.standard_normal(len(waveform))
        said, silent = np.pad(said, around), np.pad(silent, around, constant_values=True)
    if rng.random() < 0.5:
        _, other = nonspeech(len(waveform), rng, band)
        level = waveform.std() * 10 ** (-rng.uniform(0, 35) / 20)
        waveform = waveform + other * (level / (other.std() + 1e-9))
    if rng.random() < 0.4:
        waveform = waveform * 10 ** (-rng.uniform(0, 45) / 20)
    features = encoder.encode(np.clip(waveform, -1, 1).astype(np.float32), _FPS)
    said, silent = (
        np.pad(x, (0, max(0, len(features) - len(x))))[: len(features)] for x in (said, silent)
    )
    near = np.convolve(said, np.ones(2 * _MARGIN + 1), "same") > 0
    truth = silent & ~near
    return Heard(source, features, truth, said | truth)
