"""Lips that articulate more, and blinks that do not come too soon."""

import numpy as np
import pytest
from test_motion_model import generator, seeded, speech  # noqa: F401

from gen.manner import Blinks, Emphasis
from gen.sampling import BROWS, GAZE, LIPS, Sampling
from recognizer.facs import ARKIT_INDEX

UPPER, JAW = ARKIT_INDEX["mouthUpperUpLeft"], ARKIT_INDEX["jawOpen"]
LOWER, PUCKER = ARKIT_INDEX["mouthLowerDownLeft"], ARKIT_INDEX["mouthPucker"]
LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def in_parts(make, vectors):
    """What an instance makes of motion cut anyhow."""
    act = make()
    return np.concatenate([act(part) for part in np.split(vectors, [1, 7, 7, 90])])


def blinking(at, frames=200):
    """Blinks of five frames that begin at ``at``."""
    out = np.zeros((frames, 58), np.float32)
    for start in at:
        out[start : start + 5, LIDS] = np.array([0.4, 0.9, 1.0, 0.6, 0.3])[:, None]
    return out


def begun(vectors):
    shut = vectors[:, LIDS[0]] > 0.5
    return np.flatnonzero(shut[1:] & ~shut[:-1]).tolist()


def test_lips_move_more_but_rest_where_they_did():
    vectors = np.zeros((500, 58), np.float32)
    lips = [LOWER, PUCKER, UPPER]
    vectors[:, [*lips, JAW]] = 0.3 + 0.1 * np.sin(np.arange(500) / 25 * 2 * np.pi * 4)[:, None]
    made = Emphasis(2.0)(vectors)
    late = slice(100, None)
    more = made[late].std(axis=0)[lips] / vectors[late, LOWER].std()
    assert more[0] == pytest.approx(2, rel=0.05)
    assert more[1] > more[0] > more[2] > 1.5  # rounder rather than gummier
    assert made[late].mean(axis=0)[lips] == pytest.approx([0.3] * 3, abs=0.01)
    np.testing.assert_array_equal(np.delete(made, lips, 1), np.delete(vectors, lips, 1))


def test_a_shape_that_is_held_is_not_exaggerated():
    """A smile or raised lips that last are neither more nor less."""
    vectors = np.zeros((250, 58), np.float32)
    vectors[50:, UPPER] = 0.3
    made = Emphasis(2.5)(vectors)
    assert made[:50, UPPER].max() == 0
    assert made[-1, UPPER] == pytest.approx(0.3, abs=0.001)
    vectors[:, UPPER] = 0.95
    vectors[120, UPPER] = 0.0
    assert 0 <= Emphasis(4.0)(vectors)[:, UPPER].min() <= Emphasis(4.0)(vectors).max() <= 1


def test_blinks_that_come_too_soon_are_left_out():
    made = Blinks(1.3, 25.0)(blinking([10, 35, 60, 100, 107]))  # 1 s, 2 s, 1.6 s and 0.28 s apart
    assert begun(made) == [10, 60, 100, 107]
    assert made[30:45, LIDS].max() <= 0.15
    untouched = blinking([10, 35, 60])
    np.testing.assert_array_equal(Blinks(0.0, 25.0)(untouched), untouched)


def test_lids_shut_at_once_and_open_ever_slower():
    made = Blinks(1.3, 25.0)(blinking([10], 60))[:, LIDS[0]]
    assert made[10:13] == pytest.approx([0.4, 0.9, 1.0])  # as they came
    assert (np.diff(made[12:25]) < 0).all() and (np.diff(made[13:25], 2) > 0).all()
    # People's lids are half open after some 80 ms and all but a tenth after some 200 ms.
    assert 0.3 < made[14] < 0.7 and 0.05 < made[17] < 0.15 and made[40] < 0.01
    slow = blinking([], 60)
    slow[20:50, LIDS] = np.linspace(1, 0, 30)[:, None]
    assert Blinks(1.3, 25.0)(slow)[20:48, LIDS] == pytest.approx(slow[20:48, LIDS])


@pytest.mark.parametrize("make", [lambda: Emphasis(2.5), lambda: Blinks(1.3, 25.0)])
def test_parts_make_the_whole(make):
    vectors = blinking([10, 28, 89, 120])
    vectors[:, UPPER] = np.random.default_rng(0).uniform(0, 1, 200)
    np.testing.assert_array_equal(in_parts(make, vectors), make()(vectors))


def test_streamed_as_called(generator):  # noqa: F811
    options = {"steps": 2, "overlap": 5, "emphasis": 2.5, "blink_gap": 1.3}
    whole = generator(speech(70), generator=seeded(), **options)
    cuts = np.split(speech(70), [1, 3, 30])
    tracks = list(generator.stream(iter(cuts), generator=seeded(), **options))
    np.testing.assert_array_equal(
        np.concatenate([t.to_vectors() for t in tracks]), whole.to_vectors()
    )


def test_factors_of_brows_and_gaze_are_theirs_alone():
    units = Sampling(lip_scale=0.5, brow_scale=1.5, gaze_scale=2, head_scale=3, place_scale=0.5)
    units = units.units()
    assert {*units[LIPS]} == {0.5} and {*units[BROWS]} == {1.5} and {*units[GAZE]} == {2}
    assert units[52:].tolist() == [3] * 3 + [1.5] * 3
    assert (np.delete(units[:52], [*LIPS, *BROWS, *GAZE]) == 1).all()


@pytest.mark.parametrize("name", ["emphasis", "brow_scale", "gaze_scale", "blink_gap"])
def test_out_of_range_is_named(name):
    with pytest.raises(ValueError, match=f"{name} must be 0"):
        Sampling(**{name: -1})
