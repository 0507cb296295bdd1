"""Lids close over the eye with skin, follow the gaze, and leave spectacles alone."""

import cv2
import numpy as np
import pytest

from gen.renderers.lids import _spectacles
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait
from recognizer.face_model import LOWER_LID, UPPER_LID
from recognizer.facs import ARKIT_INDEX, sides

REST = np.zeros(6)


def shown(renderer, **values):
    wanted = renderer.expression.copy()
    for stem, value in values.items():
        for name in sides(stem):
            wanted[ARKIT_INDEX[name]] = value
    return renderer.render(wanted, REST)


def eye_patch(frame, portrait, side):
    """Pixels within the open eye, away from its margins."""
    upper, lower = (portrait.landmarks[list(c[side][2:-2]), :2] for c in (UPPER_LID, LOWER_LID))
    polygon = np.concatenate([0.7 * upper + 0.3 * lower, (0.4 * upper + 0.6 * lower)[::-1]])
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(polygon).astype(int)], 1)
    return frame[mask > 0].astype(float)


@pytest.mark.parametrize("side", [0, 1])
def test_a_shut_eye_is_skin(renderer, portrait, side):
    shut = eye_patch(shown(renderer, eyeBlink=1.0), portrait, side)
    opened = eye_patch(portrait.image, portrait, side)
    cheek = np.round(portrait.landmarks[[50, 280][side], 1::-1]).astype(int)
    skin = portrait.image[cheek[0] - 3 : cheek[0] + 4, cheek[1] - 3 : cheek[1] + 4].mean((0, 1))
    # Even, and of the skin's hue: neither white nor iris nor lashes drawn out over it.
    assert shut.std(0).mean() < 0.5 * opened.std(0).mean()
    hue = shut.mean(0) / shut.mean()
    assert hue == pytest.approx(skin / skin.mean(), abs=0.15)


@pytest.mark.parametrize("side", [0, 1])
def test_a_lid_that_has_come_down_shades_the_ball(renderer, portrait, side):
    middle, below = (portrait.landmarks[chain[side][4], :2] for chain in (UPPER_LID, LOWER_LID))
    rest = renderer._rest

    def light(amount, share):
        frame = np.full_like(portrait.image, 200)
        renderer._lids[side].shade(frame, rest, amount)
        x, y = np.round(middle + share * (below - middle)).astype(int)
        return frame[y, x].mean() / 200

    assert light(0.0, 0.1) == 1
    assert light(0.7, 0.1) < 0.75
    assert light(0.7, 0.1) < light(0.5, 0.1) < 1
    assert light(0.7, 1.0) > 0.98


def test_half_a_blink_is_half_a_way(renderer):
    """Command and what is open agree: lids that shut at half of it would snap."""
    lid = renderer._lids[0]

    def opened(amount):
        space = renderer._space.copy()
        lid.close(space, amount)
        return ((space[lid._lower] - space[lid._upper])[4:-4] @ lid._down).mean()

    assert opened(0.5) == pytest.approx(0.5 * opened(0), rel=0.1)
    assert opened(0.85) < 0.05 * opened(0) and opened(1.0) < 0  # over the wet rim


def test_the_lashes_line_does_not_come_and_go(picture, tracker):
    """Photographed liner and lashes give way to drawn ones: no frame of a blink is without."""
    bare = Portrait.from_image(picture, 256, tracker=tracker)
    image, margin = bare.image.copy(), bare.landmarks[list(UPPER_LID[0]), :2]
    height = np.linalg.norm(margin - bare.landmarks[list(LOWER_LID[0]), :2], axis=1).max()
    line = np.concatenate([margin, (margin - [0, 0.2 * height])[::-1]])
    cv2.fillPoly(image, [np.round(line).astype(int)], (20, 20, 20))
    made_up = MeshRenderer(
        Portrait(image, bare.landmarks, bare.pose, bare.expression, bare.identity, 1)
    )
    lid = made_up._lids[0]

    def darkest(amount):
        space = made_up._space.copy()
        lid.close(space, amount)
        points = made_up._camera.project(space)[lid._upper[4:-4], :2]
        band = [points + share * height * lid._down[:2] for share in np.linspace(-0.15, 0.1, 6)]
        frame = shown(made_up, eyeBlink=amount).mean(-1)
        return np.mean(np.min([frame[tuple(np.round(p).astype(int).T[::-1])] for p in band], 0))

    skin = np.median(image.mean(-1)[image.mean(-1) > 60])
    assert max(darkest(amount) for amount in (0.1, 0.2, 0.3, 0.4)) < darkest(0) + 2
    assert max(darkest(amount) for amount in (0.5, 0.6, 0.8, 1.0)) < 0.5 * skin


def test_lids_follow_the_gaze(renderer, portrait, tracker):
    def margin(**values):
        (face,) = tracker.detect(shown(renderer, **values))
        points = face.points[:, 1]
        upper = points[[UPPER_LID[0][4], UPPER_LID[1][4]]].mean()
        corners = points[[33, 133, 263, 362]].mean()
        return (upper - corners) / portrait.pose.scale

    assert margin(eyeLookDown=1.0) > margin() + 0.01
    assert margin(eyeLookUp=1.0) < margin(eyeLookDown=1.0) - 0.01


def test_spectacles_stay(picture, tracker):
    """A frame drawn above the eyes is still there, straight and dark, when they shut."""
    bare = Portrait.from_image(picture, 256, tracker=tracker)
    image = bare.image.copy()
    upper = bare.landmarks[[*UPPER_LID[0], *UPPER_LID[1]], :2]
    brow = bare.landmarks[[52, 53, 65, 282, 283, 295], 1].mean()
    row = int(0.35 * upper[:, 1].min() + 0.65 * brow)
    x0, x1 = int(upper[:, 0].min()) - 12, int(upper[:, 0].max()) + 12
    image[row - 3 : row + 3, x0:x1] = 10
    worn = Portrait(image, bare.landmarks, bare.pose, bare.expression, bare.identity, 1)
    frame = shown(MeshRenderer(worn), eyeBlink=1.0)
    assert np.median(frame[row - 2 : row + 2, x0 + 4 : x1 - 4]) < 40


def test_lashes_are_no_spectacles():
    dark = np.zeros((60, 100), bool)
    dark[10:18] = True  # a frame
    dark[40:48, 30:70] = True  # liner, on the margin
    dark[25:27, 30:70] = True  # a line
    margin = np.zeros((60, 100), bool)
    margin[44, 30:70] = True
    frame = _spectacles(dark, margin, 20.0)
    assert frame[14, 50] == pytest.approx(1, abs=1e-3)
    assert frame[26:].max() < 0.05
