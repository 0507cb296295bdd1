"""Affect tables: round trips, OpenFace's files, and whatever a file may hold."""

import csv
import io
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from test_affect import make_track

from recognizer.affect_csv import COLUMNS, to_dataframe, write_csv
from recognizer.affect_csv_reader import read_csv
from recognizer.facs import ARKIT_NAMES, AU_NAMES, EMOTIONS
from recognizer.motion import rotation_matrix

relaxed = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def assert_same(track, again, atol=1e-4):
    assert again.face_id == track.face_id
    assert again.fps == pytest.approx(track.fps, rel=2e-3)
    assert np.array_equal(again.success, track.success)
    for name in ("aus", "valence_arousal", "emotion", "confidence"):
        assert getattr(again, name) == pytest.approx(getattr(track, name), abs=atol, nan_ok=True)


def test_columns_are_the_documented_ones(tmp_path):
    make_track(2).save(tmp_path / "a.csv")
    header = next(csv.reader((tmp_path / "a.csv").open(newline="")))
    assert header == [
        "frame", "timestamp", "face_id", "success", "confidence",
        *(f"{au}_r" for au in AU_NAMES), "valence", "arousal", *EMOTIONS,
        "pose_Rx", "pose_Ry", "pose_Rz", "gaze_angle_x", "gaze_angle_y", *ARKIT_NAMES,
    ]  # fmt: skip


def test_values_are_where_they_belong(tmp_path):
    track = make_track(3, lost=(1,))
    track.save(tmp_path / "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").open(newline="")))
    assert [row["timestamp"] for row in rows] == ["0.0000", "0.0400", "0.0800"]
    assert [row["success"] for row in rows] == ["1", "0", "1"]
    assert float(rows[2]["AU12_r"]) == pytest.approx(track["AU12"][2], abs=1e-5)
    assert float(rows[2]["fear"]) == pytest.approx(track["fear"][2], abs=1e-5)
    yaw = np.rad2deg(float(rows[2]["pose_Ry"]))
    assert yaw == pytest.approx(track.motion["headYaw"][2], abs=1e-3)
    right = np.rad2deg(float(rows[2]["gaze_angle_x"]))
    assert right == pytest.approx(track.gaze[2, 0], abs=1e-3)
    assert {rows[1][name] for name in COLUMNS[5:]} == {"NaN"}


@relaxed
@given(
    frames=st.integers(1, 12),
    fps=st.sampled_from([25.0, 30.0, 12.5, 24000 / 1001, 30000 / 1001, 60000 / 1001, 7.0]),
    faces=st.integers(1, 3),
    motion=st.booleans(),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_round_trip(tmp_path, frames, fps, faces, motion, seed, data):
    fps = fps if frames > 1 else 25.0  # a single row does not tell
    lost = data.draw(st.sets(st.integers(0, frames - 1)))
    gaze = {} if motion else {"gaze": None}
    tracks = [
        make_track(frames, fps, seed + i, lost if i == 0 else (), motion, face_id=2 * i, **gaze)
        for i in range(faces)
    ]
    write_csv(tmp_path / "t.csv", tracks)
    for track, again in zip(tracks, read_csv(tmp_path / "t.csv"), strict=True):
        assert_same(track, again)
        assert (again.motion is None) == (not motion or not track.success.any())
        if again.motion is not None:
            vectors = track.motion.to_vectors()
            assert again.motion.to_vectors() == pytest.approx(vectors, abs=1e-3, nan_ok=True)
            assert again.gaze == pytest.approx(track.gaze, abs=1e-3, nan_ok=True)


def test_writing_what_was_read_changes_nothing(tmp_path):
    write_csv(tmp_path / "a.csv", [make_track(5, lost=(0, 3)), make_track(5, face_id=1)])
    write_csv(tmp_path / "b.csv", read_csv(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


OPENFACE = (
    "frame, face_id, timestamp, confidence, success, gaze_angle_x, gaze_angle_y, pose_Tx, "
    "pose_Rx, pose_Ry, pose_Rz, AU01_r, AU12_r, AU12_c, AU28_c\n"
    "1, 0, 0.000, 0.98, 1, 0.1, -0.2, 12.5, -0.2, 0.3, 0.1, 0.50, 2.40, 1.00, 0.00\n"
    "2, 0, 0.033, 0.03, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.00, 0.00, 0.00, 0.00\n"
    "3, 0, 0.067, 0.93, 1, 0.1, -0.2, 12.5, -0.2, 0.3, 0.1, 0.00, 3.10, 1.00, 1.00\n"
)


def test_openface(tmp_path):
    (track,) = read_csv(write(tmp_path / "o.csv", OPENFACE))
    assert track.fps == 30
    assert list(track.success) == [True, False, True]
    assert track["AU12"] == pytest.approx([2.4, np.nan, 3.1], nan_ok=True)
    assert np.isnan(track["AU02"]).all()  # no such column
    assert np.isnan(track.valence_arousal).all()
    assert track.gaze[0] == pytest.approx(np.rad2deg([0.1, -0.2]))
    assert track.present()[:, AU_NAMES.index("AU28")].tolist() == [False, False, True]
    # The same head, told in the other way: scipy's intrinsic XYZ is Rx @ Ry @ Rz.
    expected = Rotation.from_euler("XYZ", [-0.2, 0.3, 0.1]).as_matrix()
    assert rotation_matrix(track.motion.pose[0, :3]) == pytest.approx(expected, abs=1e-5)
    assert track.motion["headPitch"][0] > 0  # OpenFace's pitch is negative for a lifted nose
    assert np.isnan(track.motion.blendshapes).all()


def test_openface_with_several_faces_leaves_rows_out(tmp_path):
    text = (
        "frame, face_id, timestamp, confidence, success, AU12_r\n"
        "1, 0, 0.00, 0.9, 1, 1\n1, 4, 0.00, 0.9, 1, 2\n"
        "2, 4, 0.04, 0.9, 1, 3\n4, 0, 0.12, 0.9, 1, 4\n"
    )
    first, second = read_csv(write(tmp_path / "o.csv", text))
    assert (first.face_id, second.face_id, first.fps) == (0, 4, 25)
    assert first["AU12"] == pytest.approx([1, np.nan, np.nan, 4], nan_ok=True)
    assert second["AU12"] == pytest.approx([2, 3, np.nan, np.nan], nan_ok=True)


def test_openface_picture(tmp_path):
    text = "face, confidence, AU12_r\n0, 0.9, 1.5\n1, 0.8, 0.5\n"
    first, second = read_csv(write(tmp_path / "o.csv", text))
    assert (len(first), first.fps, second.face_id) == (1, 25, 1)
    assert second["AU12"] == pytest.approx([0.5])


def test_a_part_of_a_longer_clip_keeps_its_times(tmp_path):
    text = "frame,timestamp,AU12_r\n50,2.0,1\n51,2.04,2\n"
    (track,) = read_csv(write(tmp_path / "o.csv", text))
    assert (len(track), track.success.sum()) == (52, 2)


BAD = [
    ("", "names no action unit"),
    ("frame,timestamp\n0,0\n", "names no action unit"),
    ("frame,AU12_r\n", "no rows"),
    ("frame,AU12_r\n0\n", "line 2: 1 cells, not 2"),
    ("frame,AU12_r\n0,1\n\n1,much\n", "line 4.*'much'"),
    ("frame,AU12_r\n0,6\n", "aus must be 0..5"),
    ("frame,AU12_r\n0,inf\n", "line 2: a number beyond"),
    ("frame,AU12_r\n0,1e300\n", "line 2: a number beyond"),
    ("frame,AU12_r, AU12_r\n0,1,1\n", "a column twice"),
    ("frame,AU12_r\n0,1\n0,1\n", "two rows for a frame of face 0"),
    ("frame,AU12_r\n0.5,1\n", "frame must be whole numbers"),
    ("frame,AU12_r\n-1,1\n", "frame must be whole numbers"),
    ("frame,AU12_r\nNaN,1\n", "frame must be whole numbers"),
    ("frame,face_id,AU12_r\n0,-1,1\n", "face_id must be whole numbers"),
    ("frame,success,AU12_r\n0,2,1\n", "success must be 0 or 1"),
    ("frame,valence\n0,1.5\n", "valence_arousal must be -1..1"),
    ("frame,jawOpen\n0,1.5\n", "blendshapes must be 0..1"),
    ("frame,timestamp,AU12_r\n0,0,1\n1,0,1\n", "timestamp must rise"),
    ("frame,timestamp,AU12_r\n0,1,1\n1,0,1\n", "timestamp must rise"),
    ("frame,timestamp,AU12_r\n0,0,1\n1,,1\n", "timestamp must rise"),
    ("frame,timestamp,AU12_r\n0,0,1\n1,5e-324,1\n", "too little"),
    ("frame,AU12_r\n0,1\n900000000,1\n", "more than 2000000 frames"),
    (b"PK\x03\x04\x00\xff\xfe", "not a CSV text file"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_files_say_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_csv(write(tmp_path / "bad.csv", text))
    assert "bad.csv" in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "no.csv")


cells = st.one_of(
    st.floats().map(repr), st.text(max_size=3), st.integers(-1, 5).map(str), st.just("0.5")
)


@relaxed
@given(st.lists(st.lists(cells, min_size=6, max_size=6), max_size=4))
@example([["0", "0", "1", "1", "1e39", "0"]])
def test_any_cells(tmp_path, rows):
    file = io.StringIO(newline="")
    header = ["frame", "timestamp", "success", "AU12_r", "pose_Rx", "happiness"]
    csv.writer(file).writerows([header, *rows])
    try:
        (track,) = read_csv(write(tmp_path / "any.csv", file.getvalue().encode()))
    except ValueError as error:
        assert "any.csv" in str(error)
    else:
        assert 0 < track.fps < np.inf
        assert len(track) >= len(rows)


@relaxed
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path, data):
    with pytest.raises(ValueError, match=r"any\.csv"):
        read_csv(write(tmp_path / "any.csv", data))


def test_writing_needs_faces_of_one_length(tmp_path):
    with pytest.raises(ValueError, match="no face"):
        write_csv(tmp_path / "a.csv", [])
    with pytest.raises(ValueError, match="same length"):
        write_csv(tmp_path / "a.csv", [make_track(3), make_track(4)])
    assert not list(tmp_path.iterdir())


def test_dataframe_is_the_csv(tmp_path):
    pandas = pytest.importorskip("pandas")
    tracks = [make_track(4, lost=(2,)), make_track(4, seed=1, face_id=1)]
    write_csv(tmp_path / "a.csv", tracks)
    read = pandas.read_csv(tmp_path / "a.csv")
    frame = to_dataframe(tracks)
    assert list(frame.columns) == list(read.columns) == list(COLUMNS)
    assert frame.to_numpy(float) == pytest.approx(read.to_numpy(float), abs=1e-4, nan_ok=True)
    assert len(tracks[0].to_dataframe()) == 4


def test_dataframe_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        make_track().to_dataframe()
