"""The loop that all trainers share, on a line through made points."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from safetensors.torch import load_file

from recognizer.train.loop import LoopOptions, TrainingLoop
from recognizer.train.schedule import cosine, one_cycle
from recognizer.train.state import average_into


class Line(ModelMixin, ConfigMixin):
    """y = weight · x, a half of x being dropped in training."""

    @register_to_config
    def __init__(self, inputs: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = torch.nn.Dropout(dropout)
        self.read = torch.nn.Linear(inputs, 1)
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x):
        if self.training:
            self.seen += 1
        return self.read(self.drop(x))[..., 0]


class Recipe:
    """The smallest there is; remembers the learning rate of every step."""

    def __init__(
        self,
        folder,
        steps=20,
        eval_every=1000,
        inputs=3,
        dropout=0.0,
        processes=1,
        lr=0.05,
        **options,
    ):
        torch.manual_seed(0)
        net = Line(inputs=inputs, dropout=dropout)
        self.processes = processes
        self.truth, self.rates, self.saves, self.gradients = torch.arange(3.0), [], 0, []
        self.spoilt_loss = self.spoilt_gradient = None
        self.loop = TrainingLoop(
            LoopOptions(**{"log_every": 1000, "ema": 0.9, **options}),
            folder,
            net,
            torch.optim.AdamW(net.parameters(), lr=lr),
            steps=steps,
            eval_every=eval_every,
            schedule=one_cycle(0.2),
            losses=self.losses,
            evaluate=lambda: {"valid": {"weight": self.loop.average.read.weight[0, 0].item()}},
            save_model=self.save,
            after_backward=self.look,
        )

    def losses(self):
        self.rates.append(self.loop.optimizer.param_groups[0]["lr"])
        x = torch.cat([self.batch(process) for process in range(self.processes)])
        error = (self.loop.net(x) - x @ self.truth).square().mean()
        if self.loop.step == self.spoilt_loss:
            error = error * math.nan
        return {"loss": error, "squares": error, "rows": 8}

    def batch(self, process):
        seed = [self.loop.options.seed, self.loop.step, process]
        rng = np.random.default_rng(seed) if self.processes > 1 else self.loop.rng()
        return torch.from_numpy(rng.standard_normal((8, 3), np.float32))

    def save(self):
        self.saves += 1

    def look(self):
        if self.loop.step == self.spoilt_gradient:
            self.loop.net.read.bias.grad.fill_(math.inf)
        gradients = [p.grad.norm() for p in self.loop.net.parameters()]
        self.gradients.append(float(torch.stack(gradients).norm()))


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_learns_logs_and_saves(tmp_path):
    recipe = Recipe(tmp_path / "run", steps=250, eval_every=100, log_every=50, save_every=40)
    recipe.loop.run()
    torch.testing.assert_close(recipe.loop.net.read.weight[0], recipe.truth, atol=0.1, rtol=0)
    log = rows(tmp_path / "run")
    assert [(r["step"], "valid" in r) for r in log] == [
        (50, False), (100, False), (100, True), (150, False), (200, False), (200, True),
        (250, False), (250, True),
    ]  # fmt: skip
    assert log[0].keys() == {"step", "minutes", "lr", "loss", "squares", "rows", "grad_norm"}
    assert log[0]["rows"] == 8 and log[0]["loss"] > 20 * log[-2]["loss"]
    assert log[0]["grad_norm"] == pytest.approx(np.mean(recipe.gradients[:50]), rel=1e-4)
    assert recipe.saves == 250 // 40 + 1
    state = load_file(recipe.loop.state_path)
    assert torch.equal(state["average.read.weight"], recipe.loop.average.read.weight)
    assert not recipe.loop.average.training and recipe.loop.average.seen == 250


def test_the_learning_rate_rises_falls_and_ends_at_zero(tmp_path):
    factor = one_cycle(0.25)
    assert [factor(p, 0) for p in (0.0, 0.125, 0.25, 0.625, 1.0)] == pytest.approx(
        [0.01, 0.5, 1, 0.5, 0]
    )
    assert one_cycle(1.0)(1.0, 9) == pytest.approx(1) and one_cycle(0.0)(0.0, 0) == 1
    falling = cosine(10)
    assert [falling(0, 0), falling(0, 9), falling(0.5, 50), falling(1, 100)] == pytest.approx(
        [0.1, 1, 0.5, 0.01]
    )
    recipe = Recipe(tmp_path, steps=100, lr=0.05)
    recipe.loop.run()
    rates = [*recipe.rates[1:], recipe.loop.optimizer.param_groups[0]["lr"]]
    assert max(rates) == rates[20] == pytest.approx(0.05)
    assert 0 < rates[-1] < 1e-3 * 0.05


def test_a_group_can_be_held_back(tmp_path):
    held = Recipe(tmp_path)
    held.loop.optimizer.param_groups[0]["lr_scale"] = 0.0
    before = held.loop.net.read.weight.clone()
    held.loop.run()
    assert torch.equal(held.loop.net.read.weight, before)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_resuming_is_as_good_as_never_stopping(tmp_path, interrupted, dropout):
    whole = Recipe(tmp_path / "whole", dropout=dropout, save_every=4)
    whole.loop.run()
    with interrupted(after=10):
        Recipe(tmp_path / "cut", dropout=dropout, save_every=4).loop.run()
    resumed = Recipe(tmp_path / "cut", dropout=dropout, save_every=4)
    resumed.loop.run(resume=True)
    assert len(resumed.rates) == 20 - 8 and resumed.loop.step == 20
    a, b = (load_file(recipe.loop.state_path) for recipe in (whole, resumed))
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name
    with pytest.raises(ValueError, match="is of another model"):
        Recipe(tmp_path / "cut", inputs=4).loop.run(resume=True)
    again = Recipe(tmp_path / "cut")
    again.loop.run(resume=True)
    assert not again.rates, "a finished run has no more steps"


def test_the_average_forgets_the_beginning_soon():
    """Untrained weights 0, then always 1: after n steps with decay (1 + k) / (10 + k) the share of
    the beginning is the product of these, however long the memory is later on."""
    new, kept = Line(), Line()
    with torch.no_grad():
        new.read.weight.fill_(1.0)
        kept.read.weight.fill_(0.0)
    left = 1.0
    for step in range(20):
        average_into(kept, new, step, decay=0.999)
        left *= (1 + step) / (10 + step)
        assert kept.read.weight[0, 0].item() == pytest.approx(1 - left, abs=1e-6)
    assert left < 1e-5
    with torch.no_grad():
        new.read.weight.fill_(0.0)
    average_into(kept, new, 100_000, decay=0.999)
    assert kept.read.weight[0, 0].item() == pytest.approx(0.999, abs=1e-5)


def test_minutes_end_a_run_with_its_learning_rate(tmp_path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    recipe = Recipe(tmp_path, steps=1_000_000, max_minutes=2.0)
    recipe.loop.run()
    last = rows(tmp_path)[-1]
    assert last["minutes"] == pytest.approx(2, abs=0.1) and 50 < last["step"] < 120
    assert recipe.loop.optimizer.param_groups[0]["lr"] < 0.01 * 0.05
    assert "valid" in last and recipe.loop.state_path.is_file()
    monkeypatch.undo()
    resumed = Recipe(tmp_path, steps=1_000_000, max_minutes=2.0)
    resumed.loop.run(resume=True)
    assert not resumed.rates, "minutes of the resumed run count"


def test_time_between_states(tmp_path):
    for minutes, expected in ((0.0, 20), (60.0, 1), (None, 1)):
        recipe = Recipe(tmp_path, save_minutes=minutes)
        recipe.loop.run()
        assert recipe.saves == expected


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    recipe = Recipe(tmp_path, save_every=5)
    recipe.spoilt_loss = 12
    with pytest.raises(
        ValueError, match=r"step 13: the loss is nan .*squares nan, rows 8"
    ) as error:
        recipe.loop.run()
    assert "\n" not in str(error.value) and str(recipe.loop.state_path) in str(error.value)
    for tensor in (*recipe.loop.net.parameters(), *recipe.loop.average.parameters()):
        assert tensor.isfinite().all()
    assert recipe.loop.step == 12
    healed = Recipe(tmp_path)
    healed.loop.run(resume=True)
    assert len(healed.rates) == 10 and healed.loop.net.read.weight.isfinite().all()


def test_a_gradient_that_is_no_number_stops_the_run(tmp_path):
    recipe = Recipe(tmp_path)
    before = recipe.loop.net.read.weight.clone()
    recipe.spoilt_gradient = 0
    with pytest.raises(ValueError, match="step 1: the gradient is"):
        recipe.loop.run()
    assert torch.equal(recipe.loop.net.read.weight, before)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distribution")
def test_processes_share_the_gradient(tmp_path):
    """Two processes with a batch each: one run, equal to one process with both batches."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, __file__, str(tmp_path / "two")], check=True, env=environment)
    both = Recipe(tmp_path / "one", processes=2)
    both.loop.run()
    one, two = (load_file(tmp_path / name / "state.safetensors") for name in ("one", "two"))
    for name in ("model.read.weight", "average.read.weight"):
        torch.testing.assert_close(one[name], two[name])
    assert len(rows(tmp_path / "two")) == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": 0}, "steps must be above 0, got 0"),
        ({"eval_every": 0}, "eval_every"),
        ({"log_every": -1}, "log_every"),
        ({"save_every": 0}, "save_every"),
    ],
)
def test_bad_options(tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        Recipe(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


if __name__ == "__main__":
    Recipe(sys.argv[1]).loop.run()
