"""espeak-ng as a library: text to speech with the times of its phones.

It comes with PyPI's ``espeakng-loader`` or is the system's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

import numpy as np

from gen.data.voices import BackendUnavailable, Phone, Speech, Voice, tidy, to_16k
from recognizer.media import SAMPLE_RATE


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
        waveform = to_16k(np.concatenate(self._audio) / np.float32(32768), self._sample_rate)
        # "(en)" announces a word of another language.
        events = [(time, name) for time, name in self._events if not name.startswith("(")]
        end = len(waveform) / SAMPLE_RATE
        starts = [time for time, _ in events] + [end]
        phones = [
            Phone(name, start, max(start, min(stop, end)))
            for (start, name), stop in zip(events, starts[1:], strict=True)
        ]
        return Speech(waveform, tidy(_with_closures(phones, waveform), end))


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
