"""Warping error: known motion is forgiven, a change of brightness is not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.warping import (
    WarpingError,
    occlusion,
    optical_flow,
    warped,
    warping_error,
)


@pytest.fixture(scope="module")
def texture():
    noise = np.random.default_rng(0).normal(size=(160, 200, 3))
    smooth = gaussian_filter(noise, (3, 3, 0))
    return (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def cut(texture, x, y):
    return texture[20 + y : 116 + y, 20 + x : 148 + x]


def test_flow_of_a_shift(texture):
    """The picture's window goes right by 3 and down by 2: its content goes left and up."""
    flow = optical_flow(cut(texture, 0, 0), cut(texture, 3, 2))
    assert np.median(flow[16:-16, 16:-16], axis=(0, 1)) == pytest.approx((-3, -2), abs=0.1)


def test_warping_is_scipys(texture):
    image = cut(texture, 0, 0)
    flow = np.random.default_rng(1).uniform(-3, 3, (96, 128, 2)).astype(np.float32)
    out, inside = warped(image, flow)
    y, x = np.mgrid[:96, :128] + flow.transpose(2, 0, 1)[::-1]
    theirs = map_coordinates(image[..., 0].astype(float), [y, x], order=1, mode="nearest")
    # OpenCV reads at 1/32 of a pixel.
    assert np.abs(out[..., 0] - theirs)[inside].max() < 3
    assert not inside[(x < 0) | (x > 127) | (y < 0) | (y > 95)].any()


def test_occlusion_of_known_flows():
    """The right half goes right by 4, uncovering a strip; the way back knows nothing of it."""
    forward = np.zeros((40, 60, 2), np.float32)
    backward = np.zeros_like(forward)
    forward[:, 30:, 0] = 4
    backward[:, 34:, 0] = -4
    hidden = occlusion(forward, backward)
    assert not hidden[:, :28].any() and not hidden[:, 32:55].any()
    assert hidden[:, 29].all()  # an edge of motion
    assert hidden[:, 57:].all()  # leaves the picture
    backward[:, 40:, 0] = 0
    assert occlusion(forward, backward)[:, 38:55].all()  # does not lead home


def test_motion_is_forgiven_flicker_is_not(texture):
    moving = [cut(texture, 2 * t, t) for t in range(4)]
    quiet = warping_error(moving)
    assert quiet < 1e-4
    flicker = [(f.astype(int) + 8 * (t % 2)).clip(0, 255).astype(np.uint8)
               for t, f in enumerate(moving)]  # fmt: skip
    assert warping_error(flicker) == pytest.approx((8 / 255) ** 2, rel=0.3)
    assert warping_error([moving[0]] * 3) == 0
    assert np.isnan(warping_error(moving[:1]))


def test_bad_frames(texture):
    with pytest.raises(ValueError, match="uint8"):
        warping_error([texture.astype(float)])
    with pytest.raises(ValueError, match="differ in size"):
        warping_error([texture, texture[:-2]])


def test_class(texture):
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    metric = WarpingError()
    metric.update([cut(texture, 0, 0)] * 2)
    metric.update([cut(texture, 0, 0)])
    found = metric.compute()
    assert (found["value"], found["n"], found["undefined"]) == (0, 1, 1)
