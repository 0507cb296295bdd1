"""``facewright recognize`` and ``export``: what they write."""

import csv
import json

import numpy as np
import pytest
from cli_helpers import succeeded

from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack


def test_recognize_a_video(run, tmp_path):
    result = succeeded(run("recognize @talk.mp4 -o %o.csv --json %o.json"))
    assert "seen in 5 of 5 frames" in result.stdout
    rows = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 4]
    assert float(rows[1]["timestamp"]) == pytest.approx(0.04)
    assert set(ARKIT_NAMES) < set(rows[0])
    jaw = [float(row["jawOpen"]) for row in rows]
    yaw = [float(row["pose_Ry"]) for row in rows]  # radians, as in OpenFace
    assert int(np.argmax(jaw)) == int(np.argmax(yaw)) == 2
    assert np.deg2rad(6) < yaw[2] - yaw[0] < np.deg2rad(20)
    about = json.loads((tmp_path / "o.json").read_text())
    assert about["frames"] == 5
    assert about["faces"][0]["frames_seen"] == 5
    assert about["faces"][0]["blendshapes"]["jawOpen"] == pytest.approx(np.mean(jaw), abs=1e-3)


def test_exports(run, tmp_path):
    for name in ("o.json", "o.npz", "o.csv"):
        succeeded(run(f"export @m.csv -o %{name}"))
    assert json.loads((tmp_path / "o.json").read_text())["fps"] == 25
    for name in ("o.npz", "o.csv"):
        assert MotionTrack.load(tmp_path / name)["jawOpen"][2] == pytest.approx(0.4)
    succeeded(run("export @m.npz -o %l.csv --livelink"))
    assert (tmp_path / "l.csv").read_text().startswith("Timecode,")
