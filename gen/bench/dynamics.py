"""How much a generated face moves beside a real one, both seen by the same tracker.

Generated motion is drawn on a portrait and tracked like a film, so that what the tracker adds or
swallows is the same on both sides; films are brought into the frame that a portrait would be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gen.audio.timing import SAMPLE_RATE
from gen.bench.clips import FPS, Clip, face_height, seen_opening
from gen.bench.talker import Talker
from gen.bench.visible import people_apart, visible_liveliness
from gen.clip import ProgressHook, quiet
from gen.renderers.base import Renderer, before_first_frame
from gen.style import Style
from recognizer.face_model import BROWS, FaceModel
from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.metrics.agreement import pearson
from recognizer.metrics.dynamics import Liveliness
from recognizer.metrics.sampling import summarize
from recognizer.metrics.sync import lip_audio_correlation
from recognizer.metrics.theval import THEval, frame_volume, theval_scores
from recognizer.motion import MotionTrack
from recognizer.prosody import measure_prosody
from recognizer.tracker import FaceTrack, FaceTracker, largest

#: Part of the face → its columns in ``MotionTrack.to_vectors()`` ``[T, 58]``.
REGIONS: Mapping[str, list[int]] = {
    region: [i for i, n in enumerate((*ARKIT_NAMES, *POSE_NAMES)) if n.startswith(stems)]
    for region, stems in {
        "lips": ("mouth",),
        "jaw": ("jaw",),
        "brows": ("brow",),
        "lids": ("eyeBlink", "eyeSquint", "eyeWide"),
        "gaze": ("eyeLook",),
        "head": ("headPitch", "headYaw", "headRoll"),
    }.items()
}
#: Corners of the eyes, which neither blinks nor brows move.
_EYE_CORNERS = [33, 133, 263, 362]
#: A portrait's frame: its side in face heights, and how far down the face's middle is.
_FRAME, _DOWN = 1.95, 0.47
_PROSODY_RATE = 100
#: Frames over which the head's speed and the voice's level are smoothed, and lie about each other.
_SMOOTH, _BEAT = 9, 12


@dataclass(frozen=True)
class Shown:
    """A face as a tracker saw it, in a square frame around it.

    Attributes:
        waveform: float32 ``[N]`` at 16 kHz.
        motion: tracked, without gaps.
        points: ``[T, 478, 2]`` pixels of a frame of ``side`` pixels a side; NaN without a face.
        side: pixels.
    """

    waveform: np.ndarray
    motion: MotionTrack
    points: np.ndarray
    side: int

    @classmethod
    def framed(cls, face: FaceTrack, waveform: np.ndarray, side: int = 512) -> Shown:
        """A tracked face, its landmarks as in a square cut out like a portrait's."""
        points = face.points[..., :2].astype(np.float64)
        seen = points[face.success]
        length = _FRAME * np.median(face_height(seen))
        middle = (seen.min(axis=1) + seen.max(axis=1)).mean(axis=0) / 2
        corner = middle - length * np.array([0.5, _DOWN])
        return cls(waveform, face.motion.filled(), (points - corner) * (side / length), side)


def show(
    motion: MotionTrack, waveform: np.ndarray, renderer: Renderer, hook: ProgressHook = quiet
) -> Shown:
    """Draw motion on a portrait and track what is seen."""
    drawing = before_first_frame(renderer)

    def frames():
        for i, (shapes, pose) in enumerate(zip(motion.blendshapes, motion.pose, strict=True)):
            hook("drawing", i, len(motion))
            yield drawing.render(shapes, pose)

    with FaceTracker() as tracker:
        return Shown.framed(largest(tracker.video(frames(), motion.fps)), waveform)


def real_clips(clips: Sequence[Clip]) -> list[Shown]:
    """The clips that are films."""
    return [Shown.framed(clip.seen, clip.waveform) for clip in clips if clip.seen is not None]


def dynamics_benchmark(made: Sequence[Shown], real: Sequence[Shown]) -> dict:
    """Liveliness beside real clips, and the measures of a talking face for both.

    Returns:
        ``regions``: by region ``vc_r`` and ``std_r`` (:func:`recognizer.metrics.dynamics.
        liveliness`), and ``people``: :func:`gen.bench.visible.people_apart` of the real ones;
        ``visible``: the same of what landmarks show (:mod:`gen.bench.visible`);
        ``made`` and ``real``: :func:`face_measures`; ``scores``: THEval's, of the
        made clips, against the ``published`` real clips and against these ``real`` ones.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """
    report: dict = {
        "regions": region_liveliness([c.motion for c in made], [c.motion for c in real]),
        "visible": visible_liveliness([c.points for c in made], [c.points for c in real]),
        "made": face_measures(made),
        "real": face_measures(real),
    }
    values, truth = (
        {name: row["value"] for name, row in report[side]["theval"].items()}
        for side in ("made", "real")
    )
    report["scores"] = {
        "published": theval_scores(values),
        "real": theval_scores(values, {k: v for k, v in truth.items() if v}),
        "of_real": theval_scores(truth),
    }
    return report


def region_liveliness(made: Sequence[MotionTrack], real: Sequence[MotionTrack]) -> dict:
    """VC-R and Std-R by region (:func:`recognizer.metrics.dynamics.liveliness`), and what people
    differ in (:func:`gen.bench.visible.people_apart`).

    Raises:
        UnavailableError: torchmetrics is not installed.
    """
    report = {}
    for region, columns in REGIONS.items():
        metric = Liveliness()
        for tracks, is_real in ((made, False), (real, True)):
            for track in tracks:
                metric.update(track.to_vectors()[:, columns], is_real)
        people = people_apart([track.to_vectors()[:, columns] for track in real])
        report[region] = metric.compute() | {"people": people}
    return report


def face_measures(clips: Sequence[Shown]) -> dict:
    """Means over clips.

    Returns:
        ``clips``, ``seconds``; ``head_std``: degrees of pitch, yaw and roll within a clip;
        ``place_std``: of its x, y and z in face widths; ``opening_std``: of the lips' opening in
        the picture, in face heights;
        ``brow_std``: of the height of the brows over the eyes' corners, in % of face height, as
        ``seen`` in the picture (a nodding head shows in it) and as the fitted face has it
        (``fitted``); ``head_with_voice``: :func:`head_with_voice`; ``blinks_per_minute``;
        ``theval``: its raw measures.
    """
    metric = THEval()
    styles = [Style.measure(clip.motion) for clip in clips]
    for clip in clips:
        frames = len(clip.points)
        volume = frame_volume(clip.waveform, SAMPLE_RATE, frames, FPS)
        metric.update(
            clip.points, clip.motion.pose[:, :3], volume, speech_frames(clip.waveform, frames),
            (clip.side, clip.side), FPS,
        )  # fmt: skip
    heads = np.array([style.head for style in styles])
    voiced = [head_with_voice(clip) for clip in clips]
    seconds = [clip.motion.duration for clip in clips]
    blinks = sum(s.blinks_per_minute * t for s, t in zip(styles, seconds, strict=True))
    return {
        "clips": len(clips),
        "seconds": sum(seconds),
        "head_std": [summarize(column) for column in heads[:, :3].T],
        "place_std": [summarize(column) for column in heads[:, 3:].T],
        "opening_std": summarize([float(np.nanstd(seen_opening(c.points))) for c in clips]),
        "brow_std": {
            "seen": summarize([seen_brow_std(clip.points) for clip in clips]),
            "fitted": summarize([fitted_brow_std(clip.motion) for clip in clips]),
        },
        "head_with_voice": {
            key: summarize([row[key] for row in voiced]) for key in ("r_best", "z")
        },
        "blinks_per_minute": blinks / sum(seconds),
        "theval": metric.compute()["measures"],
    }


def head_with_voice(clip: Shown) -> dict[str, float]:
    """Whether the head moves with the voice: correlation of its speed with the voice's level.

    Both are smoothed over a third of a second, since an accent moves the head about its syllable.

    Returns:
        ``r_best`` within half a second, and ``z`` against the same sound shifted in a circle: above
        2 is hardly chance (:func:`recognizer.metrics.sync.lip_audio_correlation`).
    """
    window = np.hanning(_SMOOTH + 2)
    speed = np.linalg.norm(np.gradient(clip.motion.pose[:, :3], axis=0), axis=1)
    volume = frame_volume(clip.waveform, SAMPLE_RATE, len(speed), FPS)
    smooth = [np.convolve(row, window / window.sum(), "same") for row in (speed, volume)]
    found = lip_audio_correlation(*smooth, max_lag=_BEAT)
    return {key: found[key] for key in ("r_best", "z")}


def seen_brow_std(points: np.ndarray) -> float:
    """Standard deviation of the brows' height in the picture, % of face height.

    Args:
        points: ``[T, 478, 2]``; NaN without a face.
    """
    height = points[:, _EYE_CORNERS].mean(axis=1) - points[:, list(BROWS)].mean(axis=1)
    return float(100 * np.nanstd(np.linalg.norm(height, axis=1)) / np.nanmean(face_height(points)))


def fitted_brow_std(motion: MotionTrack) -> float:
    """The same of the coefficients alone, on the mean head."""
    model = FaceModel.load()
    rows = -model.landmark_blendshapes[:, list(BROWS), 1].mean(axis=1)
    return float(100 * (motion.blendshapes @ rows).std() / model.face_height)


def speech_frames(waveform: np.ndarray, frames: int) -> np.ndarray:
    """bool ``[T]``: whether somebody speaks, by voice and level, at 25 frames a second."""
    speech = measure_prosody(waveform).speech
    at = np.round((np.arange(frames) + 0.5) / FPS * _PROSODY_RATE).astype(int)
    return speech[at.clip(0, len(speech) - 1)]


def seed_benchmark(talk: Talker, waveform: np.ndarray, seeds: int = 10) -> dict:
    """What of a motion is the speech's and what the seed's: correlations between seeds.

    Returns:
        ``seeds``; ``lips``, ``pitch``, ``yaw``, ``roll``: mean and extremes of Pearson's r over all
        pairs of seeds, of the lips' opening and of the head's angles.
    """
    tracks = [talk(waveform, seed) for seed in range(seeds)]
    series = {"lips": [FaceModel.load().lip_opening(t.blendshapes) for t in tracks]}
    for axis, name in enumerate(("pitch", "yaw", "roll")):
        series[name] = [track.pose[:, axis] for track in tracks]
    report: dict = {"seeds": seeds}
    for name, rows in series.items():
        r = [pearson(a, b) for a, b in combinations(rows, 2)]
        report[name] = {"mean": np.mean(r), "lowest": np.min(r), "highest": np.max(r)}
        report[name] = {key: float(value) for key, value in report[name].items()}
    return report
