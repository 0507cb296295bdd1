"""What words say: valence, arousal and emotion of a sentence, in English and Chinese.

Valence of English is VADER's (C. Hutto and E. Gilbert, ICWSM 2014; MIT), which knows negation,
degree, capitals, emoji and "but". Emotions, arousal and all Chinese come from the small list of
:mod:`recognizer.emotion_words`. Arousal is the humble part: no norm of it is free for every use,
so that it is read from the words' families, exclamation marks, capitals, lengthened words and
degree adverbs, and always comes with a wide standard deviation. Other languages give a confidence
near 0.

Correlation of the valence with the mean of twenty people's, on the sentences that VADER's authors
published (VADER alone): tweets 0.87 (0.87), product reviews 0.59 (0.58), newspaper editorials 0.52
(0.51), film reviews 0.41 (0.41). Arousal and the emotions of whole sentences were measured against
nothing.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np

from recognizer.emotion_cues import HAN, LENGTHENED, WORD, Cue, degree_adverbs, find_cues
from recognizer.emotion_words import SIMPLIFIED
from recognizer.facs import EMOTIONS
from recognizer.fusion import Opinion

#: Evidence for neutral before the first word, and for every emotion.
_NEUTRAL_PRIOR, _FLOOR = 0.5, 0.02
#: What a polarity without an emotion word says.
_OF_POLARITY = {
    True: {"happiness": 1.0},
    False: {"sadness": 0.35, "anger": 0.3, "disgust": 0.15, "fear": 0.1, "contempt": 0.1},
}
#: "Not happy" is a little sad, "not sad" is mostly neutral.
_OF_NEGATED = {
    True: {"neutral": 0.6, "sadness": 0.4},
    False: {"neutral": 0.9, "happiness": 0.1},
}
#: VADER's factor of a negated word; a negated dislike is less than a liking.
_NEGATED_LIKING, _NEGATED_DISLIKE = -0.74, -0.3
#: From VADER's score and the mean of the cues to the mean valence that people give: least squares
#: on the tweets and product reviews with twenty ratings each that VADER's authors published.
_ONLY_VADER, _VADER_SHARE, _CUES_SHARE = 0.55, 0.4, 0.35
#: Measured there: 0.19 (tweets), 0.33 (products), 0.44 (film reviews). Arousal's are a judgement.
_VALENCE_STD, _AROUSAL_STD, _AROUSAL_STD_BLIND = 0.33, 0.35, 0.5
_PUNCTUATION = str.maketrans("’！？，；：", "'!?,;:")


@dataclass(frozen=True)
class Reading:
    """What a sentence says.

    Attributes:
        valence: -1..1, with its standard deviation ``valence_std``.
        arousal: -1..1, with its standard deviation ``arousal_std``.
        emotion: ``[8]`` probabilities in the order of :data:`recognizer.facs.EMOTIONS`.
        confidence: 0..1, how much there was to go by and how well it agreed; 0: nothing.
        evidence: the words and signs that it rests on.
    """

    valence: float
    arousal: float
    emotion: np.ndarray
    confidence: float
    evidence: tuple[Cue, ...]
    valence_std: float
    arousal_std: float

    @property
    def strongest(self) -> str:
        """Name of the likeliest emotion."""
        return EMOTIONS[int(np.argmax(self.emotion))]

    def opinion(self) -> Opinion:
        """For :func:`recognizer.fusion.fuse`."""
        return Opinion(
            modality="words",
            valence_arousal=np.array([self.valence, self.arousal]),
            variance=np.array([self.valence_std, self.arousal_std]) ** 2,
            emotion=self.emotion,
            reliability=self.confidence,
        )


def read_words(text: str) -> Reading:
    """Valence, arousal and emotion of a sentence or a few.

    Args:
        text: English, Chinese or both; a paragraph at most, since its feelings are averaged.

    Raises:
        ValueError: there are no words.

    >>> reading = read_words("What a lovely day!")
    >>> reading.strongest, reading.valence > 0.5, [cue.text for cue in reading.evidence]
    ('happiness', True, ['lovely'])
    """
    if not text.strip():
        raise ValueError("there are no words to read")
    text = text.translate(_PUNCTUATION).translate(SIMPLIFIED)
    cues = find_cues(text)
    weights = np.array([cue.weight for cue in cues])
    valences = np.array([_valence(cue) for cue in cues])
    polarity = _polarity(text) if WORD.search(text) or cues else 0.0
    stress = _stress(text)

    valence = _ONLY_VADER * polarity
    if cues:
        of_cues = float(weights @ valences / weights.sum())
        judged = polarity if polarity and not HAN.search(text) else of_cues
        valence = _VADER_SHARE * judged + _CUES_SHARE * of_cues
        arousal = float(weights @ [_arousal(cue) for cue in cues] / weights.sum())
    else:
        # Rated words are the more arousing the further they are from neutral, but only weakly
        # (Kuppens, Tuerlinckx, Russell and Barrett 2013).
        arousal = 0.25 * abs(valence)
    # Loudness on paper raises what is there; a calm "thank you!!!" is no fury.
    arousal += stress * (1 - max(arousal, 0.0))

    emotion = _emotion(cues, polarity, text)
    amount = weights.sum() + abs(polarity)
    agreement = abs(weights @ valences + polarity) / max(
        weights @ abs(valences) + abs(polarity), 1e-9
    )
    confidence = float((1 - np.exp(-amount)) * (0.4 + 0.6 * agreement))
    return Reading(
        valence=float(np.clip(valence, -1, 1)),
        arousal=float(np.clip(arousal, -1, 1)),
        emotion=emotion,
        confidence=confidence,
        evidence=tuple(cues),
        valence_std=_VALENCE_STD,
        arousal_std=_AROUSAL_STD if cues else _AROUSAL_STD_BLIND,
    )


def _polarity(text: str) -> float:
    """VADER's compound score, -1..1."""

    def shorten(match: re.Match) -> str:
        single = LENGTHENED.sub(r"\1", match[0])
        known = single.lower() in _vader().lexicon or single.lower() in degree_adverbs()
        return single if known else LENGTHENED.sub(r"\1\1", match[0])

    return _vader().polarity_scores(WORD.sub(shorten, text))["compound"]


def _valence(cue: Cue) -> float:
    valence = cue.meaning.place[0]
    if cue.negated:
        valence *= _NEGATED_LIKING if valence > 0 else _NEGATED_DISLIKE
    return float(np.clip(valence * cue.degree, -1, 1))


def _arousal(cue: Cue) -> float:
    arousal = cue.meaning.place[1] * (0.3 if cue.negated else 1.0)
    return float(np.clip(arousal * cue.degree, -1, 1))


def _emotion(cues: list[Cue], polarity: float, text: str) -> np.ndarray:
    votes = np.full(len(EMOTIONS), _FLOOR)
    votes[0] += _NEUTRAL_PRIOR

    def vote(shares: dict[str, float], weight: float) -> None:
        for name, share in shares.items():
            votes[EMOTIONS.index(name)] += weight * share

    for cue in cues:
        family = cue.meaning
        vote(_OF_NEGATED[family.place[0] > 0] if cue.negated else family.emotions, cue.weight)
    # Polarity says little once emotion words have named the feeling.
    vote(_OF_POLARITY[polarity > 0], abs(polarity) * (0.2 if cues else 1.0))
    if re.search(r"\?!|!\?", text):
        vote({"surprise": 1.0}, 0.5)
    return votes / votes.sum()


def _stress(text: str) -> float:
    """0..0.6: how loudly it is written."""
    words = WORD.findall(text)
    loud = [word for word in words if len(word) > 1 and word.isupper()]
    shouting = len(loud) / len(words) if loud and len(words) > 1 else 0.0
    return min(
        0.6,
        0.12 * min(text.count("!"), 3)
        + 0.25 * min(1.0, 2 * shouting)
        + 0.12 * bool(LENGTHENED.search(text))
        + 0.06 * sum(degree_adverbs().get(word.lower(), 0.0) > 0 for word in words),
    )


@functools.cache
def _vader():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
