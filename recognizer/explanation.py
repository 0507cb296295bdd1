"""What an explanation holds: observations, their interpretation, and the conclusion."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Observation:
    """An action unit that was seen.

    Attributes:
        au: such as ``"AU12"``.
        name: FACS' name of it.
        movement: what the muscles do, in FACS' terms.
        intensity: 0-5 at its apex; None where only its presence is known.
        level: ``"trace"`` … ``"maximum"``, or ``"present"``.
        side: ``"left"``, ``"right"`` (the subject's), ``"both"``, or None where unknown.
        onset, apex, offset: seconds of its strongest episode.
        episodes: how often it rose to :data:`recognizer.facs.PRESENT`.
    """

    au: str
    name: str
    movement: str
    intensity: float | None
    level: str
    side: str | None
    onset: float
    apex: float
    offset: float
    episodes: int


@dataclass(frozen=True)
class Interpretation:
    """How the observations fit one emotion's EMFACS prototype.

    Attributes:
        emotion: one of :data:`recognizer.facs.EMOTIONS`.
        support: 0..1, the share of the prototype that was seen at its apex, by intensity.
        fit: 0..1, ``support`` times the share of what was seen then that belongs to the prototype.
        together: its action units that were seen then.
        missing: its action units that were not.
        unmeasured: its action units of which nothing is known.
        against: action units seen then that belong to other emotions, and other objections.
    """

    emotion: str
    support: float
    fit: float
    together: tuple[str, ...]
    missing: tuple[str, ...]
    unmeasured: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True)
class Conclusion:
    """What it comes to.

    Attributes:
        emotion: the likeliest emotion; without probabilities the best-fitting prototype, or
            ``"neutral"`` where none fits.
        probability: its mean probability, None if the track has none.
        confidence: 0..1: the probability (or the prototype's fit), times the mean confidence of
            the frames that show the face.
        peak: the emotion other than neutral that comes nearest to certainty; None without
            probabilities, as are the two that follow.
        peak_probability: how near.
        at: the second at which it does.
        valence, arousal: means, -1..1; None if the track has none.
        agreement: whether the action units speak for the same emotion (for ``peak``, if the whole
            is neutral); None if they say nothing.
    """

    emotion: str
    probability: float | None
    confidence: float
    peak: str | None
    peak_probability: float | None
    at: float | None
    valence: float | None
    arousal: float | None
    agreement: bool | None


@dataclass(frozen=True)
class Explanation:
    """The whole chain.

    Attributes:
        observations: strongest first, those that speak for no emotion last.
        interpretation: best fit first.
        notes: what else should be borne in mind.
        conclusion: what it comes to.
        plain: the chain in words.
        text: ``plain``, or what the user's language model made of it.
    """

    observations: tuple[Observation, ...]
    interpretation: tuple[Interpretation, ...]
    notes: tuple[str, ...]
    conclusion: Conclusion
    plain: str
    text: str

    def to_json(self) -> str:
        """The chain as a JSON object; times in seconds."""
        return json.dumps(_rounded(asdict(self)), indent=2, ensure_ascii=False)


def _rounded(value):
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
