"""Lips part for a breath before a phrase, not before the first word nor within speech."""

import numpy as np
import pytest

from gen.audio.breath import AFTER, BEFORE, inbreath
from gen.bench.motion import lip_opening
from gen.manner import Breath
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.scheduler import DDIMScheduler
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack


def paused(*stretches):
    """Frames that are calm and frames that are not, in turn."""
    return np.concatenate([np.full(n, float(i % 2 == 0)) for i, n in enumerate(stretches)])


def test_lips_part_over_the_last_04_s_of_a_pause():
    depth = inbreath(paused(40, 30))
    assert (depth[:31] == 0).all() and depth[40] == 1 and (depth[46:] == 0).all()
    assert (np.diff(depth[30:41]) > 0).all()


@pytest.mark.parametrize("pause", [4, 7])
def test_a_short_pause_is_all_breath(pause):
    depth = inbreath(paused(0, 20, pause, 20))
    assert (depth[:21] == 0).all() and (depth[21 : 20 + pause] > 0).all()
    assert depth[20 + pause] == 1


def test_no_breath_without_a_pause_or_speech_after_it():
    for calm in (paused(0, 20, 3, 20), paused(60), paused(0, 60), paused(0, 30, 30)):
        assert (inbreath(calm) == 0).all()


def test_it_sees_no_further_than_it_says():
    calm = (np.random.default_rng(0).random(400) < 0.75).astype(float)
    whole = inbreath(calm)
    assert (whole > 0).any()
    for frame in range(BEFORE, 400 - AFTER):
        part = inbreath(calm[frame - BEFORE : frame + AFTER + 1])
        assert part[BEFORE] == whole[frame], frame


def test_a_breath_is_seen_as_it_comes_and_in_parts():
    depth = inbreath(paused(40, 30))
    still = np.zeros((70, 58), np.float32)
    breathe = Breath()
    parts = [breathe(still[a:b], depth[a:b]) for a, b in ((0, 33), (33, 34), (34, 70))]
    made = np.concatenate(parts)
    assert np.array_equal(made, Breath()(still, depth)) and (still == 0).all()
    opening = lip_opening(MotionTrack.from_vectors(made, 25))
    assert 0.03 < opening[40] - opening[0] < 0.05  # a median frame of speech is 0.05 to 0.07
    # Speech that is heard coming late does not tear the mouth open.
    sudden = Breath()(still, (depth > 0.5).astype(np.float32))
    assert np.diff(sudden[:, ARKIT_INDEX["jawOpen"]]).max() < 0.05


def test_a_generator_breathes_out_of_rest_and_still_closes_lips():
    denoiser = MotionDenoiser(audio_dim=6, dim=16, depth=1, heads=2, window_frames=20)
    generator = MotionGenerator(denoiser, DDIMScheduler(prediction_type="sample"))
    features = np.zeros((60, 6), np.float32)
    rest, open_lips = np.ones(60), np.full(60, -20.0)
    shut = np.where(np.arange(60) == 40, 20.0, -20.0)

    def opening(*beside):
        columns = np.stack(beside, 1).astype(np.float32)
        made = lip_opening(generator(np.hstack([features, columns]), steps=1))
        return made - made[0]

    depth = inbreath(paused(40, 20))
    none = np.zeros(60)
    assert (opening(open_lips, rest, none) == 0).all()
    assert opening(open_lips, rest, depth)[40] > 0.03
    assert opening(shut, rest, depth)[40] < 0.01
