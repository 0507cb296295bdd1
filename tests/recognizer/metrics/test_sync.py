"""Lips and sound: known lags, strangers' chance level, SyncNet's scores as torch has them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.stats import pearsonr

from recognizer.metrics.sync import (
    LipAudioCorrelation,
    LipOpeningCorrelation,
    SyncNetScores,
    lip_audio_correlation,
    lip_opening_correlation,
    sync_distances,
    syncnet_scores,
)


def smooth_noise(seed, frames=250):
    return gaussian_filter1d(np.random.default_rng(seed).normal(size=frames), 2.5)


def test_lips_that_follow_late():
    loud = smooth_noise(0)
    lips = np.roll(loud, 3) + np.random.default_rng(1).normal(0, 0.1, 250)
    found = lip_audio_correlation(lips, loud)
    assert found["lag"] == 3
    assert found["r"] == pytest.approx(pearsonr(lips, loud).statistic)
    assert found["r_best"] == pytest.approx(pearsonr(lips[3:], loud[:-3]).statistic)
    assert found["z"] > 5 and found["p"] == pytest.approx(1 / 201)


def test_strangers_are_at_chance():
    """Smooth series correlate by chance; z and p know that, the best r alone does not."""
    found = [lip_audio_correlation(smooth_noise(i), smooth_noise(i + 500), shifts=40)
             for i in range(24)]  # fmt: skip
    assert np.mean([f["r_best"] for f in found]) > 0.1
    assert abs(np.mean([f["z"] for f in found])) < 0.5
    assert np.mean([f["p"] < 0.1 for f in found]) < 0.25


def test_constant_and_short_series():
    assert all(
        np.isnan(v) for v in lip_audio_correlation(np.ones(99), smooth_noise(0, 99)).values()
    )
    short = lip_audio_correlation(smooth_noise(0, 25), smooth_noise(0, 25))
    assert short["r"] == pytest.approx(1) and np.isnan(short["z"])
    with pytest.raises(ValueError, match="cannot be correlated"):
        lip_audio_correlation(np.ones(9), np.ones(8))


def test_lost_frames():
    loud = smooth_noise(3)
    lips = loud.copy()
    lips[50:80] = np.nan
    assert lip_audio_correlation(lips, loud)["r"] == pytest.approx(1)


def test_against_a_filmed_speaker():
    real = smooth_noise(4)
    assert lip_opening_correlation(np.roll(real, -1), real)["lag"] == -1
    assert np.isnan(lip_opening_correlation(np.zeros(250), real)["r"])


@pytest.fixture(scope="module")
def embeddings():
    """The sound of frame t belongs to the picture of frame t + 2."""
    sound = np.random.default_rng(5).normal(size=(60, 32))
    return np.roll(sound, 2, axis=0) + np.random.default_rng(6).normal(0, 0.3, (60, 32)), sound


def test_distances_are_syncnets(embeddings):
    video, audio = (torch.tensor(x) for x in embeddings)
    padded = torch.nn.functional.pad(audio, (0, 0, 15, 15))
    theirs = torch.stack(
        [torch.nn.functional.pairwise_distance(video[[t]].repeat(31, 1), padded[t : t + 31])
         for t in range(60)]
    ).mean(0)  # fmt: skip
    assert sync_distances(*embeddings, 15) == pytest.approx(theirs.numpy(), abs=1e-4)
    scores = syncnet_scores(*embeddings)
    assert scores["lse_d"] == pytest.approx(float(theirs.min()), abs=1e-4)
    assert scores["lse_c"] == pytest.approx(float(theirs.median() - theirs.min()), abs=1e-4)
    assert scores["offset"] == 15 - int(theirs.argmin()) == 2


def test_sound_of_another_clip_has_no_confidence(embeddings):
    video, audio = embeddings
    other = np.random.default_rng(7).normal(size=audio.shape)
    assert syncnet_scores(video, other)["lse_c"] < 0.2 * syncnet_scores(video, audio)["lse_c"]
    with pytest.raises(ValueError, match="one shape"):
        syncnet_scores(video, audio[:9])


def test_classes(embeddings, needs_torchmetrics):
    metric = SyncNetScores(max_shift=5)
    metric.update(*embeddings)
    metric.update(embeddings[1], embeddings[1])
    assert metric.compute()["offset"]["value"] == 1
    metric = LipAudioCorrelation(shifts=30)
    metric.update(smooth_noise(0), smooth_noise(0))
    metric.update(np.ones(250), smooth_noise(0))
    found = metric.compute()["r"]
    assert found["value"] == pytest.approx(1) and found["undefined"] == 1
    metric = LipOpeningCorrelation()
    metric.update(smooth_noise(0), smooth_noise(0))
    assert metric.compute()["lag"]["value"] == 0
