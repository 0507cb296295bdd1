"""The vocabulary names only what it defines."""

import pytest

from recognizer.facs import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    AU_MAX,
    AU_NAMES,
    AU_SENTENCES,
    AU_TO_ARKIT,
    EMOTION_TO_AU,
    EMOTION_TO_VA,
    EMOTIONS,
    sides,
)


def test_arkit_names():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    assert [ARKIT_INDEX[name] for name in ARKIT_NAMES] == list(range(52))
    # Where Live Link Face has them: a shifted table would be noticed by no other test.
    assert (ARKIT_NAMES[0], ARKIT_NAMES[17], ARKIT_NAMES[51]) == (
        "eyeBlinkLeft", "jawOpen", "tongueOut",
    )  # fmt: skip
    assert {n.replace("Left", "Right") for n in ARKIT_NAMES if n.endswith("Left")} <= set(
        ARKIT_NAMES
    )


def test_emotions_are_the_documented_ones():
    assert " ".join(EMOTIONS) == ("neutral happiness surprise sadness anger disgust fear contempt")


def test_action_units_cover_openface_and_pyfeat():
    openface = {1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45}
    pyfeat = {1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43}
    assert {f"AU{n:02d}" for n in openface | pyfeat} <= set(AU_NAMES)
    assert len(set(AU_NAMES)) == 24


def test_tables_name_known_things():
    assert set(AU_SENTENCES) == set(AU_TO_ARKIT) == set(AU_NAMES)
    for au, stems in AU_TO_ARKIT.items():
        assert stems, au
        for stem, value in stems.items():
            assert set(sides(stem)) <= set(ARKIT_NAMES)
            assert 0 < value <= 1
    assert set(EMOTION_TO_AU) == set(EMOTION_TO_VA) == set(EMOTIONS)
    for aus in EMOTION_TO_AU.values():
        for name, value in aus.items():
            assert name.removesuffix("L").removesuffix("R") in AU_NAMES
            assert 0 < value <= AU_MAX
    for place in EMOTION_TO_VA.values():
        assert len(place) == 2
        assert all(-1 <= value <= 1 for value in place)


@pytest.mark.parametrize(
    ("emotion", "aus"),
    [
        ("happiness", {6, 12}),
        ("sadness", {1, 4, 15}),
        ("surprise", {1, 2, 5, 26}),
        ("fear", {1, 2, 4, 5, 7, 20, 26}),
        ("anger", {4, 5, 7, 23}),
        ("disgust", {9, 15}),
        ("contempt", {12, 14}),
    ],
)
def test_emfacs_prototypes(emotion, aus):
    assert aus <= {int(name[2:4]) for name in EMOTION_TO_AU[emotion]}


def test_contempt_is_on_one_side():
    assert {name[-1] for name in EMOTION_TO_AU["contempt"]} == {"L"}


def test_sides():
    assert sides("mouthSmile") == ("mouthSmileLeft", "mouthSmileRight")
    assert sides("jawOpen") == ("jawOpen",)
    assert sides("jawLeft") == ("jawLeft",)
    with pytest.raises(KeyError, match="mouthGrin"):
        sides("mouthGrin")
