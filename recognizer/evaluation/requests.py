"""Which clips are evaluated, and what belongs to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS

#: Endings of the files that are taken from a folder.
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
#: Below this weight an emotion is not asked for.
_FAINT = 0.05


@dataclass(frozen=True)
class Asked:
    """What a clip was asked to show. NaN stands for what was not asked for.

    Attributes:
        aus: ``[T, 24]``, intensities 0-5.
        valence_arousal: ``[T, 2]``, -1..1.
        emotion: ``[T, 8]``, weights in the order of :data:`recognizer.facs.EMOTIONS`.
        fps: rows a second, from the clip's beginning; the last row holds from there on.
        name: what to call it in a report.

    Raises:
        ValueError: shapes or ranges are others.
    """

    aus: np.ndarray
    valence_arousal: np.ndarray
    emotion: np.ndarray
    fps: float = 25.0
    name: str = ""

    def __post_init__(self) -> None:
        ranges = {
            "aus": (len(AU_NAMES), 0.0, AU_MAX),
            "valence_arousal": (2, -1.0, 1.0),
            "emotion": (len(EMOTIONS), 0.0, 1.0),
        }
        for field, (columns, low, high) in ranges.items():
            curve = np.asarray(getattr(self, field), np.float64)
            if curve.ndim != 2 or curve.shape != (len(self.aus), columns) or len(curve) == 0:
                raise ValueError(f"{field} must be [T, {columns}], got {list(curve.shape)}")
            known = curve[~np.isnan(curve)]
            if len(known) and not (low - 1e-6 <= known.min() and known.max() <= high + 1e-6):
                raise ValueError(f"{field} must be {low:g}..{high:g}")
            object.__setattr__(self, field, curve)
        if not 0 < self.fps < np.inf:
            raise ValueError(f"fps must be positive, got {self.fps}")

    def at(self, times: np.ndarray) -> Asked:
        """The same curves at times ``[T]`` in seconds, linear between two rows."""
        rows = np.arange(len(self.aus)) / self.fps

        def between(curve: np.ndarray) -> np.ndarray:
            return np.stack([np.interp(times, rows, column) for column in curve.T], axis=1)

        curves = map(between, (self.aus, self.valence_arousal, self.emotion))
        return Asked(*curves, fps=self.fps, name=self.name)

    def emotion_labels(self) -> np.ndarray:
        """Index of the emotion that each row asks for ``[T]``; -1 where none clearly is.

        It is the strongest of those that have at least half of the largest weight they reach, so
        that a faint happiness is happiness and the way towards it is nothing; neutral where no
        other weight reaches 0.05.
        """
        weight = np.nan_to_num(self.emotion[:, 1:])
        peak = weight.max(axis=0)
        strong = np.where((weight >= 0.5 * peak) & (weight >= _FAINT), weight, 0.0)
        labels = np.where(strong.max(axis=1) > 0, 1 + strong.argmax(axis=1), -1)
        labels[weight.max(axis=1) < _FAINT] = EMOTIONS.index("neutral")
        labels[~np.isfinite(self.emotion).all(axis=1)] = -1
        return labels


@dataclass(frozen=True)
class ClipRequest:
    """One clip to evaluate.

    Attributes:
        clip: the film.
        reference: a film of the same words, or of the same person.
        audio: what the clip should say; its own sound by default.
        portrait: picture of the person it should show; the reference's first face by default.
        asked: what it should show.
        rest: picture or film of the person who expresses nothing; the portrait by default.
    """

    clip: Path
    reference: Path | None = None
    audio: Path | None = None
    portrait: Path | None = None
    asked: Asked | None = None
    rest: Path | None = None

    @property
    def person(self) -> Path | None:
        """Where it can be seen how the person looks at rest."""
        return self.rest or self.portrait


def films(paths: Sequence[Path], what: str = "clip") -> list[Path]:
    """Files, and the films of folders by name, each once.

    Raises:
        FileNotFoundError: a path is not there.
        ValueError: a folder holds no film.
    """
    return _files(paths, VIDEOS, what)


def _files(paths: Sequence[Path], endings: Sequence[str], what: str) -> list[Path]:
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in endings)
            if not inside:
                raise ValueError(f"no {what} found in {path}: {', '.join(endings)} are looked for")
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        else:
            raise FileNotFoundError(f"no such {what}: {path}")
    return list(found)


def by_stem(
    clips: Sequence[Path], paths: Sequence[Path], endings: Sequence[str], what: str
) -> dict[Path, Path]:
    """Clip → the file that belongs to it.

    A single file that is named as such belongs to every clip; otherwise those of the same name
    without ending (``anna.mp4`` and ``anna.wav``) belong together, and a clip may have none.

    Args:
        clips: the films.
        paths: files and folders.
        endings: of the files taken from folders.
        what: what the files are called in messages.

    Raises:
        FileNotFoundError: a path is not there.
        ValueError: two files have the same name, or no file has the name of a clip.
    """
    if not paths:
        return {}
    files = _files(paths, endings, what)
    if len(paths) == len(files) == 1 and Path(paths[0]).is_file():
        return dict.fromkeys(clips, files[0])
    stems: dict[str, Path] = {}
    for file in files:
        if stems.setdefault(file.stem, file) != file:
            raise ValueError(f"both {stems[file.stem]} and {file} would be {what} of {file.stem}")
    matched = {clip: stems[clip.stem] for clip in clips if clip.stem in stems}
    if not matched:
        raise ValueError(
            f"no {what} has the name of a clip: {clips[0].stem} and others were looked for in "
            f"{paths[0]}"
        )
    return matched


def short_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each file: that of the file, with as many folders as tell it from the others."""
    names, depth = {path: path.name for path in paths}, 1
    while len(set(names.values())) < len(names) and depth < 20:
        depth += 1
        twice = {name for name in names.values() if list(names.values()).count(name) > 1}
        for path, name in names.items():
            if name in twice:
                names[path] = "/".join(path.parts[-depth:])
    return names
