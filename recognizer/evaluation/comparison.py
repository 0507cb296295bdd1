"""One clip against what was asked of it, against its reference and against its person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import uniform_filter1d

from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import IMAGE_MEASURES, why_not_framed, why_not_paired
from recognizer.evaluation.requests import Asked, ClipRequest
from recognizer.facs import AU_NAMES
from recognizer.metrics.emotion import emotion_accuracy, emotion_confusion
from recognizer.metrics.expression import (
    action_unit_concordance,
    action_unit_error,
    valence_arousal_concordance,
)
from recognizer.metrics.identity import identity_similarity
from recognizer.metrics.sync import lip_opening_correlation

#: Speech and blinks move these whatever is felt: they count only where they are asked for.
SPEECH_UNITS = (
    "AU10", "AU17", "AU18", "AU20", "AU22", "AU23", "AU24", "AU25", "AU26", "AU27", "AU28",
    "AU43", "AU45",
)  # fmt: skip
ASKED_MEASURES = (
    "emotion_accuracy", "emotion_probability", "au_ccc", "au_icc", "au_f1", "au_rmse",
    "valence_ccc", "arousal_ccc", "valence_rmse", "arousal_rmse", "va_sagr",
)  # fmt: skip
PAIRED_MEASURES = ("lip_opening_r", "aue_l", "aue_u")
_UNASKED = "nothing was asked of the clip"
_UNPAIRED = "the clip has no reference"
_NOBODY = "the clip has no portrait and no reference"
#: Reasons that tell less than any other.
NOT_GIVEN = (_UNASKED, _UNPAIRED, _NOBODY)
_CONSTANT = "what was asked does not change over the clip"
#: Errors over time are smoothed over so many seconds before the worst moment is sought.
_SMOOTH = 0.2


@dataclass
class EvaluatedClip:
    """A clip with all that was found.

    Attributes:
        request: what was to be evaluated.
        name: of the clip, in reports.
        measures: of the film itself.
        asked: what was asked, frame by frame; action units that speech moves are NaN unless asked.
        reference: the reference's measures, if there is one.
        metrics: name → value and the number of frames (or pairs of pictures) behind it.
        reasons: name → why there is no value.
        beside: name → what its reference gets where a perfect clip would not get the best value.
        worst: the worst moments: ``{"frame", "time", "what", "value"}``.
    """

    request: ClipRequest
    name: str
    measures: ClipMeasures
    asked: Asked | None = None
    reference: ClipMeasures | None = None
    metrics: dict[str, tuple[float, int]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    worst: list[dict] = field(default_factory=list)

    def put(self, name: str, value: float, n: int, reason: str) -> None:
        """Note a figure, or why there is none where it is not finite."""
        if np.isfinite(value) and n > 0:
            self.metrics[name] = (float(value), int(n))
        else:
            self.reasons[name] = reason


def compare(
    request: ClipRequest,
    name: str,
    measures: ClipMeasures,
    reference: ClipMeasures | None = None,
    portrait: np.ndarray | None = None,
) -> EvaluatedClip:
    """All figures of a clip but those of pictures beside pictures.

    Args:
        request: what was to be evaluated.
        name: of the clip, in reports.
        measures: of the clip.
        reference: of its reference.
        portrait: the person's descriptor ``[128]``.
    """
    asked = None if request.asked is None else frame_targets(request.asked, measures.times)
    clip = EvaluatedClip(request, name, measures, asked, reference)
    seen = int(measures.success.sum())
    clip.reasons.update(measures.reasons)
    for key, value in measures.scalars.items():
        clip.put(key, value, len(measures) if key == "face_found" else seen, "")
    _against_asked(clip)
    _against_reference(clip)
    _against_person(clip, portrait)
    clip.worst = worst_moments(clip)
    return clip


def frame_targets(asked: Asked, times: np.ndarray) -> Asked:
    """What counts as asked at a clip's frames: without units that speech moves by itself."""
    curves = asked.at(times)
    aus = curves.aus.copy()
    for i, unit in enumerate(AU_NAMES):
        if unit in SPEECH_UNITS and not (aus[:, i] > 0).any():
            aus[:, i] = np.nan
    return Asked(aus, curves.valence_arousal, curves.emotion, asked.fps, asked.name)


def _against_asked(clip: EvaluatedClip) -> None:
    asked, shown = clip.asked, clip.measures
    if asked is None:
        clip.reasons.update(dict.fromkeys(ASKED_MEASURES, _UNASKED))
        return
    labels = asked.emotion_labels()
    confusion, _ = emotion_confusion(shown.emotion, labels)
    unasked = "no emotion was asked for"
    clip.put("emotion_accuracy", emotion_accuracy(confusion)["accuracy"], confusion.sum(), unasked)
    frames = np.flatnonzero((labels >= 0) & shown.success)
    chance = shown.emotion[frames, labels[frames]]
    mean = float(chance.mean()) if len(frames) else np.nan
    clip.put("emotion_probability", mean, len(frames), unasked)

    units = action_unit_concordance(shown.aus, asked.aus)
    for key in ("ccc", "icc", "f1"):
        reason = _CONSTANT if key != "f1" else "no action unit is asked for or present"
        clip.put(f"au_{key}", units["mean"][key], units["frames"], reason)
    wanted = np.nan_to_num(asked.aus).max(axis=0) > 0
    away = (shown.aus - asked.aus)[:, wanted] ** 2
    away = away[np.isfinite(away)]
    error = float(np.sqrt(away.mean())) if len(away) else np.nan
    clip.put("au_rmse", error, units["frames"], "no action unit was asked for")

    place = asked.valence_arousal
    figures = valence_arousal_concordance(shown.valence_arousal, place)
    n = int((np.isfinite(place) & np.isfinite(shown.valence_arousal)).all(axis=1).sum())
    for name in ("valence", "arousal"):
        clip.put(f"{name}_ccc", figures[name]["ccc"], n, _CONSTANT)
        clip.put(f"{name}_rmse", figures[name]["rmse"], n, "no valence or arousal was asked for")
    # Zero has no sign to agree with.
    signed = np.where(np.abs(place) > 1e-3, place, np.nan)
    agreement = valence_arousal_concordance(shown.valence_arousal, signed)["mean"]["sagr"]
    clip.put("va_sagr", agreement, n, "neither valence nor arousal was asked to leave zero")


def _against_reference(clip: EvaluatedClip) -> None:
    reference, measures = clip.reference, clip.measures
    if reference is None:
        lacking = (*PAIRED_MEASURES, *IMAGE_MEASURES)
        named = clip.request.reference is not None
        reason = "its reference could not be measured" if named else _UNPAIRED
        clip.reasons.update(dict.fromkeys(lacking, reason))
        return
    reason = why_not_paired(measures, reference)
    if reason:
        clip.reasons.update(dict.fromkeys((*PAIRED_MEASURES, *IMAGE_MEASURES), reason))
        return
    n = min(len(measures), len(reference))
    lips = lip_opening_correlation(measures.opening[:n], reference.opening[:n])
    clip.put("lip_opening_r", lips["r_best"], n, "the lips do not move")
    for name, value in action_unit_error(measures.aus[:n], reference.aus[:n]).items():
        clip.put(name, value, n, "no action unit was read at the same time")
    reason = why_not_framed(measures, reference)
    if reason:
        clip.reasons.update(dict.fromkeys(IMAGE_MEASURES, reason))


def _against_person(clip: EvaluatedClip, portrait: np.ndarray | None) -> None:
    name = "identity_similarity"
    real = np.zeros((0, 128)) if clip.reference is None else clip.reference.descriptors
    if portrait is None and clip.request.portrait is not None:
        clip.reasons.setdefault(name, "its portrait could not be read")
    elif portrait is None and len(real):
        portrait, real = real[0], real[1:]
    if name in clip.reasons:
        return
    if portrait is None or len(portrait) == 0:
        clip.reasons[name] = _NOBODY
        return

    shown, theirs = (
        [identity_similarity(row, portrait) for row in rows]
        for rows in (clip.measures.descriptors, real)
    )
    mean = float(np.mean(shown)) if shown else np.nan
    clip.put(name, mean, len(shown), "no frame shows a face")
    if theirs:
        clip.beside[name] = float(np.mean(theirs))


def worst_moments(clip: EvaluatedClip) -> list[dict]:
    """Where each kind of error is largest, in the order of time."""
    measures, asked = clip.measures, clip.asked
    curves = {"jerk": measures.jerk}
    if asked is not None:
        place = measures.valence_arousal - asked.valence_arousal
        curves["valence-arousal error"] = np.linalg.norm(place, axis=1)
        units = np.abs(measures.aus - asked.aus)
        wanted = np.nan_to_num(asked.aus).max(axis=0) > 0
        if wanted.any():
            curves["action unit error"] = units[:, wanted].mean(axis=1)
    if clip.reference is not None and why_not_paired(measures, clip.reference) is None:
        n = min(len(measures), len(clip.reference))
        curves["lips off the reference"] = np.abs(measures.opening[:n] - clip.reference.opening[:n])
    found = []
    for what, curve in curves.items():
        curve = _smoothed(curve, measures.fps) if what != "jerk" else curve
        if np.isfinite(curve).any() and np.nanmax(curve) > 0:
            frame = int(np.nanargmax(curve))
            found.append((frame, what, float(curve[frame])))
    lost = np.flatnonzero(~measures.success)
    if len(lost):
        found.append((int(lost[0]), "no face", float(len(lost))))
    return [
        {"frame": frame, "time": frame / measures.fps, "what": what, "value": value}
        for frame, what, value in sorted(found)
    ]


def _smoothed(curve: np.ndarray, fps: float) -> np.ndarray:
    known = np.isfinite(curve)
    width = max(1, round(_SMOOTH * fps))
    sums = uniform_filter1d(np.where(known, curve, 0.0), width, mode="nearest")
    share = uniform_filter1d(known.astype(float), width, mode="nearest")
    return np.where(known, sums / np.maximum(share, 1e-9), np.nan)
