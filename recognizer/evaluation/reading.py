"""A film → its measures: the face is tracked and read once, the sound is heard once."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.evaluation.catalogue import FPS, METRICS
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import add_frame_measures
from recognizer.evaluation.synchrony import add_syncnet, at_rate
from recognizer.face_model import FACE_BOTTOM, FACE_TOP, LOWER_MIDDLE, UPPER_MIDDLE
from recognizer.image_file import is_image
from recognizer.media import SAMPLE_RATE, iter_frames, probe, read_audio
from recognizer.metrics.agreement import lagged_correlation
from recognizer.metrics.dynamics import smoothness
from recognizer.metrics.keypoints import KEYPOINT_GROUPS
from recognizer.metrics.motion_history import motion_history
from recognizer.metrics.sync import lip_audio_correlation
from recognizer.metrics.theval import (
    DIMENSIONS,
    eyebrow_dynamics,
    face_centres,
    frame_volume,
    head_motion,
    lip_dynamics,
    lip_volume_distance,
    silent_lip_stability,
)
from recognizer.pitch import FRAME_RATE
from recognizer.prosody import Prosody
from recognizer.recognizer import REST_SECONDS, Recognizer, Rest
from recognizer.tracker import FaceTracker, NoFaceError, largest

#: Longer side at which films are tracked, and the most faces that are followed.
_SIDE, _FACES = 960, 4
#: Sound that never gets louder is none.
_SILENCE = 1e-3
#: Lips that open and close by less than this share of a face's height are still: a fiftieth of a
#: pixel in a face of 200, far above rounding and far below any tracker's noise.
STILL = 1e-4
#: Lips may lie this far from their sound: 0.4 s.
MAX_LAG = 10
_KEYPOINTS = sorted({i for group in KEYPOINT_GROUPS.values() for i in group})
#: A portrait's frame: its side in face heights, and how far down the face's middle is.
_FRAME, _DOWN, _FRAMED = 1.95, 0.47, 512
_TOO_SHORT = "the clip is too short, or hardly shows a face"
_STILL = "lips or sound do not move"


def read_clip(
    path: Path, audio: Path | None = None, rest: Path | None = None, syncnet: Path | None = None
) -> ClipMeasures:
    """Track, read and hear a film, and measure what one film has by itself.

    Args:
        path: the film.
        audio: its sound; that of the film by default.
        rest: picture or film of the person who expresses nothing: what the face shows is then read
            relative to it. One that cannot be read leaves the person unknown, and is told in
            ``reasons["rest"]``.
        syncnet: weights for :class:`recognizer.metrics.syncnet.SyncNet`.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: it is no film, or the sound cannot be read.
        NoFaceError: it shows no face.
    """
    if is_image(path):
        raise ValueError(f"{path.name} is a still picture")
    about = probe(path)
    if not about.has_video:
        raise ValueError(f"{path.name} has no video")
    size: list[tuple[int, int]] = []

    def frames():
        for frame in iter_frames(path, max_side=_SIDE):
            size[:] = [(frame.shape[1], frame.shape[0])]
            yield frame

    with FaceTracker(_FACES, crops=True) as tracker:
        tracks = tracker.video(frames(), about.fps)
    if not tracks:
        raise NoFaceError(f"no face was found in {path.name}")
    face = largest(tracks)
    person, reason = _person(rest)
    affect = _recognizer().read_face(face, person)
    waveform, prosody, silent = None, None, "it has no sound"
    if audio is not None or about.has_audio:
        waveform = read_audio(audio or path)
        if np.abs(waveform).max() > _SILENCE:
            prosody = _recognizer().listen(audio or path).prosody
        else:
            waveform, silent = None, "its sound is silent"
    measures = measure_face(face.points, affect, size[0], waveform, prosody, silent)
    if reason:
        measures.reasons["rest"] = reason
    elif person is not None:
        measures.rest = "known"
    elif len(measures) >= REST_SECONDS * measures.fps:
        measures.rest = "guessed"
    add_frame_measures(measures, path, face.points)
    add_syncnet(measures, path, waveform, silent, syncnet)
    return measures


def _person(path: Path | None) -> tuple[Rest | None, str]:
    """How a person looks at rest, and why it is not known though it was asked for."""
    if path is None:
        return None, ""
    try:
        return _rest(path, path.stat().st_mtime_ns), ""
    except (ValueError, OSError) as error:
        return None, " ".join(str(error).split())


@functools.lru_cache(maxsize=64)
def _rest(path: Path, changed: int) -> Rest:
    return _recognizer().learn_rest(path)


@functools.cache
def _recognizer() -> Recognizer:
    return Recognizer.from_pretrained()


def measure_face(
    points: np.ndarray,
    affect: AffectTrack,
    size: tuple[int, int],
    waveform: np.ndarray | None = None,
    prosody: Prosody | None = None,
    silent: str = "it has no sound",
) -> ClipMeasures:
    """What a tracked face and its sound yield, without any pixels.

    Args:
        points: ``[T, 478, 3]`` landmarks in pixels; NaN where no face was found.
        affect: what was read from it, with its motion.
        size: ``(width, height)`` of the picture.
        waveform: ``[N]`` at 16 kHz; none without sound.
        prosody: of the waveform.
        silent: why there is no sound.
    """
    points = np.asarray(points, np.float64)[..., :2]
    height = np.linalg.norm(points[:, FACE_TOP] - points[:, FACE_BOTTOM], axis=-1)
    gap = np.linalg.norm(points[:, LOWER_MIDDLE] - points[:, UPPER_MIDDLE], axis=-1).mean(-1)
    frames, fps = len(points), affect.fps
    measures = ClipMeasures(
        fps=fps,
        size=size,
        motion=affect.motion.to_vectors(),
        aus=affect.aus,
        valence_arousal=affect.valence_arousal,
        emotion=affect.emotion,
        success=affect.success,
        boxes=np.concatenate([points.min(1), points.max(1)], axis=1).astype(np.float32),
        opening=_opening(gap / height),
        volume=np.zeros(0, np.float32),
        jerk=_jerk(points / np.nanmedian(height), fps),
        history=_history(points, fps),
    )
    measures.put("face_found", float(affect.success.mean()), _TOO_SHORT)
    relative = at_rate(points[:, _KEYPOINTS] / np.nanmedian(height), fps, FPS)
    for name, value in smoothness(relative, FPS).items():
        measures.put(name, value, _TOO_SHORT)
    square = _framed(points, height)
    measures.put("eyebrow_dynamics", eyebrow_dynamics(square), _TOO_SHORT)
    measures.put("lip_dynamics", lip_dynamics(square, (_FRAMED, _FRAMED)), _TOO_SHORT)
    turning = head_motion(affect.motion.pose[:, :3], face_centres(square))
    measures.put("head_motion", turning, _TOO_SHORT)
    if waveform is None or prosody is None:
        for name in (*(n for n in METRICS if n.startswith("lip_audio")),
                     *DIMENSIONS["synchronization"]):  # fmt: skip
            measures.reasons[name] = silent
    else:
        speech = speech_frames(prosody, frames, fps)
        measures.volume = frame_volume(waveform, SAMPLE_RATE, frames, fps).astype(np.float32)
        stable = silent_lip_stability(square, speech, (_FRAMED, _FRAMED), fps)
        measures.put("silent_lip_stability", stable, "no silence of 0.3 s")
        away = lip_volume_distance(square, measures.volume, speech, (_FRAMED, _FRAMED))
        measures.put("lip_volume_distance", away, "too little speech is heard")
        for name, value in lip_audio(measures).items():
            measures.put(f"lip_audio_{name}", value, _STILL if name != "z" else _TOO_SHORT)
    return measures


def _opening(opening: np.ndarray) -> np.ndarray:
    """Lip opening ``[T]``, all the same where lips are still: it has no correlation then."""
    seen = opening[np.isfinite(opening)]
    if len(seen) and np.ptp(seen) < STILL:
        opening = np.where(np.isfinite(opening), np.median(seen), np.nan)
    return opening.astype(np.float32)


def lip_audio(measures: ClipMeasures) -> dict[str, float]:
    """:func:`recognizer.metrics.sync.lip_audio_correlation` of a film that has sound."""
    names = ("r", "r_best", "lag", "z")
    if len(measures) <= 3 * MAX_LAG:
        return dict.fromkeys(names, float("nan"))
    found = lip_audio_correlation(measures.opening, measures.volume, MAX_LAG)
    return {name: found[name] for name in names}


def lips_with(measures: ClipMeasures, volume: np.ndarray) -> tuple[float, float]:
    """Correlation at the best lag of a film's lips with another sound, and that lag.

    Args:
        measures: of the film.
        volume: ``[N]``, cut or looped to the film's length.

    Returns:
        NaN where lips or sound do not move.
    """
    volume = np.resize(volume, len(measures))
    _, best, lag = lagged_correlation(measures.opening, volume, MAX_LAG)
    return (np.nan, np.nan) if best is None or lag is None else (best, float(lag))


def speech_frames(prosody: Prosody, frames: int, fps: float) -> np.ndarray:
    """bool ``[T]``: whether somebody speaks; False beyond the sound's end."""
    at = np.round((np.arange(frames) + 0.5) / fps * FRAME_RATE).astype(int)
    inside = at < len(prosody.speech)
    return inside & prosody.speech[np.minimum(at, len(prosody.speech) - 1)]


def _framed(points: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Landmarks as in a square that is cut out like a portrait, so that framing does not count."""
    length = _FRAME * np.nanmedian(height)
    seen = points[np.isfinite(height)]
    middle = (seen.min(axis=1) + seen.max(axis=1)).mean(axis=0) / 2
    return (points - (middle - length * np.array([0.5, _DOWN]))) * (_FRAMED / length)


def _jerk(points: np.ndarray, fps: float) -> np.ndarray:
    out = np.full(len(points), np.nan, np.float32)
    if len(points) > 3:
        third = np.diff(points[:, _KEYPOINTS], n=3, axis=0)
        out[2:-1] = np.linalg.norm(third, axis=-1).mean(1) * fps**3
    return out


def _history(points: np.ndarray, fps: float) -> np.ndarray:
    try:
        return motion_history(at_rate(points, fps, FPS))
    except ValueError:  # too short for a window
        return np.zeros((0, 64))
