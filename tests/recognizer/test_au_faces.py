"""Rendered faces with known action units, wrinkles, and what judges imply."""

import numpy as np
import pytest

from recognizer.crop import face_crop
from recognizer.data import judged_units
from recognizer.data.au_faces import build, person_faces
from recognizer.data.face_files import load_faces, save_faces
from recognizer.data.faces import LabelledFaces
from recognizer.data.ferplus import FerPlus
from recognizer.data.rendered_head import SeeingHead
from recognizer.data.wrinkles import Wrinkles
from recognizer.facs import ARKIT_INDEX, AU_INDEX, EMOTIONS


class Old(Wrinkles):
    """Skin that folds as deeply as it can."""

    def __init__(self) -> None:
        super().__init__(np.random.default_rng(0))
        self._depth = dict.fromkeys(self._depth, 1.0)


@pytest.fixture(scope="module")
def heads():
    return [SeeingHead(np.random.default_rng(3), 160, w) for w in (None, Old())]


@pytest.mark.parametrize(
    ("stem", "near"),
    [
        ("noseSneer", 197), ("browDown", 8), ("cheekSquint", 226), ("mouthShrugLower", 199),
        ("mouthDimple", 57), ("browInnerUp", 108),
    ],
)  # fmt: skip
def test_wrinkles_darken_the_skin_where_coders_look(heads, coefficients, stem, near):
    moved = coefficients(**{stem: 1.0})
    smooth, folded = (
        np.mean([head.render(moved, np.zeros(6)).astype(float) for _ in range(4)], 0)
        for head in heads
    )
    x, y = heads[0].landmarks(moved, np.zeros(6))[near, :2].round().astype(int)
    darker = (smooth - folded).mean(2)[y - 12 : y + 12, x - 12 : x + 12]
    assert darker.max() > 12


def test_a_face_at_rest_has_no_wrinkles(heads):
    frame = np.full((160, 160, 3), 100, np.float32)
    points = heads[0].landmarks(np.zeros(52), np.zeros(6))
    Old().draw(frame, points, np.zeros(52), 70.0)
    assert (frame == 100).all()


def test_faces_of_one_person():
    faces = person_faces(np.random.default_rng(1), 6)
    assert faces.images.shape == (6, 64, 64)
    known = np.isfinite(faces.au)
    assert not known[:, AU_INDEX["AU45"]].any() and known.sum() == 6 * 23
    assert np.nanmax(faces.au[0]) < 0.3  # the first is at rest
    assert np.nanmax(faces.au) > 1
    # Framed: the eyes are where the crop says, so dark irises lie in its upper half.
    again = person_faces(np.random.default_rng(1), 6)
    assert np.array_equal(faces.images, again.images)


def test_judges_imply_intervals():
    emotion = np.eye(8)[[EMOTIONS.index(n) for n in ("happiness", "neutral", "fear")]]
    unsure = np.full((1, 8), 1 / 8)
    faces = LabelledFaces(np.zeros((4, 48, 48), np.uint8), np.concatenate([emotion, unsure]))
    found = judged_units.judged(faces)
    smile, brow = AU_INDEX["AU12"], AU_INDEX["AU01"]
    assert (found.au[0, smile], found.au_most[0, smile]) == (2.0, 5.0)
    assert (found.au[1, smile], found.au_most[1, brow]) == (0.0, 0.5)
    assert np.isnan(found.au[0, brow])
    assert np.isnan(found.au[2:]).all()
    assert np.isnan(found.au[1, AU_INDEX["AU25"]])  # lips may be parted at rest


def test_geometry_is_a_second_witness(heads):
    """A face with its mouth wide open: geometry tells lips and jaw, and has no say on brows."""
    moved = np.zeros(52)
    moved[ARKIT_INDEX["jawOpen"]] = 0.9
    picture = heads[0].render(moved, np.zeros(6))
    points = heads[0].landmarks(moved, np.zeros(6))
    face = face_crop(picture, points[:, :2], 48)
    votes = np.zeros((4, 10), np.uint8)
    votes[:, EMOTIONS.index("neutral")] = 10
    votes[1:3, EMOTIONS.index("fear")] = 10  # half and half: nobody implies anything
    blank = np.full_like(face, 128)
    images = np.stack([face, face, blank, face])
    splits = judged_units.build(FerPlus(images, votes, np.array([0, 0, 0, 1], np.uint8)))
    sure, unsure, lost = splits["train"].au
    lips, brow, smile = (AU_INDEX[name] for name in ("AU25", "AU01", "AU12"))
    assert sure[lips] > 1 and unsure[lips] == sure[lips]
    assert sure[brow] == 0 and np.isnan(unsure[brow])
    # Judges go before geometry.
    assert splits["train"].au_most[0, smile] == 0.5 and splits["train"].au_most[1, smile] != 0.5
    assert np.isnan(lost).all()
    assert splits["train"].images.shape == (3, 64, 64) and len(splits["valid"]) == 1


def test_build_and_files(tmp_path):
    splits = build(people=3, per_person=2)
    assert [len(part) for part in splits.values()] == [4, 2]
    save_faces(tmp_path / "faces.npz", splits)
    loaded = load_faces(tmp_path / "faces.npz")
    np.testing.assert_array_equal(loaded["train"].au, splits["train"].au)
    np.testing.assert_array_equal(loaded["train"].au_most, splits["train"].au)


def test_intervals_have_two_ends_in_order():
    images = np.zeros((1, 16, 16), np.uint8)
    with pytest.raises(ValueError, match="au_most"):
        LabelledFaces(images, au=np.full((1, 24), 2.0), au_most=np.full((1, 24), 1.0))
