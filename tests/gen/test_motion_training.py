"""Records to windows, sound augmentation, losses and the training loop."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gen.audio import load_encoder
from gen.data.augment import augment, limit_band, mu_law, reverberate, shift_voice
from gen.data.corpus import CorpusConfig, load_corpus
from gen.data.dataset import MotionWindows
from gen.data.records import MotionRecord
from gen.data.speech_features import encode_corpus
from gen.data.splicing import Piece, join_motion, splice
from gen.motion import MotionGenerator
from gen.train.articulation import fit_articulation
from gen.train.denoiser import TrainingConfig
from gen.train.motion import train
from gen.train.motion_loss import MotionLoss, lip_geometry
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack

JAW = ARKIT_INDEX["jawOpen"]
TONGUE = ARKIT_INDEX["tongueOut"]


class LoudnessEncoder:
    """Features are the loudness of a frame: what a test can read back."""

    name, dim = "loudness", 2

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        self.calls += 1
        frames = waveform[: len(waveform) // 640 * 640].reshape(-1, 640)
        loudness = np.abs(frames).mean(1)
        return np.stack([loudness, 1 - loudness], axis=1).astype(np.float32)


def talker(name: str, seed: int, frames: int = 40, measured=None) -> MotionRecord:
    """Someone whose jaw opens as loud as they speak."""
    rng = np.random.default_rng(seed)
    loudness = np.convolve(rng.random(frames + 8), np.ones(9) / 9, "valid") * 0.6
    sign = np.tile([1, -1], 320)
    track = MotionTrack.zeros(frames)
    track["jawOpen"][:] = loudness
    track["headYaw"][:] = rng.standard_normal()
    waveform = (loudness[:, None] * sign).ravel().astype(np.float32)
    extra = {} if measured is None else {"measured": measured}
    return MotionRecord(name, track, waveform, "someone", **extra)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "talkers"
    folder.mkdir()
    measured = np.ones(58, bool)
    measured[TONGUE] = False
    for i in range(8):
        talker(f"t{i}", i, measured=measured).save(folder)
    return folder


def envelope_lag(before: np.ndarray, after: np.ndarray) -> float:
    """By how many milliseconds the loudness of ``after`` is late."""
    smooth = np.hanning(320)
    a, b = (np.convolve(np.abs(w), smooth, "same")[::16] for w in (before, after))
    a, b = a - a.mean(), b - b.mean()
    return float(np.correlate(b, a, "full").argmax() - (len(a) - 1))


def syllables(seconds: float = 2.0) -> np.ndarray:
    """A buzz of 120 Hz that swells and fades four times a second, irregularly."""
    time = np.arange(int(seconds * 16000)) / 16000
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 30))
    swell = np.clip(np.sin(2 * np.pi * 4 * time + np.sin(5 * time)), 0, 1)
    return (buzz * swell * 0.2).astype(np.float32)


def test_augmentation_keeps_the_rhythm_and_changes_the_sound():
    waveform = syllables()
    for seed in range(6):
        out = augment(waveform, np.random.default_rng(seed))
        assert out.shape == waveform.shape and out.dtype == np.float32
        assert np.isfinite(out).all() and np.abs(out).max() <= 1
        assert abs(envelope_lag(waveform, out)) <= 25
        assert np.abs(out - waveform).max() > 0.01
    again = augment(waveform, np.random.default_rng(3))
    assert np.array_equal(again, augment(waveform, np.random.default_rng(3)))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_voice_shift_multiplies_pitch(factor):
    time = np.arange(32000) / 16000
    tone = np.sin(2 * np.pi * 400 * time).astype(np.float32)
    out = shift_voice(tone, factor)
    assert len(out) == len(tone)
    spectrum = np.abs(np.fft.rfft(out[8000:24000]))
    assert spectrum.argmax() == pytest.approx(400 * factor, rel=0.02)
    assert abs(envelope_lag(syllables(), shift_voice(syllables(), factor))) <= 15


def test_single_effects():
    rng = np.random.default_rng(0)
    click = np.zeros(16000, np.float32)
    click[4000] = 1
    assert np.abs(reverberate(click, 0.3, 0.3, rng)).argmax() == 4000
    assert np.abs(limit_band(click, 100, 4000)).argmax() == pytest.approx(4000, abs=2)
    spectrum = np.abs(np.fft.rfft(limit_band(click, 100, 4000)))
    assert spectrum[6000] < 0.1 < spectrum[1000]
    wave = rng.uniform(-1, 1, 1000).astype(np.float32)
    assert np.abs(mu_law(wave) - wave).max() < 0.05 and len(np.unique(mu_law(wave))) <= 256


def test_join_is_smooth_and_leaves_the_rest_alone():
    low, high = np.zeros((40, 58), np.float32), np.ones((40, 58), np.float32)
    out = join_motion([low, high])
    assert np.abs(np.diff(out[:, 0])).max() < 0.3
    assert np.abs(np.diff(out[:, 57])).max() < 0.1
    assert (out[:37, :52] == 0).all() and (out[43:, :52] == 1).all()
    assert np.array_equal(join_motion([low]), low)
    short = join_motion([low, high[:2], low])
    assert np.isfinite(short).all() and len(short) == 82


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_windows_keep_speech_and_motion_together(corpus, variant):
    records = load_corpus(corpus)
    windows = MotionWindows(
        [(records, CorpusConfig(variants=variant + 1))], LoudnessEncoder().encode
    )
    stream = windows._corpora[0].streams[variant]
    windows._corpora[0].streams[:] = [stream]
    batch = windows.batch(np.random.default_rng(0), size=16, frames=30, context=3)
    assert batch["motion"].shape == (16, 30, 58) and batch["speech"].shape == (16, 36, 2)
    jaw, loud = batch["motion"][:, :, JAW], batch["speech"][:, 3:-3, 0]
    if variant == 0:
        # Only the frames drawn together at joints may differ.
        assert (np.abs(jaw - loud) < 0.005).mean() > 0.8
    assert not batch["measured"][:, TONGUE].any() and batch["measured"][:, JAW].all()


def test_features_are_cached_and_the_cache_knows_its_sound(corpus, tmp_path):
    records, encoder = load_corpus(corpus), LoudnessEncoder()
    order, first = encode_corpus(records, encoder.encode, 1, tmp_path / "cache")
    calls = encoder.calls
    again_order, again = encode_corpus(records, encoder.encode, 1, tmp_path / "cache")
    # One call is the probe by which the cache knows the encoder.
    assert encoder.calls == calls + 1 and again_order == order
    assert all(np.array_equal(first[name], again[name]) for name in order)
    assert sorted(order) == [f"t{i}" for i in range(8)]
    records[0].waveform[:] = 0.5
    encode_corpus(records, encoder.encode, 1, tmp_path / "cache")
    assert encoder.calls > calls + 3


def test_statistics_are_those_of_the_mixture(corpus):
    records = load_corpus(corpus)
    other = [talker("loud", 50, frames=200)]
    other[0].motion["tongueOut"][:] = np.linspace(0, 1, 200)
    windows = MotionWindows(
        [(records, CorpusConfig(weight=3)), (other, CorpusConfig(weight=1))],
        LoudnessEncoder().encode,
    )
    found = windows.statistics()
    jaws = [np.concatenate([r.motion["jawOpen"] for r in part]) for part in (records, other)]
    mean = 0.75 * jaws[0].mean() + 0.25 * jaws[1].mean()
    assert found["motion_mean"][JAW] == pytest.approx(mean, abs=0.01)
    assert found["motion_mean"][TONGUE] == pytest.approx(0.5, abs=1e-3)
    assert found["motion_std"][TONGUE] == pytest.approx(np.linspace(0, 1, 200).std(), abs=1e-3)
    assert found["motion_std"][0] == pytest.approx(0.03)


def test_still_speakers_are_livened_and_keep_their_lips(corpus):
    still = np.ones(58, bool)
    still[52:] = False
    records = [talker(f"r{i}", i, frames=75, measured=still) for i in range(6)]
    plain, lively = (
        MotionWindows([(records, CorpusConfig(liven=on))], LoudnessEncoder().encode)
        for on in (False, True)
    )
    before, after = (w.batch(np.random.default_rng(0), 1, 440, 2) for w in (plain, lively))
    np.testing.assert_array_equal(before["motion"][..., JAW], after["motion"][..., JAW])
    assert 1.5 < after["motion"][0, :, 53].std() < 9
    assert after["motion"][0, :, ARKIT_INDEX["eyeBlinkLeft"]].max() > 0.9
    assert after["measured"][:, 52:].all() and not before["measured"][:, 52:].any()
    assert after["motion"][..., :52].min() >= 0 and after["motion"][..., :52].max() <= 1


def loss_of(made, clean, measured=None, **weights):
    rows, opening, rest = lip_geometry()
    loss = MotionLoss(rows, opening, rest, **weights)
    measured = torch.ones(len(made), 58, dtype=torch.bool) if measured is None else measured
    return loss(made, clean, clean[:, :1], measured, torch.zeros(58), torch.ones(58))


def test_loss_is_zero_for_the_truth_and_ignores_what_was_not_measured():
    clean = torch.rand(2, 9, 58)
    assert loss_of(clean, clean)[0] == 0
    made = clean.clone()
    made[:, :, JAW] += 1.0
    measured = torch.ones(2, 58, dtype=torch.bool)
    assert loss_of(made, clean, measured)[0] > 0
    measured[:, JAW] = False
    assert loss_of(made, clean, measured)[0] == 0


def test_opening_loss_is_the_face_models_distance_and_stresses_closure():
    shut, open_ = torch.zeros(1, 5, 58), torch.zeros(1, 5, 58)
    open_[..., JAW] = 0.5
    face = FaceModel.load()
    coefficients = np.zeros((2, 52))
    coefficients[1, JAW] = 0.1
    moved = np.diff(face.lip_opening(coefficients))[0] * face.face_height / 0.02
    wrong = torch.zeros(1, 5, 58)
    wrong[..., JAW] = 0.1
    plain = loss_of(open_ + wrong, open_, closure=0.0)[1]["opening"]
    assert float(plain) == pytest.approx(moved**2, rel=1e-3)
    at_shut, at_open = (
        loss_of(base + wrong, base, closure=3.0)[1]["opening"] for base in (shut, open_)
    )
    assert at_shut > 1.5 * at_open > 0


def tiny_config(**changes) -> dict:
    return {
        "corpora": {"talkers": {"domain": "real", "hold_out": 2}},
        "model": {"dim": 32, "depth": 1, "heads": 2, "window_frames": 20, "audio_context": 2},
        "steps": 6,
        "batch_size": 4,
        "warmup": 1,
        "learning_rate": 3e-3,
        "log_every": 2,
        "eval_every": 6,
        "save_every": 3,
        "eval_clips": 2,
        **changes,
    }


def test_training_learns_and_its_model_loads(corpus, tmp_path):
    config = tiny_config(steps=60, ema=0.9, eval_every=60, save_every=60)
    path = train(config, tmp_path / "run", [corpus], encoder=LoudnessEncoder())
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    losses = [row["loss"] for row in log if "loss" in row]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3])
    assert -1 <= log[-1]["held_out"]["talkers/lip_r"] <= 1
    generator = MotionGenerator.from_pretrained(path)
    features = LoudnessEncoder().encode(talker("new", 99, frames=50).waveform)
    made = generator(features, steps=2, generator=torch.Generator().manual_seed(0))
    assert len(made) == 50 and np.isfinite(made.to_vectors()).all()


def test_resumed_training_is_the_uninterrupted_one(corpus, tmp_path, interrupted):
    config = TrainingConfig.load(tiny_config())
    config.model["dropout"] = 0.1
    train(config, tmp_path / "whole", [corpus], encoder=LoudnessEncoder())
    with interrupted(after=5):
        train(config, tmp_path / "parts", [corpus], encoder=LoudnessEncoder())
    train(config, tmp_path / "parts", [corpus], encoder=LoudnessEncoder(), resume=True)
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)


def test_configuration_errors_are_named(corpus, tmp_path):
    with pytest.raises(ValueError, match="unknown keys stpes"):
        TrainingConfig.load({"corpora": {"a": {}}, "stpes": 3})
    with pytest.raises(ValueError, match="no corpora"):
        TrainingConfig.load({})
    file = tmp_path / "c.yaml"
    file.write_text("- a\n")
    with pytest.raises(ValueError, match="must map"):
        TrainingConfig.load(file)
    with pytest.raises(FileNotFoundError):
        TrainingConfig.load(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="it names talkers; given were none"):
        train(tiny_config(), tmp_path, [], encoder=LoudnessEncoder())
    with pytest.raises(ValueError, match="held out"):
        config = tiny_config(corpora={"talkers": {"hold_out": 8}})
        train(config, tmp_path, [corpus], encoder=LoudnessEncoder())
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_corpus(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no motion records"):
        load_corpus(tmp_path / "empty")


@pytest.mark.parametrize("name", ["motion", "motion_debug"])
def test_shipped_configurations_load(name, request):
    config = TrainingConfig.load(request.config.rootpath / "configs" / f"{name}.yaml")
    for corpus in config.corpora.values():
        CorpusConfig(**corpus)
    rows, opening, rest = lip_geometry()
    MotionLoss(rows, opening, rest, **config.loss)


def test_articulation_is_fitted_on_what_is_not_held_out(tmp_path):
    """Records whose jaw follows the loudness: the map of the first ones finds it in the last."""
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        level = np.repeat(rng.uniform(0, 1, 15), 5)
        wave = np.repeat(10 ** (2 * level - 2), 640) * rng.standard_normal(75 * 640) * 0.2
        motion = MotionTrack.zeros(75)
        motion["jawOpen"][:] = 0.6 * level
        record = MotionRecord(f"r{i}", motion, wave.astype(np.float32), "made")
        record.save(data)
    out = fit_articulation({"hold_out": 1, "components": 2}, data, tmp_path / "map")
    heard = load_encoder("articulation", out)
    found = heard.encode(wave.astype(np.float32))
    assert heard.dim == 3
    assert abs(np.corrcoef(found[:, 0], level)[0, 1]) > 0.8
    assert np.corrcoef(found[:, 2], level)[0, 1] > 0.8
    with pytest.raises(ValueError, match="all of them held out"):
        fit_articulation({"hold_out": 6}, data, tmp_path / "map")
    with pytest.raises(ValueError, match="unknown keys parts"):
        fit_articulation({"parts": 6}, data, tmp_path / "map")


def test_spliced_pieces_are_the_clips_cut_where_they_are_quiet():
    rng = np.random.default_rng(0)
    clips = []
    for i in range(4):
        quiet = np.arange(100) % 10 == 3
        level = np.where(quiet, 1e-4, 0.3)
        wave = np.repeat(level, 640) * np.tile([1, -1], 32000)
        index = np.arange(100.0)[:, None] + 100 * i
        clips.append(Piece(index, -index, wave.astype(np.float32)))
    pieces = splice(clips, 0.8, rng)
    frames = np.concatenate([p.speech[:, 0] for p in pieces])
    assert sorted(frames) == list(range(400)) and not (np.diff(frames) > 0).all()
    for piece in pieces:
        assert (np.diff(piece.speech[:, 0]) == 1).all() and len(piece.wave) == 640 * len(
            piece.motion
        )
        assert (piece.motion == -piece.speech).all()
        assert piece.speech[0, 0] % 100 == 0 or piece.speech[0, 0] % 10 == 3
    assert 10 < np.mean([len(p.motion) for p in pieces]) < 32


def test_warped_windows_keep_speech_and_motion_together(corpus):
    """The jaw is the loudness, at any speed."""
    records = load_corpus(corpus)
    options = CorpusConfig(warp=0.3, splice=0.6)
    windows = MotionWindows([(records, options)], LoudnessEncoder().encode)
    batch = windows.batch(np.random.default_rng(0), size=64, frames=20, context=2)
    assert batch["motion"].shape == (64, 20, 58) and batch["speech"].shape == (64, 24, 2)
    heard, jaw = batch["speech"][:, 2:-2, 0], batch["motion"][..., JAW]
    # Where pieces meet, lips are drawn together over some frames.
    assert np.median(np.abs(heard - jaw)) < 0.01
    assert np.corrcoef(heard.ravel(), jaw.ravel())[0, 1] > 0.8
