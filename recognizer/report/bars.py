"""Figures as text and as bars, on scales that mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from recognizer.evaluation.catalogue import METRICS

#: Room beyond the largest mark where a measure has no range of its own.
_ROOM = 1.15


def number(value: float | None) -> str:
    """Three digits that matter, without powers of ten where they are not needed."""
    if value is None or not np.isfinite(value):
        return "–"
    size = abs(value)
    if size and (size < 0.001 or size >= 1e5):
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e")
    text = f"{value:.0f}" if size >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def beside(row: Mapping) -> str:
    """Floor, chance and real clips of a figure as HTML."""
    lines = []
    if floor := row.get("floor"):
        lines.append(
            f"floor {number(floor['mean'])} [{number(floor['low'])}, {number(floor['high'])}]"
            f"<small>{escape(floor['of'])}</small>"
        )
    if row.get("chance") is not None:
        lines.append(f"chance {number(row['chance'])}")
    if real := row.get("reference"):
        interval = f" [{', '.join(map(number, real['ci95']))}]" if real.get("ci95") else ""
        lines.append(f"real {number(real['value'])}{interval}<small>n = {real['n']}</small>")
    elif row.get("published") is not None:
        lines.append(f"published real {number(row['published'])}")
    if row.get("shuffled") is not None:
        lines.append(f"<small>frames shuffled: {number(row['shuffled'])}</small>")
    return "".join(f"<div>{line}</div>" for line in lines)


def scale(name: str, rows: Sequence[Mapping]) -> tuple[float, float] | None:
    """The ends of a measure's bars: its own range, widened where values leave it; from zero past
    floor and real clips where it has none; None where nothing gives it a scale.

    Args:
        name: of the measure.
        rows: its figures, of one system or several.
    """
    marks = [x for row in rows for x in (row["value"], *(row["ci95"] or ()))]
    yardsticks = [x for row in rows for x in _yardsticks(row).values()]
    own = METRICS[name].range
    if own:
        return min(own[0], *marks, *yardsticks), max(own[1], *marks, *yardsticks)
    if not yardsticks and len(rows) < 2:
        return None
    low, high = min(0.0, *marks, *yardsticks), _ROOM * max(0.0, *marks, *yardsticks)
    return (low, high) if high > low else None


def _yardsticks(row: Mapping) -> dict[str, float]:
    """What a value is held against: its floor or chance, the real clips, or published ones."""
    found = {
        "floor": (row.get("floor") or {}).get("mean", row.get("chance")),
        "real": (row.get("reference") or {}).get("value", row.get("published")),
    }
    return {kind: value for kind, value in found.items() if value is not None}


def bar(row: Mapping, ends: tuple[float, float] | None, labelled: bool = True) -> str:
    """The value from zero (or the scale's end), its interval, floor and real clips as HTML."""
    if ends is None:
        return ""
    low, high = ends

    def at(value: float) -> float:
        return 100 * float(np.clip((value - low) / (high - low), 0, 1))

    def span(kind: str, start: float, end: float) -> str:
        left, right = sorted((at(start), at(end)))
        return f'<i class="{kind}" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'

    inside = span("fill", 0.0, row["value"])
    if low < 0:
        inside += f'<i class="zero" style="left:{at(0):.1f}%"></i>'
    if row["ci95"]:
        inside += span("range", *row["ci95"])
    inside += "".join(
        f'<i class="{kind}" style="left:{at(value):.1f}%"></i>'
        for kind, value in _yardsticks(row).items()
    )
    drawn = f'<div class="bar">{inside}</div>'
    if not labelled:
        return drawn
    return f'<div class="scale"><span>{number(low)}</span>{drawn}<span>{number(high)}</span></div>'


def difference_bar(row: Mapping) -> str:
    """A paired difference and its interval about zero, on a scale of its own."""
    reach = max(abs(x) for x in (row["difference"], *(row["ci95"] or ())))
    if reach == 0:
        return ""
    low, high = row["ci95"] or (row["difference"], row["difference"])
    left, right, middle = (50 + 48 * x / reach for x in (low, high, row["difference"]))
    return (
        '<div class="bar"><i class="zero" style="left:50%"></i>'
        f'<i class="range" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
        f'<i class="dot" style="left:{middle:.1f}%"></i></div>'
    )
