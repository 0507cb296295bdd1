"""Brows by their place: the face model's own movements, turned heads, and who is at rest."""

import numpy as np
import pytest

from recognizer.brow_reader import (
    BROW_UNITS,
    brow_intensities,
    brow_places,
    brow_shares,
    resting_brows,
    without_nose,
)
from recognizer.emfacs_reader import EmfacsReader, with_brows
from recognizer.face_model import BROWS, FaceModel
from recognizer.facs import ARKIT_INDEX, AU_INDEX
from recognizer.motion import MotionTrack, rotation_matrix

STEMS = (
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip


def face(shares=(0, 0, 0), angles=(0, 0, 0), size=200.0, nose=0.0):
    """Landmarks of the face model in pixels."""
    model = FaceModel.load()
    points = model.landmarks.astype(np.float64)
    for share, name in zip(np.repeat([*shares, nose], (1, 2, 2, 2)), STEMS, strict=True):
        points = points + share * model.landmark_blendshapes[ARKIT_INDEX[name]]
    return size * points @ rotation_matrix(np.array(angles, float)).T + (300, 250, 0)


@pytest.mark.parametrize(
    "shares", [(1, 0, 0), (0, 0.5, 0), (0, 0, 0.8), (0.9, 0.9, 0), (0.6, 0, 0.4)]
)
@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -20, 8)])
def test_movements_of_the_model_are_found(shares, angles):
    rest = brow_places(face()[None])[0]
    found = brow_shares(brow_places(face(shares, angles, 130)[None]), rest)[0]
    # Lowered brows carry the bridge of the nose along a little.
    assert found == pytest.approx(shares, abs=0.1)


def test_intensities_are_whole_at_what_landmarks_follow():
    rest = brow_places(face()[None])[0]
    places = brow_places(np.stack([face((0.7, 0, 0)), face((1, 1, 1)), face()]))
    found = brow_intensities(places, rest)
    assert found[0, 0] == pytest.approx(5, abs=0.2) and found[0, 2] < 0.25
    assert found.max() <= 5 and found[2] == pytest.approx(0, abs=1e-6)


def test_a_wrinkled_nose_is_no_frown():
    rest = brow_places(face()[None])[0]
    places = brow_places(np.stack([face(nose=0.6), face((0, 0, 0.4), nose=0.6), face()]))
    alone, frown, calm = brow_shares(without_nose(places, np.array([4.0, 4.0, 0.0])), rest)
    assert alone[2] < 0.05 < 0.15 < brow_shares(places, rest)[0, 2]
    assert frown == pytest.approx([0, 0, 0.4], abs=0.05)
    assert calm == pytest.approx(0, abs=1e-9)
    # What frowns look like to who reads noses, a trace, leaves brows alone.
    assert (without_nose(places, np.full(3, 1.0)) == places).all()


def test_rest_is_where_brows_fall_back_to():
    """Raised in six frames of ten, and lost in one."""
    frames = [face((share, share, 0)) for share in (0, 0.5, 0, 0.6, 0.7, 0, 0.8, 0.6, 0.5, 0)]
    places = np.concatenate([brow_places(np.stack(frames)), np.full((1, 20, 2), np.nan)])
    assert resting_brows(places, 0.4) == pytest.approx(brow_places(face()[None])[0], abs=1e-9)
    assert np.isnan(brow_intensities(places, places[0])[-1]).all()
    with pytest.raises(ValueError, match="need a frame with a face"):
        resting_brows(places[-1:])


def test_places_are_those_of_the_brows():
    lost = np.full((1, 478, 3), np.nan)
    found = brow_places(np.concatenate([face()[None], lost]))
    assert found.shape == (2, len(BROWS), 2) and np.isnan(found[1]).all()
    assert found[0] == pytest.approx(FaceModel.load().landmarks[list(BROWS), :2], abs=1e-6)


def test_the_place_of_brows_is_believed_first():
    """Pictures see little of raised brows; their place says that they are raised."""
    reader = EmfacsReader.load()
    columns = [AU_INDEX[name] for name in BROW_UNITS]
    units, motion = np.full((5, 24), 0.05), MotionTrack.zeros(5)
    level = reader.level(units, motion, np.zeros((5, 3)))
    raised = np.tile([4.0, 3.0, 0.0], (5, 1))
    found = with_brows(reader.intensities(units, level), raised)[:, columns]
    assert found[0, 0] > 2.3 and found[0, 1] > 1.7 and found[0, 2] < 0.25
    unmoved = reader.read(units, motion, np.zeros(5), level, np.zeros((5, 3)))
    felt = reader.read(units, motion, np.zeros(5), level, raised)
    assert felt.emotion[0, 0] < unmoved.emotion[0, 0]
    assert felt.emotion[0].argmax() == 2  # surprise
    blind = reader.level(units, motion)
    assert reader.read(units, motion, np.zeros(5), blind, raised).emotion == pytest.approx(
        unmoved.emotion
    )
