"""Lips meet for m, b and p: heard, learnt, and drawn."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from gen.audio.closures import close_lips, load_closures
from gen.audio.encoder import load_encoder
from gen.audio.ridge import NeighbourRidge
from gen.data.voices import Phone
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.train.closures import by_frame
from gen.train.detector import DetectorConfig, Heard, fit_detector, judged
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.media import read_audio


def opening(blendshapes):
    model = FaceModel.load()
    return model.lip_opening(blendshapes) - model.lip_opening(np.zeros((1, 52)))[0]


@pytest.fixture
def open_mouth():
    face = np.zeros((9, 52), np.float32)
    face[:, ARKIT_INDEX["jawOpen"]] = 0.4
    face[:, ARKIT_INDEX["mouthFunnel"]] = 0.3
    return face


def test_lips_meet_where_they_are_heard_to(open_mouth):
    odds = np.array([-9, -1, 1, 1.7, 2.4, 3.2, 4, 6, 9.0])
    closed = close_lips(open_mouth, odds)
    wide = opening(open_mouth)
    gap = opening(closed)
    assert gap[:3] == pytest.approx(wide[:3], abs=1e-4)
    assert (np.diff(gap[2:7]) < 0).all()
    assert np.abs(gap[6:]).max() < 0.15 * wide[0]
    # The jaw goes its own way.
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.array_equal(closed[:, jaw], open_mouth[:, jaw])
    assert closed.min() >= 0 and closed.max() <= 1


def test_shut_lips_stay_as_they_are():
    still = np.zeros((3, 52), np.float32)
    moved = close_lips(still, np.array([-9.0, 2.5, 9]))
    changed = np.flatnonzero(np.abs(moved - still).max(0))
    pressed = {ARKIT_INDEX["mouthPressLeft"], ARKIT_INDEX["mouthPressRight"]}
    assert set(changed) <= pressed


def test_phones_by_frame():
    times = [("", 0, 0.2), ("b", 0.2, 0.27), ("aː", 0.27, 0.5), ("m", 0.5, 0.53), ("", 0.53, 1)]
    phones = [Phone(*phone) for phone in times]
    closed, said = by_frame(phones, 25)
    # Frame i lasts from (i - 0.5) / 25 to (i + 0.5) / 25 seconds.
    assert np.flatnonzero(closed).tolist() == [5, 6, 13]
    # The first frame begins before the sound does.
    assert np.flatnonzero(said).tolist() == [0, *range(5, 14)]


def test_a_planted_sound_is_learnt():
    rng = np.random.default_rng(0)
    tone = rng.normal(size=24)

    def text(voice):
        closed = rng.uniform(size=300) < 0.15
        features = rng.normal(size=(300, 24)) + 1.5 * closed[:, None] * tone + rng.normal(size=24)
        return Heard(voice, features, closed, rng.uniform(size=300) < 0.9)

    config = DetectorConfig(components=20, strength=0.1)
    texts = [text(f"v{i}") for i in range(8)]
    ridge = fit_detector(texts, config)
    other = text("stranger")
    odds = ridge(other.features.astype(np.float32))[:, 0]
    assert ridge.weights.shape == (5, 24, 1)
    assert odds[other.truth].mean() - odds[~other.truth].mean() > 3
    # Two of the eight voices are left out of the fit that is judged.
    odds, truth = judged(texts, config)
    assert len(odds) == sum(t.counts.sum() for t in (texts[0], texts[4]))
    assert odds[truth].mean() - odds[~truth].mean() > 3
    with pytest.raises(ValueError, match="nothing of what is to be heard"):
        silent = text("v")
        silent.truth[:] = False
        fit_detector([silent], config)


def test_joined_maps_are_both():
    rng = np.random.default_rng(0)
    a, b = (
        NeighbourRidge(rng.normal(size=(3, 4, k)).astype(np.float32), np.ones(k, np.float32))
        for k in (2, 1)
    )
    x = rng.normal(size=(10, 4)).astype(np.float32)
    assert np.allclose(a.joined(b)(x), np.concatenate([a(x), b(x)], 1), atol=1e-5)
    with pytest.raises(ValueError, match="cannot be joined"):
        a.joined(NeighbourRidge(np.zeros((5, 4, 1)), np.zeros(1)))


def test_a_map_is_kept(tmp_path):
    ridge = NeighbourRidge(np.ones((5, 3, 1), np.float32), np.ones(1, np.float32))
    ridge.save(tmp_path)
    assert np.array_equal(load_closures(tmp_path).weights, ridge.weights)
    NeighbourRidge(np.ones((5, 3, 2)), np.ones(2)).save(tmp_path)
    with pytest.raises(ValueError, match="one output"):
        load_closures(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_closures(tmp_path)
    with pytest.raises(FileNotFoundError, match="no map of closures"):
        load_closures(tmp_path / "none")


def test_a_generator_closes_lips():
    torch.manual_seed(0)
    denoiser = MotionDenoiser(audio_dim=6, dim=16, depth=1, heads=2, window_frames=20)
    generator = MotionGenerator(denoiser, DDIMScheduler(prediction_type="sample"))
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    odds = np.full((50, 1), -20, np.float32)
    odds[[9, 10, 30, 31]] = 20

    def made(*columns):
        seed = torch.Generator().manual_seed(0)
        return generator(np.concatenate(columns, 1), steps=2, generator=seed).blendshapes

    free, closed = made(features), made(features, odds)
    touched = np.flatnonzero(np.abs(free - closed).max(1) > 1e-6)
    assert touched.tolist() == [9, 10, 30, 31]
    assert opening(closed[touched]).max() <= opening(free[touched]).max()
    with pytest.raises(ValueError, match="speech features"):
        made(features, odds, odds, odds, odds)


def test_the_packaged_map_hears_the_packaged_sentence(speech_path):
    """Bilabials are a tenth of speech, and each is a short moment."""
    encoder = load_encoder("articulation+closures")
    odds = encoder.encode(read_audio(speech_path, 16000))[:, -1]
    assert encoder.dim == load_encoder("articulation").dim + 1
    starts = np.flatnonzero(np.diff((odds > 0).astype(int)) == 1)
    assert 5 <= len(starts) <= 12
    assert 0.03 < (odds > 0).mean() < 0.2
