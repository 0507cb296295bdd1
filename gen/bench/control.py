"""Control benchmark: command single blendshapes on portraits, read them back from the pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides
from recognizer.tracker import FaceTracker

#: What issue-sized claims rest on: blendshape → the value commanded.
COMMANDS: Mapping[str, float] = {
    "jawOpen": 0.5, "mouthSmile": 0.8, "eyeBlink": 1.0, "mouthPucker": 0.8, "browDown": 1.0,
    "browInnerUp": 1.0,
}  # fmt: skip


def command(stem: str, value: float) -> np.ndarray:
    """Coefficients ``[52]`` with one blendshape (both sides) set, the rest neutral."""
    coefficients = np.zeros(len(ARKIT_NAMES), np.float32)
    coefficients[[ARKIT_INDEX[name] for name in sides(stem)]] = value
    return coefficients


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
            renderer = MeshRenderer(Portrait.from_image(image, size, tracker=tracker))
            still = np.zeros(6)
            neutral = _read(tracker, renderer.render(np.zeros(len(ARKIT_NAMES)), still))
            table[name] = {}
            for stem, value in commands.items():
                index = [ARKIT_INDEX[n] for n in sides(stem)]
                shown = _read(tracker, renderer.render(command(stem, value), still))
                if neutral is None or shown is None:
                    table[name][stem] = {"neutral": None, "shown": None, "rise": None}
                    continue
                before, after = float(neutral[index].mean()), float(shown[index].mean())
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


def _read(tracker: FaceTracker, frame: np.ndarray) -> np.ndarray | None:
    faces = tracker.detect(frame)
    return faces[0].scores if faces else None
