"""What is asked for: emotions, valence-arousal or action units over time, as per-frame targets."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gen.affect_curves import AffectCurves, Keyframe
from gen.editing import MotionEdit
from recognizer.easing import smoothstep
from recognizer.facs import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    AU_MAX,
    AU_NAMES,
    EMOTION_TO_AU,
    EMOTION_TO_VA,
    EMOTIONS,
    INTENSITY_EXPONENT,
)

#: Low arousal has no EMFACS prototype: lids sink, and with pleasure a faint smile (places on the
#: circumplex from Russell 1980: sleepy and calm).
_QUIET = {
    (0.02, -0.99): {"AU43": 2.0},
    (0.56, -0.31): {"AU12": 1.2, "AU43": 0.6},
}
_RIDGE = 0.05
_MAX_KEYS = 10_000


class Affect:
    """An emotional intention, constant or changing over time.

    Build one by :meth:`emotion`, :meth:`valence_arousal`, :meth:`action_units`,
    :meth:`blendshapes`, :meth:`timeline` or :meth:`load`; two add up
    (``Affect.emotion("happiness") + Affect.action_units(...)``).

    Attributes:
        keyframes: what is felt, by time.
        shapes: seconds and coefficients by their ARKit names, that are held at that moment.

    >>> both = Affect.emotion("happiness", 0.5) + Affect.action_units({"AU04": 2})
    >>> now = both.curves(np.zeros(1))
    >>> print(now.emotion[0, 1], now.valence_arousal[0], now.aus[0, 2])  # AU04, left and right
    0.5 [0.38 0.24] [2. 2.]
    """

    def __init__(
        self,
        keyframes: Sequence[Keyframe] = (),
        shapes: Sequence[tuple[float, Mapping[str, float]]] = (),
    ) -> None:
        neutral = Keyframe(0.0, np.zeros((24, 2)), (0.0, 0.0), _one_hot("neutral", 1.0))
        self.keyframes = tuple(sorted(keyframes, key=lambda key: key.at)) or (neutral,)
        self.shapes = tuple(shapes)

    @classmethod
    def emotion(cls, name: str, intensity: float = 1.0, at: float = 0.0) -> Affect:
        """One of the eight emotions.

        Args:
            name: see :data:`recognizer.facs.EMOTIONS`.
            intensity: 0..1; valence and arousal are in proportion to it, action units to its power
                of 0.8: a third is slight, not invisible.
            at: seconds.

        Raises:
            ValueError: an unknown name (the message lists the known ones) or a value out of range.

        >>> Affect.emotion("joy")
        Traceback (most recent call last):
        ValueError: unknown emotion 'joy': choose one of neutral, happiness, surprise, sadness, \
anger, disgust, fear, contempt
        """
        if name not in EMOTIONS:
            raise ValueError(f"unknown emotion {name!r}: choose one of {', '.join(EMOTIONS)}")
        intensity = _within(intensity, 0, 1, "intensity")
        level = intensity**INTENSITY_EXPONENT
        aus = _expand({k: v * level for k, v in EMOTION_TO_AU[name].items()})
        valence, arousal = (intensity * v for v in EMOTION_TO_VA[name])
        return cls([Keyframe(_time(at), aus, (valence, arousal), _one_hot(name, intensity))])

    @classmethod
    def valence_arousal(cls, valence: float, arousal: float, at: float = 0.0) -> Affect:
        """A place on the circumplex.

        Its action units are the non-negative mixture of the emotions' prototypes that comes
        closest to it.

        Raises:
            ValueError: a value outside -1..1.
        """
        from scipy.optimize import nnls

        valence, arousal = _within(valence, -1, 1, "valence"), _within(arousal, -1, 1, "arousal")
        names = [name for name in EMOTIONS if name not in ("neutral", "contempt")]
        places = np.array([EMOTION_TO_VA[name] for name in names] + list(_QUIET))
        # A little ridge prefers one emotion to a blend of opposites.
        system = np.vstack([places.T, _RIDGE * np.ones((1, len(places)))])
        weights, _ = nnls(system, np.array([valence, arousal, 0.0]))
        prototypes = [_expand(EMOTION_TO_AU[n]) for n in names] + [
            _expand(aus) for aus in _QUIET.values()
        ]
        aus = np.clip(sum(w * p for w, p in zip(weights, prototypes, strict=True)), 0, AU_MAX)
        emotion = np.zeros(len(EMOTIONS))
        for name, weight in zip(names, weights[: len(names)], strict=True):
            emotion[EMOTIONS.index(name)] = weight
        emotion[0] = max(0.0, 1 - emotion.sum())
        return cls([Keyframe(_time(at), aus, (valence, arousal), emotion / emotion.sum())])

    @classmethod
    def action_units(cls, aus: Mapping[str, float], at: float = 0.0) -> Affect:
        """Action units by name, ``{"AU12": 3}`` or one-sided ``{"AU12L": 3}``; intensities 0-5.
        ``AU6`` is ``AU06``.

        Raises:
            ValueError: an unknown action unit or a value out of range.

        >>> left = Affect.action_units({"AU12L": 5}).curves(np.zeros(1)).blendshapes()[0]
        >>> {name: float(v) for name, v in zip(ARKIT_NAMES, left, strict=True) if v}
        {'mouthSmileLeft': 1.0}
        """
        checked = {}
        for name, value in aus.items():
            unit = re.sub(r"^AU(\d)(?!\d)", r"AU0\1", str(name))
            if re.sub("[LR]$", "", unit) not in AU_NAMES:
                raise ValueError(f"unknown action unit {name!r}: choose of {', '.join(AU_NAMES)}")
            checked[unit] = _within(value, 0, AU_MAX, str(name))
        return cls([Keyframe(_time(at), _expand(checked), (0.0, 0.0), _one_hot("neutral", 1.0))])

    @classmethod
    def blendshapes(cls, values: Mapping[str, float], at: float = 0.0) -> Affect:
        """Coefficients that are held at a moment, eased in before and out after it.

        Args:
            values: by ARKit name, ``{"browInnerUp": 0.8}``, each 0..1.
            at: seconds.

        Raises:
            ValueError: an unknown name or a value out of range.
        """
        checked = {}
        for name, value in values.items():
            if not isinstance(name, str) or name not in ARKIT_INDEX:
                near = difflib.get_close_matches(str(name), ARKIT_NAMES, 1)
                hint = f"did you mean {near[0]}?" if near else "it is none of ARKit's 52"
                raise ValueError(f"unknown blendshape {name!r}: {hint}")
            checked[name] = _within(value, 0, 1, name)
        return cls(shapes=[(_time(at), checked)] if checked else ())

    @classmethod
    def timeline(cls, keys: Sequence[Mapping]) -> Affect:
        """Keyframes, each a mapping with ``at`` in seconds.

        ``{at, emotion, intensity}``, ``{at, valence, arousal}`` and ``{at, aus}`` are eased from
        one to the next; ``{at, blendshapes}`` is held at its moment alone.

        Raises:
            ValueError: an entry is none of these; the message names it.

        >>> story = Affect.timeline([{"at": 1, "emotion": "fear"}, {"at": 2, "valence": 0.5}])
        >>> print(story.curves(np.array([0, 1.5, 9])).valence_arousal)
        [[-0.64  0.6 ]
         [-0.07  0.3 ]
         [ 0.5   0.  ]]
        >>> Affect.timeline([{"at": 1, "emotion": "fear", "intensity": 3}])
        Traceback (most recent call last):
        ValueError: timeline entry 1: intensity must be 0..1, got 3
        """
        if isinstance(keys, str) or not isinstance(keys, Sequence) or not keys:
            raise ValueError("a timeline is a non-empty list of keyframes")
        if len(keys) > _MAX_KEYS:
            raise ValueError(f"a timeline has at most {_MAX_KEYS} keyframes")
        frames, shapes = [], []
        for number, key in enumerate(keys, start=1):
            try:
                entry = cls._from_entry(key)
            except (ValueError, TypeError) as error:
                raise ValueError(f"timeline entry {number}: {error}") from error
            shapes += entry.shapes
            frames += () if entry.shapes else entry.keyframes
        return cls(frames, shapes)

    @classmethod
    def _from_entry(cls, key: Mapping) -> Affect:
        if not isinstance(key, Mapping):
            raise ValueError(
                f"expected a mapping such as {{at: 1.5, emotion: happiness}}, got {key!r}"
            )
        unknown = set(key) - {
            "at",
            "emotion",
            "intensity",
            "valence",
            "arousal",
            "aus",
            "blendshapes",
        }
        if unknown:
            raise ValueError(f"unknown key {sorted(map(str, unknown))[0]!r}")
        if "at" not in key:
            raise ValueError("it has no 'at' (seconds)")
        at = key["at"]
        if "blendshapes" in key:
            if set(key) != {"at", "blendshapes"}:
                raise ValueError("'blendshapes' stands alone: give what else it asks for an entry")
            if not isinstance(key["blendshapes"], Mapping) or not key["blendshapes"]:
                raise ValueError("'blendshapes' must map ARKit names to values")
            return cls.blendshapes(key["blendshapes"], at)
        if "emotion" in key:
            return cls.emotion(key["emotion"], key.get("intensity", 1.0), at)
        if "aus" in key:
            if not isinstance(key["aus"], Mapping):
                raise ValueError("'aus' must map action units to intensities")
            return cls.action_units(key["aus"], at)
        if "valence" in key or "arousal" in key:
            return cls.valence_arousal(key.get("valence", 0.0), key.get("arousal", 0.0), at)
        raise ValueError(
            "it asks for nothing: give emotion, valence and arousal, aus or blendshapes"
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> Affect:
        """Read a timeline from a YAML (or JSON) file.

        Raises:
            ValueError: it is no timeline.
            FileNotFoundError: there is no such file.
        """
        import yaml

        path = Path(path)
        try:
            keys = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path.name} is not a YAML file: {reason}") from error
        try:
            return cls.timeline(keys)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error

    def __add__(self, other: Affect) -> Affect:
        """Both demands at once; action units add up (to at most 5), as do valence and arousal.

        Of a blendshape that both hold at one moment, the second one's value stands.
        """
        times = sorted({key.at for key in (*self.keyframes, *other.keyframes)})
        a, b = self.curves(np.array(times)), other.curves(np.array(times))
        keys = []
        for i, at in enumerate(times):
            emotion = a.emotion[i] if a.emotion[i, 0] < b.emotion[i, 0] else b.emotion[i]
            place = np.clip(a.valence_arousal[i] + b.valence_arousal[i], -1, 1)
            aus = np.clip(a.aus[i] + b.aus[i], 0, AU_MAX)
            keys.append(Keyframe(at, aus, (float(place[0]), float(place[1])), emotion))
        return Affect(keys, (*self.shapes, *other.shapes))

    @property
    def known(self) -> tuple[bool, bool, bool]:
        """Of which it speaks: action units, valence-arousal, an emotion. Of none where it is
        neutral throughout; bare action units say nothing of what is felt."""
        felt = any(any(key.valence_arousal) or key.emotion[0] < 1 for key in self.keyframes)
        return felt or any(key.aus.any() for key in self.keyframes), felt, felt

    def edits(self) -> tuple[MotionEdit, ...]:
        """What is held, for :class:`gen.motion.MotionGenerator`; empty where nothing is."""
        return (MotionEdit.keys(self.shapes),) if self.shapes else ()

    def curves(self, times: np.ndarray) -> AffectCurves:
        """Targets at times ``[T]`` in seconds: eased (smoothstep) from keyframe to keyframe."""
        at = np.array([key.at for key in self.keyframes])
        after = np.searchsorted(at, times, side="right")
        left, right = np.clip(after - 1, 0, None), np.clip(after, None, len(at) - 1)
        span = np.maximum(at[right] - at[left], 1e-9)
        x = smoothstep(np.where(right > left, (times - at[left]) / span, 0.0))

        def eased(values) -> np.ndarray:
            values = np.asarray(values, np.float64)
            share = x.reshape(-1, *([1] * (values.ndim - 1)))
            return (values[left] + share * (values[right] - values[left])).astype(np.float32)

        return AffectCurves(
            eased([key.aus for key in self.keyframes]),
            eased([key.valence_arousal for key in self.keyframes]),
            eased([key.emotion for key in self.keyframes]),
        )


def _expand(aus: Mapping[str, float]) -> np.ndarray:
    out = np.zeros((len(AU_NAMES), 2))
    for name, value in aus.items():
        if name[-1] in "LR":
            out[AU_NAMES.index(name[:-1]), 0 if name[-1] == "L" else 1] = value
        else:
            out[AU_NAMES.index(name)] = value
    return out


def _one_hot(name: str, weight: float) -> np.ndarray:
    out = np.zeros(len(EMOTIONS))
    out[0] = 1 - weight
    out[EMOTIONS.index(name)] += weight
    return out


def _number(value, what: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{what} must be a number, got {value!r:.60}")
    return float(value)


def _within(value, low: float, high: float, what: str) -> float:
    value = _number(value, what)
    if not low <= value <= high:
        raise ValueError(f"{what} must be {low:g}..{high:g}, got {value:g}")
    return value


def _time(value) -> float:
    value = _number(value, "at")
    if value < 0:
        raise ValueError(f"at must not be negative, got {value:g}")
    return value
