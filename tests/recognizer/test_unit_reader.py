"""Action units by two experts: precision-weighted, calibrated, without the face at rest."""

import json

import numpy as np
import pytest
import torch

from recognizer.facs import AU_INDEX, AU_NAMES
from recognizer.metrics.classification import icc
from recognizer.models.appearance import AppearanceNet
from recognizer.models.gaussian import beta_nll, bounded
from recognizer.train.unit_reliability import Readings, agreement, fit
from recognizer.unit_reader import (
    Calibration,
    UnitReading,
    UnitReliability,
    fuse_units,
    look_at_units,
    without_rest,
)

ONES, NONE = np.ones(24), np.zeros(24)


def reading(mean, std, frames=3):
    return UnitReading(np.full((frames, 24), float(mean)), np.full((frames, 24), float(std)))


def test_precision_weighs():
    """Of 1 ± 1 and 4 ± 0.5, precisions 1 and 4: (1 + 16) / 5, ± 1/√5."""
    both = fuse_units(reading(1, 1), reading(4, 0.5), UnitReliability(ONES, ONES, NONE))
    np.testing.assert_allclose(both.mean, 17 / 5)
    np.testing.assert_allclose(both.std, 5**-0.5)
    alone = fuse_units(reading(1, 1), reading(4, 0.5), UnitReliability(ONES, NONE, NONE))
    np.testing.assert_allclose(alone.mean, 1)


def test_one_expert_stands_alone_where_the_other_does_not_know():
    blind = reading(np.nan, np.nan)
    counted = UnitReliability(ONES, ONES, NONE)
    np.testing.assert_allclose(fuse_units(reading(2, 1), blind, counted).mean, 2)
    np.testing.assert_allclose(fuse_units(blind, reading(3, 1), counted).mean, 3)
    nobody = fuse_units(blind, blind, counted)
    assert np.isnan(nobody.mean).all() and np.isnan(nobody.std).all()


def test_what_a_face_shows_at_rest_is_taken_off():
    counted = UnitReliability(ONES, ONES, np.full(24, 0.5))
    seen = without_rest(reading(2, 1), np.array([1.0] * 23 + [5.0]), counted)
    np.testing.assert_allclose(seen.mean[0], [1.5] * 23 + [0.0])


def test_pictures_are_looked_at_now_and_then():
    torch.manual_seed(0)
    network = AppearanceNet(channels=(8, 16), layers=(1, 1), embedding=8, heads=("au",)).eval()
    crops = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    seen = np.array([True, True, True, False, True])
    every, some = (look_at_units(crops, network, seen, step) for step in (1, 3))
    assert np.isnan(every.mean[3]).all() and (every.std[seen] > 0).all()
    np.testing.assert_allclose(some.mean[[0, 4]], every.mean[[0, 4]], rtol=1e-5)
    between = every.mean[0] + (every.mean[4] - every.mean[0]) * 1 / 4
    np.testing.assert_allclose(some.mean[1], between, rtol=1e-4)
    assert np.isnan(look_at_units(crops, network, np.zeros(5, bool)).mean).all()


def made_readings(frames, seed, rested):
    """Motion that errs by 1, pictures by 0.5 but too high by what the face shows at rest."""
    rng = np.random.default_rng(seed)
    truth = np.clip(rng.normal(0, 2, (frames, 24)), 0, 5)
    rest = rng.uniform(0, 1.5, (frames, 24))
    motion = truth + rng.normal(0, 1, truth.shape)
    pictures = truth + rest + rng.normal(0, 0.5, truth.shape)
    std = np.ones_like(truth)
    return Readings(
        truth, UnitReading(motion, std), UnitReading(pictures, std), rest if rested else None
    )


def test_calibration_finds_who_knows():
    found = fit(made_readings(2000, 0, True))
    in_pictures = np.array([name != "AU45" for name in AU_NAMES])
    assert (found.appearance / found.motion)[in_pictures].min() > 1
    assert found.appearance[AU_INDEX["AU45"]] == 0
    assert found.resting[in_pictures].min() > 0.8
    report = agreement(made_readings(2000, 1, True), found)
    for name in np.array(AU_NAMES)[in_pictures]:
        assert report[name]["fused"] > max(report[name]["motion"], 0.85)
    assert report["AU45"]["fused"] == report["AU45"]["motion"]
    strangers = fit(made_readings(2000, 0, False))
    assert (strangers.resting == 0).all()


def test_agreement_is_that_of_the_metric():
    part = made_readings(300, 2, False)
    only = UnitReliability(ONES, NONE, NONE)
    expected = icc(part.truth[:, 0], part.motion.mean[:, 0])
    assert agreement(part, only)["AU01"]["fused"] == pytest.approx(expected, abs=1e-3)


def test_named_deviations_become_true():
    """Motion alone says ± 1 and errs by 2: its precision counts a quarter."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 5, (4000, 24))
    std = np.ones_like(truth)
    moved = UnitReading(truth + rng.normal(0, 2, truth.shape), std)
    blind = UnitReading(np.nan * truth, np.nan * truth)
    found = fit(Readings(truth, moved, blind, None))
    np.testing.assert_allclose(found.motion, 0.25, rtol=0.15)


def test_calibration_is_written_and_read(tmp_path):
    path = tmp_path / "units.json"
    rng = np.random.default_rng(0)
    saved = Calibration(
        *(UnitReliability(*part) for part in rng.uniform(0, 2, (2, 3, 24)).round(4))
    )
    saved.save(path, test={"frames": 3})
    loaded = Calibration.load(path)
    for case in ("rest_known", "rest_unknown"):
        for kind in ("motion", "appearance", "resting"):
            expected = getattr(getattr(saved, case), kind)
            np.testing.assert_allclose(getattr(getattr(loaded, case), kind), expected)
    assert json.loads(path.read_text())["test"] == {"frames": 3}
    path.write_text('{"reliability": {"rest_known": {}}}')
    with pytest.raises(ValueError, match="holds no reliability"):
        Calibration.load(path)
    with pytest.raises(FileNotFoundError):
        Calibration.load(tmp_path / "missing.json")


def test_likelihood_of_intervals():
    """Inside the interval only the variance counts; outside, the distance to its nearer end."""
    guess, zero = torch.tensor([1.0, 3.0, 0.0]), torch.zeros(3)
    low, high = torch.tensor([0.5, 0.0, 2.0]), torch.tensor([2.0, 2.0, 5.0])
    expected = (0 + 0.5 * 1 + 0.5 * 4) / 3
    assert beta_nll(guess, zero, low, high, beta=0.0).item() == pytest.approx(expected)
    nan = torch.full((3,), float("nan"))
    assert beta_nll(guess, zero, nan).item() == 0
    # Against PyTorch's own, without its weighting.
    spread = torch.tensor([-1.0, 0.3, 1.2])
    theirs = torch.nn.functional.gaussian_nll_loss(guess, low, spread.exp())
    assert beta_nll(guess, spread, low, beta=0.0).item() == pytest.approx(theirs.item(), rel=1e-5)


def test_log_variances_are_bounded():
    far = torch.tensor([-1e3, 0.0, 1e3])
    kept = bounded(far)
    assert kept[0] == pytest.approx(-6) and kept[2] == pytest.approx(3) and -1 < kept[1] < 1
