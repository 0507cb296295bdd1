"""Affect as pictures: action units over time, emotion ribbons, the path on the circumplex.

Drawn with matplotlib (which MediaPipe brings along anyway) through its object interface, so that
no window system is needed and no global state is touched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.facs import AU_MAX, AU_NAMES, AU_SENTENCES, EMOTION_TO_VA, EMOTIONS
from recognizer.files import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "neutral": "#c3c7cd", "happiness": "#f2b632", "surprise": "#f28544", "sadness": "#4c78b0",
    "anger": "#c9334a", "disgust": "#5f9a4b", "fear": "#7a559f", "contempt": "#8d6e57",
}  # fmt: skip
_INK, _FAINT, _AREA, _RAW = "#2b2f36", "#dfe2e7", "#3f7fb5", "#9aa1ab"
#: Action units that never reach this are left out, and no more than so many are drawn.
_VISIBLE, _MOST = 0.5, 12
#: Where the names of crowded emotions stand: shift in points, alignments.
_LABELS = {
    "anger": ((7, 0), "left", "center"),
    "disgust": ((0, -6), "center", "top"),
    "sadness": ((0, -6), "center", "top"),
    "neutral": ((7, -7), "left", "top"),
}
#: A line of more points than this shows no more in a picture of this size.
_POINTS = 3000


def save_plot(track: AffectTrack, path: str | os.PathLike, title: str = "") -> None:
    """Write all three pictures of a track into one PNG of 1500 pixels' width.

    Args:
        track: of at least one frame; of a single picture, there is no time axis.
        path: ends in ``.png``.
        title: written above.

    Raises:
        ValueError: the track has no frame with a face, or the ending is another.
    """
    if not str(path).lower().endswith(".png"):
        raise ValueError(f"a plot is saved as .png, not {os.path.basename(path)!r}")
    figure = plot(track, title)
    with whole(path) as part:
        figure.savefig(part, format="png", dpi=125)


def plot(track: AffectTrack, title: str = "") -> Figure:
    """All three pictures as a matplotlib figure of 12 inches' width.

    Raises:
        ValueError: the track has no frame with a face.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not track.success.any():
        raise ValueError("there is nothing to plot: no frame shows a face")
    rows = max(4, len(_drawn_aus(track)))
    figure = Figure(figsize=(12, 3.4 + 0.42 * rows), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, color=_INK, fontsize=13, fontweight="bold")
    grid = figure.add_gridspec(2, 2, width_ratios=(2, 1), height_ratios=(2.4, 0.42 * rows))
    draw_emotions(figure.add_subplot(grid[0, 0]), track)
    draw_action_units(figure.add_subplot(grid[1, 0]), track)
    draw_circumplex(figure.add_subplot(grid[:, 1]), track)
    return figure


def draw_action_units(axes: Axes, track: AffectTrack) -> None:
    """A strip an action unit, 0-5 high; the unsmoothed curve, if there is one, as a thin line.

    Of a single picture: a bar each.
    """
    drawn = _drawn_aus(track)
    names = [f"{AU_SENTENCES[au].split(':')[0]}  {au}" for au in drawn]
    if len(track) == 1:
        axes.set_title("Action units (intensity)", **heading())
        _bars(axes, names, [track[au][0] for au in drawn], [_AREA] * len(drawn), AU_MAX)
        return
    for row, au in enumerate(drawn):
        base = len(drawn) - 1 - row
        times, values = _curve(track, au)
        axes.axhline(base, color=_FAINT, linewidth=0.8, zorder=0)
        axes.fill_between(
            times, base, base + 0.9 * values / AU_MAX, color=_AREA, alpha=0.75, linewidth=0
        )
        if track.raw is not None:
            times, values = _curve(track.raw, au)
            axes.plot(times, base + 0.9 * values / AU_MAX, color=_RAW, linewidth=0.6)
    if not drawn:
        axes.text(0.5, 0.5, "no action unit", ha="center", transform=axes.transAxes, color=_INK)
    axes.set_yticks([len(drawn) - 1 - row + 0.2 for row in range(len(drawn))], names)
    axes.set_ylim(-0.05, max(1, len(drawn)))
    axes.set_title("Action units (strip height: intensity 5)", **heading())
    _time_axis(axes, track, label=True)


def draw_emotions(axes: Axes, track: AffectTrack) -> None:
    """The eight probabilities as ribbons that add up to 1; nothing where they are unknown.

    Of a single picture: a bar each.
    """
    axes.set_title("Emotion probabilities", **heading())
    if len(track) == 1:
        _bars(axes, EMOTIONS, track.emotion[0], [COLOURS[name] for name in EMOTIONS], 1.0)
        return
    times = _times(track)
    floor = np.zeros(len(times))
    for name in EMOTIONS:
        _, values = _curve(track, name)
        axes.fill_between(
            times, floor, floor + values, color=COLOURS[name], label=name, linewidth=0
        )
        floor = floor + values
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=8, frameon=False, fontsize=8,
        handlelength=0.9, handletextpad=0.4, columnspacing=0.9, labelcolor=_INK,
    )  # fmt: skip
    _time_axis(axes, track, label=False)


def draw_circumplex(axes: Axes, track: AffectTrack) -> None:
    """The path through valence and arousal, dark to bright over time, among the emotions."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Circle

    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=_FAINT, linewidth=1.2))
    for line in (axes.axhline, axes.axvline):
        line(0, color=_FAINT, linewidth=0.8, zorder=0)
    for name, (valence, arousal) in EMOTION_TO_VA.items():
        axes.plot(valence, arousal, "o", color=COLOURS[name], markersize=6, zorder=2)
        shift, horizontal, vertical = _LABELS.get(name, ((0, 6), "center", "bottom"))
        axes.annotate(
            name, (valence, arousal), xytext=shift, textcoords="offset points", ha=horizontal,
            va=vertical, fontsize=8, color=_INK, zorder=2,
        )  # fmt: skip
    path = track.valence_arousal[_chosen(len(track))]
    segments = np.stack([path[:-1], path[1:]], axis=1)
    lines = LineCollection(segments, cmap="plasma", linewidth=2.2, zorder=3, capstyle="round")
    lines.set_array(np.linspace(0, 0.9, len(segments)))
    lines.set_clim(0, 1)
    axes.add_collection(lines)
    known = path[np.isfinite(path).all(axis=1)]
    for place, face, name in ((known[:1], "white", "start"), (known[-1:], _INK, "end")):
        axes.plot(
            *place.T, "o", markersize=8, markerfacecolor=face, markeredgecolor=_INK, zorder=4,
            label=name,
        )  # fmt: skip
    if len(track) > 1:
        axes.legend(loc="lower center", ncols=2, frameon=False, fontsize=8, labelcolor=_INK)
    axes.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xticks=[-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlabel("valence", color=_INK, fontsize=9)
    axes.set_ylabel("arousal", color=_INK, fontsize=9, labelpad=-4)
    axes.set_title("Circumplex", **heading())
    plain(axes)


def _drawn_aus(track: AffectTrack) -> list[str]:
    """Those that move enough to be seen, the strongest of them, in the order of their numbers."""
    peaks = np.nan_to_num(track.aus, nan=0.0).max(axis=0)
    order = [i for i in np.argsort(-peaks, kind="stable")[:_MOST] if peaks[i] >= _VISIBLE]
    return [AU_NAMES[i] for i in sorted(order)]


def _chosen(frames: int) -> np.ndarray:
    """At most :data:`_POINTS` frames, evenly spread."""
    return np.unique(np.linspace(0, frames - 1, min(frames, _POINTS)).astype(int))


def _times(track: AffectTrack) -> np.ndarray:
    return track.times[_chosen(len(track))]


def _curve(track: AffectTrack, name: str) -> tuple[np.ndarray, np.ndarray]:
    return _times(track), track[name][_chosen(len(track))]


def _time_axis(axes: Axes, track: AffectTrack, label: bool) -> None:
    times = _times(track)
    axes.set_xlim(times[0], times[-1])
    if label:
        axes.set_xlabel("seconds", color=_INK, fontsize=9)
    else:
        axes.tick_params(labelbottom=False)
    plain(axes)


def _bars(axes: Axes, names, values, colours, largest: float) -> None:
    axes.barh(names, np.nan_to_num(values), color=colours, height=0.7)
    axes.set_xlim(0, largest)
    axes.invert_yaxis()
    plain(axes)


def plain(axes: Axes) -> None:
    """Two thin lines for axes."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side in ("left", "bottom"))
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(color=_FAINT, labelcolor=_INK, labelsize=8.5)


def heading() -> dict:
    """Options of a title."""
    return {"loc": "left", "fontsize": 10.5, "color": _INK}
