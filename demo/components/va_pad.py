"""A square to drag on: valence to the right, arousal upwards."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from recognizer.facs import EMOTION_TO_VA
from recognizer.plots import COLOURS

_SCRIPT = Path(__file__).with_name("va_pad.js")
#: Where crowded emotions have their names: shift and anchor; the others have it above.
_LABELS = {
    "fear": (-6, -5, "end"), "anger": (6, -5, "start"), "disgust": (-7, 3, "end"),
    "contempt": (7, 3, "start"), "sadness": (0, 13, "middle"), "happiness": (0, 13, "middle"),
}  # fmt: skip


class VAPad(gr.HTML):
    """The circumplex of feelings as an input; mouse, finger and arrow keys move its knob.

    Its value is ``[valence, arousal]``, each -1..1; ``release`` fires when the knob is let go.

    Args:
        value: where the knob is at first.
        label: for those who do not see it.
    """

    def __init__(self, value=(0.0, 0.0), label="Valence and arousal", **options) -> None:
        super().__init__(
            value=list(value),
            label=label,
            html_template=_template(label),
            js_on_load=_SCRIPT.read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload) -> tuple[float, float]:
        """``[valence, arousal]`` → both as numbers within -1..1.

        Raises:
            ValueError: it is something else.
        """
        try:
            valence, arousal = (min(1.0, max(-1.0, float(x))) for x in payload)
        except (TypeError, ValueError):
            raise ValueError(f"expected [valence, arousal], got {payload!r:.60}") from None
        return valence, arousal

    def postprocess(self, value) -> list[float]:
        """A pair of numbers as JSON has it."""
        return [round(float(x), 3) for x in value]

    def api_info(self) -> dict:
        """What ``gradio_client`` is told."""
        return {
            "type": "array", "items": {"type": "number"},
            "description": "[valence, arousal], each -1 to 1",
        }  # fmt: skip

    def example_payload(self) -> list[float]:
        """An example for the page of the interface."""
        return [0.6, 0.4]

    example_value = example_payload


def _template(label: str) -> str:
    """An SVG of 200 units a side around (0, 0); upwards is negative there."""
    dots = []
    for name, (valence, arousal) in EMOTION_TO_VA.items():
        if name == "neutral":
            continue
        x, y = 100 * valence, -100 * arousal
        right, down, anchor = _LABELS.get(name, (0, -7, "middle"))
        dots.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3.5" fill="{COLOURS[name]}"/>'
            f'<text x="{x + right:.0f}" y="{y + down:.0f}" text-anchor="{anchor}" '
            f'class="va-name">{name}</text>'
        )
    return (
        f'<div class="va-pad" role="application" tabindex="0" aria-label="{label}">'
        '<svg viewBox="-108 -108 216 216" aria-hidden="true">'
        '<rect x="-100" y="-100" width="200" height="200" rx="10" class="va-area"/>'
        '<circle r="98" class="va-ring"/><circle r="50" class="va-ring"/>'
        '<path d="M-100 0H100M0 -100V100" class="va-axis"/>'
        f"{''.join(dots)}"
        '<text x="0" y="-88" class="va-end">aroused</text>'
        '<text x="0" y="96" class="va-end">calm</text>'
        '<text x="-96" y="-4" class="va-end va-left">unpleasant</text>'
        '<text x="96" y="-4" class="va-end va-right">pleasant</text>'
        '<line class="va-stem" x1="0" y1="0" x2="0" y2="0"/>'
        '<circle class="va-knob" r="9"/></svg>'
        '<p class="va-read" aria-live="polite">'
        "<span>valence <b>0.00</b></span><span>arousal <b>0.00</b></span></p></div>"
    )
