"""Emotion may do what it likes, but not part the lips where a word closes them."""

import numpy as np
import pytest

from gen.conditioning import Affect
from gen.expression import MARGIN, add_expression
from gen.mixing import with_affect
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, EMOTIONS
from recognizer.motion import MotionTrack

FPS = 25
SHUT = 0.012  # face heights: what is seen as closed lips


def opening(blendshapes):
    model = FaceModel.load()
    return model.lip_opening(blendshapes) - model.lip_opening(np.zeros((1, 52)))


def babble(frames=150, seed=0):
    """Jaw and lips at four syllables a second, with short closures, and a pause in the middle."""
    rng = np.random.default_rng(seed)
    out = np.zeros((frames, 52), np.float32)
    time = np.arange(frames) / FPS
    syllables = np.clip(np.sin(2 * np.pi * 3.3 * time), 0, 1)
    out[:, ARKIT_INDEX["jawOpen"]] = 0.4 * syllables
    out[:, ARKIT_INDEX["mouthFunnel"]] = 0.3 * syllables * (np.sin(2 * np.pi * 0.7 * time) > 0)
    out[:, ARKIT_INDEX["mouthPucker"]] = 0.3 * np.clip(np.sin(time), 0, 1)
    out[60:95] = 0
    out[:, ARKIT_INDEX["eyeBlinkLeft"]] = rng.uniform(0, 0.1, frames)
    return out


def expression(name, frames=150, intensity=1.0):
    times = (np.arange(frames) + 0.5) / FPS
    return Affect.emotion(name, intensity).curves(times).blendshapes()


@pytest.mark.parametrize("name", EMOTIONS)
def test_words_close_the_lips_whatever_is_felt(name):
    speech = babble()
    shut = (opening(speech) < 0.003) & ~in_pause(len(speech))
    assert shut.sum() > 20
    result = add_expression(speech, expression(name))
    assert opening(result)[shut].max() < SHUT
    # And they open as they did: never less than two thirds of it.
    wide = opening(speech) > 0.05
    assert wide.sum() > 20
    assert (opening(result)[wide] > 0.66 * opening(speech)[wide]).all()


def in_pause(frames):
    pause = np.zeros(frames, bool)
    pause[55:100] = True
    # The sequence's own ends count as silence too.
    pause[:6] = pause[-8:] = True
    return pause


@pytest.mark.parametrize(
    "stem", ["jawOpen", "mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpRight", "mouthShrugUpper"]
)
def test_no_single_movement_parts_closed_lips(stem):
    speech = babble()
    shut = (opening(speech) < 0.003) & ~in_pause(len(speech))
    wanted = np.zeros_like(speech)
    wanted[:, ARKIT_INDEX[stem]] = 1
    assert opening(add_expression(speech, wanted))[shut].max() < SHUT


def test_surprise_drops_the_jaw_in_a_pause():
    speech = babble()
    result = add_expression(speech, expression("surprise"))
    assert opening(result)[70:85].min() > SHUT
    assert np.abs(np.diff(opening(result)))[61:94].max() < 0.01  # it does not snap


def test_no_expression_leaves_speech_alone():
    speech = babble()
    assert add_expression(speech, np.zeros_like(speech)) == pytest.approx(speech, abs=1e-5)


def test_the_upper_face_is_the_expressions():
    speech = babble()
    result = add_expression(speech, expression("sadness"))
    brow = ARKIT_INDEX["browInnerUp"]
    assert result[:, brow] == pytest.approx(expression("sadness")[:, brow], abs=1e-5)


def test_accents_do_not_raise_lowered_brows():
    speech = babble()
    raised = [ARKIT_INDEX[n] for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]
    speech[:, raised] = 0.4
    angry, glad = (add_expression(speech, expression(n))[:, raised] for n in ("anger", "happiness"))
    assert angry.max() < 0.1
    assert glad == pytest.approx(speech[:, raised], abs=1e-5)


def test_sad_brows_rise_at_their_inner_ends():
    """AU 1+4 of FACS: the corrugator does not cancel what the frontalis raises."""
    model, brow = FaceModel.load(), expression("sadness")[0]
    inner, outer = [55, 285], [46, 276]
    up = -np.tensordot(brow, model.landmark_blendshapes, 1)[:, 1]
    alone = np.zeros(52)
    alone[ARKIT_INDEX["browInnerUp"]] = brow[ARKIT_INDEX["browInnerUp"]]
    whole = -np.tensordot(alone, model.landmark_blendshapes, 1)[:, 1]
    assert up[inner].mean() > 0.6 * whole[inner].mean()
    assert up[outer].mean() < 0


@pytest.mark.parametrize("name", [n for n in EMOTIONS if n != "neutral"])
def test_an_emotion_is_seen_while_speaking(name):
    speech = babble()
    change = np.abs(add_expression(speech, expression(name)) - speech).mean(0)
    assert change.max() > 0.2


def test_an_intention_of_half_the_strength_shows_less():
    speech = babble()
    smile = ARKIT_INDEX["mouthSmileLeft"]
    full, half = (
        add_expression(speech, expression("happiness", intensity=i))[:, smile].mean()
        for i in (1.0, 0.5)
    )
    assert half == pytest.approx(full * 0.5**0.8, rel=0.1)


@pytest.mark.parametrize("frames", [1, 2, 7, 150])
@pytest.mark.parametrize("seed", [0, 1])
def test_result_is_in_range(frames, seed):
    rng = np.random.default_rng(seed)
    speech, wanted = rng.uniform(0, 1, (2, frames, 52)).astype(np.float32)
    result = add_expression(speech, wanted)
    assert result.shape == (frames, 52)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1


def test_inputs_are_not_changed():
    speech, wanted = babble(), expression("surprise")
    before = speech.copy(), wanted.copy()
    add_expression(speech, wanted)
    assert np.array_equal(speech, before[0])
    assert np.array_equal(wanted, before[1])


def test_a_frame_depends_on_its_neighbourhood_only():
    speech = babble()
    wanted = expression("surprise")
    whole = add_expression(speech, wanted)
    changed = speech.copy()
    changed[:40] = np.random.default_rng(0).uniform(0, 1, (40, 52))
    other = add_expression(changed, wanted)
    assert other[40 + MARGIN :] == pytest.approx(whole[40 + MARGIN :], abs=1e-6)


@pytest.mark.parametrize("cuts", [[150], [1] * 150, [20] * 7 + [10], [3, 90, 1, 56], [100, 50]])
@pytest.mark.parametrize("fps", [25, 30])
def test_windows_give_what_the_whole_gives(cuts, fps):
    speech = babble()
    pose = np.random.default_rng(1).normal(0, 3, (150, 6)).astype(np.float32)
    whole = MotionTrack(speech, pose, fps)
    affect = Affect.timeline(
        [
            {"at": 0.4, "emotion": "happiness"},
            {"at": 2.8, "emotion": "surprise"},
            {"at": 4.0, "emotion": "anger", "intensity": 0.5},
        ]
    )
    ends = np.cumsum(cuts)
    windows = (
        MotionTrack.from_vectors(whole.to_vectors()[end - n : end], fps)
        for n, end in zip(cuts, ends, strict=True)
    )
    tracks = list(with_affect(windows, affect, fps))
    assert all(track.fps == fps for track in tracks)
    made = np.concatenate([track.to_vectors() for track in tracks])
    times = (np.arange(150) + 0.5) / fps
    expected = add_expression(speech, affect.curves(times).blendshapes())
    assert made[:, :52] == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(made[:, 52:], pose)
