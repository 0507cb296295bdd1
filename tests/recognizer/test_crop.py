"""The aligned crop, against OpenCV's own fit of a similarity and against made landmarks."""

import cv2
import numpy as np
import pytest

from recognizer.crop import FRAMING, crop_transform, face_crop, shrunk


def landmarks(size=200.0, turn=0.0, shift=(0.0, 0.0)):
    """Landmarks that lie as the framing says, in a picture that was turned, scaled and moved."""
    points = np.full((478, 3), 0.5)
    for index, place in FRAMING.items():
        points[index, :2] = place
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points[:, :2] = points[:, :2] @ rotation.T * size + shift
    return points


def test_the_transform_is_the_least_squares_similarity():
    """OpenCV's estimate without outlier rejection, on landmarks that fit no similarity exactly."""
    rng = np.random.default_rng(0)
    points = landmarks(230, 14, (120, 60))
    points[:, :2] += rng.normal(0, 3, (478, 2))
    found = crop_transform(points, 48)
    index = list(FRAMING)
    # Landmarks count from the corner, OpenCV from the middle of the first pixel.
    source = points[index, :2] - 0.5
    target = np.array(list(FRAMING.values())) * 48 - 0.5
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    np.testing.assert_allclose(found, [[a, -b, tx], [b, a, ty]], atol=1e-9)


@pytest.mark.parametrize("size", [48, 130, 600])
def test_any_portrait_comes_to_the_same_framing(size):
    """A picture of dots at the landmarks, turned and scaled: the dots are where they belong."""
    points = landmarks(size, -20, (size * 0.4, size * 0.9))
    canvas = np.zeros((size * 2, size * 2, 3), np.uint8)
    shown = (33, 263, 2)  # far from each other
    for index in shown:
        x, y = points[index, :2] - 0.5
        at, radius = (round(x * 16), round(y * 16)), round(size / 30 * 16)
        cv2.circle(canvas, at, radius, (255, 255, 255), -1, cv2.LINE_AA, 4)
    crop = face_crop(canvas, points, 96)
    assert crop.shape == (96, 96) and crop.dtype == np.uint8
    for x, y in (FRAMING[index] for index in shown):
        left, top = round(x * 96) - 8, round(y * 96) - 8
        part = crop[top : top + 16, left : left + 16].astype(float)
        ys, xs = np.mgrid[:16, :16] + 0.5
        middle = (part * xs).sum() / part.sum() + left, (part * ys).sum() / part.sum() + top
        np.testing.assert_allclose(middle, (x * 96, y * 96), atol=0.5)
    assert crop[75:].max() == 0


def test_large_faces_are_averaged_and_borders_go_on():
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (960, 960), dtype=np.uint8)
    crop = face_crop(noise, landmarks(960), 48)
    # The mean of 20x20 samples of deviation 74 has a deviation of 3.7.
    assert 2.5 < crop[2:-2, 2:-2].std() < 5
    bright = np.full((100, 100, 3), 200, np.uint8)
    assert np.ptp(face_crop(bright, landmarks(100, 0, (-50, 30)))) == 0


def test_a_tracked_portrait(picture, tracker):
    """The packaged portrait, upright and tilted, gives the same crop."""
    face = tracker.detect(picture)[0]
    upright = face_crop(picture, face.points).astype(float)
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 18, 0.7)
    tilted = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    points = face.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    again = face_crop(tilted, points).astype(float)
    assert np.abs(again - upright)[8:-8, 8:-8].mean() < 3
    untouched = face_crop(tilted, face.points).astype(float)
    assert np.abs(untouched - upright)[8:-8, 8:-8].mean() > 10


def test_bad_landmarks():
    with pytest.raises(ValueError, match=r"landmarks \[478, 2 or 3\], got \[68, 2\]"):
        crop_transform(np.zeros((68, 2)))
    with pytest.raises(ValueError, match="not all in one place"):
        crop_transform(np.zeros((478, 3)))
    with pytest.raises(ValueError, match="finite"):
        crop_transform(np.full((478, 3), np.nan))


def test_crops_are_averaged_down():
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    means = crops.reshape(2, 32, 2, 32, 2).mean((2, 4))
    np.testing.assert_allclose(shrunk(crops, 32), means, atol=0.51)
    assert shrunk(crops, 64) is crops and shrunk(crops, 80) is crops
