"""Action units asked for one by one on still portraits, and read back by the recognizer.

The recognizer's network for action units learned on rendered heads with wrinkles drawn on them
(:mod:`recognizer.data.wrinkles`): what is drawn is read by what was taught with drawings, so these
figures compare renderers, and say little about how a human coder would score the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.bench.affect import ASKED_UNITS
from gen.clip import ProgressHook
from gen.conditioning import Affect
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait
from recognizer.facs import AU_INDEX, AU_NAMES
from recognizer.metrics.agreement import concordance
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTrack, FaceTracker

LEVELS = (0.0, 2.5, 5.0)


def unit_benchmark(
    portraits: Mapping[str, np.ndarray],
    recognizer: Recognizer,
    size: int,
    hook: ProgressHook,
    units: Sequence[str] = tuple(ASKED_UNITS),
    levels: Sequence[float] = LEVELS,
) -> dict:
    """Render every action unit at every level, and read it knowing the neutral picture.

    Args:
        portraits: name → picture uint8 ``[H, W, 3]``.
        recognizer: reads the stills.
        size: pixels of the rendered square.
        hook: called for each portrait.
        units: see :data:`recognizer.facs.AU_NAMES`.
        levels: intensities 0-5, the first being 0.

    Returns:
        See :func:`unit_figures`, by portrait and over all.
    """
    read: dict[str, dict[str, list]] = {}
    with FaceTracker(crops=True) as tracker:
        for done, (name, image) in enumerate(portraits.items(), start=1):
            hook(f"asking {name}", done, len(portraits))
            renderer = MeshRenderer(Portrait.from_image(image, size, tracker=tracker))
            neutral = _seen(renderer, {}, tracker)
            rest = recognizer.at_rest(neutral) if neutral else None
            read[name] = {}
            for unit in units:
                stills = [_seen(renderer, {unit: level}, tracker) for level in levels]
                read[name][unit] = [
                    recognizer.read_face(face, rest).aus[0] if face and rest else None
                    for face in stills
                ]
    return {
        "size": size,
        "levels": list(levels),
        "units": {
            unit: unit_figures(unit, levels, [rows[unit] for rows in read.values()])
            for unit in units
        },
        "portraits": {
            name: {unit: unit_figures(unit, levels, [row]) for unit, row in rows.items()}
            for name, rows in read.items()
        },
    }


def unit_figures(
    unit: str, levels: Sequence[float], rows: Sequence[Sequence[np.ndarray | None]]
) -> dict:
    """How one action unit is read back.

    Args:
        unit: the one that was asked for.
        levels: at which intensities, the first being 0.
        rows: by portrait and level ``[24]`` intensities, or ``None`` where no face was found.

    Returns:
        ``read`` (mean by level), ``slope``, Pearson's ``r`` and ``ccc`` of read over asked;
        ``cross_talk``: the other unit that rises most from the first level to the last.
    """
    column = AU_INDEX[unit]
    pairs = [
        (level, seen[column])
        for row in rows
        for level, seen in zip(levels, row, strict=True)
        if seen is not None
    ]
    by_level = [[seen[column] for seen in cells if seen is not None]
                for cells in zip(*rows, strict=True)]  # fmt: skip
    figures = {"read": [round(float(np.mean(v)), 3) if v else None for v in by_level],
               "slope": None, "r": None, "ccc": None}  # fmt: skip
    if len(pairs) > 2:
        asked, seen = np.array(pairs, np.float64).T
        figures["slope"] = round(float(np.polyfit(asked, seen, 1)[0]), 3)
        figures["ccc"] = round(concordance(seen, asked), 3)
        if np.ptp(seen) > 1e-6:
            figures["r"] = round(float(np.corrcoef(asked, seen)[0, 1]), 3)
    rises = [row[-1] - row[0] for row in rows if row[0] is not None and row[-1] is not None]
    if rises:
        others = np.where(np.arange(len(AU_NAMES)) == column, -np.inf, np.mean(rises, axis=0))
        most = int(others.argmax())
        figures["cross_talk"] = {"unit": AU_NAMES[most], "rise": round(float(others[most]), 3)}
    return figures


def _seen(
    renderer: MeshRenderer, units: Mapping[str, float], tracker: FaceTracker
) -> FaceTrack | None:
    wanted = Affect.action_units(dict(units)).curves(np.zeros(1)).blendshapes()[0]
    tracks = tracker.image(renderer.render(wanted, np.zeros(6)))
    return tracks[0] if tracks else None
