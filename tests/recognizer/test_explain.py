"""The chain names what is there, when and where, and what speaks against it."""

import json
import re

import numpy as np
import pytest
from test_affect import make_track

from recognizer.affect import AffectTrack
from recognizer.explain import explain
from recognizer.facs import (
    ARKIT_INDEX,
    AU_INDEX,
    AU_NAMES,
    AU_SENTENCES,
    EMOTION_TO_AU,
    EMOTION_TO_VA,
    EMOTIONS,
)
from recognizer.motion import MotionTrack

SMILE = EMOTION_TO_AU["happiness"]


def face(aus, emotion=None, place=(0.0, 0.0), frames=50, motion=None, confidence=0.9):
    """Action units ``{name: intensity or [T]}`` and one emotion with probability 0.79."""
    intensities = np.zeros((frames, 24))
    for name, value in aus.items():
        intensities[:, AU_INDEX[name]] = value
    probabilities = np.full((frames, 8), 0.03 if emotion else np.nan)
    if emotion:
        probabilities[:, EMOTIONS.index(emotion)] = 0.79
    return AffectTrack(
        intensities, np.tile(place, (frames, 1)), probabilities, np.ones(frames, bool),
        np.full(frames, confidence), motion=motion,
    )  # fmt: skip


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_each_prototype_is_understood(emotion):
    aus = {name[:4]: value for name, value in EMOTION_TO_AU[emotion].items()}
    motion = MotionTrack.zeros(50)
    if emotion == "contempt":
        motion.blendshapes[:, ARKIT_INDEX["mouthDimpleLeft"]] = 0.7
    result = explain(face(aus, emotion, EMOTION_TO_VA[emotion], motion=motion))
    first = result.interpretation[0]
    assert first.emotion == emotion
    assert first.support == pytest.approx(1)
    assert first.fit == pytest.approx(1)
    assert not first.missing
    assert not first.against
    assert {one.au for one in result.observations} == set(aus)
    assert result.conclusion.emotion == emotion
    assert result.conclusion.agreement
    assert result.conclusion.probability == pytest.approx(0.79)
    assert result.conclusion.confidence == pytest.approx(0.79 * 0.9)
    for au in aus:
        assert AU_SENTENCES[au].split(": ")[1] in result.text


def test_times_levels_and_episodes():
    curve = np.zeros(50)
    curve[10:20] = [1, 2, 3, 4.2, 4, 3, 2, 1.5, 1.2, 1]
    curve[30:33] = 1.1
    (seen,) = explain(face({"AU04": curve})).observations
    assert (seen.au, seen.level, seen.episodes) == ("AU04", "severe", 2)
    assert seen.intensity == pytest.approx(4.2)
    assert (seen.onset, seen.apex, seen.offset) == pytest.approx((0.40, 0.52, 0.76))
    (later,) = explain(face({"AU04": curve}), start=1.0).observations
    assert (later.onset, later.level) == (pytest.approx(1.2), "trace")


@pytest.mark.parametrize(
    ("left", "right", "side"),
    [(0.7, 0.65, "both"), (0.7, 0.2, "left"), (0.2, 0.7, "right"), (0.02, 0.02, None)],
)
def test_side(left, right, side):
    motion = MotionTrack.zeros(50)
    motion.blendshapes[:, ARKIT_INDEX["mouthSmileLeft"]] = left
    motion.blendshapes[:, ARKIT_INDEX["mouthSmileRight"]] = right
    assert explain(face({"AU12": 3}, motion=motion)).observations[0].side == side
    assert explain(face({"AU12": 3})).observations[0].side is None


def test_what_speaks_against():
    result = explain(face({"AU12": 3, "AU04": 3}, "happiness"))
    first = next(one for one in result.interpretation if one.emotion == "happiness")
    assert first.missing == ("AU06",)
    assert first.against == ("AU04",)
    assert first.fit < first.support < 1
    assert any("polite or posed" in note for note in result.notes)
    assert "against it: AU04" in result.plain
    contempt = {au[:4]: most for au, most in EMOTION_TO_AU["contempt"].items()}
    both_sides = explain(face(contempt))
    contempt = next(one for one in both_sides.interpretation if one.emotion == "contempt")
    assert any("one side" in reason for reason in contempt.against)
    assert contempt.fit == pytest.approx(0.5)


def test_what_comes_at_another_time_does_not_speak_against():
    frown = np.zeros(50)
    frown[40:] = 4
    smile = {au: most * (np.arange(50) < 30) for au, most in SMILE.items()}
    result = explain(face(smile | {"AU04": frown}, "happiness"))
    first = result.interpretation[0]
    assert (first.emotion, first.against) == ("happiness", ())
    assert first.fit == pytest.approx(1)
    assert "AU04" in {one.au for one in result.observations}
    assert result.conclusion.agreement
    at_once = explain(face(smile | {"AU04": 4}, "happiness"))
    assert at_once.interpretation[0].against == ("AU04",)


def test_a_voice_has_no_action_units():
    track = face({}, "sadness")
    track.aus[:] = np.nan
    assert explain(track).plain.startswith("Conclusion\n- sadness")


def test_speech_and_blinks_are_held_against_nobody():
    result = explain(face(SMILE | {"AU25": 3, "AU26": 2, "AU45": 4}))
    assert result.interpretation[0].fit == pytest.approx(1)
    assert [one.au for one in result.observations][:2] == ["AU06", "AU12"]
    assert any("speech" in note for note in result.notes)


def test_action_units_and_emotion_may_disagree():
    result = explain(face({"AU06": 3, "AU12": 3}, "sadness"))
    assert result.conclusion.emotion == "sadness"
    assert result.conclusion.agreement is False
    assert "point elsewhere" in result.plain


def test_a_moment_within_a_neutral_clip():
    track = face({}, "neutral")
    track.emotion[20] = np.eye(8)[1]
    conclusion = explain(track).conclusion
    assert (conclusion.emotion, conclusion.peak, conclusion.at) == ("neutral", "happiness", 0.8)
    assert conclusion.agreement is None


def test_without_an_emotion_head_the_action_units_decide():
    conclusion = explain(face(SMILE)).conclusion
    assert (conclusion.emotion, conclusion.probability) == ("happiness", None)
    assert conclusion.confidence == pytest.approx(0.9)
    nothing = explain(face({}))
    assert nothing.conclusion.emotion == "neutral"
    assert "no action unit is seen" in nothing.plain


def test_what_another_tool_did_not_measure_is_not_missing():
    track = face({"AU12": 3.5})
    track.aus[:, AU_INDEX["AU06"]] = np.nan
    first = explain(track).interpretation[0]
    assert (first.missing, first.unmeasured) == ((), ("AU06",))
    track.presence = np.full((50, 24), np.nan)
    track.presence[:, AU_INDEX["AU06"]] = 1
    seen = {one.au: one for one in explain(track).observations}
    assert (seen["AU06"].intensity, seen["AU06"].level) == (None, "present")


def test_json_is_the_chain():
    result = explain(make_track(20, lost=(3,)))
    data = json.loads(result.to_json())
    assert [one["au"] for one in data["observations"]] == [one.au for one in result.observations]
    assert data["conclusion"]["emotion"] == result.conclusion.emotion
    assert data["text"] == result.text == result.plain
    assert set(data["observations"][0]) >= {"au", "movement", "intensity", "side", "onset", "apex"}


def test_a_picture_has_no_times():
    times = re.compile(r"\d s\b")
    assert times.search(explain(face({"AU04": 3}, "anger")).plain)
    assert not times.search(explain(face({"AU04": 3}, "anger", frames=1)).plain)


def test_a_language_model_may_phrase_it():
    track = face({"AU06": 3, "AU12": 3}, "happiness")
    result = track.explain(phrase=lambda text: f"In short: {text.splitlines()[-1]}")
    assert result.text.startswith("In short: - happiness")
    assert result.plain == track.explain().text
    for wrong in (None, "  "):
        with pytest.raises(ValueError, match="no text"):
            track.explain(phrase=lambda _, wrong=wrong: wrong)


def test_nothing_to_explain():
    with pytest.raises(ValueError, match="no face"):
        explain(make_track(3, lost=(0, 1, 2)))
    with pytest.raises(ValueError, match="no face"):
        explain(make_track(3), start=9)
    empty = face({})
    empty.aus[:] = np.nan
    with pytest.raises(ValueError, match="neither action units nor emotions"):
        explain(empty)


def test_every_action_unit_can_be_told():
    result = explain(face({au: 3 for au in AU_NAMES}))
    assert len(result.observations) == 24
    assert all(one.name and one.movement for one in result.observations)
