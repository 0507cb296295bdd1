"""All action units as sliders, by the part of the face that they move."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from recognizer.facs import AU_MAX, AU_NAMES, AU_SENTENCES

_SCRIPT = Path(__file__).with_name("au_board.js")
_PARTS = {
    "Brows and lids": ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU43", "AU45"),
    "Nose and lip corners": ("AU09", "AU10", "AU11", "AU12", "AU14", "AU15", "AU20"),
    "Lips and jaw": ("AU17", "AU18", "AU22", "AU23", "AU24", "AU25", "AU26", "AU27", "AU28"),
}  # fmt: skip


class AUBoard(gr.HTML):
    """Intensities of action units; its value maps those above 0, ``{"AU12": 3.0}``.

    ``release`` fires when a slider is let go.
    """

    def __init__(self, value=None, label="Action units", **options) -> None:
        super().__init__(
            value=value or {},
            label=label,
            html_template=_template(),
            js_on_load=_SCRIPT.read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload) -> dict[str, float]:
        """The intensities above 0.

        Raises:
            ValueError: it is no mapping from names to numbers.
        """
        if not payload:
            return {}
        try:
            units = {str(name): float(value) for name, value in payload.items()}
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f'expected {{"AU12": 3}}, got {payload!r:.60}') from None
        return {name: value for name, value in units.items() if value}

    def postprocess(self, value) -> dict[str, float]:
        """A mapping as JSON has it."""
        return dict(value or {})

    def api_info(self) -> dict:
        """What ``gradio_client`` is told."""
        return {
            "type": "object",
            "description": f"intensities 0 to 5 of {', '.join(AU_NAMES)}; those left out are 0",
        }

    def example_payload(self) -> dict[str, float]:
        """An example for the page of the interface."""
        return {"AU12": 3, "AU06": 2}

    example_value = example_payload


def _template() -> str:
    parts = []
    for part, units in _PARTS.items():
        rows = "".join(_row(au) for au in units)
        parts.append(f"<fieldset><legend>{part}</legend>{rows}</fieldset>")
    button = '<button type="button" class="au-reset">All to 0</button>'
    return f'<div class="au-board">{"".join(parts)}{button}</div>'


def _row(au: str) -> str:
    name, movement = AU_SENTENCES[au].split(": ", 1)
    return (
        f'<label title="{movement}"><span>{name} <i>{au}</i></span>'
        f'<input type="range" min="0" max="{AU_MAX:g}" step="0.5" value="0" data-au="{au}">'
        "<output>0</output></label>"
    )
