"""Words and signs of feeling in English and Chinese text, with their degree and negation.

The words are those of :mod:`recognizer.emotion_words`; adverbs of degree and negations of English
are VADER's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from recognizer.emotion_words import FAMILIES, UNFEELING, Family

#: A word; a letter that is repeated for stress; a Chinese character.
WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
LENGTHENED = re.compile(r"([^\W\d_])\1{2,}")
HAN = re.compile(r"[\u4e00-\u9fff]")
_STRONGER, _WEAKER = 1.3, 0.7
#: VADER's: what stands before "but", and after it.
_BEFORE_BUT, _AFTER_BUT = 0.5, 1.5
_BUT = re.compile(r"\bbut\b|但是|可是|不过|然而|但", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.,;:!?。、\n]")
_HAN_NEGATED = re.compile(
    r"(?:不|没有?|别|未|并非|无|毫不)"
    r"(?:是|会|再|要|能|敢|太|很|那么|怎么|觉得|感到|得|曾|必|用|让人)*$"
)
_HAN_STRONGER = re.compile(
    r"(?:很|非常|太|特别|极其?|十分|超级?|真的?|好|最|格外|相当|多么|无比|更)[地的]?$"
)
_HAN_WEAKER = re.compile(r"(?:有[点些]儿?|稍微|略|一点|不太)$")

#: Where it begins, its text, its family, degree and whether it is negated.
_Found = tuple[int, str, str, float, bool]


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

    @property
    def meaning(self) -> Family:
        """The family itself: where it lies and the emotions that it speaks for."""
        return _families()[self.family]


def find_cues(text: str) -> list[Cue]:
    """Emotion words and signs in the order of the text (simplified characters)."""
    found = [*_signs_in(text), *_english_in(text), *_chinese_in(text)]
    turn = max((match.end() for match in _BUT.finditer(text)), default=None)
    cues = []
    for start, word, family, degree, negated in sorted(found):
        share = 1.0 if turn is None else _AFTER_BUT if start >= turn else _BEFORE_BUT
        cues.append(Cue(word.lower(), family, degree, negated, degree * share))
    return cues


@functools.cache
def degree_adverbs() -> dict[str, float]:
    """VADER's English adverbs: above 0 for "very", below 0 for "slightly"."""
    from vaderSentiment.vaderSentiment import BOOSTER_DICT

    return BOOSTER_DICT


def _signs_in(text: str) -> Iterator[_Found]:
    for match in _sign_pattern().finditer(text):
        yield match.start(), match[0], _signs()[match[0]], 1.0, False


def _english_in(text: str) -> Iterator[_Found]:
    matches = list(WORD.finditer(text))
    words = [match[0].lower() for match in matches]
    for i, match in enumerate(matches):
        family = _english(LENGTHENED.sub(r"\1", words[i])) or _english(
            LENGTHENED.sub(r"\1\1", words[i])
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
            adverb = degree_adverbs().get(LENGTHENED.sub(r"\1", word), 0.0)
            degree *= _STRONGER if adverb > 0 else _WEAKER if adverb < 0 else 1.0
        yield match.start(), match[0], family, degree, negated


def _chinese_in(text: str) -> Iterator[_Found]:
    if not HAN.search(text):
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
