"""Motion that is held: exactly, without a jump at its borders, however the motion comes."""

import numpy as np
import pytest
from test_motion_model import generator, seeded, speech  # noqa: F401 - a fixture

from gen.editing import EASE, MotionEdit, edited
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES
from recognizer.motion import MotionTrack

BROW, JAW, YAW = ARKIT_INDEX["browInnerUp"], ARKIT_INDEX["jawOpen"], 53


def given(frames: int = 30, fps: float = 25.0) -> MotionTrack:
    """A motion to hold: all columns move."""
    phase = np.arange(frames)[:, None] / fps * 6 + np.arange(58)
    vectors = 0.5 + 0.3 * np.sin(phase)
    vectors[:, 52:] *= 10
    return MotionTrack.from_vectors(vectors, fps)


def test_weights_of_a_span():
    track = given(10)
    mask = np.zeros((10, 58), bool)
    mask[4:7, BROW] = True
    values, weights = MotionEdit.from_track(track, mask).at(np.arange(20) / 25)
    assert not weights[:, :BROW].any() and not weights[:, BROW + 1 :].any()
    column = weights[:, BROW]
    assert column[4:7].tolist() == [1, 1, 1]
    np.testing.assert_array_equal(values[4:7, BROW], track.blendshapes[4:7, BROW])
    assert (np.diff(column[:5]) > 0).all() and (np.diff(column[6:14]) < 0).all()
    assert np.abs(np.diff(column)).max() < 0.25
    away = np.abs(np.arange(20) - np.clip(np.arange(20), 4, 6)) / 25
    assert not column[away >= EASE].any()
    # A smoothstep, from its definition.
    x = 1 - away[9] / EASE
    assert column[9] == pytest.approx(3 * x**2 - 2 * x**3, abs=1e-3)


def test_two_spans_with_a_gap_lead_from_one_to_the_other():
    track = MotionTrack.zeros(9)
    track.blendshapes[:, BROW] = [0.2] * 3 + [np.nan] * 3 + [0.8] * 3
    values, weights = MotionEdit.from_track(track).at(np.arange(9) / 25)
    assert (np.diff(values[2:7, BROW]) > 0).all()
    assert values[4, BROW] == pytest.approx(0.5)
    assert (weights[[0, 1, 2, 6, 7, 8], BROW] == 1).all()
    assert 0.5 < weights[4, BROW] < 1


def test_another_frame_rate_is_interpolated():
    values, weights = MotionEdit.from_track(given(30, 30.0)).at(np.arange(24) / 25)
    assert (weights == 1).all()
    np.testing.assert_allclose(values, given(30, 30.0).resampled(25.0).to_vectors()[:24], atol=1e-5)


@pytest.mark.parametrize("fps", [25.0, 12.5, 30.0])
def test_a_key_is_held_at_its_moment(fps):
    edit = MotionEdit.keys([(1.5, {"browInnerUp": 0.8}), (3.0, {"browInnerUp": 0.1})])
    times = np.arange(round(4 * fps)) / fps
    shown = edit.apply(np.full((len(times), 58), 0.4), times)[:, BROW]
    at = np.argmin(np.abs(times - 1.5))
    assert shown[at] == pytest.approx(0.8, abs=1e-6)
    far = (np.abs(times - 1.5) > EASE) & (np.abs(times - 3.0) > EASE)
    np.testing.assert_allclose(shown[far], 0.4, atol=1e-6)
    assert shown.max() < 0.8001 and np.abs(np.diff(shown)).max() < 0.4 * 1.6 / (EASE - 0.04) / fps


@pytest.mark.parametrize("fps", [25.0, 30.0])
@pytest.mark.parametrize("head_scale", [1.5, 0.0])
def test_what_is_held_is_held_exactly(generator, fps, head_scale):  # noqa: F811
    track, mask = given(40, fps), np.zeros((40, 58), bool)
    mask[10:30, [BROW, JAW, YAW]] = True
    options = {"steps": 2, "overlap": 5, "head_scale": head_scale, "fps": fps}
    edits = (MotionEdit.from_track(track, mask),)
    free = generator(speech(60), generator=seeded(), **options).to_vectors()
    made = generator(speech(60), generator=seeded(), edits=edits, **options).to_vectors()
    np.testing.assert_array_equal(made[:40][mask], track.to_vectors()[mask])
    moved = np.abs(made - free).max(0)
    assert moved[[BROW, JAW]].min() > 0.05


def test_the_rest_is_sampled_to_fit(generator):  # noqa: F811
    """Not pasted over: what the network sees of the held columns changes the others."""
    mask = np.zeros(58, bool)
    mask[: len(ARKIT_NAMES) // 2] = True
    options = {"steps": 4, "generator": seeded()}
    free = generator(speech(20), **options).to_vectors()
    options["generator"] = seeded()
    edit = MotionEdit.from_track(given(20), mask)
    made = generator(speech(20), edits=(edit,), **options).to_vectors()
    assert np.abs(made - free)[:, ~mask].max() > 1e-3


def test_no_jump_at_the_borders_of_a_span(generator):  # noqa: F811
    track, mask = MotionTrack.zeros(40), np.zeros((40, 58), bool)
    track.blendshapes[:, BROW], mask[15:25, BROW] = 1.0, True
    made = generator(
        speech(40), steps=4, generator=seeded(), edits=(MotionEdit.from_track(track, mask),)
    )
    steps = np.abs(np.diff(made["browInnerUp"]))
    assert made["browInnerUp"][:5].max() < 0.8
    assert steps.max() < 0.3


def test_streamed_edits_are_the_same_however_speech_is_cut(generator):  # noqa: F811
    edits = (MotionEdit.from_track(given(40)), MotionEdit.keys([(1.8, {"jawOpen": 0.9})]))
    options = {"steps": 2, "overlap": 5, "edits": edits}
    whole = generator(speech(60), generator=seeded(), **options).to_vectors()
    cuts = np.split(speech(60), [1, 3, 30])
    parts = generator.stream(iter(cuts), generator=seeded(), **options)
    assert np.array_equal(np.concatenate([t.to_vectors() for t in parts]), whole)
    assert np.array_equal(whole[:37], given(40).to_vectors()[:37])
    assert whole[45, JAW] == pytest.approx(0.9)


def test_edits_on_motion_in_parts():
    track = MotionTrack.zeros(20)
    edit = MotionEdit.keys([(0.5, {"jawOpen": 1.0, "headYaw": -9.0})])
    (whole,) = edited([track], [edit])
    vectors = np.split(track.to_vectors(), [3, 11])
    parts = edited([MotionTrack.from_vectors(v) for v in vectors], [edit])
    joined = np.concatenate([part.to_vectors() for part in parts])
    assert np.array_equal(joined, whole.to_vectors())
    assert whole["headYaw"].min() == -9


def test_gains_scale_the_motion_and_not_what_is_held(generator):  # noqa: F811
    gains = np.ones(58, np.float32)
    gains[YAW], gains[BROW] = 3, 0.5
    mask = np.zeros(58, bool)
    mask[54] = True
    options = {"steps": 2, "edits": (MotionEdit.from_track(given(15), mask),)}
    plain = generator(speech(15), generator=seeded(), **options).to_vectors()
    made = generator(speech(15), generator=seeded(), gains=gains, **options).to_vectors()
    np.testing.assert_allclose(made[:, YAW], 3 * plain[:, YAW], rtol=1e-5)
    np.testing.assert_allclose(made[:, BROW], 0.5 * plain[:, BROW], rtol=1e-5)
    np.testing.assert_array_equal(made[:, 54], given(15).to_vectors()[:, 54])


def test_files_hold_the_columns_they_have(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("time,jawOpen,headYaw\n0,0.5,\n0.04,,3\n0.08,0.2,4\n")
    values, weights = MotionEdit.load(path).at(np.arange(3) / 25)
    held = np.zeros((3, 58), bool)
    held[[0, 2], JAW] = held[1:, YAW] = True
    assert ((weights == 1) == held).all()
    assert values[held].tolist() == pytest.approx([0.5, 3, 0.2, 4])
    given(5).save(tmp_path / "m.npz")
    assert len(MotionEdit.load(tmp_path / "m.npz").points) == 58


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,browInerUp,jawOpen\n0,0.5,0\n", "m.csv: 'browInerUp' is no ARKit blendshape"),
        ("time,jawOpen\n0,\n0.04,\n", "m.csv has no values to hold"),
        ("time,jawOpen\n0,7\n", "blendshapes must be 0..1"),
        ("time\n0\n", "names no ARKit blendshape"),
    ],
)
def test_bad_files(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        MotionEdit.load(tmp_path / "m.csv")


def test_bad_edits():
    with pytest.raises(ValueError, match=r"a mask is bool \[5, 58\], got bool \[5, 3\]"):
        MotionEdit.from_track(given(5), np.ones((5, 3), bool))
    wrong = given(5)
    wrong.blendshapes[2, JAW] = np.nan
    with pytest.raises(ValueError, match="jawOpen is held at a value that is not finite"):
        MotionEdit.from_track(wrong, np.ones(58, bool))
    with pytest.raises(ValueError, match="unknown blendshape 'smile'"):
        MotionEdit.keys([(0.0, {"smile": 1.0})])
    with pytest.raises(ValueError, match=r"jawOpen must be 0\.\.1, got 1\.5"):
        MotionEdit.keys([(0.0, {"jawOpen": 1.5})])
