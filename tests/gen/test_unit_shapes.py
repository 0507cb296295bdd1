"""What muscles carry along besides what the head model moves."""

import numpy as np
import pytest

from gen.renderers.unit_shapes import shape_units
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

CHIN, LOWER_BORDER, WING, BROW_HEAD, INNER_EYE = 199, 17, 129, 55, 133


@pytest.fixture(scope="module")
def fields():
    return FaceModel.load().landmark_blendshapes.copy()


@pytest.fixture(scope="module")
def shaped(fields):
    return shape_units(fields)


def moved(fields, name, landmark):
    return fields[ARKIT_INDEX[name], landmark]


def test_the_chin_rises_with_the_lip(fields, shaped):
    assert moved(shaped, "mouthShrugLower", CHIN)[1] < -0.02
    assert moved(shaped, "mouthShrugLower", CHIN)[1] < moved(fields, "mouthShrugLower", CHIN)[1]
    # The jaw's outline stays nearly where it is.
    assert abs(moved(shaped, "mouthShrugLower", 172)[1]) < 0.002


def test_a_wrinkled_nose_shortens_and_draws_the_brow_down(shaped):
    assert moved(shaped, "noseSneerRight", WING)[1] < -0.03
    assert moved(shaped, "noseSneerRight", BROW_HEAD)[1] > 0.01
    assert abs(moved(shaped, "noseSneerRight", 362)).max() < 0.005  # the other eye


@pytest.mark.parametrize("stem", ["noseSneer", "mouthDimple", "mouthFrown", "eyeSquint"])
def test_both_sides_are_alike(shaped, stem):
    """A point's mirror image moves as the point does, mirrored."""
    right, left = (shaped[ARKIT_INDEX[f"{stem}{side}"]] for side in ("Right", "Left"))
    pairs = ((129, 358), (61, 291), (55, 285), (145, 374), (205, 425))
    scale = max(float(np.abs(right[a]).max()) for a, _ in pairs)
    for a, b in pairs:
        assert left[b] == pytest.approx(right[a] * [-1, 1, 1], abs=0.25 * scale)


def test_tightened_corners_are_no_smile(fields, shaped):
    before, after = (moved(f, "mouthDimpleRight", 61) for f in (fields, shaped))
    assert abs(after[1]) < abs(before[1]) and abs(after[0]) < abs(before[0])


def test_the_rest_is_the_models(fields, shaped):
    changed = {*sides("mouthFrown"), *sides("mouthDimple"), *sides("eyeSquint"),
               *sides("noseSneer"), "mouthShrugLower"}  # fmt: skip
    same = [i for name, i in ARKIT_INDEX.items() if name not in changed]
    assert np.array_equal(shaped[same], fields[same])
