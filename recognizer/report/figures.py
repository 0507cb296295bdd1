"""Curves of a clip: action units, valence and arousal over time, and the circumplex."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.pictures import why_not_paired
from recognizer.facs import AU_MAX, AU_NAMES, AU_SENTENCES
from recognizer.plots import draw_circumplex, heading, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FAINT, _SHOWN, _ASKED = "#2b2f36", "#dfe2e7", "#3f7fb5", "#c9334a"
_SOFT = "#6b7380"
#: One colour a system.
_SYSTEMS = ("#3f7fb5", "#d98a1f", "#3f8f5b", "#7a559f", "#c9334a", "#5b6470")
#: Action units drawn at most, and the intensity from which one is seen to move.
_UNITS, _VISIBLE = 8, 0.5


def curves_figure(clip: EvaluatedClip) -> Figure:
    """Over time: what was asked (dashed) against what is shown (solid).

    Where nothing was asked, a reference of the same length takes its place.
    """
    measures = clip.measures
    label, aus, place = _target(clip)
    units = _units(measures.aus, aus)
    strips = 0.3 * max(3, len(units))
    figure = _figure(5.4, 2.6 + strips)
    above, below = figure.subplots(2, 1, height_ratios=(strips, 1.6))
    _strips(above, measures.times, measures.aus, aus, units)
    _plane(below, measures.times, measures.valence_arousal, place, label)
    return figure


def circumplex_figure(clip: EvaluatedClip) -> Figure:
    """The path through valence and arousal; what was asked dashed, its end a cross."""
    figure = _figure(3.8, 4.0)
    axes = figure.subplots()
    draw_circumplex(axes, clip.measures)
    label, _, place = _target(clip)
    if place is not None:
        axes.plot(*place.T, "--", color=_ASKED, linewidth=1.4, zorder=5)
        axes.plot(*place[-1:].T, "X", color=_ASKED, markersize=8, zorder=5, label=label)
        axes.legend(loc="lower center", ncols=3, frameon=False, fontsize=8, labelcolor=_INK,
                    handletextpad=0.2, columnspacing=0.8)  # fmt: skip
    return figure


def radar_figure(systems: Mapping[str, Mapping[str, float]]) -> Figure | None:
    """Normalised figures on spokes, a line a system; the dashed ring is 1.

    Args:
        systems: name (empty for a single one) → axis → 0..1; axes that all have are drawn.

    Returns:
        None for fewer than three axes.
    """
    axes_ = [name for name in next(iter(systems.values()))
             if all(name in one for one in systems.values())]  # fmt: skip
    if len(axes_) < 3:
        return None
    figure = _figure(6.2, 4.6)
    axes = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(axes_), endpoint=False)
    around = np.append(angles, angles[0])
    circle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(circle, np.ones(200), "--", color=_INK, linewidth=1.1)
    for colour, (name, figures) in zip(cycle(_SYSTEMS), systems.items()):
        values = [figures[axis] for axis in axes_]
        axes.plot(around, [*values, values[0]], color=colour, linewidth=1.9, label=name, zorder=3)
        axes.plot(angles, values, "o", color=colour, markersize=4, zorder=3)
        if len(systems) == 1:
            axes.fill(around, [*values, values[0]], color=colour, alpha=0.15)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0.25, 0.5, 0.75], ["", "0.5", ""], color=_SOFT, fontsize=7.5)
    axes.set_xticks(angles, axes_, color=_INK, fontsize=9)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.sin(angle)
        label.set_horizontalalignment(
            "left" if side > 0.1 else "right" if side < -0.1 else "center"
        )
    axes.tick_params(pad=3)
    axes.grid(color=_FAINT)
    axes.spines["polar"].set_visible(False)
    if any(systems):
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9,
                      labelcolor=_INK)  # fmt: skip
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _target(clip: EvaluatedClip) -> tuple[str, np.ndarray | None, np.ndarray | None]:
    if clip.asked is not None:
        return "asked", clip.asked.aus, clip.asked.valence_arousal
    reference = clip.reference
    if reference is None or why_not_paired(clip.measures, reference):
        return "", None, None
    frames = len(clip.measures)
    rows = np.minimum(np.arange(frames), len(reference) - 1)
    return "reference", reference.aus[rows], reference.valence_arousal[rows]


def _units(shown: np.ndarray, asked: np.ndarray | None) -> list[int]:
    """Those asked for, then the strongest shown."""
    peak = np.nan_to_num(shown).max(axis=0)
    wanted = np.zeros(len(AU_NAMES)) if asked is None else np.nan_to_num(asked).max(axis=0)
    order = sorted(range(len(AU_NAMES)), key=lambda i: (wanted[i] <= 0, -max(wanted[i], peak[i])))
    return sorted(i for i in order[:_UNITS] if max(wanted[i], peak[i]) >= _VISIBLE)


def _strips(axes: Axes, times, shown, asked, units: list[int]) -> None:
    for row, i in enumerate(reversed(units)):
        axes.axhline(row, color=_FAINT, linewidth=0.8, zorder=0)
        axes.fill_between(times, row, row + 0.9 * shown[:, i] / AU_MAX, color=_SHOWN, alpha=0.7,
                          linewidth=0)  # fmt: skip
        if asked is not None:
            axes.plot(times, row + 0.9 * asked[:, i] / AU_MAX, "--", color=_ASKED, linewidth=1.3)
    names = [f"{AU_SENTENCES[AU_NAMES[i]].split(':')[0]} {AU_NAMES[i][2:]}" for i in units]
    axes.set_yticks(np.arange(len(units)) + 0.2, names[::-1])
    axes.set_ylim(-0.05, max(1, len(units)))
    axes.set_xlim(times[0], times[-1])
    axes.set_title("Action units (strip height: intensity 5)", **heading())
    axes.tick_params(labelbottom=False)
    plain(axes)


def _plane(axes: Axes, times, shown, asked, label: str) -> None:
    axes.axhline(0, color=_FAINT, linewidth=0.8, zorder=0)
    for column, (name, colour) in enumerate((("valence", "#7a559f"), ("arousal", "#d98a1f"))):
        axes.plot(times, shown[:, column], color=colour, linewidth=1.6, label=name)
        if asked is not None:
            axes.plot(times, asked[:, column], "--", color=colour, linewidth=1.3,
                      label=f"{name} {label}")  # fmt: skip
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    axes.set_xlim(times[0], times[-1])
    axes.set_xlabel("seconds", color=_INK, fontsize=9)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=4, frameon=False,
                fontsize=8, handlelength=1.6, columnspacing=1.0, labelcolor=_INK)  # fmt: skip
    axes.set_title("Valence and arousal", **heading())
    plain(axes)


def png_data(figure: Figure) -> str:
    """A figure as a data URI."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=130)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
