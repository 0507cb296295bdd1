"""Draw ``strip.jpg``, the README's picture: the packaged portrait speaking and feeling.

Run ``python docs/figures/build_strip.py`` in the root of the repository.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from gen import Affect, TalkingHeadPipeline
from gen.portraits import prepare_portrait
from recognizer.facs import EMOTIONS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "demo" / "examples"
SIZE, SHOWN = 512, 220


def main() -> None:
    """Write the picture beside this file."""
    pipeline = TalkingHeadPipeline.from_pretrained()
    clip = pipeline(
        EXAMPLES / "portrait.png", EXAMPLES / "speech.wav", size=SIZE,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    frames = list(clip.frames)
    speaking = [frames[i] for i in np.linspace(8, len(frames) - 12, 7).astype(int)]
    renderer = prepare_portrait(EXAMPLES / "portrait.png", SIZE).renderer
    feeling = [
        renderer.render(Affect.emotion(name).curves(np.zeros(1)).blendshapes()[0], np.zeros(6))
        for name in EMOTIONS
        if name != "neutral"
    ]
    rows = [np.hstack([_shown(frame) for frame in row]) for row in (speaking, feeling)]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(Path(__file__).with_name("strip.jpg")), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def _shown(frame: np.ndarray) -> np.ndarray:
    """The head of a frame, small."""
    crop = frame[20:440, 46:466]
    return cv2.resize(crop, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
