"""Asked against shown: emotions rendered on portraits that speak, read back by the recognizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gen.bench.motion import lip_opening
from gen.clip import ProgressHook
from gen.conditioning import Affect
from gen.pipeline import TalkingHeadPipeline
from gen.portraits import prepare_portrait
from gen.renderers.base import Renderer, before_first_frame
from recognizer.affect import AffectTrack
from recognizer.facs import AU_INDEX, EMOTION_TO_AU, EMOTIONS
from recognizer.metrics.agreement import concordance, pearson
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTrack, FaceTracker
from recognizer.unit_reader import told_units

INTENSITIES = (1 / 3, 2 / 3, 1.0)
#: Action units that some emotion's prototype asks for: those whose agreement is reported.
ASKED_UNITS = sorted({name[:4] for aus in EMOTION_TO_AU.values() for name in aus})
_FPS = 25.0
#: Of a neutral clip in which the mouth talks, this quantile is the person at rest.
_REST_QUANTILE = 0.4


@dataclass(frozen=True)
class Reading:
    """Means over the frames of a clip.

    Attributes:
        units: ``[24]`` intensities 0-5.
        place: ``[2]`` valence and arousal.
        emotion: ``[8]`` probabilities.
    """

    units: np.ndarray
    place: np.ndarray
    emotion: np.ndarray

    @classmethod
    def of(cls, track: AffectTrack) -> Reading:
        """The means of a track over the frames with a face."""
        columns = (track.aus, track.valence_arousal, track.emotion)
        return cls(*(values[track.success].mean(axis=0) for values in columns))


@dataclass(frozen=True)
class Shown:
    """One clip: what was asked, and what the recognizer read.

    Attributes:
        portrait, sentence, emotion: names.
        intensity: 0..1.
        asked: what a perfect clip would be read as.
        alone: read as a clip of a stranger.
        known: read by somebody who knows the same portrait saying the same neutrally.
        sync: Pearson's r of the lips' opening, read back, with that of the speech without
            expression.
    """

    portrait: str
    sentence: str
    emotion: str
    intensity: float
    asked: Reading
    alone: Reading
    known: Reading
    sync: float


#: How something is said with an affect: its motion at 25 fps.
Speak = Callable[[Affect], MotionTrack]


def said(pipeline: TalkingHeadPipeline, waveform: np.ndarray, seed: int = 0) -> Speak:
    """How a pipeline says a waveform ``[N]`` at 16 kHz."""
    import torch

    def speak(affect: Affect) -> MotionTrack:
        noise = torch.Generator().manual_seed(seed)
        tracks = pipeline.spoken_motion(waveform, affect, fps=_FPS, generator=noise)
        vectors = np.concatenate([track.to_vectors() for track in tracks])
        return MotionTrack.from_vectors(vectors, _FPS)

    return speak


def show_and_read(
    portraits: Mapping[str, np.ndarray],
    speech: Mapping[str, Speak],
    recognizer: Recognizer,
    intensities: Sequence[float] = INTENSITIES,
    size: int = 512,
    progress: ProgressHook | None = None,
) -> list[Shown]:
    """Every emotion at every intensity, in every sentence, on every portrait, and neutral.

    Clips in which no face is found are left out.

    Args:
        portraits: name → uint8 ``[H, W, 3]``.
        speech: sentence → how it is said.
        recognizer: reads the rendered frames.
        intensities: 0..1 each.
        size: of the frames in pixels.
        progress: called for each clip.
    """
    wanted = [("neutral", 0.0)] + [(e, i) for e in EMOTIONS[1:] for i in intensities]
    rows: list[Shown] = []
    total = len(portraits) * len(speech) * len(wanted)
    for portrait, image in portraits.items():
        renderer = prepare_portrait(image, size).renderer
        for sentence, speak in speech.items():
            rest, calm = None, speak(Affect())
            for emotion, intensity in wanted:
                face = _tracked(renderer, speak(Affect.emotion(emotion, intensity)))
                if face is None:
                    continue
                rest = rest or recognizer.at_rest(face, _REST_QUANTILE)
                lips = lip_opening(face.motion)[: len(calm)]
                shown = Shown(
                    portrait, sentence, emotion, intensity, _asked(emotion, intensity),
                    Reading.of(recognizer.read_face(face)),
                    Reading.of(recognizer.read_face(face, rest)),
                    pearson(lips, lip_opening(calm)[: len(lips)]),
                )  # fmt: skip
                rows.append(shown)
                if progress:
                    progress("clips", len(rows), total)
    return rows


def _tracked(renderer: Renderer, motion: MotionTrack) -> FaceTrack | None:
    """The rendered clip's face; ``None`` where there is none to see."""
    clean = before_first_frame(renderer)
    moved = zip(motion.blendshapes, motion.pose, strict=True)
    with FaceTracker(crops=True) as tracker:
        faces = tracker.video((clean.render(b, p) for b, p in moved), _FPS)
    return faces[0] if faces else None


def _asked(emotion: str, intensity: float) -> Reading:
    curves = Affect.emotion(emotion, intensity).curves(np.zeros(1))
    return Reading(curves.aus[0].max(axis=1), curves.valence_arousal[0], curves.emotion[0])


def affect_figures(rows: Sequence[Shown]) -> dict:
    """What a set of clips says about control.

    Returns:
        ``alone`` and ``known`` (see :class:`Shown`), each with ``emotion_accuracy``: share of the
        clips with an emotion whose highest probability is the one asked for; ``risen_accuracy``:
        the same of the probability that rose most (in log-odds) over the neutral clip; both by
        ``intensity``; ``confusion`` at full intensity by what rose most; ``monotone``: share of
        the steps in intensity at which the asked probability rises; ``valence_ccc``,
        ``arousal_ccc``, ``au_ccc`` by action unit and their mean, and the mean of those that are
        told (:func:`recognizer.unit_reader.told_units`: a matter of rendered heads, not of these
        clips); ``au_gain``: slopes of what was read on what was asked; ``place_gain``: by emotion
        and intensity, how far towards the valence and arousal that were asked for a clip is read
        on average, 1 being all the way; and ``sync`` (mean r) of neutral clips and of the others.
    """
    report: dict = {"clips": len(rows)}
    for kind in ("alone", "known"):
        report[kind] = _agreement(rows, kind)
    sync = {name: [r.sync for r in rows if (r.intensity > 0) == (name == "emotional")]
            for name in ("neutral", "emotional")}  # fmt: skip
    report["sync"] = {name: _mean(values) for name, values in sync.items()}
    return report


def _agreement(rows: Sequence[Shown], kind: str) -> dict:
    felt = [row for row in rows if row.intensity > 0]
    calm = {(r.portrait, r.sentence): getattr(r, kind) for r in rows if r.intensity == 0}
    highest, risen, named = [], [], [EMOTIONS.index(row.emotion) for row in felt]
    for row in felt:
        seen = getattr(row, kind).emotion
        rise = _log_odds(seen) - _log_odds(calm[row.portrait, row.sentence].emotion)
        highest.append(int(seen.argmax()))
        risen.append(1 + int(rise[1:].argmax()))
    hits = np.array([highest, risen]) == np.array(named)
    levels = np.array([row.intensity for row in felt])
    full = levels == levels.max()
    confusion = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    np.add.at(confusion, (np.array(named)[full], np.array(risen)[full]), 1)
    asked, read = (
        np.stack([np.concatenate([r.place, r.units]) for r in readings])
        for readings in ([r.asked for r in rows], [getattr(r, kind) for r in rows])
    )
    columns = {name: 2 + AU_INDEX[name] for name in ASKED_UNITS}
    units = {n: round(concordance(read[:, j], asked[:, j]), 4) for n, j in columns.items()}
    gains = {
        n: round(float(np.polyfit(asked[:, j], read[:, j], 1)[0]), 3) for n, j in columns.items()
    }
    told = [units[name] for name in told_units(rest_known=kind == "known") if name in units]
    return {
        "emotion_accuracy": round(float(hits[0].mean()), 4),
        "risen_accuracy": round(float(hits[1].mean()), 4),
        "by_intensity": {
            f"{level:.2f}": [round(float(h[levels == level].mean()), 4) for h in hits]
            for level in np.unique(levels)
        },
        "confusion": confusion.tolist(),
        "monotone": _mean(_steps(felt, kind)),
        "valence_ccc": round(concordance(read[:, 0], asked[:, 0]), 4),
        "arousal_ccc": round(concordance(read[:, 1], asked[:, 1]), 4),
        "au_ccc": {"mean": _mean(list(units.values())), "mean_told": _mean(told), **units},
        "au_gain": gains,
        "place_gain": _place_gains(felt, kind),
    }


def _place_gains(felt: Sequence[Shown], kind: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, list[float]]] = {}
    for row in felt:
        asked = row.asked.place
        way = getattr(row, kind).place @ asked / (asked @ asked)
        found.setdefault(row.emotion, {}).setdefault(f"{row.intensity:.2f}", []).append(way)
    return {
        emotion: {level: _mean(ways) for level, ways in levels.items()}
        for emotion, levels in found.items()
    }


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    p = np.clip(probabilities, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None


def _steps(felt: Sequence[Shown], kind: str) -> list[bool]:
    """Of neighbouring intensities: whether more is shown where more was asked."""

    def take(row: Shown) -> tuple[str, str, str]:
        return row.portrait, row.sentence, row.emotion

    rises = []
    for (_, _, emotion), group in groupby(sorted(felt, key=take), take):
        shown = [
            getattr(row, kind).emotion[EMOTIONS.index(emotion)]
            for row in sorted(group, key=lambda row: row.intensity)
        ]
        rises += list(np.diff(shown) > 0)
    return rises
