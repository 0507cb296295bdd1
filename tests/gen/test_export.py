"""Files for other programs, read by their rules."""

import csv
import json

import numpy as np
import pytest

from gen.export.json import write_json
from gen.export.livelink import write_livelink
from recognizer.motion import MotionTrack

#: The header that the Live Link Face app writes (its versions differ in the second name's case).
EPIC = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,"
    "JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,"
    "MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,"
    "RightEyePitch,RightEyeRoll"
)


@pytest.fixture
def track():
    rng = np.random.default_rng(0)
    return MotionTrack(rng.uniform(0, 1, (70, 52)), rng.normal(0, 9, (70, 6)), 30)


def test_live_link_header_is_epics(tmp_path, track):
    write_livelink(tmp_path / "m.csv", track)
    header, *rows = csv.reader((tmp_path / "m.csv").open(newline=""))
    assert ",".join(header) == EPIC
    assert len(rows) == 70
    assert {len(row) for row in rows} == {63}
    assert {row[1] for row in rows} == {"61"}


def test_live_link_values(tmp_path, track):
    write_livelink(tmp_path / "m.csv", track)
    row = list(csv.DictReader((tmp_path / "m.csv").open(newline="")))[31]
    assert float(row["JawOpen"]) == pytest.approx(track["jawOpen"][31], abs=1e-6)
    assert float(row["TongueOut"]) == pytest.approx(track["tongueOut"][31], abs=1e-6)
    for name in ("Yaw", "Pitch", "Roll"):
        assert float(row[f"Head{name}"]) == pytest.approx(
            np.deg2rad(track[f"head{name}"][31]), abs=1e-6
        )


def test_live_link_comes_back(tmp_path, track):
    write_livelink(tmp_path / "m.csv", track)
    back = MotionTrack.load(tmp_path / "m.csv")
    assert back.fps == track.fps
    np.testing.assert_allclose(back.blendshapes, track.blendshapes, atol=1e-6)
    np.testing.assert_allclose(back.pose[:, :3], track.pose[:, :3], atol=1e-4)


def test_live_link_timecodes(tmp_path):
    write_livelink(tmp_path / "m.csv", MotionTrack.zeros(30 * 61 + 2, 30))
    codes = [row["Timecode"] for row in csv.DictReader((tmp_path / "m.csv").open(newline=""))]
    assert codes[0] == "00:00:00:00.000"
    assert codes[29] == "00:00:00:29.000"
    assert codes[-1] == "00:01:01:01.000"


def test_live_link_eyes_look_where_the_coefficients_say(tmp_path):
    track = MotionTrack.zeros(1)
    for name in ("eyeLookOutLeft", "eyeLookInRight", "eyeLookUpLeft"):
        track[name][:] = 0.5
    write_livelink(tmp_path / "m.csv", track)
    (row,) = csv.DictReader((tmp_path / "m.csv").open(newline=""))
    # Both eyes to the subject's left: the same sign.
    assert float(row["LeftEyeYaw"]) == pytest.approx(float(row["RightEyeYaw"]))
    assert abs(float(row["LeftEyeYaw"])) == pytest.approx(np.deg2rad(15))
    assert float(row["LeftEyePitch"]) != 0
    assert float(row["RightEyePitch"]) == 0


def test_live_link_leaves_no_nan(tmp_path, track):
    """The format has no word for a frame without a face: it is interpolated."""
    track.blendshapes[3] = np.nan
    track.pose[3] = np.nan
    write_livelink(tmp_path / "m.csv", track)
    rows = list(csv.DictReader((tmp_path / "m.csv").open(newline="")))
    assert len(rows) == 70
    expected = (track["jawOpen"][2] + track["jawOpen"][4]) / 2
    assert float(rows[3]["JawOpen"]) == pytest.approx(expected, abs=1e-6)
    assert "nan" not in (tmp_path / "m.csv").read_text().lower()


def test_json(tmp_path, track):
    track.blendshapes[3] = np.nan
    track.pose[3] = np.nan
    write_json(tmp_path / "m.json", track)

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    document = json.loads((tmp_path / "m.json").read_text(), parse_constant=refuse)
    assert document["fps"] == 30
    assert len(document["names"]) == 58
    assert document["frames"][3] == [None] * 58
    frame = dict(zip(document["names"], document["frames"][7], strict=True))
    assert frame["jawOpen"] == pytest.approx(track["jawOpen"][7], abs=1e-5)
    assert frame["headYaw"] == pytest.approx(track["headYaw"][7], abs=1e-4)
    assert len(document["frames"]) == 70
