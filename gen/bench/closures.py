"""Whether lips meet on *m*, *b* and *p*: on phones that a forced aligner finds in real speech.

The aligner is pocketsphinx with its English model and the words that are spoken; nothing in the
generator has heard of it. The words of a GRID sentence are its name (Cooke et al. 2006).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gen.bench.clips import FPS, Clip
from recognizer.face_model import FaceModel
from recognizer.media import SAMPLE_RATE
from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.sampling import bootstrap_interval
from recognizer.motion import MotionTrack

#: ARPAbet, as pocketsphinx writes it.
BILABIALS = frozenset(("B", "P", "M"))
VOWELS = frozenset(
    ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
)
#: Lips nearer than this share of the clip's median vowel opening are closed.
_CLOSED = 0.2
#: Of the aligner, a second.
_RATE = 100

_GRID = re.compile(r"([bpls])([bgrw])([abiw])([a-vx-z])([1-9z])([anps])")
_GRID_WORDS = (
    {"b": "bin", "p": "place", "l": "lay", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
     "8": "eight", "9": "nine", "z": "zero"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)  # fmt: skip


class Phone(NamedTuple):
    """A sound, ARPAbet, and its seconds."""

    name: str
    start: float
    end: float


def grid_sentence(name: str) -> str | None:
    """The words of a GRID sentence: ``"bbaf2n"`` → ``"bin blue at f two now"``; None for others."""
    found = _GRID.fullmatch(name)
    if found is None:
        return None
    return " ".join(
        words.get(letter, letter) for words, letter in zip(_GRID_WORDS, found.groups(), strict=True)
    )


class Aligner:
    """Words and sound → phones.

    Raises:
        UnavailableError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ModuleNotFoundError as error:
            raise UnavailableError(
                "pocketsphinx is not installed: pip install pocketsphinx"
            ) from error
        self._decoder = Decoder(lm=None, samprate=SAMPLE_RATE, loglevel="FATAL")

    def __call__(self, waveform: np.ndarray, words: str) -> list[Phone]:
        """The phones of a waveform ``[N]`` at 16 kHz; empty where the words are not found in it.

        Raises:
            ValueError: the dictionary lacks a word.
        """
        pcm = (np.clip(waveform, -1, 1) * 32767).astype(np.int16).tobytes()
        try:
            self._decoder.set_align_text(words)
        except RuntimeError as error:
            raise ValueError(f"no pronunciation is known of a word in {words!r}") from error
        if not self._decode(pcm) or self._decoder.hyp() is None:
            return []
        # The second pass gives the phones of the words that the first one found.
        self._decoder.set_alignment()
        if not self._decode(pcm):
            return []
        return [
            Phone(phone.name, phone.start / _RATE, (phone.start + phone.duration) / _RATE)
            for word in self._decoder.get_alignment()
            for phone in word
        ]

    def _decode(self, pcm: bytes) -> bool:
        """Whether the sound could be explained to its end."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        try:
            self._decoder.end_utt()
        except RuntimeError:  # all that it says of a search that ended nowhere
            return False
        return True


def closed_phones(parted: np.ndarray, phones: Sequence[Phone]) -> tuple[np.ndarray, np.ndarray]:
    """Whether lips come within 20 % of the median vowel opening: in each bilabial, in each vowel.

    A bilabial is as long as the frames that it overlaps, a vowel as those whose middle it holds:
    one frame next to a closure may well be shut. Phones without frames are left out.

    Args:
        parted: ``[T]`` at 25 fps: distance of the lips beyond that of lips at rest.
        phones: of the clip.

    Returns:
        bool ``[bilabials]`` and ``[vowels]``.

    Raises:
        ValueError: the clip has no vowel.
    """
    middles = (np.arange(len(parted)) + 0.5) / FPS
    vowels = [parted[(middles >= p.start) & (middles < p.end)] for p in phones if p.name in VOWELS]
    vowels = [span for span in vowels if len(span)]
    if not vowels:
        raise ValueError("there is no vowel to compare with")
    limit = _CLOSED * np.median(np.concatenate(vowels))
    bilabials = [
        parted[int(p.start * FPS) : int(np.ceil(p.end * FPS))]
        for p in phones
        if p.name in BILABIALS
    ]
    closed, shut_vowels = (
        np.array([span.min() < limit for span in spans if len(span)], bool)
        for spans in (bilabials, vowels)
    )
    return closed, shut_vowels


def closure_benchmark(made: Sequence[MotionTrack], clips: Sequence[Clip]) -> dict:
    """Share of the bilabials of sentences whose words are known on which lips close.

    Returns:
        ``{"model": {"closed", "ci95", "vowels_closed"}, "real": {…}, "bilabials", "clips"}``; the
        interval is a bootstrap over clips' shares. ``vowels_closed`` is the share of the vowels in
        which lips close, where they should not.

    Raises:
        UnavailableError: there is no aligner, or no clip's words are known.
    """
    align, face = Aligner(), FaceModel.load()
    rest = face.lip_opening(np.zeros((1, 52)))[0]
    rows: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"model": [], "real": []}
    for track, clip in zip(made, clips, strict=True):
        words = grid_sentence(clip.name)
        phones = align(clip.waveform, words) if words else []
        if not BILABIALS.intersection(p.name for p in phones):
            continue
        frames = min(len(track), len(clip.motion))
        for row, motion in (("model", track), ("real", clip.motion)):
            parted = face.lip_opening(motion.blendshapes[:frames]) - rest
            rows[row].append(closed_phones(parted, phones))
    if not rows["real"]:
        raise UnavailableError("no clip's words are known: GRID's records are named by theirs")
    report: dict = {
        "bilabials": sum(len(closed) for closed, _ in rows["real"]),
        "clips": len(rows["real"]),
    }
    for row, found in rows.items():
        bilabials, vowels = zip(*found, strict=True)
        report[row] = {
            "closed": float(np.concatenate(bilabials).mean()),
            "ci95": bootstrap_interval([closed.mean() for closed in bilabials]),
            "vowels_closed": float(np.concatenate(vowels).mean()),
        }
    return report
