"""The vocabulary that the whole project shares: ARKit blendshapes, facial action units, emotions.

Sources
-------
* ARKit blendshape names and their order: the header of Epic's Live Link Face CSV, which is Apple's
  ``ARFaceAnchor.BlendShapeLocation`` without ``_neutral``.
* Action units: Ekman, Friesen and Hager, *Facial Action Coding System* (2002). The set holds the
  17 AUs of OpenFace 2.0 and the 20 of py-feat; intensities are 0-5 as in OpenFace.
* Emotion prototypes: EMFACS (Friesen and Ekman 1983).
* Emotion to valence-arousal: Mehrabian's PAD (Russell and Mehrabian 1977); contempt from Warriner,
  Kuperman and Brysbaert (2013), rescaled to -1..1.
"""

from __future__ import annotations

from types import MappingProxyType

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight",
    "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward",
    "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight",
    "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft",
    "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
ARKIT_INDEX = MappingProxyType({name: i for i, name in enumerate(ARKIT_NAMES)})

#: Head pose columns of the motion file: degrees, then face widths.
POSE_NAMES: tuple[str, ...] = ("headPitch", "headYaw", "headRoll", "headX", "headY", "headZ")

AU_NUMBERS: tuple[int, ...] = (
    1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43, 45,
)  # fmt: skip
AU_NAMES: tuple[str, ...] = tuple(f"AU{n:02d}" for n in AU_NUMBERS)
AU_INDEX = MappingProxyType({name: i for i, name in enumerate(AU_NAMES)})
AU_MAX = 5.0
#: From this intensity on an action unit counts as present: FACS' level A, "trace".
PRESENT = 1.0

#: The muscle movement of each action unit, in FACS' own terms.
AU_SENTENCES = MappingProxyType(
    {
        "AU01": "inner brow raiser: the inner portion of the eyebrows is pulled up",
        "AU02": "outer brow raiser: the outer portion of the eyebrows is pulled up",
        "AU04": "brow lowerer: the eyebrows are drawn down and together",
        "AU05": "upper lid raiser: the upper eyelids are raised and show more of the eyeball",
        "AU06": "cheek raiser: the cheeks are lifted and skin gathers around the eyes",
        "AU07": "lid tightener: the eyelids are tightened and the eye aperture narrows",
        "AU09": "nose wrinkler: the skin along the sides of the nose is pulled up and wrinkles",
        "AU10": "upper lip raiser: the upper lip is drawn straight up",
        "AU11": "nasolabial deepener: the middle of the nasolabial furrow deepens",
        "AU12": "lip corner puller: the lip corners are drawn back and up",
        "AU14": "dimpler: the lip corners are tightened and pulled inwards",
        "AU15": "lip corner depressor: the lip corners are pulled down",
        "AU17": "chin raiser: the chin boss and the lower lip are pushed up",
        "AU18": "lip pucker: the lips are drawn together and pushed forward",
        "AU20": "lip stretcher: the lips are pulled back sideways",
        "AU22": "lip funneler: the lips are turned outwards into a funnel",
        "AU23": "lip tightener: the red parts of the lips are narrowed and tightened",
        "AU24": "lip pressor: the lips are pressed together",
        "AU25": "lips part: the lips are parted",
        "AU26": "jaw drop: the jaw is lowered by relaxation",
        "AU27": "mouth stretch: the jaw is pulled down far",
        "AU28": "lip suck: the lips are sucked into the mouth",
        "AU43": "eyes closed: the eyes stay shut",
        "AU45": "blink: the eyes close and open again quickly",
    }
)

EMOTIONS: tuple[str, ...] = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
)  # fmt: skip

#: Which blendshapes an action unit moves, and by how much at intensity 5. A prior, not a
#: measurement; left and right get the same value unless a side is asked for.
AU_TO_ARKIT = MappingProxyType({
    "AU01": {"browInnerUp": 1.0},
    "AU02": {"browOuterUp": 1.0},
    "AU04": {"browDown": 1.0},
    "AU05": {"eyeWide": 1.0},
    "AU06": {"cheekSquint": 1.0, "eyeSquint": 0.35},
    "AU07": {"eyeSquint": 1.0},
    "AU09": {"noseSneer": 1.0, "mouthUpperUp": 0.15},
    "AU10": {"mouthUpperUp": 0.9},
    "AU11": {"noseSneer": 0.3, "mouthUpperUp": 0.25},
    "AU12": {"mouthSmile": 1.0},
    "AU14": {"mouthDimple": 1.0},
    "AU15": {"mouthFrown": 1.0},
    "AU17": {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.3},
    "AU18": {"mouthPucker": 1.0},
    "AU20": {"mouthStretch": 1.0},
    "AU22": {"mouthFunnel": 1.0},
    "AU23": {"mouthPress": 0.4, "mouthRollLower": 0.2, "mouthRollUpper": 0.2},
    "AU24": {"mouthPress": 1.0},
    "AU25": {"mouthLowerDown": 0.45, "mouthUpperUp": 0.25},
    "AU26": {"jawOpen": 0.5},
    "AU27": {"jawOpen": 1.0},
    "AU28": {"mouthRollLower": 0.9, "mouthRollUpper": 0.9},
    "AU43": {"eyeBlink": 1.0},
    "AU45": {"eyeBlink": 1.0},
})  # fmt: skip

#: EMFACS prototypes as AU intensities (0-5) at emotion intensity 1. ``AU12L`` means the left side.
#: How strong each unit is, is a judgement: what tells an emotion from its neighbours is strong
#: (fear: stretched lips; surprise: the dropped jaw; contempt: one tightened corner), set while
#: looking at portraits that no benchmark uses.
EMOTION_TO_AU = MappingProxyType({
    "neutral": {},
    "happiness": {"AU06": 4.0, "AU12": 4.0},
    "sadness": {"AU01": 4.5, "AU04": 2.5, "AU15": 4.0, "AU17": 2.0},
    "surprise": {"AU01": 4.5, "AU02": 4.5, "AU05": 4.0, "AU26": 4.0},
    "fear": {
        "AU01": 4.5, "AU02": 3.5, "AU04": 2.5, "AU05": 5.0, "AU07": 1.0, "AU20": 4.5, "AU26": 1.5,
    },
    "anger": {"AU04": 4.5, "AU05": 2.0, "AU07": 3.5, "AU23": 4.0},
    "disgust": {
        "AU04": 1.0, "AU07": 2.0, "AU09": 4.5, "AU10": 3.0, "AU15": 1.5, "AU17": 2.0,
    },
    "contempt": {"AU12L": 2.0, "AU14L": 5.0},
})  # fmt: skip

#: An emotion of intensity ``i`` shows its prototype times ``i`` to this power: what that has of 4
#: or 5 (D, E) is near FACS' B at a third (slight) and C at two thirds (marked). In proportion, a
#: third is a trace that nobody sees.
INTENSITY_EXPONENT = 0.8

#: (valence, arousal) in -1..1 at emotion intensity 1.
EMOTION_TO_VA = MappingProxyType(
    {
        "neutral": (0.0, 0.0),
        "happiness": (0.76, 0.48),
        "surprise": (0.40, 0.67),
        "sadness": (-0.63, -0.27),
        "anger": (-0.51, 0.59),
        "disgust": (-0.60, 0.35),
        "fear": (-0.64, 0.60),
        "contempt": (-0.45, -0.10),
    }
)


def sides(stem: str) -> tuple[str, ...]:
    """ARKit names that a stem stands for: ``"mouthSmile"`` → left and right; names → themselves.

    Raises:
        KeyError: no ARKit blendshape has this name or stem.

    >>> sides("mouthSmile"), sides("jawOpen")
    (('mouthSmileLeft', 'mouthSmileRight'), ('jawOpen',))
    >>> AU_SENTENCES["AU12"], AU_TO_ARKIT["AU12"]
    ('lip corner puller: the lip corners are drawn back and up', {'mouthSmile': 1.0})
    >>> sorted(EMOTION_TO_AU["happiness"]), EMOTION_TO_VA["happiness"]
    (['AU06', 'AU12'], (0.76, 0.48))
    """
    if stem in ARKIT_INDEX:
        return (stem,)
    pair = (f"{stem}Left", f"{stem}Right")
    if pair[0] not in ARKIT_INDEX:
        raise KeyError(f"no ARKit blendshape is called {stem!r}")
    return pair
