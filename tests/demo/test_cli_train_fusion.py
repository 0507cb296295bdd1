"""``facewright train fusion``: a run on made features, and what it says about bad files."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from demo.cli import app
from recognizer.models.fusion import FusionNet

CONFIG = Path(__file__).parents[2] / "configs" / "fusion.yaml"


def run(*words):
    return CliRunner().invoke(app, ["train", "fusion", *(str(word) for word in words)])


def write_features(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "face": rng.normal(size=(40, 5)), "words": rng.normal(size=(40, 3)),
        "emotion": rng.integers(8, size=40), "split": np.arange(40) % 3,
    } | changes  # fmt: skip
    np.savez(path, **arrays)
    return path


def test_a_run(tmp_path):
    options = yaml.safe_load(CONFIG.read_text(encoding="utf-8")) | {"epochs": 1}
    config = tmp_path / "fusion.yaml"
    config.write_text(yaml.safe_dump(options), encoding="utf-8")
    data = write_features(tmp_path / "made.npz")
    result = run("--config", config, "--data", data, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "100 %: step " in result.stderr and "fused" in result.stderr
    net = FusionNet.from_pretrained(tmp_path / "run" / "model", low_cpu_mem_usage=False)
    assert dict(net.config.features) == {"face": 5, "words": 3}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"face": np.zeros((3, 5))}, "face must be [40, D] or [40, T, D], got [3, 5]"),
        ({"emotion": np.full(40, 9)}, "emotion must be -1..7"),
        ({"split": np.ones(40, int)}, "no training row has a modality and a label"),
        ({"face": np.full((40, 5), np.nan)}, "no training row has face"),
        ({"nose": np.zeros((40, 5))}, "unknown arrays nose"),
    ],
)
def test_bad_files(tmp_path, changes, said):
    data = write_features(tmp_path / "bad.npz", **changes)
    result = run("--config", CONFIG, "--data", data, "-o", tmp_path / "run")
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()
