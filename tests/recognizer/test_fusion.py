"""The product of experts against its algebra, a grid, and every subset of the modalities."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_affect import make_track

from recognizer.facs import EMOTIONS
from recognizer.fusion import FLOOR, Opinion, calibrate, fuse
from recognizer.words import read_words

relaxed = settings(max_examples=60, deadline=None)


def emotion(**shares) -> np.ndarray:
    values = np.array([shares.get(name, 0.02) for name in EMOTIONS])
    return values / values.sum()


FACE = Opinion("face", np.array([0.6, 0.4]), np.array([0.04, 0.09]), emotion(happiness=0.8), 0.9)
VOICE = Opinion("voice", np.array([0.2, 0.6]), np.array([0.36, 0.04]), emotion(surprise=0.5), 0.6)
WORDS = Opinion("words", np.array([-0.4, 0.0]), np.array([0.09, 0.25]), emotion(sadness=0.6), 0.7)
ALL = (FACE, VOICE, WORDS)
SUBSETS = [chosen for n in (1, 2, 3) for chosen in combinations(ALL, n)]


def floored(p):
    return (1 - FLOOR) * p + FLOOR / 8


@pytest.mark.parametrize("chosen", SUBSETS, ids=lambda c: "+".join(o.modality for o in c))
def test_every_subset_is_the_product_of_its_experts(chosen):
    """Against the densities multiplied on a grid."""
    fused = fuse(chosen)
    grid = np.linspace(-4, 4, 8001)
    for axis in (0, 1):
        log = sum(
            -o.reliability * (grid - o.valence_arousal[axis]) ** 2 / (2 * o.variance[axis])
            for o in chosen
        )
        density = np.exp(log - log.max())
        density /= density.sum()
        mean = density @ grid
        assert fused.valence_arousal[axis] == pytest.approx(mean, abs=1e-4)
        assert fused.variance[axis] >= density @ (grid - mean) ** 2 - 1e-4
    product = np.prod([floored(o.emotion) ** o.reliability for o in chosen], axis=0)
    assert fused.emotion == pytest.approx(product / product.sum())
    assert sum(fused.weights.values()) == pytest.approx(np.ones(2))
    assert len(fused.conflicts) == len(chosen) * (len(chosen) - 1) // 2


places = arrays(float, 2, elements=st.floats(-1, 1))
variances = arrays(float, 2, elements=st.floats(0.01, 2))
beliefs = arrays(float, 8, elements=st.floats(0, 1)).map(lambda p: (p + 1e-3) / (p + 1e-3).sum())
opinions = st.lists(
    st.tuples(places, variances, beliefs, st.floats(0.01, 1)), min_size=2, max_size=4
).map(lambda given: [Opinion(f"m{i}", *one) for i, one in enumerate(given)])


@relaxed
@given(opinions)
def test_leaving_one_out_moves_no_further_than_its_weight(experts):
    whole = fuse(experts)
    for k, one in enumerate(experts):
        rest = fuse(experts[:k] + experts[k + 1 :])
        moved = np.abs(whole.valence_arousal - rest.valence_arousal)
        weight = whole.weights[one.modality]
        apart = np.abs(one.valence_arousal - rest.valence_arousal)
        assert moved == pytest.approx(weight * apart, abs=1e-9)
        assert (moved <= 2 * weight + 1e-9).all()
        # Log-odds against the first emotion move by the expert's own, to its power.
        odds = np.log(whole.emotion / whole.emotion[0]) - np.log(rest.emotion / rest.emotion[0])
        own = one.reliability * np.log(floored(one.emotion))
        assert odds == pytest.approx(own - own[0], abs=1e-7)
        total_variation = np.abs(whole.emotion - rest.emotion).sum() / 2
        assert total_variation <= np.tanh(np.ptp(own) / 4) + 1e-9


@relaxed
@given(opinions)
def test_no_reliability_is_no_opinion(experts):
    first = experts[0]
    silent = Opinion("silent", first.valence_arousal, first.variance, first.emotion, 0.0)
    whole, with_silent = fuse(experts), fuse([*experts, silent])
    assert with_silent.valence_arousal == pytest.approx(whole.valence_arousal)
    assert with_silent.variance == pytest.approx(whole.variance)
    assert with_silent.emotion == pytest.approx(whole.emotion)
    assert (with_silent.weights["silent"] == 0).all()
    assert np.array_equal(with_silent.conflict, whole.conflict)


@relaxed
@given(opinions)
def test_order_does_not_matter(experts):
    a, b = fuse(experts), fuse(experts[::-1])
    assert a.valence_arousal == pytest.approx(b.valence_arousal)
    assert a.emotion == pytest.approx(b.emotion)


def test_agreement_sharpens_and_conflict_widens():
    twin = Opinion("twin", FACE.valence_arousal, FACE.variance, FACE.emotion, FACE.reliability)
    foe = Opinion("foe", -FACE.valence_arousal, FACE.variance, emotion(anger=0.8), 0.9)
    alone, agreed, torn = fuse([FACE]), fuse([FACE, twin]), fuse([FACE, foe])
    assert agreed.variance == pytest.approx(alone.variance / 2)
    assert agreed.emotion[1] > alone.emotion[1]
    assert not agreed.conflict
    assert agreed.conflicts[0].distance == pytest.approx([0, 0])
    assert agreed.conflicts[0].divergence == pytest.approx(0)
    assert torn.conflict
    assert torn.conflicts[0].between == ("face", "foe")
    assert torn.conflicts[0].distance[0] == pytest.approx(1.2 / np.sqrt(2 * 0.04 / 0.9))
    middle = (floored(FACE.emotion) + floored(foe.emotion)) / 2
    entropy = [
        -(p * np.log2(p)).sum() for p in (middle, *map(floored, (FACE.emotion, foe.emotion)))
    ]
    expected = 0.9 * (entropy[0] - (entropy[1] + entropy[2]) / 2)
    assert torn.conflicts[0].divergence == pytest.approx(expected)
    assert expected > 0.3
    assert (torn.variance > alone.variance).all()


def test_an_unreliable_voice_is_no_conflict():
    quiet = Opinion("voice", -FACE.valence_arousal, FACE.variance, emotion(anger=0.8), 0.02)
    fused = fuse([FACE, quiet])
    assert not fused.conflict
    assert fused.valence_arousal == pytest.approx(FACE.valence_arousal, abs=0.05)


def test_frame_by_frame_with_gaps():
    track = make_track(5, lost=(1, 3))
    face = Opinion.from_track(track)
    missing = np.array([False, False, True, True, False])
    voice = Opinion(
        "voice",
        np.where(missing[:, None], np.nan, np.full((5, 2), 0.2)),
        np.full((5, 2), 0.2),
        np.where(missing[:, None], np.nan, np.full((5, 8), 1 / 8)),
        0.5,
    )
    fused = fuse([face, voice])
    assert fused.emotion.shape == (5, 8)
    assert np.isnan(fused.valence_arousal).any(axis=1).tolist() == [False] * 3 + [True, False]
    assert np.isnan(fused.emotion).any(axis=1).tolist() == [False] * 3 + [True, False]
    assert fused.valence_arousal[1] == pytest.approx([0.2, 0.2])  # the voice alone
    assert fused.valence_arousal[2] == pytest.approx(track.valence_arousal[2])  # the face alone
    assert fused.conflict.shape == (5,)
    # One opinion on the words holds in every frame.
    assert fuse([face, read_words("I am happy").opinion()]).emotion.shape == (5, 8)


def test_a_modality_may_know_the_emotion_alone():
    guess = Opinion("face", np.full(2, np.nan), np.ones(2), emotion(fear=0.9))
    fused = fuse([guess, VOICE])
    assert fused.valence_arousal == pytest.approx(VOICE.valence_arousal)
    assert EMOTIONS[int(fused.emotion.argmax())] == "fear"


def test_averaged():
    track = make_track(50, lost=(0, 7))
    once = Opinion.from_track(track).averaged()
    seen = track.success
    expected = np.average(track.valence_arousal[seen], axis=0, weights=track.confidence[seen])
    assert once.valence_arousal == pytest.approx(expected, abs=1e-6)
    assert once.emotion.shape == (8,)
    assert (once.variance > np.array([0.30, 0.35]) ** 2).all()
    assert once.averaged() is once
    with pytest.raises(ValueError, match="no frame has an opinion"):
        Opinion.from_track(make_track(2, lost=(0, 1))).averaged()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valence_arousal": np.zeros(3)}, r"voice: expected valence_arousal \[..., 2\]"),
        ({"emotion": np.ones(7) / 7}, r"emotion \[..., 8\]"),
        ({"emotion": np.ones(8)}, "add up to 1"),
        ({"variance": np.zeros(2)}, "variance must be positive"),
        ({"reliability": 1.5}, "reliability must be 0..1"),
        ({"reliability": np.nan}, "reliability must be 0..1"),
        ({"valence_arousal": np.array([2.0, 0])}, "must be -1..1"),
    ],
)
def test_opinions_are_checked(changes, message):
    good = {
        "valence_arousal": np.zeros(2), "variance": np.ones(2), "emotion": np.full(8, 1 / 8),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        Opinion("voice", **(good | changes))


def test_what_cannot_be_fused():
    with pytest.raises(ValueError, match="no opinion"):
        fuse([])
    with pytest.raises(ValueError, match="given twice: face, face"):
        fuse([FACE, FACE])
    longer = [
        Opinion(f"m{n}", np.zeros((n, 2)), np.ones((n, 2)), np.full((n, 8), 1 / 8)) for n in (3, 4)
    ]
    with pytest.raises(ValueError, match="different numbers of frames"):
        fuse(longer)


def examples(seed=0, count=2000):
    """A calibrated expert, one that is twice as sure as it should be, one that knows nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 8, count)

    def expert(name, boast, knows=True):
        score = rng.normal(size=(count, 8))
        # With unit noise and a shift of d, d times the score is the log-likelihood.
        score[np.arange(count), labels] += 1.5 if knows else 0.0
        mass = np.exp(boast * 1.5 * score)
        belief = mass / mass.sum(axis=1, keepdims=True)
        return Opinion(name, np.zeros((count, 2)), np.ones((count, 2)), belief)

    return labels, [expert("face", 1), expert("voice", 2), expert("words", 1, knows=False)]


def test_calibrate_finds_who_is_to_be_believed():
    labels, experts = examples()
    factors = calibrate(experts, labels)
    assert factors["face"] > 0.9
    assert factors["voice"] == pytest.approx(0.55, abs=0.1)
    assert factors["words"] < 0.1

    def likelihood(scale):
        judged = [
            Opinion(o.modality, o.valence_arousal, o.variance, o.emotion, scale[o.modality])
            for o in experts
        ]
        return np.log(fuse(judged).emotion[np.arange(len(labels)), labels]).mean()

    assert likelihood(factors) > likelihood(dict.fromkeys(factors, 1.0))
    for name in factors:
        worse = factors | {name: np.clip(factors[name] + 0.1, 0, 1)}
        assert likelihood(worse) <= likelihood(factors) + 1e-6


def test_calibrate_with_a_missing_modality():
    labels, experts = examples(count=500)
    experts[1].emotion[::2] = np.nan
    assert 0 < calibrate(experts, labels)["voice"] <= 1
    with pytest.raises(ValueError, match="face must have 499 examples"):
        calibrate(experts, labels[:-1])
    with pytest.raises(ValueError, match="N above 0"):
        calibrate(experts, np.zeros(0, int))
