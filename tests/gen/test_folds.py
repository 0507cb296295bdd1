"""Smiles and frowns fold the skin, and the fold goes when they do."""

import numpy as np
import pytest

from gen.renderers.folds import Folds
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

SCALE = 240.0


@pytest.fixture(scope="module")
def points():
    face = FaceModel.load().landmarks
    return face * SCALE + np.array([200.0, 200.0, 0.0])


@pytest.fixture(scope="module")
def basis():
    return FaceModel.load().landmark_blendshapes * SCALE


@pytest.fixture
def texture():
    return np.full((400, 400, 4), 160, np.uint8)


@pytest.fixture
def folds(texture, points, basis):
    return Folds(texture, points, basis, np.eye(3), SCALE)


def expression(**values):
    delta = np.zeros(52, np.float32)
    for stem, value in values.items():
        for name in sides(stem) if stem not in ARKIT_INDEX else (stem,):
            delta[ARKIT_INDEX[name]] = value
    return delta


def test_the_portrait_keeps_its_own_folds(folds, texture):
    folds.draw(texture, np.zeros(52, np.float32))
    folds.draw(texture, expression(mouthSmile=-0.8))
    assert (texture == 160).all()


def test_a_smile_folds_the_skin_between_nose_and_corner(folds, texture, points):
    folds.draw(texture, expression(mouthSmile=1.0))
    rows, columns = np.nonzero(texture[..., 1] < 150)
    wing, corner = points[129], points[61]
    right = columns < 200
    assert right.any() and (~right).any()
    assert rows.min() > points[4, 1] - 0.25 * SCALE and rows.max() < points[152, 1]
    # Beside the mouth, not on it.
    assert columns[right].max() < wing[0] + 0.02 * SCALE
    assert columns[right].min() > corner[0] - 0.15 * SCALE
    assert (texture[..., 3] == 160).all()


def test_the_shadow_is_warm(folds, texture):
    folds.draw(texture, expression(mouthSmile=1.0))
    darkest = texture[np.unravel_index(texture[..., 1].argmin(), (400, 400))].astype(int)
    assert darkest[0] > darkest[1] > darkest[2]


def test_half_a_smile_folds_half_as_deep_and_one_side_alone(folds, texture):
    folds.draw(texture, expression(mouthSmileLeft=1.0))
    full = 160 - int(texture[..., 1].min())
    assert (texture[:, :190] == 160).all()
    folds.draw(texture, expression(mouthSmileLeft=0.5))
    assert 160 - int(texture[..., 1].min()) == pytest.approx(full / 2, abs=1)


def test_the_fold_goes_with_the_smile(folds, texture):
    folds.draw(texture, expression(mouthSmile=1.0, browDown=1.0))
    assert (texture != 160).any()
    folds.draw(texture, np.zeros(52, np.float32))
    assert (texture == 160).all()


def test_a_frown_folds_the_skin_between_the_brows(folds, texture, points):
    folds.draw(texture, expression(browDown=1.0))
    rows, columns = np.nonzero(texture[..., 1] < 155)
    brows = points[[55, 107, 285, 336]]
    assert len(rows)
    assert columns.min() > brows[:, 0].min() - 0.04 * SCALE
    assert columns.max() < brows[:, 0].max() + 0.04 * SCALE
    assert rows.max() < points[33, 1]


def test_a_face_cut_by_the_picture_is_no_error(points, basis):
    texture = np.full((150, 400, 4), 160, np.uint8)  # ends above the mouth
    folds = Folds(texture, points, basis, np.eye(3), SCALE)
    folds.draw(texture, expression(mouthSmile=1.0))
