"""Background: not the head, not the hair that moves with it, but all that stands."""

import cv2
import numpy as np
import pytest

from recognizer.face_model import FACE_BOTTOM, FACE_OVAL, FACE_TOP, FaceModel
from recognizer.metrics.background import background_mask
from recognizer.metrics.temporal import flicker

SIZE = 256


def texture(seed):
    """Grey structure of some pixels' size."""
    noise = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    return 128 + 250 * cv2.GaussianBlur(noise, (0, 0), 2)


def film(frames=40):
    """A head 60 pixels high with hair to 2.3 times the oval, that sways and trembles before a wall:
    frames, landmarks, and which pixels hair or face ever cover."""
    rng = np.random.default_rng(0)
    model = FaceModel.load().landmarks[:, :2]
    middle = (model[FACE_TOP] + model[FACE_BOTTOM]) / 2
    size = 60 / np.linalg.norm(model[FACE_TOP] - model[FACE_BOTTOM])
    still = (model - middle) * size + (128, 110)
    hair = np.zeros((SIZE, SIZE), np.uint8)
    oval = still[list(FACE_OVAL)]
    cv2.fillConvexPoly(hair, np.rint((128, 110) + 2.3 * (oval - (128, 110))).astype(np.int32), 255)
    grain, wall = texture(1), texture(2)
    pictures, points, covered = [], [], np.zeros((SIZE, SIZE), bool)
    for i in range(frames):
        shift = np.array([6 * np.sin(i / 5), 3 * np.sin(i / 7)]) + rng.normal(0, 0.7, 2)
        move = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
        head, coat = (cv2.warpAffine(x, move, (SIZE, SIZE)) for x in (hair, grain))
        picture = np.where(head > 127, coat, wall) + rng.normal(0, 1, (SIZE, SIZE))
        pictures.append(np.repeat(np.clip(picture, 0, 255)[..., None], 3, 2).astype(np.uint8))
        points.append(still + shift)
        covered |= head > 0
    return np.array(pictures), np.array(points), covered


def test_hair_that_moves_is_not_background():
    frames, points, covered = film()
    heads = background_mask(points, (SIZE, SIZE))
    assert flicker(frames, heads) > 1  # the hair beyond the ovals
    mask = background_mask(points, (SIZE, SIZE), frames)
    assert (mask & covered).sum() < 0.2 * (heads & covered).sum()  # where hair seldom reaches
    assert (mask & ~covered).sum() > 0.8 * (heads & ~covered).sum()
    # What is left is the camera's noise: E |N(0, 6 sigma^2)| / 4, and a little of 8 bits' own.
    assert flicker(frames, mask) == pytest.approx(np.sqrt(2 / np.pi * 6) / 4, abs=0.1)


def test_a_background_that_flickers_is_not_hair():
    frames, points, covered = film()
    bright = np.where(np.arange(len(frames)) % 2, 4, -4)[:, None, None]
    flickering = np.where(covered, frames[..., 0], np.clip(frames[..., 0] + bright, 0, 255))
    flickering = np.repeat(flickering[..., None], 3, 3).astype(np.uint8)
    mask = background_mask(points, (SIZE, SIZE), flickering)
    heads = background_mask(points, (SIZE, SIZE))
    assert (mask & ~covered).sum() > 0.8 * (heads & ~covered).sum()
    assert flicker(flickering, mask) == pytest.approx(4, abs=0.2)


def test_noise_beside_a_head_is_not_hair():
    """Shifting a frame by a part of a pixel smooths it; that alone explains nothing."""
    _, points, _ = film()
    noise = np.random.default_rng(3).normal(128, 20, (len(points), SIZE, SIZE, 1))
    frames = np.repeat(np.clip(noise, 0, 255), 3, 3).astype(np.uint8)
    np.testing.assert_array_equal(
        background_mask(points, (SIZE, SIZE), frames), background_mask(points, (SIZE, SIZE))
    )


def test_background_is_where_no_head_is(picture, tracker):
    (face,) = tracker.detect(picture)
    height, width = picture.shape[:2]
    mask = background_mask(face.points[None], (width, height))
    inside = np.rint(face.points[:, :2]).astype(int)
    assert not mask[inside[:, 1], inside[:, 0]].any()
    assert mask[0, 0] and mask[0, -1] and not mask[-1].any()
    # A face that fills the picture leaves nothing.
    assert background_mask(face.points[None] - (250, 250, 0), (250, 250)) is None
