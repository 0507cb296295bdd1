"""Rendered heads in front of the real tracker."""

import cv2
import numpy as np

from recognizer.data.ferplus import FerPlus
from recognizer.data.motion_samples import REST, SHOWN, SHUT
from recognizer.data.posed_head import blend, emotional, neutral
from recognizer.data.posed_heads import person_samples
from recognizer.data.rendered_head import SeeingHead
from recognizer.data.tracked_ferplus import build
from recognizer.facs import ARKIT_INDEX, AU_INDEX, EMOTIONS


def test_the_tracker_sees_what_a_rendered_head_does(tracker, coefficients):
    """Smiles, blinks and jaws of strangers are read in the coefficients that command them."""
    commanded = {"mouthSmile": 1.0, "eyeBlink": 1.0, "jawOpen": 0.6}
    gain = {stem: [] for stem in commanded}
    pictures = []
    for seed in range(3):
        head = SeeingHead(np.random.default_rng(seed), 256)
        still = head.render(np.zeros(52), np.zeros(6))
        rest = tracker.image(still)[0].motion
        pictures.append(still)
        for stem, value in commanded.items():
            seen = tracker.image(head.render(coefficients(**{stem: value}), np.zeros(6)))[0].motion
            name = stem if stem == "jawOpen" else f"{stem}Left"
            gain[stem].append((seen[name] - rest[name])[0])
        # Brows are neither raised nor lowered at rest, as those of real people.
        assert rest["browInnerUp"][0] < 0.5
    assert pictures[0].shape == (256, 256, 3) and pictures[0].dtype == np.uint8
    assert (pictures[0] != pictures[1]).mean() > 0.5
    assert np.mean(gain["mouthSmile"]) > 0.4
    assert np.mean(gain["eyeBlink"]) > 0.4
    assert np.mean(gain["jawOpen"]) > 0.25


def test_takes_of_one_person(tracker):
    samples = person_samples(np.random.default_rng(5), tracker)
    takes = np.unique(samples.take)
    assert len(takes) >= 5 and len(samples) > 60
    for take in takes:
        rows = samples.take == take
        assert list(samples.role[rows][:2]) == [REST, SHUT]
        assert (samples.role[rows][2:] == SHOWN).all()
    assert np.isfinite(samples.motion).all()
    assert samples.activation.min() >= 0 and samples.activation.max() <= 1
    rest, shut = (samples.motion[samples.role == role].mean(0) for role in (REST, SHUT))
    blink = ARKIT_INDEX["eyeBlinkLeft"]
    assert shut[blink] - rest[blink] > 0.2
    assert samples.crops.shape == (len(samples), 64, 64) and samples.crops.std() > 10
    labelled = np.isfinite(samples.emotion[:, 0])
    np.testing.assert_allclose(samples.emotion[labelled].sum(1), 1, atol=1e-5)


def test_expressions():
    rng = np.random.default_rng(0)
    for _ in range(50):
        mixed, felt = blend(rng), emotional(rng)
        assert np.isnan(mixed.emotion).all() and 1 <= (mixed.shares > 0).sum() <= 5
        assert felt.emotion.sum() == 1 and felt.emotion[1:].max() > 0.2
        for one in (mixed, felt):
            assert one.shares.min() >= 0 and one.shares.max() <= 1
    half = felt.weakened(0.5)
    np.testing.assert_allclose(half.emotion[1:], felt.emotion[1:] / 2)
    assert neutral().shares.sum() == 0


def test_ferplus_faces_are_tracked_or_left_out(tracker):
    """Of each split: one face that fills its picture, as FER+'s do, and one that is noise."""
    rng = np.random.default_rng(0)
    head = SeeingHead(np.random.default_rng(2), 256)
    picture = head.render(np.zeros(52), np.zeros(6))
    x0, y0, x1, y1 = (int(v) for v in tracker.detect(picture)[0].box)
    face = cv2.resize(cv2.cvtColor(picture[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY), (48, 48))
    noise = rng.integers(0, 256, (48, 48)).astype(np.uint8)
    votes = np.zeros((6, 10), np.uint8)
    votes[:, EMOTIONS.index("sadness")] = 10
    split = np.array([0, 0, 1, 1, 2, 2], np.uint8)
    samples, lost = build(FerPlus(np.stack([face, noise] * 3), votes, split))
    assert lost == {"train": 1, "valid": 1, "test": 1}
    assert list(samples.split) == [0, 1, 2] and len(np.unique(samples.person)) == 3
    assert (samples.emotion[:, EMOTIONS.index("sadness")] == 1).all()
    assert np.isnan(samples.activation[:, AU_INDEX["AU12"]]).all()
    assert np.ptp(samples.motion, axis=0).max() < 1e-6 and samples.motion[0, :52].max() > 0.05
