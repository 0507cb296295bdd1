"""``facewright export``: what it writes."""

import json

import pytest
from cli_helpers import succeeded

from recognizer.motion import MotionTrack


def test_exports(run, tmp_path):
    for name in ("o.json", "o.npz", "o.csv"):
        said = succeeded(run(f"export @m.csv -o %{name}")).stdout
        assert said.endswith(f"{name}: 5 frames, 0.20 s\n")
    assert json.loads((tmp_path / "o.json").read_text())["fps"] == 25
    for name in ("o.npz", "o.csv"):
        assert MotionTrack.load(tmp_path / name)["jawOpen"][2] == pytest.approx(0.4)
    succeeded(run("export @m.npz -o %l.csv --livelink"))
    assert (tmp_path / "l.csv").read_text().startswith("Timecode,")
