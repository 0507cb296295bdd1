"""Draw ``speaking.webp``: the packaged portrait saying the same in four feelings.

Run ``python docs/figures/build_animation.py`` in the root of the repository.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from gen import Affect, TalkingHeadPipeline

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "demo" / "examples"
FEELINGS = ("neutral", "happiness", "sadness", "anger")
SIZE, SHOWN, SECONDS, FPS = 512, 210, 4.0, 12.5


def main() -> None:
    """Write the picture beside this file."""
    pipeline = TalkingHeadPipeline.from_pretrained()
    columns = []
    for name in FEELINGS:
        clip = pipeline(
            EXAMPLES / "portrait.png", EXAMPLES / "speech.wav", Affect.emotion(name, 1.0),
            size=SIZE, fps=FPS, generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        frames = [frame for frame, _ in zip(clip.frames, range(int(SECONDS * FPS)), strict=False)]
        columns.append([cv2.resize(f[20:440, 46:466], (SHOWN, SHOWN)) for f in frames])
    pictures = [Image.fromarray(np.hstack(row)) for row in zip(*columns, strict=True)]
    pictures[0].save(
        Path(__file__).with_name("speaking.webp"), save_all=True, append_images=pictures[1:],
        duration=round(1000 / FPS), loop=0, quality=55, method=6,
    )  # fmt: skip


if __name__ == "__main__":
    main()
