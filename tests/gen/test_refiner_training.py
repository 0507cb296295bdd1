"""Patch pairs, their augmentation and the refiner's training loop."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gen.data.patch_dataset import PatchDataset
from gen.data.patch_heads import pairs_from_head
from gen.data.patches import PIXELS, PatchPairs, choose_frames, draw_pairs
from gen.driving import relative_pose
from gen.refiner import PatchSampler
from gen.renderers.mesh import MeshRenderer
from gen.train.refiner import RefinerTraining, train
from gen.train.refiner_loss import RefinerLoss, masked_correction, step_weights
from recognizer.motion import MotionTrack


def talking(frames=12):
    track = MotionTrack.zeros(frames)
    track["jawOpen"][:] = np.linspace(0, 0.5, frames)
    track["headYaw"][:] = np.linspace(5, 9, frames)
    return track


def made_pairs(seed: int, count: int = 4, redder: int = 40) -> PatchPairs:
    """Grey patches with a mouth in the middle that should be redder."""
    rng = np.random.default_rng(seed)
    shape = (count, 2, PIXELS, PIXELS, 3)
    rendered = np.full(shape, int(rng.integers(60, 160)), np.uint8)
    geometry = np.zeros(shape, np.uint8)
    geometry[:, :, 30:50, 20:60, 0] = 255
    target = rendered.copy()
    target[:, :, 24:56, 14:66, 0] += redder
    return PatchPairs(rendered, target, geometry, rendered[0, 0], geometry[0, 0])


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "patches"
    path.mkdir()
    for i in range(6):
        made_pairs(i).save(path / f"p{i}.npz")
    return path


def test_pairs_of_a_renderer_with_itself_agree(portrait):
    """The truth being what is rendered, rendered and target patches are the same."""
    motion = talking()
    wanted = np.array([3, 9])
    other = MeshRenderer(portrait)
    pose = relative_pose(motion.pose, motion.pose[0])
    pairs = draw_pairs(
        portrait, motion, 0, wanted, lambda i: other.render(motion.blendshapes[i], pose[i])
    )
    assert len(pairs) == 2
    assert pairs.rendered.shape == (2, 2, PIXELS, PIXELS, 3)
    # The portrait is taken to wear the first frame's expression: zero here, as it does.
    assert np.abs(pairs.rendered.astype(int) - pairs.target).mean() < 1
    opening = pairs.geometry[..., 1].sum((2, 3))
    assert (opening[1] > opening[0]).all() and (opening[:, 1] > opening[:, 0]).all()


def test_heads_are_drawn_where_the_renderer_draws_them(tracker):
    """Skin around the mouth of a rendered head and of its moved portrait is the same."""
    rng = np.random.default_rng(3)
    pairs = pairs_from_head(talking(), 3, rng, tracker)
    gap = np.abs(pairs.rendered.astype(int) - pairs.target).mean(-1)
    lips = pairs.geometry[..., 0] > 0
    assert len(pairs) == 3 and gap[:, :, 5:20, 20:60].mean() < 12
    assert gap[lips].mean() > gap[:, :, 5:20, 20:60].mean()


def test_open_mouths_are_chosen_more_often():
    motion = MotionTrack.zeros(200)
    motion["jawOpen"][100:120] = 0.6
    rng = np.random.default_rng(0)
    chosen = np.concatenate([choose_frames(motion, 20, rng) for _ in range(30)])
    assert ((chosen >= 100) & (chosen < 120)).mean() > 0.25
    assert (chosen < 100).any() and chosen.min() >= 1 and chosen.max() < 200
    assert len(choose_frames(MotionTrack.zeros(5), 20, rng)) == 4


def test_saved_pairs_are_the_same(tmp_path):
    pairs = made_pairs(1)
    pairs.save(tmp_path / "a.npz")
    for name, value in vars(PatchPairs.load(tmp_path / "a.npz")).items():
        assert np.array_equal(value, getattr(pairs, name))
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"b\.npz holds no patch pairs"):
        PatchPairs.load(tmp_path / "b.npz")


def test_without_augmentation_the_middle_is_cut(folder):
    batch = PatchDataset({folder: 1.0}, 64).batch(np.random.default_rng(0), 3, augment=False)
    pairs = made_pairs(0)
    assert batch.rendered.shape == (3, 2, 3, 64, 64) and batch.mask.shape == (3, 2, 1, 64, 64)
    redder = (batch.target - batch.rendered)[:, :, 0] * 127.5
    torch.testing.assert_close(redder[:, :, 16:48, 6:58], torch.full((3, 2, 32, 52), 40.0))
    wanted = torch.from_numpy(pairs.geometry[0, 0, 8:72, 8:72, 0]).float() / 255
    torch.testing.assert_close(batch.geometry[0, 0, 0], wanted)


def test_augmentation_changes_input_and_truth_alike(tmp_path):
    same = made_pairs(2, redder=0)
    same.geometry[..., 1:] = 0  # no opening, whose brightness is changed on its own
    same.save(tmp_path / "same.npz")
    data = PatchDataset({tmp_path: 1.0}, 64)
    rng = np.random.default_rng(0)
    batch = data.batch(rng, 16)
    torch.testing.assert_close(batch.rendered, batch.target)
    spread = batch.rendered[:, 1].mean((2, 3))
    assert spread.std(0).min() > 0.1  # neither brightness …
    assert (spread[:, 0] - spread[:, 2]).std() > 0.05  # … nor hue is that of the file
    again = data.batch(np.random.default_rng(0), 16)
    assert torch.equal(batch.rendered, again.rendered)


def test_bad_folders_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        PatchDataset({tmp_path / "nowhere": 1.0}, 64)
    with pytest.raises(ValueError, match="too few patch pairs: 6 files"):
        PatchDataset({folder: 1.0}, 64, slice(None, -6))
    pairs = made_pairs(0)
    small = {name: value[..., :40, :40, :] for name, value in vars(pairs).items()}
    PatchPairs(**small).save(tmp_path / "small.npz")
    with pytest.raises(ValueError, match="must be 80 pixels"):
        PatchDataset({tmp_path: 1.0}, 64)


def test_the_loss_is_zero_for_the_truth_and_sees_what_flickers():
    rendered, mask = torch.rand(2, 3, 16, 16), torch.ones(2, 1, 16, 16)
    true = masked_correction(rendered, torch.rand(2, 3, 16, 16), mask)
    yes = torch.ones(2, dtype=torch.bool)
    loss = RefinerLoss()
    assert loss(true, true, mask, rendered, rendered, rendered, yes)[0] == 0
    steady = loss(true + 0.1, true, mask, rendered, rendered + 0.1, rendered, yes)[1]
    jumping = loss(true + 0.1, true, mask, rendered, rendered - 0.1, rendered, yes)[1]
    assert steady["pixels"] == pytest.approx(0.1) and steady["temporal"] < 1e-6
    assert jumping["temporal"] == pytest.approx(0.2)
    assert "temporal" not in loss(true, true, mask, rendered, rendered, rendered, ~yes)[1]


def test_step_weights_are_a_distribution_with_most_at_the_start():
    weights = step_weights(1000, 0.6)
    assert float(weights.sum()) == pytest.approx(1) and weights[-1] > 0.6 and weights[0] > 0


def tiny_config(**changes) -> dict:
    return {
        "data": {"patches": 1.0},
        "hold_out": 2,
        "model": {"pixels": 32, "channels": (16, 32)},
        "steps": 6,
        "batch_size": 4,
        "warmup": 1,
        "learning_rate": 5e-3,
        "log_every": 2,
        "eval_every": 6,
        "save_every": 3,
        "eval_patches": 8,
        **changes,
    }


def test_training_learns_what_is_wrong_with_the_patches(folder, tmp_path):
    config = tiny_config(steps=60, ema=0.9, eval_every=60, save_every=60)
    path = train(config, tmp_path / "run", [folder])
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    held_out = log[-1]["held_out"]
    assert held_out["refined1/pixels"] < 0.6 * held_out["rendered/pixels"]
    assert held_out["refined4/pixels"] < 0.6 * held_out["rendered/pixels"]
    assert PatchSampler.from_pretrained(path).refiner.config.pixels == 32


def test_resumed_training_is_the_uninterrupted_one(folder, tmp_path, interrupted):
    config = RefinerTraining.load(tiny_config())
    train(config, tmp_path / "whole", [folder])
    with interrupted(after=5):
        train(config, tmp_path / "parts", [folder])
    train(config, tmp_path / "parts", [folder], resume=True)
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)
    wider = tiny_config(model={"pixels": 32, "channels": (16, 48)})
    with pytest.raises(ValueError, match="another model"):
        train(wider, tmp_path / "parts", [folder], resume=True)


def test_configuration_errors_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match="unknown keys stpes"):
        RefinerTraining.load({"data": {"a": 1}, "stpes": 3})
    with pytest.raises(ValueError, match="names no data"):
        RefinerTraining.load({})
    file = tmp_path / "c.yaml"
    file.write_text("- a\n")
    with pytest.raises(ValueError, match="must map"):
        RefinerTraining.load(file)
    with pytest.raises(FileNotFoundError):
        RefinerTraining.load(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="the folders are none"):
        train(tiny_config(), tmp_path, [])


def test_the_shipped_configuration_loads(request):
    config = RefinerTraining.load(request.config.rootpath / "configs" / "refiner.yaml")
    assert set(config.data) == {"patches_grid", "patches_heads"}
    assert config.loss.keys() <= {"edges", "perceptual", "temporal"}
