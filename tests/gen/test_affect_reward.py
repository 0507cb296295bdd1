"""An affect branch is tuned by the recognizer: its error falls, and nothing else moves."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from test_affect_branch_training import LoudnessEncoder, config, folders  # noqa: F401

from gen.affect_sampling import GUIDED
from gen.guidance import AffectError
from gen.models.affect_branch import AffectBranch, AffectConditions
from gen.scheduler import DDIMScheduler
from gen.train import drawn
from gen.train.affect_reward import RewardConfig, sampled
from gen.train.motion import train
from recognizer.affect_reader import load_head
from recognizer.facs import ARKIT_INDEX


@pytest.fixture(scope="module")
def branch(folders):  # noqa: F811
    """A folder with a branch that knows nothing."""
    torch.manual_seed(0)
    net = AffectBranch(audio_dim=2, dim=32, depth=1, heads=2, window_frames=20)
    net.residual_std.fill_(0.1)
    net.save_pretrained(folders[1].parent / "branch")
    return folders[1].parent / "branch"


def tuning(folders, branch, **changes) -> dict:  # noqa: F811
    options = config(folders[1], branch=str(branch), recognizer=20.0, anchor=0.0, hold=1.0, ema=0.9)
    return options | {"model": {}, "gradient_steps": 1} | changes


def test_the_recognizer_reads_more_of_what_is_asked_for(folders, branch, tmp_path):  # noqa: F811
    frozen = [branch, folders[1]]
    names = "diffusion_pytorch_model.safetensors"
    before = [(folder / names).read_bytes() for folder in frozen]
    options = tuning(folders, branch, steps=60, eval_every=60, save_every=60)
    path = train(options, tmp_path / "run", [folders[0]], encoder=LoudnessEncoder())
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    rows = [row for row in log if "loss" in row]
    first, last = (
        np.mean([row["recognizer"] / row["recognizer_before"] for row in part])
        for part in (rows[:3], rows[-5:])
    )
    assert last < 0.9 * first < 0.9
    assert [(folder / names).read_bytes() for folder in frozen] == before
    assert log[-1]["before"].keys() == log[-1]["held_out"].keys()
    tuned, old = (load_file(folder / names) for folder in (path, branch))
    kept = [name for name in old if name.endswith(("_mean", "_std"))]
    assert len(kept) == 4
    for name in kept:
        np.testing.assert_allclose(tuned[name], old[name], rtol=1e-3)


def test_what_is_held_stays(folders, branch, tmp_path):  # noqa: F811
    def moved(name, **weights):
        options = tuning(folders, branch, steps=15, log_every=15, eval_every=99, **weights)
        options["eval_clips"] = 0
        train(options, tmp_path / name, [folders[0]], encoder=LoudnessEncoder())
        (row,) = map(json.loads, (tmp_path / name / "log.jsonl").open())
        return row

    free, held = moved("free", hold=0.0), moved("held", hold=100.0)
    assert held["hold"] < 0.5 * free["hold"]
    tied = moved("tied", hold=100.0, anchor=100.0)
    assert tied["anchor"] < 0.5 * free["anchor"]


def test_resumed_tuning_is_the_uninterrupted_one(folders, branch, tmp_path, interrupted):  # noqa: F811
    options = RewardConfig.load(tuning(folders, branch, eval_clips=0))

    def run(name, **more):
        arguments = vars(options), tmp_path / name, [folders[0]]
        return train(*arguments, encoder=LoudnessEncoder(), **more)

    run("whole")
    with interrupted(after=5):
        run("parts")
    run("parts", resume=True)
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)


@pytest.mark.parametrize("gradient_steps", [0, 1, 2])
def test_gradients_go_through_the_last_steps(gradient_steps):
    torch.manual_seed(0)
    net = AffectBranch(audio_dim=2, dim=32, depth=1, heads=2, window_frames=12)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    scheduler = DDIMScheduler(prediction_type="sample", clip_sample=False)
    scheduler.set_timesteps(3)
    lead, frames = net.config.prefix_frames, 12
    asked = AffectConditions(
        torch.full((2, lead + frames, 48), 2.0), torch.zeros(2, lead + frames, 2),
        torch.zeros(2, lead + frames, 8), torch.tensor([[True, False, False]] * 2),
    )  # fmt: skip
    calls = []
    net.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    neutral, past = torch.rand(2, frames, 58) * 0.3, torch.zeros(2, lead, 116)
    speech = torch.randn(2, lead + frames + 2 * net.config.audio_context, 2)
    made = sampled(
        net, scheduler, torch.randn(2, frames, 58), neutral, torch.randn(2, frames, 58), speech,
        asked, past, torch.tensor([True, False]), gradient_steps,
    )  # fmt: skip
    assert calls == [step >= 3 - gradient_steps for step in range(3)]
    assert made.requires_grad == (gradient_steps > 0)
    if gradient_steps:
        error = AffectError(load_head())
        error(
            neutral + made, neutral, asked.aus[:, lead:], asked.valence_arousal[:, lead:],
            asked.known,
        ).sum().backward()  # fmt: skip
        assert net.motion_out.weight.grad.abs().sum() > 0
        assert all(parameter.grad is None for parameter in error.head.parameters())


def test_drawn_motion_comes_back_as_it_was_fitted(monkeypatch):
    """Portraits that show half of every smile, one with a smile of its own."""
    rng = np.random.default_rng(0)
    smile = ARKIT_INDEX["mouthSmileLeft"]

    def shown(path, windows, seed):
        told = rng.random((300, 52))
        seen = told.copy()
        seen[:, smile] *= 0.5
        return told, seen + (0.2 if path == "b" else 0.0)

    monkeypatch.setattr(drawn, "_drawn", shown)
    found = drawn.drawn_motion(["a", "b"], None)
    motion = torch.rand(2, 5, 58)
    seen = found(motion)
    torch.testing.assert_close(seen[..., smile], 0.5 * motion[..., smile] + 0.1, atol=0.03, rtol=0)
    assert torch.equal(seen[..., 52:], motion[..., 52:])
    assert torch.equal(drawn.drawn_motion([], None)(motion), motion)


def test_errors_are_named(folders, branch, tmp_path, request):  # noqa: F811
    with pytest.raises(ValueError, match=r"gradient_steps must be 1\.\.2, got 3"):
        RewardConfig.load(tuning(folders, branch, gradient_steps=3))
    with pytest.raises(ValueError, match="no keys of a fine-tuning"):
        RewardConfig.load(tuning(folders, branch, model={"dim": 8}))
    with pytest.raises(FileNotFoundError):
        train(tuning(folders, tmp_path / "none"), tmp_path, [folders[0]])
    shipped = RewardConfig.load(request.config.rootpath / "configs" / "affect_reward.yaml")
    assert shipped.branch == "packaged" and 0 < len(GUIDED) < 52
