"""An editor of feelings over time: knobs on a strip, dragged along it and up and down."""

from __future__ import annotations

import json
import math
from pathlib import Path

import gradio as gr

from recognizer.facs import EMOTIONS
from recognizer.plots import COLOURS

_SCRIPT = Path(__file__).with_name("timeline.js")
MAX_KEYS = 40
#: From doubt to joy over the packaged sentence.
EXAMPLE = (
    {"at": 0.3, "emotion": "neutral", "intensity": 0.0},
    {"at": 1.6, "emotion": "sadness", "intensity": 0.8},
    {"at": 3.4, "emotion": "surprise", "intensity": 0.7},
    {"at": 5.2, "emotion": "happiness", "intensity": 0.9},
)


class Timeline(gr.HTML):
    """Keyframes of emotions as an input.

    Its value is ``{"seconds": length, "keys": [{"at", "emotion", "intensity"}, …]}``; ``release``
    fires when a keyframe has been changed.
    """

    def __init__(self, keys=EXAMPLE, seconds: float = 6.0, label="Timeline", **options) -> None:
        super().__init__(
            value={"seconds": seconds, "keys": list(keys)},
            label=label,
            html_template=_template(),
            js_on_load=_SCRIPT.read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload) -> dict:
        """The value, its keyframes in the order of time; a bare list of keyframes will do.

        Raises:
            ValueError: it is no such thing, or holds too many keyframes.
        """
        if isinstance(payload, list):
            payload = {"keys": payload}
        if not isinstance(payload, dict) or not isinstance(payload.get("keys"), list):
            raise ValueError(f"expected a timeline, got {json.dumps(payload):.60}")
        keys = payload["keys"]
        if len(keys) > MAX_KEYS:
            raise ValueError(f"a timeline has at most {MAX_KEYS} keyframes here, not {len(keys)}")
        for key in keys:
            at = key.get("at") if isinstance(key, dict) else None
            if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
                raise ValueError(f"a keyframe needs 'at' in seconds, got {key!r:.60}")
        latest = max((key["at"] for key in keys), default=0.0)
        seconds = float(payload.get("seconds") or latest)
        return {"seconds": seconds, "keys": sorted(keys, key=lambda key: key["at"])}

    def postprocess(self, value) -> dict:
        """The value as JSON has it."""
        return value

    def api_info(self) -> dict:
        """What ``gradio_client`` is told."""
        return {
            "type": "object",
            "description": 'a list of {"at": seconds, "emotion": name, "intensity": 0 to 1}, '
            'or {"seconds": length, "keys": that list}',
        }

    def example_payload(self) -> dict:
        """An example for the page of the interface."""
        return {"seconds": 6.0, "keys": list(EXAMPLE)}

    example_value = example_payload


def _template() -> str:
    options = "".join(f'<option value="{name}">{name}</option>' for name in EMOTIONS)
    colours = json.dumps(COLOURS).replace('"', "&quot;")
    return (
        f'<div class="tl" data-colours="{colours}"><svg class="tl-strip" role="img" '
        'aria-label="Emotions over time; the fields below say the same in numbers"></svg>'
        '<div class="tl-fields">'
        f'<label>emotion<select class="tl-emotion">{options}</select></label>'
        '<label>second<input class="tl-at" type="number" min="0" step="0.1"></label>'
        '<label>intensity<input class="tl-intensity" type="number" min="0" max="1" step="0.05">'
        "</label>"
        '<button type="button" class="tl-delete">Delete</button>'
        '<button type="button" class="tl-add">Add</button></div>'
        '<p class="tl-hint">Tap the strip to add a keyframe, drag one to move it. '
        "Height is intensity.</p></div>"
    )
