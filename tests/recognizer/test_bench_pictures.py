"""Labelled folders of one's own, and films."""

import shutil

import cv2
import numpy as np
import pytest
import torch

from recognizer.bench.pictures import (
    _detection,
    au_folder_benchmark,
    emotion_folder_benchmark,
    ferplus_benchmark,
    film_benchmark,
)
from recognizer.crop import face_crop
from recognizer.data.faces import LabelledFaces
from recognizer.facs import EMOTIONS
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer():
    torch.manual_seed(0)
    network = AppearanceNet(channels=(8, 16), layers=(1, 1), embedding=8).eval()
    return Recognizer(AffectHead(width=8, dilations=(1,)).eval(), network)


@pytest.fixture
def wall(tmp_path):
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((160, 160, 3), 120, np.uint8))
    return path


def test_a_folder_for_each_emotion(recognizer, portrait_path, wall, tmp_path):
    for name in ("happy", "anger", "holiday"):
        (tmp_path / "set" / name).mkdir(parents=True)
        shutil.copy(portrait_path, tmp_path / "set" / name / "a b.png")
    shutil.copy(wall, tmp_path / "set" / "anger" / "wall.png")
    figures = emotion_folder_benchmark(recognizer, tmp_path / "set")
    assert figures["n"] == 2 and figures["no_face"] == ["wall.png"]
    said = int(recognizer(portrait_path).emotion[0].argmax())
    confusion = np.array(figures["confusion"])
    for truth in ("happiness", "anger"):
        assert confusion[EMOTIONS.index(truth), said] == 1
    with pytest.raises(ValueError, match="folders called neutral"):
        emotion_folder_benchmark(recognizer, tmp_path)


def test_action_units_by_file_name(recognizer, portrait_path, wall, tmp_path):
    folder = tmp_path / "units"
    folder.mkdir()
    for name in ("AU6+AU12.png", "au01_AU2 AU12.png", "AU99.png", "nothing.png"):
        shutil.copy(portrait_path, folder / name)
    shutil.copy(wall, folder / "AU4.png")
    figures = au_folder_benchmark(recognizer, folder)
    assert figures["n"] == 2 and figures["no_face"] == ["AU4.png"]
    # Both files show AU12: nothing can be told about it.
    assert set(figures["au"]) == {"AU01", "AU02", "AU06"}
    with pytest.raises(ValueError, match="AU6"):
        au_folder_benchmark(recognizer, portrait_path.parent)


def test_detection_against_counting():
    truth = np.array([1, 1, 0, 0, 1, 0], bool)
    intensity = np.array([3.0, 0.5, 2.0, 0.1, 1.5, 0.2])
    found = _detection(truth, intensity)
    assert found["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1), abs=1e-4)
    pairs = [(intensity[truth][:, None] > intensity[~truth]).mean()]
    assert found["auc"] == pytest.approx(pairs[0], abs=1e-4)
    assert found["best_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 0), abs=1e-4)


def test_both_experts_on_framed_faces(recognizer, picture, tracker):
    crop = face_crop(picture, tracker.detect(picture)[0].points)
    images = np.stack([crop, np.full_like(crop, 90)])
    faces = LabelledFaces(images, np.eye(8, dtype=np.float32)[[0, 1]])
    figures = ferplus_benchmark(recognizer, faces)
    assert figures["found"] == figures["motion"]["n"] == 1
    assert figures["appearance"]["n"] == figures["fused"]["n"] == 2


def test_films(recognizer, picture, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    with pytest.raises(ValueError, match="no films"):
        film_benchmark(recognizer, folder)
    from gen.video import VideoWriter

    with VideoWriter(folder / "a.mp4", *picture.shape[1::-1], 25.0) as video:
        for _ in range(3):
            video.write(picture)
    figures = film_benchmark(recognizer, folder)["a.mp4"]
    assert figures["frames"] == 3 and figures["frames_per_second"] > 0
    assert figures["jitter"] < 0.2
