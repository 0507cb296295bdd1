"""68 points by a stand-in for face-alignment, whose weights are not here."""

import enum
import sys
import types
import warnings

import numpy as np
import pytest

from recognizer.landmarks68 import (
    GROUPS,
    FaceAlignmentLandmarker,
    from_mediapipe,
    normalized_mean_error,
)


class LandmarksType(enum.IntEnum):
    TWO_D = 1
    TWO_HALF_D = 2


def face(size: float) -> np.ndarray:
    return size * np.random.default_rng(0).random((68, 2)).astype(np.float32)


class FaceAlignment:
    """As in face-alignment 1.5.0; what the picture's first pixel says is found."""

    def __init__(self, landmarks_type, network_size=4, device="cuda", compile=True):
        assert landmarks_type is LandmarksType.TWO_D and device == "cpu" and not compile

    def get_landmarks_from_image(
        self, image_or_path, detected_faces=None, return_bboxes=False, return_landmark_score=False
    ):
        count = int(image_or_path[0, 0, 0])
        if count == 0:
            warnings.warn("No faces were detected.", stacklevel=2)
            return None, None, None
        points = [face(10.0 * (i + 1)) for i in range(count)]
        return points, [np.full((1, 68), 0.5, np.float32)] * count, None


@pytest.fixture
def installed(monkeypatch):
    module = types.ModuleType("face_alignment")
    module.FaceAlignment, module.LandmarksType = FaceAlignment, LandmarksType
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    return module


def blank(faces: int) -> np.ndarray:
    return np.full((8, 8, 3), faces, np.uint8)


def test_faces_largest_first(installed):
    landmarker = FaceAlignmentLandmarker(max_faces=2)
    first, second = landmarker.detect(blank(3))
    np.testing.assert_array_equal(first.points, face(30.0))
    assert first.size > second.size and first.confidence.shape == (68,)


def test_no_face_is_no_warning(installed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert FaceAlignmentLandmarker().detect(blank(0)) == []


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'facewright\[face-alignment\]'"):
        FaceAlignmentLandmarker()


def test_weights_that_cannot_be_fetched(installed, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(installed, "FaceAlignment", fails)
    with pytest.raises(FileNotFoundError, match=r"weights of face-alignment .* no route to host"):
        FaceAlignmentLandmarker()


def test_from_mediapipe_keeps_left_and_right(tracker, picture):
    """On a frontal face each point of the left lies opposite its twin on the right, and the parts
    are where they belong."""
    points = from_mediapipe(tracker.detect(picture)[0].points)
    assert points.shape == (68, 2) and np.isnan(points[:17]).all()
    twins = {17: 26, 21: 22, 31: 35, 36: 45, 39: 42, 37: 44, 41: 46, 48: 54, 50: 52, 60: 64, 67: 65}
    width = float(points[45, 0] - points[36, 0])
    middle = float(points[[27, 28, 29, 30, 33, 51, 57, 62, 66], 0].mean())
    for right, left in twins.items():
        assert (points[right, 0] + points[left, 0]) / 2 == pytest.approx(middle, abs=0.06 * width)
        assert points[right, 0] < points[left, 0]
    down = [19, 37, 41, 30, 33, 51, 62, 66, 57]
    assert (np.diff(points[down, 1]) > -0.01 * width).all()
    with pytest.raises(ValueError, match=r"landmarks \[..., 478, 2 or 3\], got \[68, 2\]"):
        from_mediapipe(points)


def test_error_by_hand():
    target = np.zeros((2, 68, 2))
    target[:, 45] = (200, 0)
    points = target.copy()
    points[0, list(GROUPS["lips"])] += (3, 4)
    points[1, 20] = np.nan
    found = normalized_mean_error(points, target)
    np.testing.assert_allclose(found["lips"], [2.5, 0])
    np.testing.assert_allclose(found["eyes"], [0, 0])
    assert np.isnan(found["brows"][1]) and found["brows"][0] == 0
    assert sum(len(index) for index in GROUPS.values()) == 68
    with pytest.raises(ValueError, match=r"points \[T, 68, 2\] twice"):
        normalized_mean_error(points, target[:1])
