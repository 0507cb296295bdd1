"""What each phone asks of lips, jaw and tongue, in ARKit coefficients.

The table covers the sounds of English, German, French, Spanish, Mandarin and Japanese as their
synthesisers write them; values are those of conversation as face trackers report it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from types import MappingProxyType

_SHORT = MappingProxyType({
    "jaw": "jawOpen", "funnel": "mouthFunnel", "pucker": "mouthPucker", "stretch": "mouthStretch",
    "smile": "mouthSmile", "dimple": "mouthDimple", "lower": "mouthLowerDown",
    "upper": "mouthUpperUp", "roll": "mouthRollLower", "roll_upper": "mouthRollUpper",
    "shrug": "mouthShrugLower", "shrug_upper": "mouthShrugUpper", "press": "mouthPress",
    "tongue": "tongueOut",
})  # fmt: skip


@dataclass(frozen=True)
class Viseme:
    """Targets of one phone, 0..1 by coefficient stem, and how strongly it pulls each group."""

    targets: dict[str, float]
    dominance: dict[str, float]


def _viseme(pull: tuple[float, float, float, float], **targets: float) -> Viseme:
    jaw, rounding, spread, lips = pull
    dominance = {"jaw": jaw, "round": rounding, "spread": spread, "lips": lips}
    dominance["tongue"] = 1.0 if "tongue" in targets else 0.3
    return Viseme({_SHORT[name]: value for name, value in targets.items()}, dominance)


# Pulls on jaw, rounding, spread, lips. A consonant of the tongue leaves the lips to its vowels.
_OPEN, _SPREAD, _ROUND = (1.0, 0.45, 0.6, 0.8), (0.9, 0.7, 1.0, 0.8), (0.9, 1.0, 0.8, 0.8)
_WEAK, _TONGUE, _SIBILANT = (0.4, 0.15, 0.2, 0.3), (0.45, 0.04, 0.08, 0.35), (1.0, 0.1, 0.4, 0.7)
_BILABIAL, _DENTAL, _PROTRUDED = (0.7, 0.08, 0.1, 1.2), (0.8, 0.12, 0.1, 1.4), (0.9, 1.1, 0.6, 0.8)
_FREE, _REST = (0.05, 0.02, 0.02, 0.05), (0.6, 0.3, 0.3, 0.7)

#: Opening of the jaw 0.35-0.45 for open vowels is that of conversation in ARKit's units.
VISEMES: dict[str, Viseme] = {
    "": _viseme(_REST),
    # Spread and open vowels.
    "i": _viseme(_SPREAD, jaw=0.10, stretch=0.16, smile=0.14, dimple=0.06, lower=0.16, upper=0.09),
    "ɪ": _viseme(_SPREAD, jaw=0.15, stretch=0.09, smile=0.07, lower=0.15, upper=0.07),
    "e": _viseme(_SPREAD, jaw=0.20, stretch=0.12, smile=0.09, lower=0.19, upper=0.09),
    "ɛ": _viseme(_OPEN, jaw=0.28, stretch=0.09, smile=0.05, lower=0.21, upper=0.09),
    "æ": _viseme(_OPEN, jaw=0.38, stretch=0.11, smile=0.06, lower=0.26, upper=0.11),
    "a": _viseme(_OPEN, jaw=0.43, stretch=0.05, smile=0.02, lower=0.26, upper=0.10),
    "ɑ": _viseme(_OPEN, jaw=0.46, lower=0.25, upper=0.08),
    "ɐ": _viseme(_OPEN, jaw=0.30, stretch=0.03, lower=0.20, upper=0.08),
    "ʌ": _viseme(_OPEN, jaw=0.31, stretch=0.03, lower=0.20, upper=0.08),
    "ə": _viseme(_WEAK, jaw=0.17, lower=0.14, upper=0.05),
    "ɘ": _viseme(_WEAK, jaw=0.17, lower=0.14, upper=0.05),
    "ɨ": _viseme(_WEAK, jaw=0.13, stretch=0.05, lower=0.13, upper=0.05),
    "ᵻ": _viseme(_WEAK, jaw=0.13, stretch=0.05, lower=0.13, upper=0.05),
    "ɜ": _viseme(_OPEN, jaw=0.22, funnel=0.10, lower=0.17, upper=0.07),
    "ɚ": _viseme(_WEAK, jaw=0.17, funnel=0.18, pucker=0.12, lower=0.14, upper=0.07),
    "ɝ": _viseme(_ROUND, jaw=0.19, funnel=0.22, pucker=0.14, lower=0.16, upper=0.08),
    "ɯ": _viseme(_WEAK, jaw=0.11, funnel=0.05, pucker=0.20, lower=0.08, upper=0.03),
    # Rounded vowels.
    "ɒ": _viseme(_ROUND, jaw=0.38, funnel=0.28, pucker=0.08, lower=0.18, upper=0.08),
    "ɔ": _viseme(_ROUND, jaw=0.33, funnel=0.36, pucker=0.20, lower=0.15, upper=0.08),
    "o": _viseme(_ROUND, jaw=0.24, funnel=0.36, pucker=0.40, lower=0.10, upper=0.06),
    "ʊ": _viseme(_ROUND, jaw=0.16, funnel=0.24, pucker=0.36, lower=0.08, upper=0.05),
    "u": _viseme(_ROUND, jaw=0.11, funnel=0.26, pucker=0.62, lower=0.05, upper=0.03),
    "ʉ": _viseme(_ROUND, jaw=0.11, funnel=0.24, pucker=0.56, lower=0.05, upper=0.03),
    "y": _viseme(_ROUND, jaw=0.10, funnel=0.30, pucker=0.60, lower=0.06, upper=0.04),
    "ʏ": _viseme(_ROUND, jaw=0.14, funnel=0.28, pucker=0.45, lower=0.08, upper=0.05),
    "ø": _viseme(_ROUND, jaw=0.20, funnel=0.36, pucker=0.44, lower=0.10, upper=0.06),
    "œ": _viseme(_ROUND, jaw=0.28, funnel=0.36, pucker=0.30, lower=0.14, upper=0.08),
    # Lips.
    "p": _viseme(_BILABIAL, jaw=0.04, press=0.20, roll=0.06, roll_upper=0.06),
    "b": _viseme(_BILABIAL, jaw=0.05, press=0.14, roll=0.05, roll_upper=0.05),
    "m": _viseme(_BILABIAL, jaw=0.05, press=0.10, roll=0.05, roll_upper=0.04),
    "f": _viseme(_DENTAL, jaw=0.06, roll=0.50, upper=0.13, shrug=0.10),
    "v": _viseme(_DENTAL, jaw=0.07, roll=0.44, upper=0.11, shrug=0.08),
    "ʋ": _viseme(_DENTAL, jaw=0.08, roll=0.30, upper=0.08, shrug=0.06),
    "β": _viseme(_BILABIAL, jaw=0.08, lower=0.04),
    "ɸ": _viseme(_BILABIAL, jaw=0.07, pucker=0.12, lower=0.05),
    "w": _viseme(_PROTRUDED, jaw=0.08, funnel=0.28, pucker=0.66, lower=0.03),
    "ʍ": _viseme(_PROTRUDED, jaw=0.08, funnel=0.30, pucker=0.62, lower=0.03),
    "ɥ": _viseme(_PROTRUDED, jaw=0.08, funnel=0.30, pucker=0.60, lower=0.04),
    "ʃ": _viseme(_PROTRUDED, jaw=0.07, funnel=0.44, pucker=0.28, lower=0.14, upper=0.13),
    "ʒ": _viseme(_PROTRUDED, jaw=0.08, funnel=0.42, pucker=0.26, lower=0.14, upper=0.13),
    "ɹ": _viseme((0.5, 0.5, 0.3, 0.4), jaw=0.12, funnel=0.22, pucker=0.24, lower=0.10, upper=0.05),
    "ʐ": _viseme((0.9, 0.6, 0.3, 0.6), jaw=0.08, funnel=0.26, pucker=0.12, lower=0.14, upper=0.08),
    # Teeth and tongue tip.
    "θ": _viseme(_SIBILANT, jaw=0.12, lower=0.15, upper=0.05, tongue=0.40),
    "ð": _viseme((0.7, 0.08, 0.2, 0.6), jaw=0.12, lower=0.15, upper=0.05, tongue=0.30),
    "s": _viseme(_SIBILANT, jaw=0.05, stretch=0.08, smile=0.04, lower=0.17, upper=0.07),
    "z": _viseme(_SIBILANT, jaw=0.06, stretch=0.07, smile=0.03, lower=0.16, upper=0.06),
    "ɕ": _viseme(_SIBILANT, jaw=0.06, stretch=0.08, smile=0.04, funnel=0.1, lower=0.17, upper=0.08),
    "ʑ": _viseme(_SIBILANT, jaw=0.06, stretch=0.07, smile=0.03, funnel=0.1, lower=0.16, upper=0.07),
    "t": _viseme(_TONGUE, jaw=0.08, lower=0.11, upper=0.04),
    "d": _viseme(_TONGUE, jaw=0.09, lower=0.11, upper=0.04),
    "n": _viseme(_TONGUE, jaw=0.11, lower=0.11, upper=0.04),
    "l": _viseme(_TONGUE, jaw=0.15, lower=0.13, upper=0.04, tongue=0.05),
    "ɾ": _viseme(_TONGUE, jaw=0.12, lower=0.12, upper=0.04),
    "ɽ": _viseme(_TONGUE, jaw=0.13, lower=0.12, upper=0.04),
    "r": _viseme(_TONGUE, jaw=0.13, lower=0.12, upper=0.04),
    # Palate, velum, throat.
    "j": _viseme((0.6, 0.25, 0.5, 0.5), jaw=0.10, stretch=0.11, smile=0.08, lower=0.13, upper=0.06),
    "ʝ": _viseme((0.6, 0.2, 0.4, 0.5), jaw=0.10, stretch=0.09, smile=0.06, lower=0.13, upper=0.06),
    "ç": _viseme((0.6, 0.2, 0.4, 0.5), jaw=0.10, stretch=0.10, smile=0.07, lower=0.15, upper=0.07),
    "ɲ": _viseme(_TONGUE, jaw=0.10, stretch=0.05, lower=0.11, upper=0.04),
    "ʎ": _viseme(_TONGUE, jaw=0.11, stretch=0.06, lower=0.12, upper=0.05),
    "k": _viseme(_WEAK, jaw=0.13, lower=0.11, upper=0.04),
    "ɡ": _viseme(_WEAK, jaw=0.13, lower=0.11, upper=0.04),
    "ŋ": _viseme(_WEAK, jaw=0.14, lower=0.11, upper=0.04),
    "ɴ": _viseme(_WEAK, jaw=0.12, lower=0.09, upper=0.03),
    "x": _viseme(_WEAK, jaw=0.15, lower=0.12, upper=0.05),
    "ɣ": _viseme(_WEAK, jaw=0.15, lower=0.12, upper=0.05),
    "χ": _viseme(_WEAK, jaw=0.17, lower=0.12, upper=0.05),
    "ʁ": _viseme(_WEAK, jaw=0.17, lower=0.12, upper=0.05),
    "q": _viseme(_WEAK, jaw=0.15, lower=0.11, upper=0.04),
    "h": _viseme(_FREE, jaw=0.18, lower=0.14, upper=0.05),
    "ɦ": _viseme(_FREE, jaw=0.18, lower=0.14, upper=0.05),
    "ʔ": _viseme(_FREE, jaw=0.15, lower=0.10, upper=0.04),
}  # fmt: skip

BILABIALS = frozenset("pbm")
LABIODENTALS = frozenset("fvʋ")
VOWELS = frozenset("iɪeɛæaɑɐʌəɘɨᵻɜɚɝɯɒɔoʊuʉyʏøœ")
_IGNORED = frozenset("-.:")


def symbols(ipa: str) -> list[str]:
    """The table's symbols of a phone: ``"ˈaʊ"`` → a, ʊ; ``"tʃ"`` → t, ʃ; silence → ``[""]``.

    Stress, length, tone and secondary articulation are dropped.

    Raises:
        ValueError: a sound that the table does not know.
    """
    if not ipa:
        return [""]
    out: list[str] = []
    # espeak-ng before 1.52 writes a glottal stop as "?".
    for letter in ipa.replace("g", "ɡ").replace("?", "ʔ"):
        # "ç" is a letter of its own, "ä" a vowel with a mark.
        for part in letter if letter in VISEMES else unicodedata.normalize("NFD", letter):
            if part in VISEMES:
                out.append(part)
            elif part not in _IGNORED and unicodedata.category(part) not in (
                "Lm",
                "Mn",
                "Sk",
                "Nd",
            ):
                raise ValueError(f"no viseme for {part!r} (U+{ord(part):04X}) in phone {ipa!r}")
    # A mark alone, such as palatalisation, is carried by the sounds around it.
    return out or ["ʔ"]
