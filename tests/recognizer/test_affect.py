"""Affect tracks: what they hold, smooth and resample."""

import numpy as np
import pytest

from recognizer.affect import AffectTrack
from recognizer.facs import AU_NAMES, EMOTIONS
from recognizer.motion import MotionTrack
from recognizer.smoothing import one_euro


def make_track(frames=6, fps=25.0, seed=0, lost=(), motion=True, **changes) -> AffectTrack:
    rng = np.random.default_rng(seed)
    success = ~np.isin(np.arange(frames), lost)
    vectors = np.concatenate(
        [rng.uniform(0, 1, (frames, 52)), rng.normal(0, 9, (frames, 6))], axis=1
    )
    vectors[:, 55:] = 0
    vectors[~success] = np.nan
    fields = {
        "aus": rng.uniform(0, 5, (frames, 24)),
        "valence_arousal": rng.uniform(-1, 1, (frames, 2)),
        "emotion": rng.dirichlet(np.ones(8), frames),
        "success": success,
        "confidence": rng.uniform(0.5, 1, frames),
        "fps": fps,
        "motion": MotionTrack.from_vectors(vectors, fps) if motion is True else motion or None,
        "gaze": rng.uniform(-20, 20, (frames, 2)),
    }
    return AffectTrack(**(fields | changes))


def test_curves_by_name():
    track = make_track()
    assert np.array_equal(track["AU12"], track.aus[:, AU_NAMES.index("AU12")])
    assert np.array_equal(track["arousal"], track.valence_arousal[:, 1])
    assert np.array_equal(track["fear"], track.emotion[:, EMOTIONS.index("fear")])
    with pytest.raises(KeyError, match="joy"):
        track["joy"]


def test_frames_without_a_face_are_nan():
    track = make_track(lost=(2,))
    for values in (track.aus, track.valence_arousal, track.emotion, track.gaze):
        assert np.isnan(values[2]).all()
        assert np.isfinite(values[[0, 1, 3, 4, 5]]).all()
    assert track.confidence[2] == 0
    assert not track.present()[2].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aus": np.zeros((6, 23))}, r"aus must be \[6, 24\], got \[6, 23\]"),
        ({"aus": np.full((6, 24), 5.1)}, "aus must be 0..5, found 0..5.1|found 5.1"),
        ({"aus": np.full((6, 24), np.inf)}, "aus must be 0..5"),
        ({"valence_arousal": np.full((6, 2), -1.2)}, "valence_arousal must be -1..1"),
        ({"emotion": np.full((6, 8), 0.5)}, "add up to 1"),
        ({"confidence": np.full(6, 2)}, "confidence must be 0..1"),
        ({"confidence": np.ones(5)}, r"confidence must be \[6\], got \[5\]"),
        ({"aus_std": -np.ones((6, 24))}, "aus_std must be 0..inf"),
        ({"fps": 0}, "fps must be positive"),
        ({"motion": MotionTrack.zeros(5)}, "motion has 5 frames at 25 a second, affect 6"),
        ({"motion": MotionTrack.zeros(6, 30)}, "at 30 a second"),
    ],
)
def test_shapes_and_ranges_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        make_track(**changes)


def test_presence_by_intensity_or_by_another_tool():
    aus = np.full((1, 24), np.nan)
    aus[0, :3] = 0.9, 1.0, 4.0
    presence = np.full((1, 24), np.nan)
    presence[0, [0, 23]] = 0, 1
    track = make_track(1, motion=False, gaze=None, aus=aus, presence=presence)
    assert list(np.flatnonzero(track.present()[0])) == [1, 2, 23]
    assert list(np.flatnonzero(track.present(2)[0])) == [2, 23]


def test_from_face(tracker, picture):
    face = tracker.image(picture)[0]
    track = AffectTrack.from_face(face, aus=np.ones((1, 24)), aus_std=np.ones((1, 24)))
    assert track.success.all()
    assert np.array_equal(track.motion.blendshapes, face.motion.blendshapes)
    assert track["AU12"] == 1
    assert np.isnan(track.emotion).all()


def reference_one_euro(values, fps, min_cutoff, beta):
    """The pseudo-code of the paper's appendix, for one column."""

    def alpha(cutoff):
        return 1 / (1 + (1 / (2 * np.pi * cutoff)) * fps)

    out, previous, slope = [], None, 0.0
    for value in values:
        if previous is None:
            smooth = value
        else:
            slope = alpha(1.0) * (value - previous) * fps + (1 - alpha(1.0)) * slope
            share = alpha(min_cutoff + beta * abs(slope))
            smooth = share * value + (1 - share) * previous
        out.append(smooth)
        previous = smooth
    return out


@pytest.mark.parametrize(("min_cutoff", "beta"), [(1.0, 0.0), (0.5, 2.0), (3.0, 0.1)])
def test_one_euro_is_the_paper_s(min_cutoff, beta):
    values = np.random.default_rng(1).normal(size=(60, 3)).cumsum(axis=0)
    out = one_euro(values, 30, min_cutoff, beta)
    for column, expected in zip(out.T, values.T, strict=True):
        assert column == pytest.approx(reference_one_euro(expected, 30, min_cutoff, beta))


def test_one_euro_starts_afresh_after_a_gap():
    values = np.array([0, 0, np.nan, 9, 9.0])
    assert one_euro(values, 25) == pytest.approx([0, 0, np.nan, 9, 9], nan_ok=True)


@pytest.mark.parametrize("name", ["fps", "min_cutoff", "derivative_cutoff", "beta"])
def test_one_euro_checks_its_frequencies(name):
    with pytest.raises(ValueError, match=name):
        one_euro(np.zeros(3), **({"fps": 25} | {name: -1}))


def test_smoothed_is_steadier_and_keeps_the_raw():
    track = make_track(200, lost=(50, 51))
    smooth = track.smoothed()
    assert smooth.raw is track
    for name in ("aus", "valence_arousal", "emotion", "gaze"):
        before, after = getattr(track, name), getattr(smooth, name)
        assert np.nanstd(np.diff(after, axis=0)) < 0.5 * np.nanstd(np.diff(before, axis=0))
        assert np.isnan(after[50:52]).all()
        assert np.nanmean(after, axis=0) == pytest.approx(np.nanmean(before, axis=0), abs=1.5)
    assert smooth.emotion[smooth.success].sum(axis=1) == pytest.approx(np.ones(198))
    assert np.array_equal(smooth.motion.valid, track.motion.valid)
    assert np.ptp(smooth.motion["jawOpen"][10:50]) < np.ptp(track.motion["jawOpen"][10:50])


@pytest.mark.parametrize(("old", "new"), [(25, 50), (30, 25), (25, 10), (25, 25)])
def test_resampled_is_linear_in_time(old, new):
    track = make_track(20, old)
    out = track.resampled(new)
    assert out.fps == new
    assert len(out) == len(out.motion) == round(20 / old * new)
    for i in range(24):
        expected = np.interp(out.times, track.times, track.aus[:, i])
        assert out.aus[:, i] == pytest.approx(expected, abs=1e-5)
    expected = np.interp(out.times, track.times, track.motion["jawOpen"])
    assert out.motion["jawOpen"] == pytest.approx(expected, abs=1e-5)


def test_resampled_beside_a_gap_takes_the_nearer_frame():
    track = make_track(4, lost=(1,), presence=np.tile([0.0, 1.0], (4, 12)))
    out = track.resampled(100)
    assert list(out.success) == [True] * 3 + [False] * 4 + [True] * 9
    assert np.array_equal(out.aus[:3], np.repeat(track.aus[:1], 3, axis=0))
    assert set(np.unique(out.presence[out.success])) == {0, 1}
    assert len(track.smoothed().resampled(50).raw) == 8


def test_resampled_refuses_nonsense():
    with pytest.raises(ValueError, match="fps must be positive"):
        make_track().resampled(-1)
