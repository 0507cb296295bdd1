"""EMFACS as a generative model: faces drawn from it, faces from the table, and faces that talk."""

import json

import numpy as np
import pytest
import torch

from gen.conditioning import Affect
from recognizer.emfacs_reader import EmfacsReader, Felt, lean, steadied
from recognizer.facs import (
    ARKIT_INDEX,
    AU_INDEX,
    AU_NAMES,
    EMOTION_TO_AU,
    EMOTION_TO_VA,
    EMOTIONS,
)
from recognizer.models.emfacs import FEATURES, UNITS, Emfacs, log_odds, place
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer, Rest
from recognizer.train.emfacs import Takes, build, fit, prototypes, slopes

FRAMES = 5


def shown(emotion, strength, gain=0.25, frames=FRAMES):
    """Intensities ``[T, 24]`` and motion of a prototype of the table, timidly read; the left side
    alone where the table says so."""
    units, motion = np.full((frames, 24), 0.02), MotionTrack.zeros(frames)
    for name, value in EMOTION_TO_AU[emotion].items():
        units[:, AU_INDEX[name[:4]]] += gain * strength * value
        if len(name) > 4:
            motion.blendshapes[:, ARKIT_INDEX["mouthDimpleLeft"]] = 0.1 * strength
    return units, motion


@pytest.fixture(scope="module")
def reader():
    return EmfacsReader.load()


@pytest.fixture(scope="module")
def level(reader):
    return reader.level(*shown("neutral", 0))


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_prototypes_of_the_table_are_read(reader, level, emotion):
    units, motion = shown(emotion, 1.0)
    felt = reader.read(units, motion, np.zeros(FRAMES), level)
    assert felt.emotion.shape == (FRAMES, 8) and felt.emotion.sum(1) == pytest.approx(1)
    assert EMOTIONS[felt.emotion[0].argmax()] == emotion
    valence, arousal = felt.placed(felt.emotion)[0][0]
    wanted = EMOTION_TO_VA[emotion]
    assert valence * wanted[0] >= 0 and arousal * wanted[1] >= 0


def test_more_is_read_where_more_is_shown(reader, level):
    for emotion in EMOTIONS[1:]:
        column = EMOTIONS.index(emotion)
        felt = [reader.read(*shown(emotion, s), np.zeros(FRAMES), level) for s in (0.1, 0.4, 1.0)]
        chances = [f.emotion[0, column] for f in felt]
        strong = [f.strength[0, column] for f in felt]
        assert chances == sorted(chances) and strong == sorted(strong), emotion


def test_an_open_mouth_that_talks_is_no_emotion(reader, level):
    units, motion = shown("neutral", 0)
    for name in ("AU25", "AU26"):
        units[:, AU_INDEX[name]] = 0.5
    units[:, AU_INDEX["AU18"]] = 0.06
    felt = reader.read(units, motion, np.ones(FRAMES), level).emotion[0]
    assert felt[0] > 2 * felt[1:].max()


def test_either_side_may_show_contempt(reader, level):
    units, motion = shown("contempt", 1.0)
    other = MotionTrack.zeros(FRAMES)
    right = ARKIT_INDEX["mouthDimpleRight"]
    other.blendshapes[:, right] = motion.blendshapes[:, ARKIT_INDEX["mouthDimpleLeft"]]
    assert lean(other) == pytest.approx(-lean(motion)) and lean(motion).min() > 0
    read = [reader.read(units, m, np.zeros(FRAMES), level).emotion for m in (motion, other)]
    assert read[0] == pytest.approx(read[1], abs=1e-3)
    even = reader.read(units, MotionTrack.zeros(FRAMES), np.zeros(FRAMES), level).emotion
    assert even[0, -1] < read[0][0, -1]


def test_lost_frames_stay_lost(reader, level):
    units, motion = shown("happiness", 1.0)
    units[2] = np.nan
    felt = reader.read(units, motion, np.zeros(FRAMES), level)
    assert np.isnan(felt.emotion[2]).all() and np.isfinite(felt.emotion[[0, 1, 3, 4]]).all()
    assert np.isnan(steadied(felt.emotion, 25.0)[2]).all()
    assert np.isnan(reader.intensities(units, level)[2]).all()


def test_intensities_by_their_change(reader, level):
    units, _ = shown("happiness", 1.0)
    found = reader.intensities(units, level)
    smile = AU_INDEX["AU12"]
    # A timid answer that was smaller at rest means more; what has not changed stays.
    assert found[0, smile] > 1.5 * units[0, smile]
    assert found.min() >= 0 and found.max() <= 5
    assert (found[:, AU_INDEX["AU04"]] <= units[:, AU_INDEX["AU04"]]).all()
    # Of a wrinkled nose its change alone says how far: not the mean of it and what was read.
    units, nose = shown("disgust", 0.3)[0], AU_INDEX["AU09"]
    odds = np.log((units[0, nose] + 0.03) / (5.03 - units[0, nose])) - level.odds[nose]
    alone = (odds - 0.3) / (0.5 * reader.slopes[nose])
    assert units[0, nose] + 1 < alone < 5
    assert reader.intensities(units, level)[0, nose] == pytest.approx(alone)


def made_model(temperature=1.0, neutral=0.3):
    rng = np.random.default_rng(0)
    prototypes = rng.normal(0, 1.5, (7, FEATURES))
    noise = np.stack([np.eye(FEATURES) * 0.1, np.eye(FEATURES) * 0.3])
    arrays = [torch.from_numpy(a) for a in (prototypes, noise, rng.normal(0, 1, FEATURES))]
    return Emfacs(*arrays, 0.3, 0.1, neutral, temperature), *(a.numpy() for a in arrays)


def test_the_posterior_is_that_of_the_mixture():
    """Against densities by scipy, summed over strengths, sides and mouths."""
    from scipy.stats import multivariate_normal as normal

    from recognizer.models.emfacs import STRENGTHS

    model, prototypes, noise, talk = made_model()
    change = np.random.default_rng(1).normal(0, 0.5, FEATURES) + 0.6 * prototypes[2]
    talking = 0.3
    mirror = np.ones(FEATURES)
    mirror[-1] = -1
    weights = np.zeros(8)
    for chance, offset, cov in ((0.7, 0, noise[0]), (0.3, talk, noise[1])):
        weights[0] += 0.3 * chance * normal.pdf(change, offset + np.zeros(FEATURES), cov)
        for e, prototype in enumerate(prototypes, start=1):
            spread = np.diag((0.3 * prototype) ** 2 + 0.1**2)
            for s in STRENGTHS:
                for side in (1, mirror):
                    share = 0.7 * chance / (7 * len(STRENGTHS) * 2)
                    mean = offset + s * side * prototype
                    weights[e] += share * normal.pdf(change, mean, cov + s**2 * spread)
    found = model(torch.from_numpy(change[None]), torch.tensor([talking], dtype=torch.float64))
    assert found.emotion[0].numpy() == pytest.approx(weights / weights.sum(), abs=1e-9)


def test_gradients_reach_the_action_units():
    model = made_model()[0]
    units = torch.full((1, 24), 0.5, dtype=torch.float64, requires_grad=True)
    change = torch.cat([log_odds(units)[:, UNITS], torch.zeros(1, 1)], 1)
    out = model(change, torch.zeros(1))
    place(out.emotion, out.strength).sum().backward()
    assert units.grad[:, UNITS].abs().min() > 0


def test_where_an_emotion_of_a_strength_is_placed():
    felt = torch.eye(8, dtype=torch.float64)
    wanted = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])
    for share in (0.0, 0.3, 0.8, 1.0):
        shown = Affect.emotion("anger", share).curves(np.zeros(1)).aus.max() / 4.5
        assert place(felt, shown * felt).numpy() == pytest.approx(share * wanted, abs=1e-6)
    # Half the chance of it, half the way, and all the doubt between there and neutral.
    half, happy = np.zeros((1, 8)), EMOTIONS.index("happiness")
    half[0, [0, happy]] = 0.5
    mean, variance = Felt(half, np.where(half > 0, 0.8**0.8, 0.0)).placed(half)
    assert mean[0] == pytest.approx(0.4 * wanted[happy])
    assert variance[0] == pytest.approx((0.4 * wanted[happy]) ** 2 + 0.25**2)


def test_strength_is_the_amplitude_by_generalized_least_squares():
    """Against ordinary least squares of whitened changes, of either mouth."""
    model, prototypes, noise, talk = made_model()
    rng = np.random.default_rng(3)
    for talks in (0, 1):
        changes = rng.normal(0, 0.7, (20, FEATURES)) + 0.5 * prototypes[3]
        found = model(torch.from_numpy(changes), torch.full((20,), float(talks)).double())
        for e, prototype in enumerate(prototypes, start=1):
            cov = noise[talks] + 0.6**2 * np.diag((0.3 * prototype) ** 2 + 0.1**2)
            root = np.linalg.inv(np.linalg.cholesky(cov))
            sides = []
            for side in (1, -1):
                pure = root @ (prototype * np.r_[np.ones(FEATURES - 1), side])
                away = root @ (changes - talks * talk).T
                sides.append(np.linalg.lstsq(pure[:, None], away, rcond=None)[0][0])
            wanted = np.clip(np.max(sides, axis=0), 0, 1)
            assert found.strength[:, e].numpy() == pytest.approx(wanted, abs=1e-6)
    assert (found.strength[:, 0] == 0).all()


def test_strength_grows_evenly_up_to_what_is_whole():
    arrays = made_model()[1:]
    model = Emfacs(
        *map(torch.from_numpy, arrays), 0.3, 0.1, 0.3, 1.0, whole=torch.full((7,), 2.0).double()
    )
    steps = torch.tensor([0.0, 0.4, 1.0, 1.6, 2.0, 3.0], dtype=torch.float64)
    for e, prototype in enumerate(arrays[0], start=1):
        shown = steps[:, None] * torch.from_numpy(prototype)
        found = model(shown, torch.zeros(6).double()).strength[:, e]
        assert found.numpy() == pytest.approx([0, 0.2, 0.5, 0.8, 1, 1])


def test_what_made_takes_is_found_again():
    rng = np.random.default_rng(2)
    steps = np.zeros(24)
    steps[list(UNITS)] = rng.uniform(0.2, 1.5, len(UNITS))
    expected = prototypes(steps, 0.8)
    emotion = rng.integers(0, 8, 4000)
    strength = rng.uniform(0.2, 1, 4000) * (emotion > 0)
    talking = rng.random(4000) * (rng.random(4000) < 0.5)
    pure = np.concatenate([np.zeros((1, FEATURES)), expected])[emotion]
    pure[:, -1] *= rng.choice([-1, 1], 4000)
    change = strength[:, None] * pure + rng.normal(0, 0.2, pure.shape)
    noise, talk, leans = fit(Takes(emotion, strength, change, talking))
    assert leans == pytest.approx(0.8, abs=0.1)
    assert talk == pytest.approx(0, abs=0.1)
    model = build(expected, noise, talk)
    guess = model(torch.from_numpy(change), torch.from_numpy(talking)).emotion.argmax(1).numpy()
    assert (guess == emotion)[(strength > 0.5) | (emotion == 0)].mean() > 0.8
    truth = rng.uniform(0, 5, (500, 24))
    rises = np.concatenate([(truth * steps)[:, UNITS], np.zeros((500, 1))], axis=1)
    assert slopes(truth, rises) == pytest.approx(steps, abs=0.1)


def test_prototypes_are_those_of_the_table():
    steps = np.full(24, 0.5)
    expected = prototypes(steps, 0.8)
    for emotion, row in zip(EMOTIONS[1:], expected, strict=True):
        table = {name[:4]: value for name, value in EMOTION_TO_AU[emotion].items()}
        # Knitted brows hide that they are raised, too.
        hidden = ("AU01", "AU02") if table.get("AU04", 0) >= 2 else ()
        for i, unit in enumerate(AU_NAMES[u] for u in UNITS):
            share = 0.2 if unit in hidden else 1.0
            assert row[i] == pytest.approx(0.5 * share * table.get(unit, 0.0))
    assert (expected[:6, -1] == 0).all() and expected[6, -1] == 0.8


def test_wrong_models_are_refused(tmp_path, reader, level):
    with pytest.raises(ValueError, match=r"prototypes must be \[7, 23\]"):
        build(np.zeros((7, 3)), np.stack([np.eye(FEATURES)] * 2), np.zeros(FEATURES))
    with pytest.raises(ValueError, match="positive definite"):
        build(np.zeros((7, FEATURES)), -np.stack([np.eye(FEATURES)] * 2), np.zeros(FEATURES))
    with pytest.raises(ValueError, match=r"changes must be \[T, 23\]"):
        reader.model(torch.zeros(2, 3), torch.zeros(2))
    path = tmp_path / "emfacs.json"
    path.write_text(json.dumps({"slopes": dict.fromkeys(AU_NAMES, 1.0)}))
    with pytest.raises(ValueError, match=r"emfacs\.json holds no model"):
        EmfacsReader.load(path)


def test_who_is_known_at_rest_is_read_by_what_changes(portrait_path):
    reader = Recognizer.from_pretrained()
    rest = reader.learn_rest(portrait_path)
    calm = reader(portrait_path, rest=rest)
    assert EMOTIONS[calm.emotion[0].argmax()] == "neutral"
    assert np.abs(calm.valence_arousal).max() < 0.25
    # Without the level at rest, he is read as before.
    older = reader(portrait_path, rest=Rest(rest.coefficients, rest.units, rest.shift))
    assert older.emotion[0] != pytest.approx(calm.emotion[0], abs=1e-3)
