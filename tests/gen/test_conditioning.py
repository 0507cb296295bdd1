"""Intentions: what is accepted, what is refused with which words, and how it changes over time."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gen.conditioning import Affect
from recognizer.facs import (
    ARKIT_INDEX,
    AU_INDEX,
    AU_NAMES,
    EMOTION_TO_AU,
    EMOTION_TO_VA,
    EMOTIONS,
)


def at(affect: Affect, *times: float):
    return affect.curves(np.array(times, float))


def shapes(affect: Affect, time: float = 0.0) -> dict[str, float]:
    row = at(affect, time).blendshapes()[0]
    return {name: float(row[i]) for name, i in ARKIT_INDEX.items()}


@pytest.mark.parametrize("name", EMOTIONS)
@pytest.mark.parametrize("intensity", [0, 0.5, 1])
def test_each_emotion(name, intensity):
    curves = at(Affect.emotion(name, intensity), 0, 3)
    assert curves.aus.shape == (2, 24, 2)
    assert curves.valence_arousal == pytest.approx(
        np.tile(np.array(EMOTION_TO_VA[name]) * intensity, (2, 1)), abs=1e-6
    )
    for au in AU_NAMES:
        for side, letter in enumerate("LR"):
            wanted = EMOTION_TO_AU[name].get(au, EMOTION_TO_AU[name].get(au + letter, 0.0))
            assert curves.aus[1, AU_INDEX[au], side] == pytest.approx(wanted * intensity**0.8)
    assert curves.emotion.sum(1) == pytest.approx(1)
    expected = 1 if name == "neutral" else intensity
    assert curves.emotion[0, EMOTIONS.index(name)] == pytest.approx(expected)
    blendshapes = curves.blendshapes()
    assert blendshapes.shape == (2, 52)
    assert blendshapes.dtype == np.float32
    assert blendshapes.min() >= 0
    assert blendshapes.max() <= 1
    assert (blendshapes.max() > 0.15) == (name != "neutral" and intensity > 0)


def test_emotions_look_like_themselves():
    happy, sad = shapes(Affect.emotion("happiness")), shapes(Affect.emotion("sadness"))
    assert happy["mouthSmileLeft"] == happy["mouthSmileRight"] > 0.5
    assert happy["cheekSquintLeft"] > 0.3
    assert happy["mouthFrownLeft"] == 0
    assert sad["mouthFrownLeft"] > 0.3
    assert sad["browInnerUp"] > 0.4
    assert sad["mouthSmileLeft"] == 0
    assert shapes(Affect.emotion("surprise"))["jawOpen"] > 0.1
    assert shapes(Affect.emotion("anger"))["browDownLeft"] > 0.5
    assert shapes(Affect.emotion("fear"))["eyeWideRight"] > 0.3
    assert shapes(Affect.emotion("disgust"))["noseSneerLeft"] > 0.3
    contempt = shapes(Affect.emotion("contempt"))
    assert contempt["mouthDimpleLeft"] > 0.3
    assert contempt["mouthDimpleRight"] == contempt["mouthSmileRight"] == 0


def test_the_default_is_neutral():
    curves = at(Affect(), 0, 1)
    assert not curves.blendshapes().any()
    assert curves.emotion[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["joy", "Happiness", "", "neutral ", 3, None, ["happiness"]])
def test_unknown_emotions_are_told_the_known_ones(name):
    with pytest.raises(ValueError, match="unknown emotion") as caught:
        Affect.emotion(name)
    assert all(known in str(caught.value) for known in EMOTIONS)


@pytest.mark.parametrize("value", [math.nan, math.inf, True, False, "0.5", None, [1], 10**400])
@pytest.mark.parametrize("what", ["intensity", "valence", "arousal", "AU12", "at"])
def test_what_is_no_number(value, what):
    make = {
        "intensity": lambda v: Affect.emotion("anger", v),
        "valence": lambda v: Affect.valence_arousal(v, 0),
        "arousal": lambda v: Affect.valence_arousal(0, v),
        "AU12": lambda v: Affect.action_units({"AU12": v}),
        "at": lambda v: Affect.emotion("anger", 1, v),
    }[what]
    with pytest.raises(ValueError, match=f"^{what} must be a number"):
        make(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affect.emotion("anger", 1.01), r"intensity must be 0\.\.1, got 1\.01"),
        (lambda: Affect.emotion("anger", -0.1), r"intensity must be 0\.\.1"),
        (lambda: Affect.emotion("anger", 1, -1), "at must not be negative"),
        (lambda: Affect.valence_arousal(3, 0), r"valence must be -1\.\.1, got 3"),
        (lambda: Affect.valence_arousal(0, -1.5), r"arousal must be -1\.\.1, got -1\.5"),
        (lambda: Affect.action_units({"AU12": 5.5}), r"AU12 must be 0\.\.5, got 5\.5"),
        (lambda: Affect.action_units({"AU12L": -1}), r"AU12L must be 0\.\.5"),
        (lambda: Affect.action_units({"AU99": 1}), "unknown action unit 'AU99': choose of AU01"),
        (lambda: Affect.action_units({"AU12X": 1}), "unknown action unit 'AU12X'"),
        (lambda: Affect.action_units({"AU12LR": 1}), "unknown action unit 'AU12LR'"),
        (lambda: Affect.action_units({"AU12LL": 1}), "unknown action unit 'AU12LL'"),
        (lambda: Affect.action_units({"L": 1}), "unknown action unit 'L'"),
        (lambda: Affect.action_units({"": 1}), "unknown action unit ''"),
        (lambda: Affect.action_units({12: 1}), "unknown action unit 12"),
    ],
)
def test_what_is_out_of_range_or_unknown(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_sided_action_units():
    left = shapes(Affect.action_units({"AU12L": 4}))
    assert left["mouthSmileLeft"] == pytest.approx(0.8)
    assert left["mouthSmileRight"] == 0
    both = shapes(Affect.action_units({"AU12": 4, "AU02R": 5}))
    assert both["mouthSmileLeft"] == both["mouthSmileRight"] == pytest.approx(0.8)
    assert (both["browOuterUpLeft"], both["browOuterUpRight"]) == (0, 1)
    assert shapes(Affect.action_units({"AU2R": 5, "AU12": 4})) == both
    # What has no sides takes half from either.
    assert shapes(Affect.action_units({"AU27L": 5}))["jawOpen"] == pytest.approx(0.5)
    assert shapes(Affect.action_units({"AU27": 5}))["jawOpen"] == pytest.approx(1)


@pytest.mark.parametrize(
    "name", ["happiness", "surprise", "sadness", "anger", "fear", "disgust", "neutral"]
)
def test_an_emotions_place_on_the_circumplex_leads_back_to_it(name):
    curves = at(Affect.valence_arousal(*EMOTION_TO_VA[name]), 0)
    wanted, emotion = EMOTIONS.index(name), curves.emotion[0]
    assert emotion.sum() == pytest.approx(1)
    if name in ("fear", "anger", "disgust"):  # close neighbours: no place can tell them apart
        near = [EMOTIONS.index(n) for n in ("fear", "anger", "disgust")]
        assert emotion[near].sum() > 0.6
        assert emotion[EMOTIONS.index("happiness")] == 0
    else:
        assert emotion.argmax() == wanted
        assert emotion[wanted] > 0.6
    assert curves.valence_arousal[0] == pytest.approx(EMOTION_TO_VA[name])


@pytest.mark.parametrize("valence", np.linspace(-1, 1, 5))
@pytest.mark.parametrize("arousal", np.linspace(-1, 1, 5))
def test_the_whole_circumplex(valence, arousal):
    curves = at(Affect.valence_arousal(float(valence), float(arousal)), 0)
    assert 0 <= curves.aus.min() <= curves.aus.max() <= 5
    assert curves.emotion[0] == pytest.approx(np.clip(curves.emotion[0], 0, 1))
    row = curves.blendshapes()[0]
    smile, frown = row[ARKIT_INDEX["mouthSmileLeft"]], row[ARKIT_INDEX["mouthFrownLeft"]]
    if valence == 1:
        assert smile > frown
    if valence == -1 and arousal <= 0:
        assert frown > smile


def test_calm_is_no_excitement():
    sleepy = shapes(Affect.valence_arousal(0, -0.9))
    assert sleepy["eyeBlinkLeft"] > 0.2
    assert sleepy["eyeWideLeft"] == 0


def test_curves_pass_through_their_keyframes():
    affect = Affect.timeline(
        [
            {"at": 1, "emotion": "happiness", "intensity": 0.5},
            {"at": 2, "aus": {"AU04": 5}},
            {"at": 4, "valence": -0.63, "arousal": -0.27},
        ]
    )
    curves = at(affect, 1, 2, 4)
    smile = EMOTION_TO_AU["happiness"]["AU12"] * 0.5**0.8
    assert curves.aus[0, AU_INDEX["AU12"]] == pytest.approx([smile, smile])
    assert curves.aus[1, AU_INDEX["AU04"]] == pytest.approx([5, 5])
    assert curves.aus[1, AU_INDEX["AU12"]] == pytest.approx([0, 0])
    assert curves.valence_arousal[2] == pytest.approx([-0.63, -0.27])
    # Held before the first and after the last.
    ends = at(affect, 0, 1, 4, 99)
    assert np.array_equal(ends.aus[0], ends.aus[1])
    assert np.array_equal(ends.aus[2], ends.aus[3])


def test_easing_is_smooth_and_monotone():
    affect = Affect.timeline(
        [
            {"at": 0.5, "aus": {"AU12": 0}},
            {"at": 1.5, "aus": {"AU12": 4}},
            {"at": 3.0, "aus": {"AU12": 1}},
        ]
    )
    times = np.linspace(0, 3.5, 3501)
    curve = affect.curves(times).aus[:, AU_INDEX["AU12"], 0].astype(float)
    step = np.diff(curve)
    rising = (times[:-1] >= 0.5) & (times[1:] <= 1.5)
    falling = (times[:-1] >= 1.5) & (times[1:] <= 3.0)
    assert (step[rising] >= -1e-6).all()
    assert (step[falling] <= 1e-6).all()
    # A smoothstep's greatest slope is 1.5 times the mean one, and it starts from rest.
    assert np.abs(step).max() == pytest.approx(1.5 * 4 / 1000, rel=0.01)
    assert np.abs(step[np.searchsorted(times, [0.502, 1.498])]).max() < 0.1 * np.abs(step).max()
    assert curve[1000] == pytest.approx(2)  # half-way in time and value


def test_keyframes_in_any_order_and_at_the_same_time():
    keys = [{"at": 2, "emotion": "anger"}, {"at": 0, "emotion": "neutral"}]
    a, b = (Affect.timeline(k) for k in (keys, keys[::-1]))
    times = np.linspace(0, 3, 31)
    assert np.array_equal(a.curves(times).aus, b.curves(times).aus)
    jump = Affect.timeline([{"at": 1, "emotion": "neutral"}, {"at": 1, "emotion": "anger"}])
    curves = at(jump, 0.99, 1, 1.01)
    assert np.isfinite(curves.aus).all()
    assert curves.emotion[2, EMOTIONS.index("anger")] == 1
    assert curves.emotion[0, 0] == 1


def test_sum_of_two():
    times = np.linspace(0, 2, 21)
    one = Affect.emotion("happiness", 0.5)
    moving = Affect.timeline(
        [
            {"at": 0, "aus": {"AU12": 0}},
            {"at": 2, "aus": {"AU12": 2.5, "AU01": 2}},
        ]
    )
    total = (one + moving).curves(times)
    assert total.aus == pytest.approx(one.curves(times).aus + moving.curves(times).aus, abs=1e-5)
    assert total.emotion[:, EMOTIONS.index("happiness")] == pytest.approx(0.5)
    much = (Affect.emotion("happiness") + Affect.action_units({"AU12": 4})).curves(times)
    assert much.aus[:, AU_INDEX["AU12"]] == pytest.approx(5)
    place = (Affect.valence_arousal(0.8, 0.4) + Affect.valence_arousal(0.7, -0.1)).curves(times)
    assert place.valence_arousal[0] == pytest.approx([1, 0.3])
    assert np.array_equal((one + Affect()).curves(times).aus, one.curves(times).aus)


def test_blendshapes_are_held_at_their_moment():
    affect = Affect.timeline(
        [
            {"at": 0, "emotion": "happiness"},
            {"at": 1.5, "blendshapes": {"browInnerUp": 0.8, "jawOpen": 0.2}},
            {"at": 2.5, "blendshapes": {"browInnerUp": 0.1}},
        ]
    )
    times = np.array([1.5, 2.0, 2.5])
    # What is felt does not change.
    assert np.array_equal(affect.curves(times).aus, Affect.emotion("happiness").curves(times).aus)
    (edit,) = affect.edits()
    values, weights = edit.at(times)
    brow, jaw = ARKIT_INDEX["browInnerUp"], ARKIT_INDEX["jawOpen"]
    assert weights[:, brow].tolist() == [1, 0, 1]
    assert weights[:, jaw].tolist() == [1, 0, 0]
    assert values[[0, 2], brow] == pytest.approx([0.8, 0.1])
    assert weights.sum() == 3
    assert Affect.emotion("anger").edits() == ()
    both = Affect.emotion("anger") + affect + Affect.blendshapes({"browInnerUp": 0.5}, at=1.5)
    assert both.edits()[0].at(times)[0][0, brow] == pytest.approx(0.5)
    alone = Affect.timeline([{"at": 1, "blendshapes": {"jawOpen": 0}}])
    assert not alone.curves(times).blendshapes().any()


def load(tmp_path, text: str | bytes) -> Affect:
    path = tmp_path / "plan.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Affect.load(path)


def test_timeline_files(tmp_path):
    yaml = load(tmp_path, "- {at: 0, emotion: neutral}\n- at: 1.5\n  aus: {AU12: 3, AU06L: 2}\n")
    json = load(
        tmp_path, '[{"at": 0, "emotion": "neutral"}, {"at": 1.5, "aus": {"AU12": 3, "AU06L": 2}}]'
    )
    assert np.array_equal(at(yaml, 1, 2).aus, at(json, 1, 2).aus)
    assert at(yaml, 2).aus[0, AU_INDEX["AU06"]].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "non-empty list"),
        ("[]", "non-empty list"),
        ("happiness", "non-empty list"),
        ("{at: 0, emotion: anger}", "non-empty list"),
        ("3", "non-empty list"),
        ("- [", "not a YAML file"),
        ("a: b: c", "not a YAML file"),
        ("- !!python/object/apply:os.getcwd []", "not a YAML file"),
        (b"\xff\xfe\x00", "not a YAML file"),
        ("- 2001-99-99", "not a YAML file"),
        ("[" * 1000, "not a YAML file"),
        ("- anger", "entry 1: expected a mapping.*'anger'"),
        ("- {emotion: anger}", "entry 1: it has no 'at'"),
        ("- {at: 0}", "entry 1: it asks for nothing"),
        ("- {at: 0, emotion: anger}\n- {at: 1, emotion: rage}", "entry 2: unknown emotion 'rage'"),
        ("- {at: soon, emotion: anger}", "entry 1: at must be a number, got 'soon'"),
        ("- {at: -1, emotion: anger}", "entry 1: at must not be negative"),
        ("- {at: .nan, emotion: anger}", "entry 1: at must be a number"),
        ("- {at: 0, emotion: anger, intensity: high}", "entry 1: intensity must be a number"),
        ("- {at: 0, emotion: anger, intensity: 2}", r"entry 1: intensity must be 0\.\.1, got 2"),
        ("- {at: 0, emotoin: anger}", "entry 1: unknown key 'emotoin'"),
        ("- {at: 0, aus: [AU12]}", "entry 1: 'aus' must map"),
        ("- {at: 0, aus: {AU99: 1}}", "entry 1: unknown action unit 'AU99'"),
        ("- {at: 0, aus: {AU12: lots}}", "entry 1: AU12 must be a number"),
        ("- {at: 0, valence: 3}", r"entry 1: valence must be -1\.\.1, got 3"),
        (
            "- {at: 0, blendshapes: {browInerUp: 1}}",
            "entry 1: unknown blendshape 'browInerUp': did",
        ),
        ("- {at: 0, blendshapes: {smile: 1}}", "entry 1: unknown blendshape 'smile'"),
        ("- {at: 0, blendshapes: {jawOpen: 2}}", r"entry 1: jawOpen must be 0\.\.1, got 2"),
        ("- {at: 0, blendshapes: {jawOpen: wide}}", "entry 1: jawOpen must be a number"),
        ("- {at: 0, blendshapes: {}}", "entry 1: 'blendshapes' must map"),
        ("- {at: 0, blendshapes: jawOpen}", "entry 1: 'blendshapes' must map"),
        ("- {at: 0, blendshapes: {jawOpen: 1}, emotion: anger}", "entry 1: .* stands alone"),
        ("- {at: 0, emotion: [anger]}", "entry 1: unknown emotion"),
    ],
)
def test_bad_timeline_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith("plan.yaml")
    assert "\n" not in str(caught.value)


def test_missing_timeline(tmp_path):
    with pytest.raises(FileNotFoundError):
        Affect.load(tmp_path / "no.yaml")


def test_a_timeline_has_a_limit():
    with pytest.raises(ValueError, match="at most 10000 keyframes"):
        Affect.timeline([{"at": 0, "emotion": "anger"}] * 10_001)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
names = st.sampled_from(
    ["at", "emotion", "intensity", "valence", "arousal", "aus", "AU12", "x", "blendshapes"]
)
likely = st.sampled_from(
    [{"jawOpen": 1}, "anger", "neutral", 0, 0.5, 1, {"AU12": 1}, {"AU12L": 2}, {"AU12RL": 1}]
)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(
    st.lists(st.dictionaries(names, likely | anything, max_size=4) | anything, max_size=3)
    | anything
)
@example([{"at": 10**400, "emotion": "anger"}])
@example([{"at": 0, "aus": {1: 1}}])
def test_any_timeline(keys):
    try:
        affect = Affect.timeline(keys)
    except ValueError as error:
        assert "timeline" in str(error)
    else:
        blendshapes = affect.curves(np.linspace(0, 2, 5)).blendshapes()
        assert ((blendshapes >= 0) & (blendshapes <= 1)).all()


@relaxed
@given(st.text(max_size=60))
def test_any_text_as_timeline(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        Affect.load(path)
    except ValueError as error:
        assert str(error).startswith("any.yaml")
