"""Motion files and rotations, against numpy, scipy and whatever bytes hypothesis thinks of."""

import csv
import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.motion import MotionTrack, euler_angles, rotation_matrix

relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def random_track(frames=7, fps=25.0, seed=0) -> MotionTrack:
    rng = np.random.default_rng(seed)
    return MotionTrack(rng.uniform(0, 1, (frames, 52)), rng.normal(0, 5, (frames, 6)), fps)


def write(path, text) -> object:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(*rows, header="time,jawOpen,headYaw", end="\n") -> str:
    return end.join([header, *rows]) + end


@pytest.mark.parametrize("ending", [".csv", ".npz", ".CSV"])
@pytest.mark.parametrize("fps", [25.0, 30.0, 59.94, 12.5])
def test_round_trip(tmp_path, ending, fps):
    track = random_track(fps=fps)
    track.blendshapes[3] = np.nan
    track.pose[3] = np.nan
    track.save(tmp_path / f"m{ending}")
    again = MotionTrack.load(tmp_path / f"m{ending}")
    assert again.fps == pytest.approx(fps, rel=1e-3)
    assert again.to_vectors() == pytest.approx(track.to_vectors(), abs=1e-4, nan_ok=True)
    assert list(again.valid) == [True, True, True, False, True, True, True]


def test_csv_is_what_the_documentation_says(tmp_path):
    track = random_track(frames=3)
    track.save(tmp_path / "m.csv")
    rows = list(csv.DictReader((tmp_path / "m.csv").open(newline="")))
    assert list(rows[0]) == ["time", *ARKIT_NAMES, *POSE_NAMES]
    assert [float(row["time"]) for row in rows] == pytest.approx([0, 0.04, 0.08])
    assert float(rows[1]["jawOpen"]) == pytest.approx(track.blendshapes[1, 17], rel=1e-4)
    assert float(rows[2]["headYaw"]) == pytest.approx(track.pose[2, 1], rel=1e-4)


def test_save_refuses_other_endings(tmp_path):
    with pytest.raises(ValueError, match=r"\.csv or \.npz"):
        random_track().save(tmp_path / "m.txt")
    assert not list(tmp_path.iterdir())


def test_missing_columns_are_zero_and_unknown_ones_ignored(tmp_path):
    text = table("0,0.5,7", "0.04,0.25,8", header="time,jawOpen,note")
    track = MotionTrack.load(write(tmp_path / "m.csv", text))
    assert track["jawOpen"] == pytest.approx([0.5, 0.25])
    assert np.count_nonzero(track.to_vectors()) == 2
    assert track.fps == 25


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_byte_order_mark_and_blank_lines(tmp_path, end, mark):
    text = mark + table("0,0.5,3", "", "0.05,1,-3", "", end=end)
    track = MotionTrack.load(write(tmp_path / "m.csv", text))
    assert track["jawOpen"] == pytest.approx([0.5, 1])
    assert track["headYaw"] == pytest.approx([3, -3])
    assert track.fps == pytest.approx(20)


def test_empty_cell_is_a_frame_without_a_face(tmp_path):
    text = table("0,0.2,1", "0.04,,2", "0.08,0.4,", "0.12,0.5,4", "0.16,0.6,5")
    track = MotionTrack.load(write(tmp_path / "m.csv", text))
    # A frame whose pose alone is missing cannot be shown either.
    assert list(track.valid) == [True, False, False, True, True]
    filled = track.filled()
    assert np.isfinite(filled.to_vectors()).all()
    assert filled["jawOpen"] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    assert filled["headYaw"] == pytest.approx([1, 2, 3, 4, 5])


BAD = [
    ("", "no header"),
    ("\n", "no header"),
    ("a,b\n1,2\n", "no header with a 'time' column"),
    ("Time,jawOpen\n0,0\n", "no header with a 'time' column"),
    ("time,jawOpen\n", "no rows"),
    ("time,JawOpen\n0,0\n", "names no ARKit blendshape"),
    (table("0,0.5,1", "0.04,wide,1"), "line 3.*'wide'"),
    (table("0,0.5,1", "", "0.04,wide,1"), "line 4.*'wide'"),
    (table("0,0.5,1", "0.04,0.5"), "line 3: 2 cells, not 3"),
    (table("0,0.5,1", "0.04,0.5,1,2"), "line 3: 4 cells, not 3"),
    (table("0,0.5,1", "0.04,0.5,1", "0.02,0.5,1"), "'time' must rise"),
    (table("0,0.5,1", "0,0.5,1"), "'time' must rise"),
    (table("0,0.5,1", ",0.5,1"), "'time' must rise"),
    (table("0,0.5,1", "inf,0.5,1"), "'time' must rise"),
    (table("0,0.5,1", "5e-324,0.5,1"), "frame rate|time"),
    (table("0,1.5,1"), "blendshapes must be 0..1, found 0..1.5"),
    (table("0,-0.2,1"), "blendshapes must be 0..1"),
    (table("0,inf,1"), "infinite"),
    (table("0,0.5,-inf"), "infinite"),
    (table("0,0.5,1e300"), "infinite"),
    (b"PK\x03\x04\x00\xff\xfe", "not a CSV text file"),
    ("time,jawOpen\n0,0\x00\n", "CSV|'0.x00'"),
    (b"\xff\xfet\x00i\x00m\x00e\x00", "not a CSV text file"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_csv_says_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        MotionTrack.load(write(tmp_path / "bad.csv", text))
    assert "bad.csv" in str(caught.value)


def test_missing_file(tmp_path):
    for name in ("no.csv", "no.npz"):
        with pytest.raises(FileNotFoundError):
            MotionTrack.load(tmp_path / name)


@relaxed
@given(st.binary(max_size=300))
@example(b"time,jawOpen\n0,\xc3\xa4\n")
@example(b'time,jawOpen\n0,"0.5\n')
def test_any_bytes_as_csv(tmp_path, data):
    try:
        MotionTrack.load(write(tmp_path / "any.csv", data))
    except ValueError as error:
        assert "any.csv" in str(error)


cells = st.one_of(
    st.floats().map(repr), st.text(max_size=4), st.integers().map(str), st.just("0.5"), st.just("")
)


@relaxed
@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=5))
@example([["0", "0", "0"], ["1e-320", "0", "0"]])
@example([["-1e308", "0", "0"], ["1e308", "0", "0"]])
@example([["0", "0", "1e39"]])
@example([["0", "0", "0"], ["200", "0", "0"]])
def test_any_cells_as_csv(tmp_path, rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["time", "jawOpen", "headYaw"], *rows])
    try:
        track = MotionTrack.load(write(tmp_path / "any.csv", file.getvalue().encode()))
    except ValueError as error:
        assert "any.csv" in str(error)
    else:
        assert len(track) == len(rows)
        assert not np.isinf(track.to_vectors()).any()
        assert 0 < track.fps < np.inf


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blendshapes": np.zeros((3, 51))}, r"must be \[T, 52\]"),
        ({"pose": np.zeros((2, 6))}, r"pose must be \[3, 6\]"),
        ({"fps": -1.0}, "fps must be positive"),
        ({"fps": np.nan}, "fps must be positive"),
        ({"fps": np.zeros(3)}, "not a motion file"),
        ({"blendshapes": np.array(["a"])}, "not a motion file"),
        ({"pose": np.array([{}], dtype=object)}, "not a motion file"),
        ({"blendshapes": np.full((3, 52), 1.5)}, "0..1"),
        ({"blendshapes": np.full((3, 52), -np.inf)}, "infinite"),
        ({"pose": np.full((3, 6), np.inf)}, "infinite"),
        ({"blendshapes": np.zeros((0, 52)), "pose": np.zeros((0, 6))}, "no frames"),
    ],
)
def test_bad_npz_says_what_is_wrong(tmp_path, changes, message):
    good = {"blendshapes": np.zeros((3, 52)), "pose": np.zeros((3, 6)), "fps": 25.0}
    with pytest.raises(ValueError, match=message) as caught:
        MotionTrack.load(npz(tmp_path / "bad.npz", **(good | changes)))
    assert "bad.npz" in str(caught.value)


def test_npz_without_a_member(tmp_path):
    with pytest.raises(ValueError, match=r"bad\.npz is not a motion file.*fps"):
        MotionTrack.load(
            npz(tmp_path / "bad.npz", blendshapes=np.zeros((3, 52)), pose=np.zeros((3, 6)))
        )


@pytest.mark.parametrize(
    "data",
    [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00", bytes(99)],
)
def test_other_files_called_npz(tmp_path, data):
    with pytest.raises(ValueError, match=r"any\.npz is not a motion file"):
        MotionTrack.load(write(tmp_path / "any.npz", data))


def test_single_array_called_npz(tmp_path):
    with open(tmp_path / "any.npz", "wb") as file:
        np.save(file, np.zeros((3, 58)))
    with pytest.raises(ValueError, match=r"any\.npz is not a motion file"):
        MotionTrack.load(tmp_path / "any.npz")


@relaxed
@given(st.data())
def test_damaged_npz(tmp_path, data):
    buffer = io.BytesIO()
    track = random_track(frames=2)
    # Stored, not deflated, so that damage reaches numpy's own headers too.
    np.savez(buffer, blendshapes=track.blendshapes, pose=track.pose, fps=track.fps)
    damaged = bytearray(buffer.getvalue())
    starts = [info.header_offset for info in zipfile.ZipFile(buffer).infolist()]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.sampled_from([*starts, len(damaged) - 300]))
        damaged[start + data.draw(st.integers(0, 170))] = data.draw(st.integers(0, 255))
    path = write(tmp_path / "any.npz", bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    try:
        MotionTrack.load(path)
    except ValueError as error:
        assert "any.npz" in str(error)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"blendshapes must be \[T, 52\], got \[3, 51\]"):
        MotionTrack(np.zeros((3, 51)), np.zeros((3, 6)))
    with pytest.raises(ValueError, match=r"pose must be \[3, 6\], got \[2, 6\]"):
        MotionTrack(np.zeros((3, 52)), np.zeros((2, 6)))
    for fps in (0, -25, np.inf, np.nan):
        with pytest.raises(ValueError, match="fps must be positive"):
            MotionTrack.zeros(3, fps)


def test_curves_by_name():
    track = random_track()
    assert np.array_equal(track["eyeBlinkLeft"], track.blendshapes[:, 0])
    assert np.array_equal(track["headZ"], track.pose[:, 5])
    assert np.array_equal(MotionTrack.from_vectors(track.to_vectors()).pose, track.pose)


@pytest.mark.parametrize(("source", "target"), [(25, 30), (30, 25), (25, 60), (25, 7.5)])
@pytest.mark.parametrize("frames", [1, 2, 50])
def test_resampled(source, target, frames):
    track = random_track(frames, source)
    out = track.resampled(target)
    assert out.fps == target
    assert len(out) == max(1, round(frames / source * target))
    times = np.arange(len(out)) / target
    for i, column in enumerate(track.to_vectors().T):
        expected = np.interp(times, np.arange(frames) / source, column)
        assert out.to_vectors()[:, i] == pytest.approx(expected, abs=1e-5)


def test_resampled_at_its_own_rate_is_itself():
    track = random_track()
    assert np.array_equal(track.resampled(25).to_vectors(), track.to_vectors())


def test_filled_interpolates_and_holds_the_ends():
    track = MotionTrack.zeros(5)
    track.blendshapes[:, 17] = [np.nan, 0.2, np.nan, 0.6, np.nan]
    track.pose[:, 0] = [np.nan, 1, np.nan, 3, np.nan]
    filled = track.filled()
    assert filled["jawOpen"] == pytest.approx([0.2, 0.2, 0.4, 0.6, 0.6])
    assert filled["headPitch"] == pytest.approx([1, 1, 2, 3, 3])
    assert np.isnan(track["jawOpen"][0])  # a copy
    with pytest.raises(ValueError, match="no frame of this motion has a face"):
        MotionTrack(np.full((2, 52), np.nan), np.zeros((2, 6))).filled()


def test_rotation_against_scipy():
    angles = np.random.default_rng(0).uniform(-80, 80, (50, 3))
    # In a frame with y down, lifting the nose and turning it to +x are negative about x and y.
    expected = Rotation.from_euler("ZYX", angles[:, ::-1] * [1, -1, -1], degrees=True).as_matrix()
    assert rotation_matrix(angles) == pytest.approx(expected, abs=1e-12)
    assert euler_angles(rotation_matrix(angles)) == pytest.approx(angles, abs=1e-9)
    assert rotation_matrix(angles[0]).shape == (3, 3)
    assert rotation_matrix(np.zeros((2, 4, 3))).shape == (2, 4, 3, 3)


def test_sign_conventions():
    nose, crown = np.array([0, 0, -1.0]), np.array([0, -1.0, 0])
    assert (rotation_matrix(np.array([20, 0, 0])) @ nose)[1] < 0  # up
    assert (rotation_matrix(np.array([0, 20, 0])) @ nose)[0] > 0  # to the image's right
    assert (rotation_matrix(np.array([0, 0, 20])) @ crown)[0] > 0  # clockwise in the image
