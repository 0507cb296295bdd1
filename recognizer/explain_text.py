"""The chain of :mod:`recognizer.explain` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recognizer.explanation import Conclusion, Interpretation, Observation

if TYPE_CHECKING:
    from recognizer.voice import VoiceTrack
    from recognizer.words import Reading

#: Valence and arousal nearer to 0 have no name.
_NEUTRAL_BAND = 0.1
#: Cues of a voice (:data:`recognizer.voice.CUES`) as people call them.
_CUES = {
    "pitch": "pitch", "spread": "range of pitch", "tilt": "brightness", "level": "loudness",
    "rate": "pace",
}  # fmt: skip


def write(
    still: bool,
    seen: bool,
    observations: tuple[Observation, ...],
    interpretation: tuple[Interpretation, ...],
    notes: tuple[str, ...],
    conclusion: Conclusion,
) -> str:
    """Three headed lists; ``still`` leaves the times out.

    Where no face was ``seen`` (of a voice, of words) there is the conclusion alone.
    """
    lines = []
    if seen:
        lines.append("Observations")
        lines += [f"- {_observed(one, still)}" for one in observations]
        if not observations:
            lines.append("- no action unit is seen")
        lines.append("Interpretation")
        lines += [f"- {_interpreted(one)}" for one in interpretation]
        if not interpretation:
            lines.append("- the action units fit no emotion's prototype")
        lines += [f"- note: {note}" for note in notes]
    lines += ["Conclusion", f"- {_concluded(conclusion, still)}"]
    return "\n".join(lines)


def heard(voice: VoiceTrack) -> str:
    """What each cue of a voice speaks for by itself."""
    lines = [f"Voice (confidence {voice.confidence.mean():.2f})"]
    lines += [
        f"- {_CUES[cue]}: {_named(arousal, 'calm', 'aroused')} (arousal {arousal:+.2f})"
        for cue, arousal in voice.evidence.items()
    ]
    return "\n".join(lines)


def said(words: Reading) -> str:
    """The words that told something."""
    lines = [f"Words (confidence {words.confidence:.2f})"]
    lines += [
        f"- {cue.text!r}: {'not ' if cue.negated else ''}{cue.family}" for cue in words.evidence
    ]
    lines.append(f"- valence {words.valence:+.2f}, arousal {words.arousal:+.2f}")
    return "\n".join(lines)


def _observed(one: Observation, still: bool) -> str:
    parts = [f"{one.au} {one.name}", one.level]
    if one.intensity is not None:
        parts[-1] += f" ({one.intensity:.1f} of 5)"
    if one.side is not None:
        parts.append("both sides" if one.side == "both" else f"{one.side} side")
    if not still:
        parts.append(f"{one.onset:.2f}-{one.offset:.2f} s, strongest at {one.apex:.2f} s")
        if one.episodes > 1:
            parts.append(f"{one.episodes} times")
    return f"{', '.join(parts)}: {one.movement}"


def _interpreted(one: Interpretation) -> str:
    text = f"{one.emotion} (fit {one.fit:.2f}): {_listed(one.together)}"
    text += " go together in it" if len(one.together) > 1 else " belongs to it"
    if one.missing:
        text += f"; not seen: {_listed(one.missing)}"
    if one.unmeasured:
        text += f"; not measured: {_listed(one.unmeasured)}"
    if one.against:
        text += f"; against it: {_listed(one.against)}"
    return text


def _concluded(one: Conclusion, still: bool) -> str:
    text = one.emotion
    if one.probability is None:
        text += f" by the action units alone (confidence {one.confidence:.2f})"
    else:
        text += f" (probability {one.probability:.2f}, confidence {one.confidence:.2f})"
        if not still:
            text += f"; at its strongest {one.peak} ({one.peak_probability:.2f} at {one.at:.2f} s)"
    if one.valence is not None:
        text += (
            f"; {_named(one.valence, 'unpleasant', 'pleasant')} (valence {one.valence:+.2f}) and "
            f"{_named(one.arousal, 'calm', 'aroused')} (arousal {one.arousal:+.2f})"
        )
    if one.probability is not None and one.agreement is not None:
        text += f"; the action units {'agree' if one.agreement else 'point elsewhere'}"
    return text


def _named(value: float, low: str, high: str) -> str:
    return "neutral" if abs(value) < _NEUTRAL_BAND else high if value > 0 else low


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
