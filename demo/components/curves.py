"""An intention over time as a small picture: what :meth:`gen.conditioning.Affect.curves` gives."""

from __future__ import annotations

from html import escape

import numpy as np

from gen.conditioning import Affect
from recognizer.facs import AU_MAX, AU_NAMES, AU_SENTENCES

_WIDTH, _HEIGHT, _POINTS = 600, 120, 160
_MOST = 5
_INKS = ("#3f7fb5", "#e08a3c", "#5f9a4b", "#a45fb0", "#c9334a")


def curves_svg(affect: Affect, seconds: float) -> str:
    """Valence, arousal and the strongest action units over so many seconds, as HTML."""
    times = np.linspace(0, max(seconds, 0.1), _POINTS)
    curves = affect.curves(times)
    units = curves.aus.max(axis=2)
    strongest = [i for i in np.argsort(-units.max(axis=0), kind="stable")[:_MOST]
                 if units[:, i].max() >= 0.1]  # fmt: skip
    parts = [
        _chart(
            "Asked of the face: action units, 0 to 5",
            [(AU_NAMES[i], units[:, i] / AU_MAX, ink)
             for i, ink in zip(sorted(strongest), _INKS, strict=False)],
            seconds,
        ),
        _chart(
            "Valence and arousal, −1 to 1",
            [(name, (curves.valence_arousal[:, i] + 1) / 2, _INKS[i])
             for i, name in enumerate(("valence", "arousal"))],
            seconds, middle=True,
        ),
    ]  # fmt: skip
    return f'<div class="curves">{"".join(parts)}</div>'


def _chart(title: str, lines, seconds: float, middle: bool = False) -> str:
    """``lines``: name, heights ``[T]`` in 0..1, colour."""
    drawn = "".join(
        f'<polyline points="{_points(heights)}" stroke="{ink}"/>' for _, heights, ink in lines
    )
    zero = f'<path class="curve-base" d="M0 {_HEIGHT / 2}H{_WIDTH}"/>' if middle else ""
    legend = "".join(
        f'<span title="{escape(AU_SENTENCES.get(name, name))}">'
        f'<i style="background:{ink}"></i>{name}</span>'
        for name, _, ink in lines
    )
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<svg viewBox="0 -3 {_WIDTH} {_HEIGHT + 6}" preserveAspectRatio="none" role="img" '
        f'aria-label="{title}">{zero}{drawn}</svg>'
        f'<p><span>0 s</span><span class="curve-legend">{legend or "at rest"}</span>'
        f"<span>{seconds:.1f} s</span></p></figure>"
    )


def _points(heights: np.ndarray) -> str:
    across = np.linspace(0, _WIDTH, len(heights))
    return " ".join(
        f"{x:.1f},{_HEIGHT * (1 - y):.1f}" for x, y in zip(across, heights, strict=True)
    )
