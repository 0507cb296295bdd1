"""Music made up by chance and played on sampled instruments by FluidSynth, a tool to make data.

Needs the program and a General MIDI sound font (``apt-get install fluidsynth fluid-soundfont-gm``).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gen.data.voices import BackendUnavailable
from recognizer.media import SAMPLE_RATE

#: Where systems put a General MIDI font.
_FONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/default.sf2",
    "/opt/homebrew/share/soundfonts/default.sf2",
)
#: General MIDI's choirs and voices, which are to count as nobody's speech no more than as music.
_VOICES = {52, 53, 54, 85, 91}
_BASSES, _DRUMS = range(32, 40), 9
#: Ticks a second: 480 a quarter at the 120 beats a minute that a file without a tempo has.
_TICKS = 960
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
#: Chords as degrees of the scale.
_PROGRESSIONS = ((0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 6, 5, 4), (1, 4, 0, 0), (0,))


class Note(NamedTuple):
    """A note: MIDI channel, key and velocity, start and length in seconds."""

    channel: int
    key: int
    velocity: int
    start: float
    length: float


class Band:
    """Plays pieces that it makes up.

    Args:
        font: a General MIDI sound font; one of the system's by default.

    Raises:
        BackendUnavailable: the program or the font is missing.
    """

    def __init__(self, font: str | os.PathLike | None = None) -> None:
        found = [font] if font else [path for path in _FONTS if Path(path).is_file()]
        if shutil.which("fluidsynth") is None or not found:
            raise BackendUnavailable(
                "FluidSynth or a sound font is missing: apt-get install fluidsynth "
                "fluid-soundfont-gm"
            )
        self._font = os.fspath(found[0])

    def play(self, seconds: float, rng: np.random.Generator) -> np.ndarray:
        """A piece, float64 ``[seconds * 16000]``, begun somewhere in its first bars."""
        lead = rng.uniform(0, 2)
        programs, notes = compose(seconds + lead, rng)
        waveform = self.perform(programs, notes)[round(lead * SAMPLE_RATE) :]
        samples = round(seconds * SAMPLE_RATE)
        return np.pad(waveform[:samples], (0, max(0, samples - len(waveform))))

    def perform(self, programs: dict[int, int], notes: Sequence[Note]) -> np.ndarray:
        """The sound ``[N]`` at 16 kHz of notes on channels that have these GM programs."""
        with tempfile.TemporaryDirectory() as folder:
            score, sound = Path(folder) / "score.mid", Path(folder) / "sound.wav"
            score.write_bytes(midi_file(programs, notes))
            subprocess.run(
                [
                    "fluidsynth", "-n", "-i", "-q", "-r", str(SAMPLE_RATE), "-g", "0.4",
                    "-o", "synth.dynamic-sample-loading=1", "-T", "wav", "-F", str(sound),
                    self._font, str(score),
                ],
                check=True, capture_output=True,
            )  # fmt: skip
            from scipy.io import wavfile

            return wavfile.read(sound)[1].mean(axis=1) / 32768


def compose(seconds: float, rng: np.random.Generator) -> tuple[dict[int, int], list[Note]]:
    """Programs by channel, and notes: chords, and mostly a bass, a tune, figures and drums."""
    beat, key = 60 / rng.uniform(60, 170), int(rng.integers(38, 50))
    scale = _SCALES[rng.integers(len(_SCALES))]
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    bars = int(np.ceil(seconds / (4 * beat)))
    others = [p for p in range(120) if p not in _VOICES and p not in _BASSES]
    programs = {c: int(rng.choice(others)) for c in range(4)} | {4: int(rng.choice(_BASSES))}
    playing = [c for c in range(5) if rng.random() < 0.6] or [int(rng.integers(4))]
    steps = {c: beat * rng.choice((0.25, 0.5, 1, 2)) for c in playing}
    notes: list[Note] = []

    def sound(channel: int, degree: int, octave: int, start: float, length: float) -> None:
        up, step = divmod(degree, len(scale))
        pitch = key + scale[step] + 12 * (up + octave)
        loud = int(np.clip(rng.normal(85, 18), 20, 127))
        notes.append(Note(channel, pitch, loud, start, length))

    for bar in range(bars):
        root, begin = progression[bar % len(progression)], 4 * bar * beat
        for channel in playing:
            if channel == 0:  # chords
                for at in (0, 2) if steps[channel] < beat else (0,):
                    for degree in (0, 2, 4):
                        sound(channel, root + degree, 1, begin + at * beat, 3.8 * beat - at * beat)
                continue
            for start in np.arange(begin, begin + 4 * beat - 1e-6, steps[channel]):
                if rng.random() < 0.25:
                    continue
                length = steps[channel] * rng.choice((0.4, 0.9, 1.5))
                if channel == 4:
                    sound(channel, root + int(rng.choice((0, 0, 4))), -1, start, length)
                elif channel == 3:  # broken chords
                    sound(channel, root + int(rng.choice((0, 2, 4, 7))), 2, start, length)
                else:  # tunes
                    sound(channel, root + int(rng.integers(-2, 9)), channel, start, length)
    if rng.random() < 0.6:
        notes += _drums(bars, beat, rng)
    return programs, notes


def _drums(bars: int, beat: float, rng: np.random.Generator) -> list[Note]:
    """One bar's pattern of General MIDI drums, over and over."""
    hits = [(0, 36), (2, 36), (1, 38), (3, 38)]
    hits += [(eighth / 2, int(rng.choice((42, 46, 51)))) for eighth in range(8)]
    hits += [(float(rng.integers(16)) / 4, int(rng.integers(35, 82))) for _ in range(4)]
    hits = [hit for hit in hits if rng.random() < 0.8]
    return [
        Note(_DRUMS, key, int(rng.integers(50, 120)), (4 * bar + at) * beat, 0.1)
        for bar in range(bars)
        for at, key in hits
    ]


def midi_file(programs: dict[int, int], notes: Sequence[Note]) -> bytes:
    """A standard MIDI file of one track."""
    events = []
    for note in notes:
        begin, key = round(note.start * _TICKS), int(np.clip(note.key, 0, 127))
        end = begin + max(1, round(note.length * _TICKS))
        events.append((begin, bytes([0x90 | note.channel, key, note.velocity])))
        events.append((end, bytes([0x80 | note.channel, key, 0])))
    track, clock = bytearray(), 0
    for channel, program in programs.items():
        track += bytes([0, 0xC0 | channel, program])
    for tick, event in sorted(events, key=lambda e: (e[0], e[1][0] & 0xF0)):
        track += _variable(tick - clock) + event
        clock = tick
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS // 2)
    return head + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _variable(number: int) -> bytes:
    """MIDI's numbers: seven bits a byte, the highest first."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(0x80 | number & 0x7F)
    return bytes(reversed(out))
