"""Which clips are measured, and what belongs to each: by a manifest, or by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from demo.checks import readable
from gen.asked import asked_of
from gen.conditioning import Affect
from recognizer.evaluation.manifest import Row, read_manifest
from recognizer.evaluation.requests import (
    PICTURES,
    SOUNDS,
    VIDEOS,
    Asked,
    ClipRequest,
    by_stem,
    films,
)


def requests_of(
    clips: list[Path],
    audio: Path | None = None,
    portrait: Path | None = None,
    emotion: str | None = None,
    timeline: Path | None = None,
    reference: Sequence[Path] = (),
    rest: Path | None = None,
) -> list[ClipRequest]:
    """The clips with all that belongs to them, from a manifest or by name.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: no clip is found, names are ambiguous, or what is asked cannot be understood.
    """
    if any(path.suffix.lower() == ".csv" for path in clips):
        own = (audio, portrait, emotion, timeline, rest)
        if len(clips) > 1 or any(x is not None for x in own):
            raise ValueError("a manifest stands alone: its columns say what belongs to each clip")
        rows = read_manifest(readable(clips[0], "manifest"))
        return [_from_row(row) for row in rows]
    if emotion is not None and timeline is not None:
        raise ValueError("give --emotion or --timeline, not both")
    found = films(clips)
    sounds = by_stem(found, [audio] if audio else [], (*SOUNDS, *VIDEOS), "audio")
    faces = by_stem(found, [portrait] if portrait else [], PICTURES, "portrait")
    rests = by_stem(found, [rest] if rest else [], (*PICTURES, *VIDEOS), "rest")
    plans = by_stem(found, [timeline] if timeline else [], (".yaml", ".yml", ".json"), "timeline")
    real = _references(found, reference)
    everywhere = asked_emotion(emotion) if emotion is not None else None
    loaded = {plan: asked_timeline(plan) for plan in dict.fromkeys(plans.values())}
    return [
        ClipRequest(
            clip,
            real.get(clip),
            sounds.get(clip),
            faces.get(clip),
            loaded[plans[clip]] if clip in plans else everywhere,
            rests.get(clip),
        )
        for clip in found
    ]


def _references(clips: list[Path], paths: Sequence[Path]) -> dict[Path, Path]:
    """Pairs by name; references without a clip of their name are real clips all the same."""
    given = films(paths, "reference")
    if len(clips) == len(given) == 1:
        return {clips[0]: given[0]}
    stems = {path.stem for path in given}
    named = [clip for clip in clips if clip.stem in stems]
    return by_stem(named, given, VIDEOS, "reference") if named and len(given) > 1 else {}


def _from_row(row: Row) -> ClipRequest:
    asked = None
    if row.emotion is not None:
        spelled = row.emotion if row.intensity is None else f"{row.emotion}:{row.intensity:g}"
        asked = asked_emotion(spelled)
    elif row.timeline is not None:
        asked = asked_timeline(row.timeline)
    return ClipRequest(row.clip, row.reference, row.audio, row.portrait, asked, row.rest)


def asked_emotion(spelled: str) -> Asked:
    """``NAME`` or ``NAME:INTENSITY`` as curves.

    Raises:
        ValueError: an unknown name, or an intensity outside 0..1.
    """
    name, colon, intensity = spelled.partition(":")
    try:
        strength = float(intensity) if colon else 1.0
    except ValueError:
        raise ValueError(f"--emotion: {intensity!r} is not a number") from None
    return asked_of(Affect.emotion(name, strength), spelled)


def asked_timeline(path: Path) -> Asked:
    """A timeline file as curves.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no timeline.
    """
    return asked_of(Affect.load(readable(path, "timeline")), path.name)
