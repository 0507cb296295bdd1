"""The FER+ protocol on votes whose outcome can be counted, and files of labelled faces."""

import cv2
import numpy as np
import pytest

from recognizer.data.face_files import load_faces, save_faces
from recognizer.data.faces import LabelledFaces, concatenate
from recognizer.data.ferplus import FerPlus, majority, plurality, soft_targets

#: Votes and what becomes of them: majority, plurality, shares of the emotions (None: left out).
CASES = [
    ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0, {0: 1}),
    # A single vote counts as none: 5 of the remaining 9 are more than half.
    ([5, 4, 1, 0, 0, 0, 0, 0, 0, 0], 0, 0, {0: 5 / 9, 1: 4 / 9}),
    # Exactly half is not enough.
    ([5, 3, 2, 0, 0, 0, 0, 0, 0, 0], -1, 0, {0: 0.5, 1: 0.3, 2: 0.2}),
    ([0, 0, 0, 3, 3, 2, 2, 0, 0, 0], -1, 3, {3: 0.3, 4: 0.3, 5: 0.2, 6: 0.2}),
    # Unknown and "not a face" are options like others, and count in the half.
    ([4, 0, 0, 0, 0, 0, 0, 0, 6, 0], -1, -1, None),
    ([0, 0, 0, 0, 0, 0, 0, 6, 4, 0], 7, 7, {7: 1}),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], -1, -1, None),
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], -1, 0, None),
]
EIGHT = np.arange(8)


def test_rules():
    votes = np.array([case[0] for case in CASES], np.uint8)
    assert majority(votes).tolist() == [case[1] for case in CASES]
    assert plurality(votes).tolist() == [case[2] for case in CASES]
    targets = soft_targets(votes)
    for row, (*_, shares) in zip(targets, CASES, strict=True):
        if shares is None:
            assert np.isnan(row).all()
        else:
            total = sum(shares.values())
            wanted = [shares.get(i, 0) / total for i in EIGHT]
            np.testing.assert_allclose(row, wanted, atol=1e-6)
    assert np.isfinite(soft_targets(votes, 0.4)[4]).all()


@pytest.fixture
def path(tmp_path):
    """Three splits of the eight cases; a picture's grey says which it is."""
    files = [
        cv2.imencode(".webp", np.full((48, 48), 10 * i, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])
        for i in range(24)
    ]
    data = [file.ravel() for _, file in files]
    votes = np.array([case[0] for case in CASES] * 3, np.uint8)
    path = tmp_path / "made.npz"
    np.savez(
        path,
        bytes=np.concatenate(data),
        offsets=np.cumsum([0, *map(len, data)]),
        votes=votes,
        split=np.repeat(np.arange(3, dtype=np.uint8), 8),
    )
    return path


def test_counts_and_pictures(path):
    ferplus = FerPlus.load(path)
    assert ferplus.images.shape == (24, 48, 48)
    assert FerPlus.load(path) is ferplus
    test = ferplus.faces("test", "majority")
    assert np.abs(test.images.mean((1, 2)) - [160, 170, 210]).max() <= 2
    assert test.emotion.argmax(1).tolist() == [0, 0, 7]
    # All single votes: the most voted option is an emotion, but nobody agrees with anybody.
    assert len(ferplus.faces("test", "plurality")) == 5
    assert len(ferplus.faces("train", "votes")) == 5
    assert len(ferplus.faces("train", "votes", 0.4)) == 6
    loaded = load_faces(path)
    assert [len(loaded[name]) for name in ("train", "valid", "test")] == [5, 3, 3]
    with pytest.raises(ValueError, match="rule one of"):
        ferplus.faces("test", "winner")


def test_files_that_are_none(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: no such file"):
        load_faces(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("votes")
    with pytest.raises(ValueError, match=r"text\.npz holds no labelled faces"):
        load_faces(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", votes=np.zeros((3, 10)))
    with pytest.raises(ValueError, match=r"other\.npz is not FER\+"):
        load_faces(tmp_path / "other.npz")
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(tmp_path / "broken.npz", **arrays | {"bytes": arrays["bytes"] * 0})
    with pytest.raises(ValueError, match=r"broken\.npz: a picture cannot be read"):
        load_faces(tmp_path / "broken.npz")


def test_faces_keep_their_labels(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 16, 16), dtype=np.uint8)
    au = rng.uniform(0, 5, (4, 24)).astype(np.float32)
    au[:, 3] = np.nan
    first = LabelledFaces(images[:4], au=au, valence_arousal=rng.uniform(-1, 1, (4, 2)))
    second = LabelledFaces(images[4:], emotion=np.eye(8)[:2])
    path = tmp_path / "faces.npz"
    save_faces(path, {"train": concatenate([first, second]), "test": first[1:2]})
    loaded = load_faces(path)
    assert [len(part) for part in loaded.values()] == [6, 0, 1]
    assert np.array_equal(loaded["train"].images, images)
    np.testing.assert_array_equal(loaded["train"].au[:4], au)
    assert loaded["train"].labelled("au").tolist() == [True] * 4 + [False] * 2
    assert loaded["train"].labelled("emotion").tolist() == [False] * 4 + [True] * 2


def test_labels_out_of_range():
    images = np.zeros((2, 16, 16), np.uint8)
    with pytest.raises(ValueError, match="au goes from 0 to 5"):
        LabelledFaces(images, au=np.full((2, 24), 6))
    with pytest.raises(ValueError, match=r"emotion of 2 faces is \[2, 8\]"):
        LabelledFaces(images, emotion=np.zeros((2, 7)))
    with pytest.raises(ValueError, match="uint8"):
        LabelledFaces(images / 255)
    with pytest.raises(ValueError, match="different sizes"):
        concatenate([LabelledFaces(images), LabelledFaces(images[:, :8, :8])])
