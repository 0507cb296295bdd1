"""Vertex errors against torchmetrics and against CodeTalker's formula in loops."""

import statistics

import numpy as np
import pytest

from recognizer.metrics.vertices import (
    LipVertexError,
    MeanVertexError,
    UpperFaceDynamicsDeviation,
    lip_vertex_error,
    mean_vertex_error,
    upper_face_dynamics_deviation,
)

LIPS, BROWS = [2, 3, 5], [0, 1, 7, 8]


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    neutral = rng.normal(size=(10, 3))
    made, real = (neutral + rng.normal(0, s, (20, 10, 3)) for s in (0.1, 0.3))
    return made, real, neutral


def test_lips_are_torchmetrics(clips, needs_torchmetrics):
    multimodal = pytest.importorskip("torchmetrics.functional.multimodal")
    import torch

    made, real, _ = clips
    theirs = multimodal.lip_vertex_error(torch.tensor(made), torch.tensor(real), LIPS)
    assert lip_vertex_error(made, real, LIPS) == pytest.approx(float(theirs))


def test_lips_by_hand():
    made = np.zeros((2, 4, 3))
    made[0, 1], made[1, 2] = (3, 4, 0), (1, 0, 0)
    made[:, 3] = 99  # no lip
    assert lip_vertex_error(made, np.zeros((5, 4, 3)), [0, 1, 2]) == (25 + 1) / 2
    assert mean_vertex_error(made[:, :3], np.zeros((2, 3, 3))) == pytest.approx(6 / 6)


def test_dynamics_are_codetalkers(clips):
    made, real, neutral = clips
    spread = []
    for clip in (real, made):
        per_point = [
            statistics.pstdev(sum((frame[v] - neutral[v]) ** 2) for frame in clip) for v in BROWS
        ]
        spread.append(statistics.fmean(per_point))
    wanted = spread[0] - spread[1]
    assert upper_face_dynamics_deviation(made, real, neutral, BROWS) == pytest.approx(wanted)
    assert wanted > 0
    lively = upper_face_dynamics_deviation(real, made, neutral, BROWS)
    assert lively == pytest.approx(-wanted)
    assert upper_face_dynamics_deviation(real, made, neutral, BROWS, True) == pytest.approx(wanted)


def test_lost_frames_and_bad_shapes(clips):
    made, real, neutral = clips
    lost = made.copy()
    lost[[3, 9]] = np.nan
    kept = np.delete(np.arange(20), [3, 9])
    assert lip_vertex_error(lost, real, LIPS) == lip_vertex_error(made[kept], real[kept], LIPS)
    assert np.isnan(mean_vertex_error(np.full_like(made, np.nan), real))
    with pytest.raises(ValueError, match="are compared"):
        mean_vertex_error(made[:, :4], real)
    with pytest.raises(ValueError, match="neutral"):
        upper_face_dynamics_deviation(made, real, neutral[:4], BROWS)


def test_signed_deviations_cancel_absolute_ones_do_not(clips, needs_torchmetrics):
    made, real, neutral = clips
    signed = UpperFaceDynamicsDeviation(points=BROWS, neutral=neutral)
    sizes = UpperFaceDynamicsDeviation(points=BROWS, neutral=neutral, absolute=True)
    for metric in (signed, sizes):
        metric.update(made, real)
        metric.update(real, made)
    assert signed.compute()["value"] == pytest.approx(0)
    assert sizes.compute()["value"] > 0.1
    error, mean = LipVertexError(lips=LIPS), MeanVertexError()
    for metric in (error, mean):
        metric.update(made, real)
        metric.update(real, real)
    assert error.compute()["value"] == pytest.approx(lip_vertex_error(made, real, LIPS) / 2)
    assert mean.compute()["value"] == pytest.approx(mean_vertex_error(made, real) / 2)
