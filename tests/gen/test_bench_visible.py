"""Lids and lips as landmarks show them, against faces that were moved by hand."""

import numpy as np
import pytest

from gen.bench.visible import people_apart, visible_liveliness, visible_series
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

FRAMES = 125
TIME = np.arange(FRAMES) / 25


def landmarks(scale=200.0, **columns):
    """The mean head's points ``[T, 478, 2]`` with coefficients ``[T]`` by stem."""
    model = FaceModel.load()
    shapes = np.zeros((FRAMES, 52))
    for stem, values in columns.items():
        for name in sides(stem):
            shapes[:, ARKIT_INDEX[name]] = values
    moved = np.einsum("tk,kpc->tpc", shapes, model.landmark_blendshapes)
    return scale * (model.landmarks + moved)[..., :2] + 300


def blink(depth=0.8):
    return depth * np.exp(-(((np.arange(FRAMES) - 60) / 2.5) ** 2))


def talk(size=0.3):
    return size * (1 + np.sin(2 * np.pi * 4 * TIME))


def test_a_blink_is_a_share_of_the_open_eye():
    shut = visible_series(landmarks(eyeBlink=blink()))["lids"]
    assert abs(np.median(shut)) < 0.02 and shut.argmax() == 60 and 0.5 < shut.max() < 1.1
    # Neither a face's size nor eyes that are narrow from the first to the last frame count.
    assert visible_series(landmarks(90, eyeBlink=blink()))["lids"] == pytest.approx(shut, abs=1e-6)
    squinting = visible_series(landmarks(eyeBlink=0.2 + blink(0.6)))["lids"]
    assert squinting.max() == pytest.approx(shut.max(), rel=0.15)


def test_lips_in_face_heights():
    rest, still = (visible_series(landmarks(jawOpen=v)) for v in (0 * TIME + 0.3, 0 * TIME))
    assert rest["opening"].mean() > still["opening"].mean() + 0.03
    for name, stem in (("width", "mouthSmile"), ("upper_lip", "mouthUpperUp")):
        moved = visible_series(landmarks(**{stem: talk()}))[name]
        assert moved.std() > 5 * np.std(visible_series(landmarks(eyeBlink=blink()))[name])


def test_frames_without_a_face_are_bridged():
    points = landmarks(jawOpen=talk())
    points[20:22] = np.nan
    assert all(np.isfinite(row).all() for row in visible_series(points).values())
    with pytest.raises(ValueError, match="no frame"):
        visible_series(np.full_like(points, np.nan))


def test_half_the_speech_and_a_smile_that_comes_and_stays():
    pytest.importorskip("torchmetrics")
    smile = 0.5 / (1 + np.exp(-4 * (TIME - 2.5)))
    made = [landmarks(jawOpen=talk(0.15), mouthSmile=0.1 * talk(), eyeBlink=blink())]
    real = [landmarks(jawOpen=talk(), mouthSmile=smile + 0.2 * talk(), eyeBlink=blink())]
    report = visible_liveliness(made, real)
    assert report["opening"]["std_r"]["value"] == pytest.approx(0.5, rel=0.1)
    assert report["opening"]["vc_r"]["value"] == pytest.approx(0.25, rel=0.2)
    assert report["lids"]["std_r"]["value"] == pytest.approx(1, rel=0.05)
    width = report["width"]
    assert width["std_r"]["value"] < 0.3 < width["std_r_quick"]["value"]
    assert width["people"] is None


def test_how_far_people_are_apart():
    clips = [size * np.sin(7 * TIME) for size in (1, 2, 2)]
    apart = people_apart(clips)
    assert apart["std_r"][0] == pytest.approx(0.5)
    assert apart["std_r"][1] == pytest.approx(2 / np.sqrt(2.5))
    assert apart["vc_r"][0] == pytest.approx(0.25)
