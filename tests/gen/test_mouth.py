"""The inside of a mouth belongs to its picture: it is as light and as coloured."""

from dataclasses import replace

import numpy as np
import pytest

from gen.renderers.mesh import MeshRenderer
from recognizer.facs import ARKIT_INDEX

REST = np.zeros(6)


def opened(portrait, **commands):
    wanted = np.zeros(52, np.float32)
    for name, value in commands.items():
        wanted[ARKIT_INDEX[name]] = value
    return MeshRenderer(portrait).render(wanted, REST).astype(float)


def inside(portrait, half=0.05):
    """The middle of the opening, below the upper lip."""
    x, y = portrait.landmarks[13, :2]
    reach = half * portrait.pose.scale
    return (slice(int(y), int(y + 2 * reach)), slice(int(x - reach), int(x + reach)))


SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.25}


def test_a_colourless_picture_has_a_colourless_mouth(portrait):
    grey = np.repeat(portrait.image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    mouth = opened(replace(portrait, image=grey), jawOpen=0.8)[inside(portrait)]
    flesh = opened(portrait, jawOpen=0.8)[inside(portrait)]
    assert (mouth.max(-1) - mouth.min(-1)).mean() < 12
    assert (flesh[..., 0] - flesh[..., 1:].mean(-1)).mean() > 15


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_teeth_are_as_dark_as_their_picture(portrait, share):
    """Within what an eye that has adapted would allow: between the light's share and its root."""
    dark = replace(portrait, image=np.round(portrait.image * share).astype(np.uint8))
    place = inside(portrait)
    teeth, again = (np.percentile(opened(p, **SMILE)[place], 80) for p in (portrait, dark))
    assert share - 0.05 < again / teeth < share**0.5 + 0.1
