"""GRID's word times → frames at rest."""

from __future__ import annotations

import numpy as np
import pytest

from gen.data.grid import build, fit_speaker, silent_frames
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX

ALIGN = "0 23750 sil\n23750 29500 bin\n29500 53000 blue\n53000 74500 sil\n"


def test_silences_are_trimmed():
    assert silent_frames(ALIGN, 75) == [*range(3, 21), *range(56, 71)]
    assert silent_frames(ALIGN, 60) == [*range(3, 21), 56]
    assert silent_frames("0 100 bin\n", 75) == []


def test_the_resting_face_becomes_neutral():
    model = FaceModel.load()
    rng = np.random.default_rng(0)
    coefficients = np.zeros((40, 52))
    coefficients[:, ARKIT_INDEX["jawOpen"]] = np.r_[np.full(20, 0.15), np.linspace(0.15, 0.6, 20)]
    faces = model.landmarks + np.tensordot(coefficients, model.landmark_blendshapes, 1)
    points = 150 * faces + (256, 256, 0) + rng.normal(0, 0.05, faces.shape)
    scores = coefficients + rng.uniform(0, 0.01, coefficients.shape)
    fitter = fit_speaker({"a": (points, scores)}, {"a": list(range(20))})
    jaw = [fitter.fit_frame(points[i], scores[i])[1][ARKIT_INDEX["jawOpen"]] for i in (5, 39)]
    assert jaw[0] == pytest.approx(0, abs=0.03)
    assert jaw[1] > 0.3


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no sentence"):
        build(tmp_path, tmp_path / "out", "nobody")
