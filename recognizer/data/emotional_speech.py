"""Corpora of acted emotional speech, as their authors lay them out: CREMA-D and RAVDESS."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.facs import EMOTIONS

#: ``1001_DFA_ANG_XX.wav``: actor, sentence, emotion, level.
_CREMA_D = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{1,2}")
_CREMA_D_EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
    "SAD": "sadness",
}  # fmt: skip
_CREMA_D_VOTES = Path("processedResults", "tabulatedVotes.csv")
#: ``03-01-06-01-02-01-12.wav``: modality, channel, emotion, intensity, sentence, repetition,
#: actor.
_RAVDESS = re.compile(r"\d\d-(?P<channel>\d\d)-(?P<emotion>\d\d)-\d\d-\d\d-\d\d-(?P<actor>\d\d)")
_RAVDESS_EMOTIONS = {
    "01": "neutral", "02": "neutral", "03": "happiness", "04": "sadness", "05": "anger",
    "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
_SPEECH_CHANNEL = "01"
_SOUND = (".wav", ".flac", ".mp3")


@dataclass(frozen=True)
class Utterance:
    """A labelled recording.

    Attributes:
        path: the sound.
        emotion: float32 ``[8]``, probabilities in the order of ``EMOTIONS``.
        actor: who speaks; no name is in two corpora.
    """

    path: Path
    emotion: np.ndarray
    actor: str


def load_corpus(folder: str | os.PathLike) -> list[Utterance]:
    """The recordings of CREMA-D or RAVDESS, whichever is in the folder, in the order of names.

    CREMA-D (H. Cao and others 2014): any folder with its sound files; where
    ``processedResults/tabulatedVotes.csv`` lies in it too, the shares of the votes of those who
    only heard the voice are the labels, otherwise the emotion that was acted. RAVDESS (S.
    Livingstone and F. Russo 2018): its ``Actor_01`` … folders or their contents; songs are left
    out, calm counts as neutral.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no sound in it is named as in either corpus, or the votes cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    sounds = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SOUND)
    # CREMA-D comes as WAV and as MP3: one of each name.
    sounds = list({p.stem: p for p in reversed(sounds)}.values())[::-1]
    found = [*_crema_d(sounds, folder), *_ravdess(sounds)]
    if not found:
        raise ValueError(
            f"{folder} holds no speech of CREMA-D (1001_DFA_ANG_XX.wav) or RAVDESS "
            f"(03-01-05-01-01-01-01.wav) among its {len(sounds)} sound files"
        )
    return found


def _crema_d(sounds: Iterable[Path], folder: Path) -> list[Utterance]:
    votes = _read_votes(folder / _CREMA_D_VOTES)
    found = []
    for path in sounds:
        match = _CREMA_D.fullmatch(path.stem)
        if match and match["emotion"] in _CREMA_D_EMOTIONS:
            emotion = votes.get(path.stem, _certain(_CREMA_D_EMOTIONS[match["emotion"]]))
            found.append(Utterance(path, emotion, f"crema-d {match['actor']}"))
    return found


def _ravdess(sounds: Iterable[Path]) -> list[Utterance]:
    found = []
    for path in sounds:
        match = _RAVDESS.fullmatch(path.stem)
        if match and match["channel"] == _SPEECH_CHANNEL and match["emotion"] in _RAVDESS_EMOTIONS:
            emotion = _certain(_RAVDESS_EMOTIONS[match["emotion"]])
            found.append(Utterance(path, emotion, f"ravdess {match['actor']}"))
    return found


def _read_votes(path: Path) -> dict[str, np.ndarray]:
    """File name → shares of votes. Rows that begin with 1 are of people who only heard it."""
    if not path.is_file():
        return {}
    columns = {emotion[0]: EMOTIONS.index(name) for emotion, name in _CREMA_D_EMOTIONS.items()}
    votes = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                shares = np.zeros(len(EMOTIONS), np.float32)
                for letter, column in columns.items():
                    shares[column] = int(row[letter])
                name, row_id = row["fileName"], row[""]
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path} is no table of CREMA-D's votes") from error
            if row_id.startswith("1") and shares.sum() > 0:
                votes[name] = shares / shares.sum()
    return votes


def _certain(name: str) -> np.ndarray:
    emotion = np.zeros(len(EMOTIONS), np.float32)
    emotion[EMOTIONS.index(name)] = 1.0
    return emotion
