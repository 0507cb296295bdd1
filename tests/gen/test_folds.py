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


@pytest.mark.parametrize(
    ("causes", "around", "reach"),
    [
        ({"noseSneer": 1.0}, (168, 129, 358), 0.3),
        ({"browInnerUp": 1.0}, (9, 10), 0.32),
        ({"browOuterUp": 1.0}, (9, 10, 54, 284), 0.35),
        ({"cheekSquint": 1.0}, (145, 374, 205, 425), 0.3),
        ({"mouthDimple": 1.0}, (61, 291), 0.1),
        ({"mouthFrown": 1.0}, (61, 291, 200), 0.2),
        ({"mouthShrugLower": 1.0}, (199, 200), 0.2),
        ({"mouthUpperUp": 1.0}, (129, 358, 61, 291), 0.15),
    ],
)
def test_a_unit_folds_the_skin_where_its_muscle_lies(folds, texture, points, causes, around, reach):
    folds.draw(texture, expression(**causes))
    rows, columns = np.nonzero(texture[..., 1] < 156)
    assert len(rows) > 10
    place = np.stack([columns, rows], -1)
    away = np.linalg.norm(place[:, None] - points[list(around), :2], axis=-1).min(1)
    assert away.max() < reach * SCALE


def test_what_speech_does_by_the_way_folds_nothing(folds, texture):
    speech = {"mouthUpperUp": 0.1, "mouthShrugLower": 0.1, "mouthFrown": 0.1, "mouthDimple": 0.1,
              "browInnerUp": 0.25, "browOuterUp": 0.25}  # fmt: skip
    folds.draw(texture, expression(**speech))
    assert (texture == 160).all()


def test_both_sides_fold_alike(folds, texture, points):
    folds.draw(texture, expression(noseSneer=1.0, mouthFrown=1.0, cheekSquint=1.0))
    middle = points[[168, 6, 4, 1], 0].mean()
    _, columns = np.nonzero(texture[..., 1] < 156)
    right, left = (columns < middle).sum(), (columns > middle).sum()
    assert right == pytest.approx(left, rel=0.15)


def test_lips_and_eyes_stay_clear(folds, texture, points):
    everything = {"mouthSmile", "mouthFrown", "mouthDimple", "noseSneer", "cheekSquint",
                  "eyeSquint", "mouthShrugLower", "mouthUpperUp", "browDown"}  # fmt: skip
    folds.draw(texture, expression(**dict.fromkeys(everything, 1.0)))
    for landmark in (13, 14, 0, 17, 61, 291, 145, 159, 374, 386):
        x, y = np.round(points[landmark, :2]).astype(int)
        assert (texture[y, x, :3] == 160).all()


def test_folds_that_cross_add_up(points, basis):
    """Two furrows over the same skin: neither wipes out the other."""
    drawn = []
    for causes in ({"noseSneer": 1.0}, {"mouthSmile": 1.0}, {"noseSneer": 1.0, "mouthSmile": 1.0}):
        texture = np.full((400, 400, 4), 160, np.uint8)
        Folds(texture, points, basis, np.eye(3), SCALE).draw(texture, expression(**causes))
        drawn.append(texture[..., 1].astype(int) - 160)
    assert np.abs(drawn[2] - (drawn[0] + drawn[1])).max() <= 2


def test_light_from_the_side_brightens_the_side_that_faces_it(points, basis):
    def frown(slant):
        texture = np.full((400, 400, 4), 160, np.uint8)
        folds = Folds(texture, points, basis, np.eye(3), SCALE, slant)
        folds.draw(texture, expression(mouthFrown=1.0))
        return texture[..., 1].astype(int)

    change = frown((0.4, 0.0)) - frown((0.0, 0.0))
    assert change.max() > 2 and change.min() < -2
    # Across a furrow, what faces the light (normals to the right) is the left wall.
    row = change[round(points[61, 1] + 0.05 * SCALE), :190]
    assert row.argmax() < row.argmin()
