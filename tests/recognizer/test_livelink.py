"""Recordings of Epic's Live Link Face."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.motion import MotionTrack


def record(path, codes, **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendshapeCount", *columns])
        for i, code in enumerate(codes):
            writer.writerow([code, 61, *(values[i] for values in columns.values())])
    return path


def codes(start, count, fps):
    frames = np.arange(count) + start
    return [f"10:59:{f // fps:02d}:{f % fps:02d}.000" for f in frames]


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_rate_names_and_units(tmp_path, fps):
    jaw, yaw = np.linspace(0, 1, 90), np.linspace(-0.2, 0.2, 90)
    path = record(tmp_path / "m.csv", codes(fps // 2, 90, fps), JawOpen=jaw, HeadYaw=yaw)
    track = MotionTrack.load(path)
    assert track.fps == fps and len(track) == 90
    np.testing.assert_allclose(track["jawOpen"], jaw, atol=1e-6)
    np.testing.assert_allclose(track["headYaw"], np.degrees(yaw), atol=1e-4)
    assert not track["headPitch"].any()


def test_dropped_frames_are_bridged(tmp_path):
    kept = [i for i in range(90) if i not in (10, 11, 50)]
    all_codes = codes(0, 90, 30)
    path = record(tmp_path / "m.csv", [all_codes[i] for i in kept], JawOpen=[i / 90 for i in kept])
    track = MotionTrack.load(path)
    np.testing.assert_allclose(track["jawOpen"], np.arange(90) / 90, atol=1e-6)


@pytest.mark.parametrize(
    ("codes_", "message"),
    [
        (["1:2:3:4", "nonsense"], "line 3.*no timecode"),
        (["1:2:3:4", "1:2:3:4"], "must rise"),
        (["1:2:3:4", "9:2:3:4"], "leave more"),
    ],
)
def test_bad_timecodes(tmp_path, codes_, message):
    path = record(tmp_path / "m.csv", codes_, JawOpen=[0, 0])
    with pytest.raises(ValueError, match=message):
        MotionTrack.load(path)


def test_values_out_of_range_and_broken_cells(tmp_path):
    with pytest.raises(ValueError, match=r"must be 0\.\.1"):
        MotionTrack.load(record(tmp_path / "a.csv", ["0:0:0:1"], JawOpen=[1.5]))
    with pytest.raises(ValueError, match="line 2"):
        MotionTrack.load(record(tmp_path / "b.csv", ["0:0:0:1"], JawOpen=["x"]))


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_below_the_header_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "m.csv"
    path.write_text("Timecode,BlendshapeCount,JawOpen\n" + text, encoding="utf-8")
    try:
        assert len(MotionTrack.load(path)) > 0
    except ValueError as error:
        assert "\n" not in str(error)
