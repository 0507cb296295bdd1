"""Help comes at once, and ``doctor`` says what is there."""

import subprocess
import sys
import time

import numpy as np
import pytest
from cli_helpers import ROOT, facewright, succeeded
from typer.main import get_command
from typer.testing import CliRunner

from demo.cli import app


def commands(command, path=()):
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", list(commands(get_command(app))), ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(path, flag):
    result = CliRunner().invoke(app, [*path, flag])
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert result.stderr == ""


def test_help_names_the_commands():
    text = CliRunner().invoke(app, ["--help"]).stdout
    for name in ("generate", "animate", "recognize", "export", "doctor"):
        assert name in text


def test_help_is_instant():
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        done = facewright("--help")
        best = min(best, time.perf_counter() - start)
        assert done.returncode == 0
        assert "generate" in done.stdout
    assert best < 2.5  # some 0.5 s on a quiet machine


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from demo.cli import app;"
        "CliRunner().invoke(app, ['generate', '--help']);"
        "print(*({'torch', 'mediapipe', 'cv2', 'numba', 'diffusers', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_doctor(run):
    text = succeeded(run("doctor")).stdout
    for line in ("face landmarker", "face model", "ffmpeg", "speech encoder", "motion model"):
        assert line in text
