"""The appearance network, its augmentation, losses, training loop and benchmark."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from recognizer.bench.appearance import emotion_figures, measured_benchmark
from recognizer.data.face_files import save_faces
from recognizer.data.faces import LabelledFaces
from recognizer.facs import AU_INDEX, EMOTIONS
from recognizer.models.appearance import AppearanceNet, AppearanceOutput
from recognizer.train.appearance import AppearanceTraining, train
from recognizer.train.augment import FaceAugment, mixup
from recognizer.train.objectives import fit_temperature, head_losses, repeat_factors

TINY = {"channels": [8, 16], "layers": [1, 1], "embedding": 16, "dropout": 0.0}
HAPPY, ANGRY = EMOTIONS.index("happiness"), EMOTIONS.index("anger")


def made_faces(count: int, seed: int, **labels) -> LabelledFaces:
    """Two made emotions: a bright bow in the lower half, or a bright bar in the upper, in noise.
    AU12 and valence follow how bright."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (count, 48, 48)).astype(float)
    happy = rng.random(count) < 0.5
    strength = rng.uniform(0.3, 1, count)
    images[happy, 32:40, 12:36] += 130 * strength[happy, None, None]
    images[~happy, 8:14, 8:40] += 130 * strength[~happy, None, None]
    emotion = np.zeros((count, 8))
    emotion[np.arange(count), np.where(happy, HAPPY, ANGRY)] = 1
    au = np.full((count, 24), np.nan)
    au[:, AU_INDEX["AU12"]] = 5 * strength * happy
    valence = np.stack([strength * np.where(happy, 1, -1), np.zeros(count)], axis=1)
    return LabelledFaces(images.clip(0, 255).astype(np.uint8), emotion, au, valence)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "faces.npz"
    save_faces(path, {"train": made_faces(320, 0), "valid": made_faces(64, 1)})
    return path


def quick(**changes) -> AppearanceTraining:
    options = {
        "model": TINY, "epochs": 6, "stages": [(0.0, 32, 0.5), (0.5, 48, 1.0)], "batch_size": 32,
        "learning_rate": 0.1, "ema": 0.9, "log_every": 5,
    }  # fmt: skip
    return AppearanceTraining(**options | changes)


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_outputs():
    net = AppearanceNet(**TINY, heads=("emotion", "au", "valence_arousal")).eval()
    for side in (48, 32):
        out = net(torch.rand(3, 1, side, side))
        assert out.embedding.shape == (3, 16) and out.logits.shape == (3, 8)
        torch.testing.assert_close(out.emotion.sum(1), torch.ones(3))
        assert out.au.shape == (3, 24) and 0 <= out.au.min() <= out.au.max() <= 5
        assert out.valence_arousal.shape == (3, 2) and out.valence_arousal.abs().max() <= 1
    bare = AppearanceNet(**TINY).eval()
    out = bare(torch.rand(1, 1, 48, 48))
    assert out.au is None and out.valence_arousal is None
    with pytest.raises(ValueError, match=r"S a multiple of 4, got \[1, 3, 48, 48\]"):
        bare(torch.rand(1, 3, 48, 48))
    with pytest.raises(ValueError, match="not pose"):
        AppearanceNet(**TINY, heads=("pose",))


def test_exposure_and_contrast_do_not_matter():
    torch.manual_seed(0)
    net = AppearanceNet(**TINY).eval()
    crops = torch.rand(4, 1, 48, 48)
    torch.testing.assert_close(net(crops).logits, net(crops * 0.4 + 0.3).logits)
    assert net(torch.full_like(crops, 0.7)).logits.isfinite().all()


def test_logits_are_those_of_either_side():
    torch.manual_seed(0)
    net = AppearanceNet(**TINY).eval()
    images = torch.randint(0, 256, (5, 48, 48), dtype=torch.uint8)
    both = net.logits(images, batch_size=2)
    torch.testing.assert_close(both, net.logits(images.flip(-1)))
    one, other = (net.logits(x, mirror=False) for x in (images, images.flip(-1)))
    torch.testing.assert_close(both, (one + other) / 2)
    assert (one - other).abs().max() > 1e-3


def still(**changes) -> FaceAugment:
    names = ("rotation", "scale", "shift", "shear", "gamma", "light", "blur", "noise", "erase")
    return FaceAugment(**dict.fromkeys(names, 0.0) | changes)


def test_augmentation_of_nothing_changes_nothing():
    crops = torch.rand(4, 1, 48, 48)
    same = still()(crops, 48, torch.Generator())
    torch.testing.assert_close(same, crops, atol=2e-4, rtol=0)
    assert still()(crops, 32, torch.Generator()).shape == (4, 1, 32, 32)


def test_augmentation_moves_as_far_as_it_says():
    """A dot in the middle stays within the shift; grey values stay within 0..1."""
    crops = torch.zeros(200, 1, 48, 48)
    crops[:, :, 23:25, 23:25] = 1
    moved = still(shift=0.1)(crops, 48, torch.Generator().manual_seed(0))[:, 0]
    place = (torch.arange(48) + 0.5) / 48
    x = (moved.sum(1) * place).sum(1) / moved.sum((1, 2))
    assert 0.09 < (x - 0.5).abs().max() < 0.101 and abs(x.mean() - 0.5) < 0.02
    strong = FaceAugment(noise=1.0)(torch.rand(8, 1, 48, 48), 48, torch.Generator())
    assert strong.min() >= 0 and strong.max() <= 1
    turned = still(rotation=90)(crops, 48, torch.Generator().manual_seed(0))
    assert turned[:, :, 20:28, 20:28].sum((1, 2, 3)).min() > 2


def test_strength_scales_augmentation():
    assert FaceAugment().scaled(0.5) == FaceAugment(
        10, 0.075, 0.04, 0.04, 0.2, 0.15, 0.5, 0.025, 0.2
    )


def test_augmentation_covers_as_often_as_it_says():
    crops = torch.full((400, 1, 48, 48), 0.5)
    covered = still(erase=0.3)(crops, 48, torch.Generator().manual_seed(1))
    changed = (covered - 0.5).abs().amax((1, 2, 3)) > 1e-3
    assert 0.22 < changed.float().mean() < 0.38


def test_mixup_mixes_labels_and_leaves_unknown_unknown():
    crops = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    nan = float("nan")
    labels = {"emotion": torch.tensor([[1.0, 0], [0, 1]]), "au": torch.tensor([[2.0], [nan]])}
    mixed, both = mixup(crops, labels, 0.75)
    torch.testing.assert_close(mixed[:, 0, 0, 0], torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(both["emotion"], torch.tensor([[0.75, 0.25], [0.25, 0.75]]))
    assert both["au"].isnan().all()


def test_losses_by_hand():
    """Cross-entropy of a uniform guess is log 8; 2.5 off by a variance of 1 is 2.5² / 2."""
    au = torch.full((2, 24), 2.5)
    out = AppearanceOutput(torch.zeros(2, 4), torch.zeros(2, 8), None, au, torch.zeros(2, 24))
    nan = torch.full((2, 24), float("nan"))
    nan[0, :2] = torch.tensor([0.0, 2.5])
    emotion = torch.full((2, 8), float("nan"))
    emotion[1] = torch.tensor([0.5, 0.5, 0, 0, 0, 0, 0, 0])
    losses = head_losses(out, {"emotion": emotion, "au": nan})
    assert losses["emotion"].item() == pytest.approx(np.log(8))
    assert losses["au"].item() == pytest.approx(2.5**2 / 2 / 2)
    assert head_losses(out, {"valence_arousal": torch.zeros(2, 2)}) == {}


def test_rare_emotions_are_repeated():
    emotion = np.full((101, 8), np.nan)
    emotion[:100] = np.eye(8)[[0] * 99 + [5]]
    factors = repeat_factors(emotion, 0.04)
    np.testing.assert_allclose(factors[:99], 1)
    assert factors[99] == pytest.approx(2) and factors[100] == 1


def test_two_made_emotions_are_learnt(data, tmp_path):
    model = {**TINY, "heads": ("emotion", "au", "valence_arousal")}
    path = train(quick(model=model, epochs=10), tmp_path / "run", [data])
    net = AppearanceNet.from_pretrained(path)
    unseen = made_faces(100, 7)
    logits = net.eval().logits(torch.from_numpy(unseen.images))
    figures = emotion_figures(logits / net.temperature, unseen.emotion)
    assert figures["n"] == 100 and figures["accuracy"] > 0.95
    assert np.array(figures["confusion"]).sum() == 100
    agreement = measured_benchmark(net, unseen)
    assert agreement["au"]["icc"]["AU12"] > 0.6 and agreement["au"]["icc"]["AU01"] is None
    assert agreement["valence_arousal"]["icc"]["valence"] > 0.8
    log = rows(tmp_path / "run")
    losses = [row["loss"] for row in log if "loss" in row]
    assert losses[-1] < losses[0] / 2
    valid = [row["valid"] for row in log if "valid" in row]
    assert len(valid) == 10 and valid[-1]["accuracy"] > 0.95
    assert [row["pixels"] for row in valid] == [32] * 5 + [48] * 5


def test_resuming_gives_the_same_weights(data, tmp_path, interrupted):
    config = quick(epochs=2, save_every=3)
    train(config, tmp_path / "whole", [data])
    with interrupted(after=13):
        train(config, tmp_path / "cut", [data])
    train(config, tmp_path / "cut", [data], resume=True)
    assert rows(tmp_path / "cut")[-1]["step"] == rows(tmp_path / "whole")[-1]["step"]
    name = "model/diffusion_pytorch_model.safetensors"
    whole, cut = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
    for key, value in whole.items():
        np.testing.assert_array_equal(cut[key], value, err_msg=key)
    with pytest.raises(ValueError, match="is of another model"):
        train(quick(model={**TINY, "embedding": 8}), tmp_path / "cut", [data], resume=True)


def test_the_minutes_end_a_run(data, tmp_path):
    train(quick(epochs=10_000, max_minutes=0.01), tmp_path / "run", [data])
    assert rows(tmp_path / "run")[-1]["minutes"] < 0.2


def test_bad_training_input(data, tmp_path):
    with pytest.raises(ValueError, match="unknown keys epoch"):
        train({"epoch": 3}, tmp_path / "run", [data])
    with pytest.raises(ValueError, match="320 training faces do not fill a batch of 512"):
        train(quick(batch_size=512), tmp_path / "run", [data])
    for stages in ([(0.1, 48, 1)], [(0, 32)], [(0, 32, 1), (0.5, 40, 1), (0.2, 48, 1)]):
        with pytest.raises(ValueError, match="stages"):
            quick(stages=stages)
    assert not (tmp_path / "run").exists()


def test_temperature_of_logits_that_are_too_sure():
    """Labels drawn from a known distribution, logits three times as large: the answer is 3."""
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(4000, 8)).astype(np.float32))
    truth = logits.softmax(-1).numpy()
    assert fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.01)


def test_figures_by_hand():
    """Two of three right, with certainty: accuracy 2/3, its interval from statistics' tables."""
    truth = np.eye(8)[[0, 1, 1]]
    logits = torch.from_numpy(np.eye(8)[[0, 1, 2]] * 100.0)
    figures = emotion_figures(logits, truth)
    assert figures["accuracy"] == pytest.approx(2 / 3, abs=1e-5)
    assert figures["ci95"] == pytest.approx([0.2077, 0.9385], abs=1e-3)
    assert figures["f1"]["neutral"] == 1 and figures["f1"]["fear"] is None
    assert figures["f1"]["happiness"] == pytest.approx(2 / 3, abs=1e-5)
    assert figures["cross_entropy"] == pytest.approx(100 / 3, abs=1e-3)
    assert figures["calibration_error"] == pytest.approx(1 / 3, abs=1e-4)
    json.dumps(figures)
