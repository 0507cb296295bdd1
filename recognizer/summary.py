"""What was found in a clip, in a few lines and as JSON."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from recognizer import explain_text
from recognizer.affect import AffectTrack
from recognizer.facs import ARKIT_NAMES, AU_NAMES, EMOTIONS
from recognizer.judgement import Judgement


def summary(found: Judgement, name: str = "") -> dict:
    """What was found, as means over time; JSON's types alone.

    Args:
        found: by :meth:`recognizer.recognizer.Recognizer.judge`.
        name: of the file.
    """
    tracks = found.tracks
    return {
        "file": name,
        "fps": tracks[0].fps,
        "frames": len(tracks[0]),
        "faces": [_face(track) for track in found.faces],
        "largest": found.largest,
        "voice": None if found.voice is None else {
            "confidence": _rounded(found.voice.confidence.mean()),
            "arousal_by_cue": {k: _rounded(v) for k, v in found.voice.evidence.items()},
        },
        "words": None if found.words is None else {
            "valence": _rounded(found.words.valence),
            "arousal": _rounded(found.words.arousal),
            "emotion": _named(EMOTIONS, found.words.emotion),
            "confidence": _rounded(found.words.confidence),
        },
        "together": {
            "valence": _rounded(found.fused.valence_arousal[0]),
            "arousal": _rounded(found.fused.valence_arousal[1]),
            "std": [_rounded(v) for v in np.sqrt(found.fused.variance)],
            "emotion": _named(EMOTIONS, found.fused.emotion),
            "weights": {k: [_rounded(v) for v in w] for k, w in found.fused.weights.items()},
            "conflicts": [list(c.between) for c in found.fused.conflicts if c.found],
        },
    }  # fmt: skip


def _face(track: AffectTrack) -> dict:
    seen = track.success
    mean = {name: getattr(track, name)[seen].mean(0) for name in ("aus", "emotion")}
    place = track.valence_arousal[seen].mean(0)
    return {
        "face_id": track.face_id,
        "frames_seen": int(seen.sum()),
        "confidence": _rounded(track.confidence[seen].mean()),
        "strongest": EMOTIONS[int(mean["emotion"].argmax())],
        "emotion": _named(EMOTIONS, mean["emotion"]),
        "valence": _rounded(place[0]),
        "arousal": _rounded(place[1]),
        "aus": _named(AU_NAMES, mean["aus"]),
        "aus_max": _named(AU_NAMES, track.aus[seen].max(0)),
        "blendshapes": _named(ARKIT_NAMES, track.motion.blendshapes[seen].mean(0)),
        "micro_expressions": [asdict(event) for event in track.micro_expressions()],
    }


def reasons(found: Judgement, tracks: list[AffectTrack]) -> list[str]:
    """Why, as headed lists: of the voice, of the words, of each of the faces' tracks."""
    heard = [explain_text.heard(found.voice)] if found.voice else []
    said = [explain_text.said(found.words)] if found.words else []
    return [*heard, *said, *(track.explain().text for track in tracks)]


def describe(track: AffectTrack) -> str:
    """One line on a face: how often it was seen, what it feels and what it does most."""
    seen = track.success
    emotion = track.emotion[seen].mean(0)
    first, second = np.argsort(-emotion)[:2]
    valence, arousal = track.valence_arousal[seen].mean(0)
    mean = track.aus[seen].mean(0)
    units = [f"{AU_NAMES[i]} {mean[i]:.1f}" for i in np.argsort(-mean)[:4] if mean[i] >= 0.5]
    return (
        f"face {track.face_id}: seen in {int(seen.sum())} of {len(track)} frames; "
        f"{EMOTIONS[first]} {emotion[first]:.2f}, {EMOTIONS[second]} {emotion[second]:.2f}; "
        f"valence {valence:+.2f}, arousal {arousal:+.2f}; {', '.join(units) or 'no action unit'}"
    )


def describe_together(found: Judgement) -> str:
    """One line on all modalities as one."""
    emotion = found.fused.emotion
    valence, arousal = found.fused.valence_arousal
    names = ", ".join(found.fused.weights)
    apart = [" and ".join(c.between) for c in found.fused.conflicts if c.found]
    disagreement = f"; {'; '.join(apart)} disagree" if apart else ""
    return (
        f"together ({names}): {EMOTIONS[int(emotion.argmax())]} {emotion.max():.2f}; "
        f"valence {valence:+.2f}, arousal {arousal:+.2f}{disagreement}"
    )


def _named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return {name: _rounded(value) for name, value in zip(names, values, strict=True)}


def _rounded(value: float) -> float:
    return round(float(value), 4)
