"""The person before the background: the split adds up, and what stands still stands still."""

import dataclasses

import cv2
import numpy as np
import pytest

from gen.renderers.backdrop import _follow, _head_depth
from gen.renderers.inpaint import fill
from gen.renderers.matte import _like_hair, bust_coordinates, person_matte, split_layers
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait

REST = np.zeros(6)
TURNS = [(0, 20, 0), (0, -20, 0), (15, 0, 0), (-15, 0, 0), (0, 0, 15), (0, 0, -15)]


@pytest.fixture(scope="module")
def layers(portrait):
    return split_layers(portrait, np.ones(portrait.image.shape[:2], np.float32))


@pytest.fixture(scope="module")
def far(portrait):
    """bool: pixels more than 0.75 face widths from the face, above the shoulders."""
    height, width = portrait.image.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    (x0, y0), (x1, y1) = portrait.landmarks[:, :2].min(0), portrait.landmarks[:, :2].max(0)
    beside = np.maximum(np.maximum(x0 - xs, xs - x1), np.maximum(y0 - ys, ys - y1))
    return (beside > 0.75 * portrait.pose.scale) & (ys < y1)


def test_long_hair_is_no_background():
    """Hair that falls beyond where it is likely is told by its colour; what lies behind is not."""
    image = np.full((100, 100, 3), 120, np.uint8)
    image[:, 80:] = (40, 70, 160)  # seen where nobody can be, too
    image[20:90, 30:70] = (60, 35, 20)
    image[40:60, 60:64] = (200, 30, 30)  # neither
    mask = np.full((100, 100), cv2.GC_PR_BGD, np.uint8)
    mask[:15], mask[:, 90:] = cv2.GC_BGD, cv2.GC_BGD
    mask[20:50, 30:50] = cv2.GC_PR_FGD
    hair = _like_hair(image, mask, np.ones((100, 100), bool))
    wanted = (image == (60, 35, 20)).all(-1) & (mask == cv2.GC_PR_BGD)
    assert (hair == wanted).mean() > 0.98
    assert not hair[:, 72:].any()


def test_the_layers_add_up_to_the_portrait(layers, portrait):
    person, background = layers.person.astype(float), layers.background
    again = person[..., :3] + (1 - person[..., 3:] / 255) * background
    assert np.abs(again - portrait.image).max() <= 1


def test_the_person_is_opaque_and_the_background_is_not(layers, portrait, far):
    opacity = layers.person[..., 3]
    x, y = np.round(portrait.landmarks[[1, 10, 50, 280, 152], :2]).astype(int).T
    assert opacity[y, x].min() == 255
    assert far.mean() > 0.02
    assert opacity[far].mean() < 5
    assert np.abs(layers.background[far].astype(int) - portrait.image[far]).mean() < 0.5


def test_a_door_beside_the_head_stands_still(portrait):
    """An edge that runs down close to the hair, before a plain wall, is no strand of it."""
    matte, unit = person_matte(portrait), portrait.pose.scale
    y = int(portrait.landmarks[[234, 127], 1].mean())
    rows = slice(y - int(0.3 * unit), y)
    hair = np.flatnonzero(matte[rows].max(0) > 0.02)[-1]
    edge = hair + int(0.12 * unit)
    image = portrait.image.copy()
    image[matte < 0.02] = 180
    image[:, edge:][matte[:, edge:] < 0.02] = 90
    moving = np.ones(image.shape[:2], np.float32)
    layers = split_layers(dataclasses.replace(portrait, image=image), moving)
    beside = slice(edge - int(0.05 * unit), edge + int(0.08 * unit))
    assert layers.person[rows, beside, 3].mean() < 20


def test_no_skin_is_left_beside_a_neck_that_moves(portrait):
    """The wall is grey and skin is red."""
    _, distance = _head_depth(portrait)
    moving = _follow(portrait, distance)
    layers = split_layers(portrait, moving)
    below, aside = bust_coordinates(portrait, portrait.image.shape[1::-1], 1.0)
    inside = cv2.distanceTransform((layers.whole > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    neck = (below > -0.2) & (below < 0.2) & (np.abs(aside) < 0.5) & (moving > 0.6)
    red, _, blue = np.moveaxis(portrait.image.astype(int), -1, 0)
    outline = neck & (inside > 0) & (inside < 0.05 * portrait.pose.scale) & (red - blue > 25)
    assert outline.sum() > 20
    red, _, blue = np.moveaxis(layers.background[outline].astype(int), -1, 0)
    assert np.mean(red - blue > 15) < 0.03


def test_the_matte_finds_the_hair(portrait):
    """The packaged portrait has dark hair before a light wall."""
    matte = person_matte(portrait)
    x, top = portrait.landmarks[10, :2]
    column = slice(int(x) - 3, int(x) + 4)
    dark = portrait.image[: int(top), column].mean((1, 2)) < 90
    hair = np.flatnonzero(dark)
    assert len(hair) > 0.1 * portrait.pose.scale
    assert matte[hair, column].mean() > 0.9
    assert matte[: hair[0] - 8, column].mean() < 0.1


@pytest.mark.parametrize("angles", TURNS, ids=str)
def test_pixels_far_from_the_head_never_change(renderer, portrait, far, angles):
    wanted = portrait.expression.copy()
    wanted[:20] = 0.5
    frame = renderer.render(wanted, np.array([*angles, 0.1, -0.05, 0], float))
    assert np.array_equal(frame[far], portrait.image[far])
    # The picture's last rows are shoulders: they sway, but do not turn.
    swaying = renderer.render(wanted, np.array([0, 0, 0, 0.1, -0.05, 0]))
    assert np.abs(frame[-12:].astype(int) - swaying[-12:]).mean() < 0.1


def test_at_rest_the_frame_is_the_portrait(renderer, portrait):
    frame = renderer.render(portrait.expression, REST)
    change = np.abs(frame.astype(int) - portrait.image).max(-1)
    assert np.percentile(change, 99) <= 1
    assert change.mean() < 0.2


def test_a_shift_of_the_head_is_a_shift_of_its_pixels(renderer, portrait):
    """A tenth of a face width sideways: the hair moves with the face."""
    step = round(0.1 * portrait.pose.scale)
    pose = np.array([0, 0, 0, step / portrait.pose.scale, 0, 0])
    frame = renderer.render(portrait.expression, pose).astype(int)
    x0, x1 = portrait.landmarks[[234, 454], 0].astype(int)
    top = int(portrait.landmarks[10, 1])
    rows = slice(top - round(0.2 * portrait.pose.scale), top + round(0.2 * portrait.pose.scale))
    moved = np.abs(frame[rows, x0 + step : x1 + step] - portrait.image[rows, x0:x1])
    still = np.abs(frame[rows, x0:x1] - portrait.image[rows, x0:x1])
    assert moved.mean() < 0.4 * still.mean()
    assert np.median(moved) <= 4


@pytest.mark.parametrize("square", [True, False])
def test_a_face_that_fills_the_picture(picture, tracker, square):
    height, width = picture.shape[:2]
    with_margin = Portrait.from_image(picture, max(height, width), square=False, tracker=tracker)
    (x0, y0), (x1, y1) = (f(with_margin.landmarks[:, :2], 0).astype(int) for f in (np.min, np.max))
    close = Portrait.from_image(
        np.ascontiguousarray(picture[y0:y1, x0:x1]), 128, square=square, tracker=tracker
    )
    renderer = MeshRenderer(close)
    still = renderer.render(close.expression, REST).astype(int)
    assert np.abs(still - close.image).mean() < 1
    turned = renderer.render(close.expression, np.array([5, 10, 5, 0.05, 0, 0], float))
    assert np.abs(turned.astype(int) - close.image).mean() > 2


def test_fill_continues_a_gradient():
    ys, xs = np.mgrid[:96, :96]
    ramp = np.stack([40 + xs, 200 - ys, np.full_like(xs, 90)], axis=-1).astype(np.uint8)
    known = np.hypot(xs - 48, ys - 48) > 18
    holed = np.where(known[..., None], ramp, 0).astype(np.uint8)
    filled = fill(holed, known)
    assert np.array_equal(filled[known], ramp[known])
    assert np.abs(filled - ramp)[~known].mean() < 5


@pytest.mark.parametrize("value", [True, False])
def test_fill_with_all_or_nothing_known(value):
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    assert np.array_equal(fill(image, np.full((32, 40), value)), image)


@pytest.mark.parametrize("upright", [False, True])
def test_fill_carries_an_edge_on(upright):
    """A horizon that runs into a round hole from both sides joins; a door's edge likewise."""
    rows = np.where(np.arange(128) < 64, 60, 180)
    scene = np.repeat(np.repeat(rows[:, None, None], 128, 1), 3, 2).astype(np.uint8)
    scene = np.ascontiguousarray(scene.transpose(1, 0, 2)) if upright else scene
    ys, xs = np.mgrid[:128, :128]
    known = np.hypot(xs - 64, ys - 64) > 20
    filled = fill(np.where(known[..., None], scene, 0).astype(np.uint8), known)
    off = np.abs((xs if upright else ys) - 63.5) > 4
    assert np.abs(filled - scene)[~known & off].mean() < 12  # an even membrane: 20 and more


def test_fill_is_as_grainy_as_what_is_known():
    noise = np.random.default_rng(0).normal(0, 3, (192, 192, 1))
    image = np.clip(120 + noise + np.zeros(3), 0, 255).round().astype(np.uint8)
    known = np.hypot(*(np.mgrid[:192, :192] - 60)) > 24
    filled = fill(image, known)[~known]
    assert 0.6 < filled.std() / image[known].std() < 1.2
    assert abs(filled.mean() - 120) < 2
