"""A brow travels as a strip of hair."""

import numpy as np
import pytest

from gen.renderers.brows import knitted, knitting_fields, shape_brows
from recognizer.face_model import BROWS, FaceModel
from recognizer.facs import ARKIT_INDEX, sides

RIGHT = ([70, 63, 105, 66, 107], [46, 53, 52, 65, 55])
LEFT = ([300, 293, 334, 296, 336], [276, 283, 282, 295, 285])


@pytest.fixture(scope="module")
def fields():
    return FaceModel.load().landmark_blendshapes.copy()


@pytest.mark.parametrize("name", ["browInnerUp", *sides("browOuterUp"), *sides("browDown")])
@pytest.mark.parametrize("edges", [RIGHT, LEFT], ids=["right", "left"])
def test_both_edges_go_the_same_way(fields, name, edges):
    upper, lower = edges
    field = shape_brows(fields)[ARKIT_INDEX[name]]
    assert field[upper] == pytest.approx(field[lower])


def test_nothing_but_brows_is_changed(fields):
    shaped = shape_brows(fields)
    same = [i for name, i in ARKIT_INDEX.items() if not name.startswith("brow")]
    assert np.array_equal(shaped[same], fields[same])
    far = np.linalg.norm(
        FaceModel.load().landmarks[:, None, :2] - FaceModel.load().landmarks[None, list(BROWS), :2],
        axis=-1,
    )
    assert np.abs(shaped - fields)[:, far.min(1) > 0.2].max() < 1e-4


def test_the_outer_end_is_raised_as_an_arch(fields):
    field = shape_brows(fields)[ARKIT_INDEX["browOuterUpRight"]][RIGHT[0], 1]
    before = fields[ARKIT_INDEX["browOuterUpRight"]][RIGHT[0], 1]
    assert field.min() < before[[0, 1, 2]].mean() < 0  # up, and farther than on the head model
    assert np.abs(np.diff(field, 2)).max() < np.abs(np.diff(before, 2)).max()


def test_the_input_stays_as_it_was(fields):
    before = fields.copy()
    shape_brows(fields)
    assert np.array_equal(fields, before)


def test_lowered_brows_do_not_meet(fields):
    shaped = shape_brows(fields)
    moved = sum(shaped[ARKIT_INDEX[name]] for name in sides("browDown"))
    face = FaceModel.load().landmarks + moved
    gap, rest = (
        points[LEFT[0][-1], 0] - points[RIGHT[0][-1], 0] for points in (face, face - moved)
    )
    assert 0.55 * rest < gap < 0.85 * rest


def test_raised_brows_are_knitted_without_a_way_down(fields):
    both = np.zeros(len(ARKIT_INDEX))
    both[ARKIT_INDEX["browInnerUp"]] = both[ARKIT_INDEX["browDownRight"]] = 0.5
    assert knitted(both) == pytest.approx([0.5, 0])
    both[ARKIT_INDEX["browInnerUp"]] = 0
    assert not knitted(both).any()
    right, left = knitting_fields(shape_brows(fields))
    assert right[107, 0] > 0 > left[336, 0]  # towards each other
    assert not right[:, 1:].any() and not left[:, 1:].any()
