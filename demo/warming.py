"""A server made ready before its first visitor comes."""

from __future__ import annotations

import gc
from pathlib import Path

from gen.pipeline import TalkingHeadPipeline
from gen.portraits import prepare_portrait
from gen.renderers.drawing import Drawing
from recognizer.motion import MotionTrack

_PORTRAIT = Path(__file__).with_name("examples") / "portrait.png"


def warm(pipeline: TalkingHeadPipeline) -> None:
    """Do everything once: imports, compiled kernels and first allocations are not waited for later.

    What is loaded by then stays for good: looking for garbage passes it over.
    """
    pipeline.warm_up()
    renderer = prepare_portrait(_PORTRAIT, 256).renderer
    with Drawing(renderer) as drawing:
        for _ in drawing.frames(MotionTrack.zeros(2)):
            pass
    del renderer
    gc.collect()
    gc.freeze()
