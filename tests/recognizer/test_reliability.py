"""Experts are relied on by how often they are right."""

import numpy as np
import torch

from recognizer.bench.pictures import opinions
from recognizer.crop import face_crop
from recognizer.data.faces import LabelledFaces
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.train.reliability import fit


def test_an_expert_counts_by_how_often_it_is_right(picture, tracker):
    torch.manual_seed(0)
    head = AffectHead(width=8, dilations=(1,)).eval()
    network = AppearanceNet(channels=(8, 16), layers=(1, 1), embedding=8).eval()
    crop = face_crop(picture, tracker.detect(picture)[0].points)
    images = np.stack([crop, crop[:, ::-1], np.full_like(crop, 128)])
    blank = LabelledFaces(images, np.eye(8, dtype=np.float32)[[0, 0, 0]])
    moved, seen = opinions(blank, head, network)
    assert np.isfinite(moved.emotion[:2]).all() and np.isnan(moved.emotion[2]).all()
    assert np.isfinite(seen.emotion).all()

    def found(labels):
        return fit(LabelledFaces(images, np.eye(8, dtype=np.float32)[labels]), head, network)

    right, wrong = found(seen.emotion.argmax(1)), found(seen.emotion.argmin(1))
    assert right["accuracy"]["appearance"] == 1 and wrong["accuracy"]["appearance"] == 0
    assert right["reliability"]["appearance"] > 0.9 and wrong["reliability"]["appearance"] < 0.1
    assert right["n"] == 3 and set(right["accuracy"]) == {"motion", "appearance", "fused"}
