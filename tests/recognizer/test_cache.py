"""Compiled kernels are kept in the user's cache, not among the sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import recognizer

CODE = """
import {module}
from recognizer.raster import draw_depth
print(draw_depth.stats.cache_path)
"""


@pytest.mark.parametrize("module", ["gen.renderers.kernels", "recognizer.fitting"])
def test_nothing_is_written_beside_the_sources(module, tmp_path):
    run = [sys.executable, "-c", CODE.format(module=module)]
    places = {
        name: Path(
            subprocess.run(run, capture_output=True, text=True, check=True, env=env).stdout.strip()
        )
        for name, env in {
            "default": _environment(),
            "chosen": _environment(NUMBA_CACHE_DIR=str(tmp_path)),
        }.items()
    }
    sources = Path(recognizer.__file__).parents[1]
    assert not places["default"].is_relative_to(sources)
    assert "facewright" in places["default"].parts
    assert places["chosen"].is_relative_to(tmp_path)


def _environment(**values):
    kept = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    return kept | values
