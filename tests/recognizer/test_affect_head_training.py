"""Training the affect head."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from test_motion_windows import made_faces, made_samples
from typer.testing import CliRunner

from recognizer.bench.affect_head import judged_figures, rendered_figures
from recognizer.data.motion_windows import WindowBatch
from recognizer.facs import AU_INDEX
from recognizer.models.affect_head import AffectHead, AffectHeadOutput
from recognizer.train.affect_head import AffectHeadTraining, head_losses, train

TINY = {"width": 24, "dilations": [1, 2], "dropout": 0.0}


@pytest.fixture
def data(tmp_path):
    paths = [tmp_path / "heads.npz", tmp_path / "faces.npz"]
    for path, samples in zip(paths, (made_samples(12), made_faces(80)), strict=True):
        samples.split[samples.person % 4 == 3] = 1
        samples.save(path)
    return paths


def quick(**changes) -> AffectHeadTraining:
    options = {
        "model": TINY, "steps": 150, "window_batch": 16, "face_batch": 32, "frames": 9,
        "learning_rate": 1e-2, "ema": 0.9, "log_every": 50, "valid_every": 75,
    }  # fmt: skip
    return AffectHeadTraining(**options | changes)


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_what_is_known_is_learnt(data, tmp_path):
    head = AffectHead.from_pretrained(train(quick(), tmp_path / "run", data))
    figures = rendered_figures(head, made_samples(4, seed=9), count=64, frames=9)
    assert figures["rest_known"]["icc"]["AU26"] > 0.8
    assert figures["rest_unknown"]["icc"]["AU12"] > 0.6
    assert judged_figures(head, made_faces(20))["accuracy"] == 1
    log = rows(tmp_path / "run")
    losses = [row["loss"] for row in log if "loss" in row]
    assert len(losses) == 3 and losses[-1] < losses[0]
    valid = [row["valid"] for row in log if "valid" in row]
    assert len(valid) == 2 and {"rest_known", "accuracy"} <= set(valid[-1])


def test_resuming_gives_the_same_weights(data, tmp_path, interrupted):
    config = quick(steps=12, save_every=3)
    train(config, tmp_path / "whole", data)
    with interrupted(after=7):
        train(config, tmp_path / "cut", data)
    train(config, tmp_path / "cut", data, resume=True)
    name = "model/diffusion_pytorch_model.safetensors"
    whole, cut = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
    for key, value in whole.items():
        np.testing.assert_array_equal(cut[key], value, err_msg=key)
    with pytest.raises(ValueError, match="is of another model"):
        train(quick(model={**TINY, "width": 16}), tmp_path / "cut", data, resume=True)


def test_losses_by_hand():
    """An error of 2 at variance e²: e² (1 + 2/e²) = e² + 2 ... times the root, σ^2β with β = ½."""
    shape = (1, 1)
    out = AffectHeadOutput(
        au=torch.zeros(*shape, 24), au_log_variance=torch.full((*shape, 24), 2.0),
        valence_arousal=torch.zeros(*shape, 2),
        valence_arousal_log_variance=torch.zeros(*shape, 2),
        logits=torch.zeros(*shape, 8), emotion=torch.full((*shape, 8), 1 / 8),
    )  # fmt: skip
    au = torch.full((*shape, 24), float("nan"))
    au[..., AU_INDEX["AU12"]] = 2.0
    least = torch.full((*shape, 24), float("nan"))
    least[..., AU_INDEX["AU06"]] = 3.0
    nothing = torch.full((*shape, 2), float("nan"))
    batch = WindowBatch(
        torch.zeros(1, 1, 58), torch.zeros(1, 52), au, least, torch.eye(8)[None, :1], nothing
    )
    losses = head_losses(out, batch)
    assert set(losses) == {"au", "least_au", "emotion"}
    assert losses["least_au"].item() == pytest.approx(4.5)
    assert losses["emotion"].item() == pytest.approx(np.log(8))
    assert losses["au"].item() == pytest.approx(np.e * 0.5 * (2 + 4 / np.e**2), rel=1e-5)


def test_the_command_chooses_by_the_configuration(data, tmp_path):
    from demo.cli import app

    config = tmp_path / "c.yaml"
    config.write_text(
        "reads: motion\nsteps: 2\nwindow_batch: 2\nface_batch: 4\nframes: 3\n"
        "model: {width: 8, dilations: [1]}\n"
    )
    options = ["--data", str(data[0]), "--data", str(data[1]), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(app, ["train", "affect", "--config", str(config), *options])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "model" / "config.json").is_file()
    config.write_text("reads: smell\n")
    done = CliRunner().invoke(app, ["train", "affect", "--config", str(config), *options])
    assert done.exit_code == 2 and "reads motion" in done.output
    with pytest.raises(ValueError, match="no training faces"):
        samples = made_samples(2)
        samples.split[:] = 2
        samples.save(tmp_path / "test.npz")
        train(quick(), tmp_path / "none", [tmp_path / "test.npz"])
