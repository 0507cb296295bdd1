"""An affect branch is trained through the same door as the neutral model, and leaves that alone."""

import json

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from safetensors.numpy import load_file

from gen.bench.expression import diffused
from gen.conditioning import Affect
from gen.data.records import MotionRecord
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from gen.train.affect_branch import BranchConfig
from gen.train.motion import train
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack


class LoudnessEncoder:
    """Features are the loudness of a frame."""

    name, dim = "loudness", 2

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        frames = waveform[: len(waveform) // 640 * 640].reshape(-1, 640)
        loudness = np.abs(frames).mean(1)
        return np.stack([loudness, 1 - loudness], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A corpus and a neutral model."""
    root = tmp_path_factory.mktemp("branch")
    corpus = root / "talkers"
    corpus.mkdir()
    for i in range(6):
        rng = np.random.default_rng(i)
        loudness = np.convolve(rng.random(108), np.ones(9) / 9, "valid") * 0.6
        track = MotionTrack.zeros(100)
        track["jawOpen"][:] = loudness
        wave = (loudness[:, None] * np.tile([1, -1], 320)).ravel().astype(np.float32)
        MotionRecord(f"t{i}", track, wave, "someone").save(corpus)
    denoiser = MotionDenoiser(
        audio_dim=2, dim=32, depth=1, heads=2, audio_context=2, window_frames=20
    )
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="sample", clip_sample=False,
        timestep_spacing="trailing", rescale_betas_zero_snr=True,
    )  # fmt: skip
    MotionGenerator(denoiser, scheduler).save_pretrained(root / "base")
    return corpus, root / "base"


def config(base, **changes) -> dict:
    return {
        "base": str(base),
        "corpora": {"talkers": {"domain": "real", "hold_out": 2}},
        "model": {"dim": 32, "depth": 1, "heads": 2},
        "steps": 6,
        "batch_size": 4,
        "warmup": 1,
        "learning_rate": 3e-3,
        "log_every": 2,
        "eval_every": 6,
        "save_every": 3,
        "eval_clips": 2,
        "sampling": {"steps": 2},
        **changes,
    }


@pytest.mark.parametrize("residual", [True, False])
def test_training_learns_to_show_what_is_asked_for(folders, tmp_path, residual):
    corpus, base = folders
    before = (base / "diffusion_pytorch_model.safetensors").read_bytes()
    options = config(
        base, steps=60, ema=0.9, eval_every=60, save_every=60,
        model={"dim": 32, "depth": 1, "heads": 2, "residual": residual},
    )  # fmt: skip
    path = train(options, tmp_path / "run", [corpus], encoder=LoudnessEncoder())
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    losses = [row["loss"] for row in log if "loss" in row]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert {"au_r", "valence_r", "lips"} <= log[-1]["held_out"].keys()
    assert (base / "diffusion_pytorch_model.safetensors").read_bytes() == before
    motion = MotionGenerator.from_pretrained(base, path)
    features = np.full((60, 2), 0.3, np.float32)
    perform = diffused(motion, Sampling(steps=4))
    sad, glad = (
        perform(features, Affect.emotion(name), 0).shown.blendshapes
        for name in ("sadness", "happiness")
    )
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert glad[:, smile].mean() > sad[:, smile].mean() + 0.05


def test_resumed_training_is_the_uninterrupted_one(folders, tmp_path, interrupted):
    corpus, base = folders
    options = BranchConfig.load(config(base))
    options.model["dropout"] = 0.1

    def run(name, **more):
        return train(vars(options), tmp_path / name, [corpus], encoder=LoudnessEncoder(), **more)

    run("whole")
    with interrupted(after=5):
        run("parts")
    run("parts", resume=True)
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)


def test_the_recognizer_can_be_left_out_and_errors_are_named(folders, tmp_path):
    corpus, base = folders
    torch.manual_seed(0)
    train(config(base, recognizer_against="performance", steps=2, eval_every=9, save_every=9),
          tmp_path / "performance", [corpus], encoder=LoudnessEncoder())  # fmt: skip
    train(config(base, recognizer=0.0, steps=2, eval_every=9, save_every=9), tmp_path / "run",
          [corpus], encoder=LoudnessEncoder())  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    assert "recognizer" not in rows[0] and "x0" in rows[0]
    with pytest.raises(ValueError, match="unknown keys drop_audio"):
        train(config(base, drop_audio=0.1), tmp_path, [corpus], encoder=LoudnessEncoder())
    with pytest.raises(ValueError, match="performance or asked, got 'nothing'"):
        train(config(base, recognizer_against="nothing"), tmp_path, [corpus])
    with pytest.raises(FileNotFoundError, match="has no config"):
        train(config(tmp_path / "none"), tmp_path, [corpus], encoder=LoudnessEncoder())
    encoder = LoudnessEncoder()
    encoder.dim = 3
    with pytest.raises(ValueError, match=r"gives 3 features, the neutral model .* takes 2"):
        train(config(base), tmp_path, [corpus], encoder=encoder)


def test_shipped_configuration_loads(request):
    options = BranchConfig.load(request.config.rootpath / "configs" / "affect_branch.yaml")
    assert options.base == "packaged" and Sampling(**options.sampling).steps == 8
