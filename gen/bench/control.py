"""Control benchmark: command single blendshapes on portraits, read them back from the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.clip import ProgressHook
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides
from recognizer.tracker import FaceTracker

#: What issue-sized claims rest on: blendshape → the value commanded.
COMMANDS: Mapping[str, float] = {
    "jawOpen": 0.5, "mouthSmile": 0.8, "eyeBlink": 1.0, "mouthPucker": 0.8, "browDown": 1.0,
    "browInnerUp": 1.0,
}  # fmt: skip
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Controls whose reading must rise with the command, and by how much of it at least.
REQUIRED = (
    "jawOpen", "mouthSmile", "mouthPucker", "mouthFunnel", "mouthPress", "eyeBlink", "browDown",
    "browInnerUp", "browOuterUp", "eyeLookUp", "eyeLookDown", "eyeLookLeft", "eyeLookRight",
)  # fmt: skip
MIN_R, MIN_SLOPE = 0.9, 0.5
_GAZE = {
    "eyeLookLeft": ("eyeLookOutLeft", "eyeLookInRight"),
    "eyeLookRight": ("eyeLookInLeft", "eyeLookOutRight"),
}


def _controls() -> dict[str, tuple[str, ...]]:
    """Stem → ARKit names moved together: left with right, both eyes in one direction."""
    together = {name: stem for stem, names in _GAZE.items() for name in names}
    controls: dict[str, tuple[str, ...]] = {}
    for name in ARKIT_NAMES:
        stem = name.removesuffix("Left").removesuffix("Right")
        if name in together:
            controls[together[name]] = _GAZE[together[name]]
        elif stem != name and f"{stem}Left" in ARKIT_INDEX and stem not in ("jaw", "mouth"):
            controls[stem] = sides(stem)
        else:
            controls[name] = (name,)
    return controls


#: Every control of a face. To go left or right is one control each for jaw, mouth and gaze.
CONTROLS: Mapping[str, tuple[str, ...]] = _controls()


def command(control: str, value: float) -> np.ndarray:
    """Coefficients ``[52]`` with one control (see :data:`CONTROLS`) set, the rest neutral."""
    coefficients = np.zeros(len(ARKIT_NAMES), np.float32)
    names = CONTROLS[control] if control in CONTROLS else sides(control)
    coefficients[[ARKIT_INDEX[name] for name in names]] = value
    return coefficients


class _Readings:
    """What MediaPipe reads from one portrait under commands, by control; remembered."""

    def __init__(self, image: np.ndarray, size: int, tracker: FaceTracker) -> None:
        self._tracker = tracker
        self._renderer = MeshRenderer(Portrait.from_image(image, size, tracker=tracker))
        self._neutral: dict[str, float] | None = None

    def __call__(self, control: str, value: float) -> dict[str, float] | None:
        """Control → score (mean of its coefficients); None where no face is found any more."""
        if value == 0 and self._neutral is not None:
            return self._neutral
        frame = self._renderer.render(command(control, value), np.zeros(6))
        faces = self._tracker.detect(frame)
        if not faces:
            return None
        scores = faces[0].scores
        read = {
            name: float(scores[[ARKIT_INDEX[n] for n in names]].mean())
            for name, names in CONTROLS.items()
        }
        if value == 0:
            self._neutral = read
        return read


def control_benchmark(
    portraits: Mapping[str, np.ndarray], size: int = 512, commands: Mapping[str, float] = COMMANDS
) -> dict:
    """Render each command and read it with MediaPipe's own blendshape network.

    The reader is the pixel network's raw score, not the landmarks' fit that drives the renderer.

    Args:
        portraits: name → picture uint8 ``[H, W, 3]``.
        size: pixels of the rendered square.
        commands: blendshape (or its left-right stem) → commanded value.

    Returns:
        ``{"portraits": {name: {blendshape: {"neutral", "shown", "rise"}}}, "mean_rise": {…}}``;
        a score is the mean of both sides; ``None`` where no face was found.
    """
    table: dict[str, dict] = {}
    with FaceTracker() as tracker:
        for name, image in portraits.items():
            read = _Readings(image, size, tracker)
            table[name] = {}
            for stem, value in commands.items():
                neutral, shown = read(stem, 0.0), read(stem, value)
                if neutral is None or shown is None:
                    table[name][stem] = {"neutral": None, "shown": None, "rise": None}
                    continue
                before, after = neutral[stem], shown[stem]
                table[name][stem] = {
                    "neutral": round(before, 3),
                    "shown": round(after, 3),
                    "rise": round(after - before, 3),
                }
    rises = {
        stem: [row[stem]["rise"] for row in table.values() if row[stem]["rise"] is not None]
        for stem in commands
    }
    mean = {stem: round(float(np.mean(v)), 3) if v else None for stem, v in rises.items()}
    return {"commands": dict(commands), "portraits": table, "mean_rise": mean}


def control_table(
    portraits: Mapping[str, np.ndarray],
    size: int,
    hook: ProgressHook,
    levels: Sequence[float] = LEVELS,
) -> dict:
    """Every control at several levels on every portrait: commanded against read back.

    Args:
        portraits: name → picture uint8 ``[H, W, 3]``.
        size: pixels of the rendered square.
        hook: progress.
        levels: commanded values, the first of them 0.

    Returns:
        ``{"levels", "portraits": {name: {control: {"read": [one a level], "r", "slope"}}},
        "controls": {control: {"read", "r", "slope", "rise_0.5", "rise_1.0", "worst",
        "cross_talk"}}, "short": […]}``. ``r`` is Pearson's over the levels, None where the reading
        is constant; ``slope`` that of the least-squares line. A control's row is the mean over
        portraits; ``worst`` names the portrait of the smallest slope, and ``cross_talk`` the other
        control that rises most with this one at its highest level. ``short`` lists what of
        :data:`REQUIRED` misses :data:`MIN_R` or :data:`MIN_SLOPE` and on how many portraits.
    """
    read: dict[str, dict[str, list[dict | None]]] = {}
    with FaceTracker() as tracker:
        for i, (name, image) in enumerate(portraits.items(), start=1):
            hook(f"commanding {name}", i, len(portraits))
            reading = _Readings(image, size, tracker)
            read[name] = {c: [reading(c, v) for v in levels] for c in CONTROLS}
    own = {
        name: {c: response(levels, [r and r[c] for r in rows]) for c, rows in controls.items()}
        for name, controls in read.items()
    }
    controls = {c: _over_portraits(c, levels, own, read) for c in CONTROLS}
    short = {
        c: f"{sum(not _responds(rows[c]) for rows in own.values())} of {len(own)} portraits"
        for c in REQUIRED
        if not all(_responds(rows[c]) for rows in own.values())
    }
    return {"size": size, "levels": list(levels), "controls": controls, "short": short,
            "portraits": own}  # fmt: skip


def response(levels: Sequence[float], readings: Sequence[float | None]) -> dict:
    """Pearson's r and slope of readings over commanded levels (None where no face was found)."""
    good = [(level, r) for level, r in zip(levels, readings, strict=True) if r is not None]
    x, y = np.array(good).T if good else np.zeros((2, 0))
    r = slope = None
    if len(x) > 2:
        slope = round(float(np.polyfit(x, y, 1)[0]), 3)
        if np.ptp(y) > 1e-6:
            r = round(float(np.corrcoef(x, y)[0, 1]), 3)
    return {"read": [None if v is None else round(v, 3) for v in readings], "r": r, "slope": slope}


def _responds(row: dict) -> bool:
    return row["r"] is not None and row["r"] >= MIN_R and row["slope"] >= MIN_SLOPE


def _over_portraits(control: str, levels: Sequence[float], own: dict, read: dict) -> dict:
    rows = {name: table[control] for name, table in own.items()}

    def mean(values) -> float | None:
        good = [v for v in values if v is not None]
        return round(float(np.mean(good)), 3) if good else None

    def rise(level: float) -> float | None:
        at = list(levels).index(level)
        pairs = [(r["read"][0], r["read"][at]) for r in rows.values()]
        return mean([b - a for a, b in pairs if a is not None and b is not None])

    slopes = {name: r["slope"] for name, r in rows.items() if r["slope"] is not None}
    pairs = [(table[control][0], table[control][-1]) for table in read.values()]
    pairs = [(before, after) for before, after in pairs if before and after]
    others = {c: mean([b[c] - a[c] for a, b in pairs]) for c in CONTROLS if c != control}
    others = {c: value for c, value in others.items() if value is not None}
    most = max(others, key=others.__getitem__, default=None)
    return {
        "read": [mean([r["read"][i] for r in rows.values()]) for i in range(len(levels))],
        "r": mean([r["r"] for r in rows.values()]),
        "slope": mean(slopes.values()),
        "rise_0.5": rise(0.5),
        "rise_1.0": rise(1.0),
        "worst": min(slopes, key=slopes.__getitem__, default=None),
        "constant": sum(r["r"] is None for r in rows.values()),
        "cross_talk": {"control": most, "rise": others.get(most)},
    }
