"""Boxes follow the face, are of one size, and stay in the picture."""

import numpy as np
import pytest

from recognizer.face_model import LIPS, FaceModel
from recognizer.metrics.regions import REGIONS, crop, region_boxes


@pytest.fixture(scope="module")
def track():
    """The mean face, 150 pixels wide, going right and opening its mouth."""
    model = FaceModel.load()
    faces = np.stack([model.landmarks + v * model.landmark_blendshapes[17] for v in (0, 0.5, 1)])
    shift = np.array([[[100, 150, 0]], [[110, 150, 0]], [[130, 150, 0]]])
    return faces[..., :3] * 150 + shift


@pytest.mark.parametrize("region", REGIONS)
def test_boxes_hold_their_points(track, region):
    boxes = region_boxes(track, region, (256, 320))
    assert len({(r - l, b - t) for l, t, r, b in boxes}) == 1
    for face, (left, top, right, bottom) in zip(track, boxes, strict=True):
        part = face[list(REGIONS[region][0]), :2]
        inside = part.clip((left, top), (right, bottom))
        assert np.abs(part - inside)[(part > 0).all(1) & (part < (256, 320)).all(1)].max() < 1
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= (256, 320)).all()


def test_boxes_follow(track):
    boxes = region_boxes(track, "mouth", (512, 512))
    wanted = track[:, list(LIPS), :2]
    middle = (wanted.max(1) + wanted.min(1)) / 2
    assert (boxes[:, :2] + boxes[:, 2:]) / 2 == pytest.approx(middle, abs=1.01)


def test_crop_and_unknown_region(track):
    frames = np.arange(3 * 64 * 64 * 3, dtype=np.uint32).reshape(3, 64, 64, 3) % 251
    boxes = np.array([[0, 0, 10, 20], [5, 6, 15, 26], [54, 44, 64, 64]])
    out = crop(frames, boxes)
    assert out.shape == (3, 20, 10, 3)
    assert np.array_equal(out[1], frames[1, 6:26, 5:15])
    with pytest.raises(ValueError, match="'nose'"):
        region_boxes(track, "nose", (64, 64))
