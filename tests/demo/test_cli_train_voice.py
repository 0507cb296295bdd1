"""``facewright train voice``: what it says about folders that are no corpus."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.cli import app

CONFIG = Path(__file__).parents[2] / "configs" / "voice.yaml"


@pytest.mark.parametrize(
    "name, said",
    [
        (None, "there is no folder"),
        ("hello.wav", "no speech of CREMA-D"),
        ("1001_DFA_ANG_XX.wav", "1 actors are too few to leave out 5 groups"),
    ],
)
def test_folders_that_are_no_corpus(tmp_path, name, said):
    folder = tmp_path / "corpus"
    if name:
        folder.mkdir()
        (folder / name).touch()
    run = ["train", "voice", "--config", CONFIG, "--data", folder, "-o", tmp_path / "run"]
    result = CliRunner().invoke(app, [str(word) for word in run])
    assert result.exit_code == 2
    assert said in result.output and len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()
