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
from typing import TYPE_CHECKING

import numpy as np

from recognizer.emotion_words import FAMILIES, SIMPLIFIED, UNFEELING, Family
from recognizer.facs import EMOTIONS

if TYPE_CHECKING:
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
#: VADER's factors: a negated word, what stands before "but", what stands after it. A negated
#: dislike is less than a liking.
_NEGATED_LIKING, _NEGATED_DISLIKE, _BEFORE_BUT, _AFTER_BUT = -0.74, -0.3, 0.5, 1.5
_STRONGER, _WEAKER = 1.3, 0.7
#: From VADER's score and the mean of the cues to the mean valence that people give: least squares
#: on the tweets and product reviews with twenty ratings each that VADER's authors published.
_ONLY_VADER, _VADER_SHARE, _CUES_SHARE = 0.55, 0.4, 0.35
#: Measured there: 0.19 (tweets), 0.33 (products), 0.44 (film reviews). Arousal's are a judgement.
_VALENCE_STD, _AROUSAL_STD, _AROUSAL_STD_BLIND = 0.33, 0.35, 0.5
_PUNCTUATION = str.maketrans("’！？，；：", "'!?,;:")
_BUT = re.compile(r"\bbut\b|但是|可是|不过|然而|但", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_CLAUSE_END = re.compile(r"[.,;:!?。、\n]")
_LENGTHENED = re.compile(r"([^\W\d_])\1{2,}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_HAN_NEGATED = re.compile(
    r"(?:不|没有?|别|未|并非|无|毫不)"
    r"(?:是|会|再|要|能|敢|太|很|那么|怎么|觉得|感到|得|曾|必|用|让人)*$"
)
_HAN_STRONGER = re.compile(
    r"(?:很|非常|太|特别|极其?|十分|超级?|真的?|好|最|格外|相当|多么|无比|更)[地的]?$"
)
_HAN_WEAKER = re.compile(r"(?:有[点些]儿?|稍微|略|一点|不太)$")


@dataclass(frozen=True)
class Cue:
    """A word or sign that told something.

    Attributes:
        text: as it stands in the sentence, lower case.
        family: its family in :data:`recognizer.emotion_words.FAMILIES`.
        degree: 1 for a plain word, more after "very", less after "slightly".
        negated: a negation stands before it.
        weight: ``degree``, more after "but" and less before it.
    """

    text: str
    family: str
    degree: float
    negated: bool
    weight: float


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
        from recognizer.fusion import Opinion

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
    cues = _find_cues(text)
    weights = np.array([cue.weight for cue in cues])
    valences = np.array([_valence(cue) for cue in cues])
    polarity = _polarity(text) if _WORD.search(text) or cues else 0.0
    stress = _stress(text)

    valence = _ONLY_VADER * polarity
    if cues:
        of_cues = float(weights @ valences / weights.sum())
        judged = polarity if polarity and not _HAN.search(text) else of_cues
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
        single = _LENGTHENED.sub(r"\1", match[0])
        known = single.lower() in _vader().lexicon or single.lower() in _degrees()
        return single if known else _LENGTHENED.sub(r"\1\1", match[0])

    return _vader().polarity_scores(_WORD.sub(shorten, text))["compound"]


def _valence(cue: Cue) -> float:
    valence = _family(cue).place[0]
    if cue.negated:
        valence *= _NEGATED_LIKING if valence > 0 else _NEGATED_DISLIKE
    return float(np.clip(valence * cue.degree, -1, 1))


def _arousal(cue: Cue) -> float:
    arousal = _family(cue).place[1] * (0.3 if cue.negated else 1.0)
    return float(np.clip(arousal * cue.degree, -1, 1))


def _emotion(cues: list[Cue], polarity: float, text: str) -> np.ndarray:
    votes = np.full(len(EMOTIONS), _FLOOR)
    votes[0] += _NEUTRAL_PRIOR

    def vote(shares: dict[str, float], weight: float) -> None:
        for name, share in shares.items():
            votes[EMOTIONS.index(name)] += weight * share

    for cue in cues:
        family = _family(cue)
        vote(_OF_NEGATED[family.place[0] > 0] if cue.negated else family.emotions, cue.weight)
    # Polarity says little once emotion words have named the feeling.
    vote(_OF_POLARITY[polarity > 0], abs(polarity) * (0.2 if cues else 1.0))
    if re.search(r"\?!|!\?", text):
        vote({"surprise": 1.0}, 0.5)
    return votes / votes.sum()


def _stress(text: str) -> float:
    """0..0.6: how loudly it is written."""
    words = _WORD.findall(text)
    loud = [word for word in words if len(word) > 1 and word.isupper()]
    shouting = len(loud) / len(words) if loud and len(words) > 1 else 0.0
    return min(
        0.6,
        0.12 * min(text.count("!"), 3)
        + 0.25 * min(1.0, 2 * shouting)
        + 0.12 * bool(_LENGTHENED.search(text))
        + 0.06 * sum(word.lower() in _degrees() and _degrees()[word.lower()] > 0 for word in words),
    )


def _find_cues(text: str) -> list[Cue]:
    """Emotion words and signs in the order of the text."""
    found = [*_signs_in(text), *_english_in(text), *_chinese_in(text)]
    turn = max((match.end() for match in _BUT.finditer(text)), default=None)
    cues = []
    for start, word, family, degree, negated in sorted(found):
        share = 1.0 if turn is None else _AFTER_BUT if start >= turn else _BEFORE_BUT
        cues.append(Cue(word.lower(), family, degree, negated, degree * share))
    return cues


def _signs_in(text: str):
    for match in _sign_pattern().finditer(text):
        yield match.start(), match[0], _signs()[match[0]], 1.0, False


def _english_in(text: str):
    matches = list(_WORD.finditer(text))
    words = [match[0].lower() for match in matches]
    for i, match in enumerate(matches):
        family = _english(_LENGTHENED.sub(r"\1", words[i])) or _english(
            _LENGTHENED.sub(r"\1\1", words[i])
        )
        if family is None:
            continue
        before = [
            words[j] for j in range(max(0, i - 3), i)
            if not _CLAUSE_END.search(text, matches[j].end(), match.start())
        ]  # fmt: skip
        negated = any(word in _negations() or word.endswith("n't") for word in before)
        degree = 1.0
        for word in before[-2:]:
            adverb = _degrees().get(_LENGTHENED.sub(r"\1", word), 0.0)
            degree *= _STRONGER if adverb > 0 else _WEAKER if adverb < 0 else 1.0
        yield match.start(), match[0], family, degree, negated


def _chinese_in(text: str):
    if not _HAN.search(text):
        return
    for match in _chinese_pattern().finditer(text):
        family = _chinese().get(match[0])
        if family is None:
            continue
        before = _CLAUSE_END.split(text[max(0, match.start() - 8) : match.start()])[-1]
        degree = 1.0
        if _HAN_WEAKER.search(before):
            degree = _WEAKER
        elif _HAN_STRONGER.search(before):
            degree = _STRONGER
        bare = _HAN_STRONGER.sub("", before)
        negated = bool(_HAN_NEGATED.search(bare) or _HAN_NEGATED.search(before))
        yield match.start(), match[0], family, degree, negated


def _family(cue: Cue) -> Family:
    return _families()[cue.family]


@functools.cache
def _families() -> dict[str, Family]:
    return {family.name: family for family in FAMILIES}


@functools.cache
def _table(field: str) -> dict[str, str]:
    return {word: family.name for family in FAMILIES for word in getattr(family, field).split()}


def _signs() -> dict[str, str]:
    return _table("signs")


def _chinese() -> dict[str, str]:
    return _table("chinese")


@functools.cache
def _sign_pattern() -> re.Pattern:
    # Emoticons of letters and punctuation stand alone; emoji stand anywhere.
    parts = [
        re.escape(sign) if ord(sign[0]) > 0x2000 else rf"(?<!\S){re.escape(sign)}(?!\w)"
        for sign in sorted(_signs(), key=len, reverse=True)
    ]
    return re.compile("|".join(parts))


@functools.cache
def _chinese_pattern() -> re.Pattern:
    words = [*_chinese(), *UNFEELING.split()]
    return re.compile("|".join(sorted(words, key=len, reverse=True)))


@functools.lru_cache(maxsize=4096)
def _english(word: str) -> str | None:
    table = _table("english")
    if word in table:
        return table[word]
    for end in range(len(word), 2, -1):
        if f"{word[:end]}*" in table:
            return table[f"{word[:end]}*"]
    return None


@functools.cache
def _negations() -> frozenset[str]:
    from vaderSentiment.vaderSentiment import NEGATE

    return frozenset({*NEGATE, "no", "hardly", "barely"})


@functools.cache
def _degrees() -> dict[str, float]:
    from vaderSentiment.vaderSentiment import BOOSTER_DICT

    return BOOSTER_DICT


@functools.cache
def _vader():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
