"""A place where live frames are shown at their own pace."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np

_SCRIPT = Path(__file__).with_name("frame_player.js")
_QUALITY = 85


class FramePlayer(gr.HTML):
    """Shows frames as they arrive; its value is what :func:`packed` makes.

    Args:
        fps: frames a second.
        alt: what is to be seen, for those who do not.
    """

    def __init__(self, fps: float = 25.0, alt: str = "The talking portrait", **options) -> None:
        super().__init__(
            value={"frames": []},
            html_template=(
                f'<div class="player" data-fps="{fps:g}"><img alt="{alt}" hidden>'
                "<p>The portrait appears here when you start to record.</p></div>"
            ),
            js_on_load=_SCRIPT.read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def postprocess(self, value) -> dict:
        """As JSON has it."""
        return value

    def api_info(self) -> dict:
        """What ``gradio_client`` is told."""
        return {"type": "object", "description": "frames as data: addresses of JPEG pictures"}


def packed(frames: Sequence[np.ndarray], number: int) -> dict:
    """Frames uint8 ``[H, W, 3]`` as JPEG in text; ``number`` tells one parcel from the next."""
    import cv2

    addresses = []
    for frame in frames:
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        addresses.append("data:image/jpeg;base64," + base64.b64encode(data).decode())
    return {"number": number, "frames": addresses}
