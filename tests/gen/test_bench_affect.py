"""Asked against shown: perfect clips, clips of somebody else's emotion, and rendered ones."""

import numpy as np
import pytest
import torch

from gen.bench.affect import Reading, Shown, _asked, affect_figures, show_and_read
from gen.mixing import with_affect
from recognizer.facs import AU_NAMES, EMOTIONS
from recognizer.models.affect_head import AffectHead
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.unit_reader import told_units

LEVELS = (0.4, 1.0)


def rows(read):
    """Two portraits; ``read`` makes what is read of what was asked."""
    out = []
    for portrait in "ab":
        for emotion, level in [("neutral", 0.0)] + [(e, i) for e in EMOTIONS[1:] for i in LEVELS]:
            asked = _asked(emotion, level)
            seen = read(asked)
            out.append(Shown(portrait, "s", emotion, level, asked, seen, seen, 0.9))
    return out


def test_perfect_clips():
    figures = affect_figures(rows(lambda asked: asked))
    for kind in ("alone", "known"):
        found = figures[kind]
        assert found["risen_accuracy"] == found["monotone"] == 1
        assert found["valence_ccc"] == found["au_ccc"]["mean"] == pytest.approx(1)
        assert found["au_ccc"]["mean_told"] == pytest.approx(1)
        assert set(found["au_gain"].values()) == {1.0}
        assert found["place_gain"] == {e: {"0.40": 1.0, "1.00": 1.0} for e in EMOTIONS[1:]}
        assert np.array_equal(found["confusion"], 2 * np.diag([0] + [1] * 7))
        # At an intensity of 0.4 neutral is still the likeliest.
        assert found["by_intensity"] == {"0.40": [0.0, 1.0], "1.00": [1.0, 1.0]}
    assert figures["sync"] == {"neutral": 0.9, "emotional": 0.9} and figures["clips"] == 30


def test_a_portrait_that_looks_angry_is_read_relative_to_itself():
    def angry(asked):
        emotion = 0.5 * asked.emotion + 0.5 * np.eye(8)[EMOTIONS.index("anger")]
        return Reading(asked.units, asked.place, emotion)

    found = affect_figures(rows(angry))["alone"]
    assert found["emotion_accuracy"] < 0.5 and found["risen_accuracy"] > 0.9


def test_units_that_are_not_told_stand_apart():
    told = told_units(rest_known=True)
    assert "AU12" in told and "AU23" not in told

    def timid(asked):
        kept = np.array([0.5 if name in told else 0.0 for name in AU_NAMES])
        return Reading(kept * asked.units, 0.7 * asked.place, asked.emotion)

    found = affect_figures(rows(timid))["known"]
    assert found["au_gain"]["AU12"] == 0.5 and found["au_gain"]["AU23"] == 0
    assert found["au_ccc"]["AU23"] == 0 and found["place_gain"]["fear"]["0.40"] == 0.7
    assert found["au_ccc"]["mean"] < found["au_ccc"]["mean_told"] < 0.9


def test_frozen_and_swapped_clips_are_punished():
    still = affect_figures(rows(lambda _: _asked("neutral", 0.0)))["alone"]
    assert still["monotone"] == 0 and still["valence_ccc"] == still["au_ccc"]["mean"] == 0

    def other(asked):
        return Reading(np.roll(asked.units, 7), -asked.place, np.roll(asked.emotion, 1))

    swapped = affect_figures(rows(other))["alone"]
    assert swapped["risen_accuracy"] < 0.2
    assert swapped["valence_ccc"] < -0.7 and swapped["au_ccc"]["mean"] < 0.3


def test_rendered_clips_are_read(picture):
    torch.manual_seed(0)
    reader = Recognizer(AffectHead(width=8, dilations=(1,)).eval())
    said = MotionTrack.zeros(5)
    said.blendshapes[:, 17] = [0, 0.3, 0.5, 0.3, 0]

    def speak(affect):
        (track,) = with_affect([said], affect, 25.0)
        return track

    seen = show_and_read({"p": picture}, {"s": speak}, reader, (1.0,), size=160)
    assert [row.emotion for row in seen] == list(EMOTIONS)
    smile, neutral = seen[1], seen[0]
    assert smile.asked.units.max() > 3 and neutral.asked.units.max() == 0
    assert np.abs(smile.alone.units - neutral.alone.units).max() > 0
    assert affect_figures(seen)["clips"] == 8
