"""The trainable fusion on made data: every subset, what is hidden, what training buys."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from made_modalities import NOISE, SIZES, make_features
from safetensors.numpy import load_file, save_file

import recognizer.train.fusion as training
from recognizer.bench.fusion import expert_opinions, figures, main, network_answers, subset_table
from recognizer.data.fusion_features import FusionFeatures
from recognizer.fusion import Fused, Opinion, fuse
from recognizer.models.fusion import FusionNet
from recognizer.models.fusion_output import OPINION_FEATURES, Expert
from recognizer.train.fusion import FusionTraining, train
from recognizer.train.fusion_objectives import (
    add_noise,
    decoupling_losses,
    distillation_loss,
    modulation,
    task_loss,
)

NAMES = tuple(NOISE)
SUBSETS = [chosen for n in (1, 2, 3) for chosen in combinations(NAMES, n)]
ids = "+".join
TINY = {"width": 16, "heads": 2, "dropout": 0.0}
QUICK = {"model": TINY, "save_minutes": 100, "valid_every": 100}
WEIGHTS = "model/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained network and what it was trained on."""
    folder = tmp_path_factory.mktemp("fusion")
    noise = {"face": 1.0, "voice": 1.5, "words": 1.5}
    data = make_features((1000, 200, 1000), missing=0.2, masked=0.3, noise=noise)
    data.save(folder / "made.npz")
    config = {**QUICK, "epochs": 9, "learning_rate": 8e-3, "model": {**TINY, "width": 32}}
    train(config, folder, folder / "made.npz")
    return FusionNet.from_pretrained(folder / "model", low_cpu_mem_usage=False), data, folder


def untrained(features=SIZES, seed=0, stirred=True, **options) -> FusionNet:
    """Random weights; the gates and the correction, which begin at zero, too."""
    torch.manual_seed(seed)
    net = FusionNet(features=features, **TINY, **options).eval()
    if stirred:
        for layer in (net.gate, net.correction):
            torch.nn.init.normal_(layer.weight, std=0.5)
    return net


def drawn(rows=5, frames=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lead = (rows, frames) if frames else (rows,)
    return {n: torch.randn(*lead, size, generator=generator) for n, size in SIZES.items()}


def close(a, b):
    for name in ("logits", "emotion", "valence_arousal", "log_variance"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("chosen", SUBSETS, ids=ids)
def test_untrained_it_is_the_product_of_its_experts(chosen):
    out = untrained(stirred=False)({n: x for n, x in drawn().items() if n in chosen})
    fused, product = out.fused(), fuse(out.opinions())
    assert fused.valence_arousal == pytest.approx(product.valence_arousal, abs=1e-5)
    assert fused.weights.keys() == product.weights.keys() == set(chosen)
    for name in chosen:
        assert fused.weights[name] == pytest.approx(product.weights[name], abs=1e-5)
    beliefs = np.prod([o.emotion for o in out.opinions()], axis=0)
    assert fused.emotion == pytest.approx(beliefs / beliefs.sum(-1, keepdims=True), abs=1e-5)


@torch.no_grad()
def test_what_is_absent_is_hidden():
    net, inputs = untrained(), drawn(rows=4, frames=6)
    there = torch.tensor([[1.0] * 3 + [0.0] * 3]).repeat(4, 1)
    presence = {"voice": there, "words": torch.zeros(4)}
    for clip in (False, True):
        before = net(inputs, presence, clip=clip)
        for other in (1e6, float("nan"), float("inf")):
            changed = {n: x.clone() for n, x in inputs.items()}
            changed["voice"][:, 3:] = other
            changed["words"][:] = other
            close(net(changed, presence, clip=clip), before)
    # Absent is as good as not given, and padding as good as a shorter clip.
    given = {"face": inputs["face"], "voice": inputs["voice"][:, :3]}
    close(net(given, clip=True), before)


@torch.no_grad()
def test_a_modality_leaves_continuously():
    net, inputs = untrained(), drawn()
    steps = torch.linspace(0, 1, 101)

    def at(presence):
        out = net(inputs, {"voice": torch.full((5,), float(presence))})
        return torch.cat([out.emotion, out.valence_arousal, out.log_variance], -1)

    path = torch.stack([at(step) for step in steps])
    moved = (path[-1] - path[0]).abs().max()
    assert moved > 0.02
    # A jump would be as large however small the steps are.
    assert (path[1:] - path[:-1]).abs().max() < 0.1
    assert (at(1e-6) - path[0]).abs().max() < 1e-4
    close(net(inputs, {"voice": torch.zeros(5)}), net({n: inputs[n] for n in ("face", "words")}))


@torch.no_grad()
def test_frames_clips_and_nothing_at_all():
    net, inputs = untrained(), drawn(rows=3, frames=7)
    inputs["words"] = inputs["words"][:, 0]
    by_frame = net(inputs)
    assert by_frame.emotion.shape == (3, 7, 8)
    one = net({n: x[:, 4] if x.ndim == 3 else x for n, x in inputs.items()})
    torch.testing.assert_close(by_frame.emotion[:, 4], one.emotion)
    clip = net({**inputs, "face": inputs["face"][:, :5]}, clip=True).fused()
    assert clip.valence_arousal.shape == (3, 2)
    assert sum(clip.weights.values()) == pytest.approx(np.ones((3, 2)))
    gone = net(inputs, {n: torch.tensor([1.0, 0.0, 1.0]) for n in NAMES}, clip=True).fused()
    assert np.isnan(gone.emotion[1]).all()
    assert np.isnan(gone.valence_arousal[1]).all()
    assert np.isfinite(gone.emotion[[0, 2]]).all()
    assert not gone.conflict[1]


@pytest.mark.parametrize("chosen", SUBSETS, ids=ids)
@pytest.mark.parametrize("lead", [(), (4,)])
def test_it_stands_where_fuse_stands(chosen, lead):
    rng = np.random.default_rng(0)
    sizes = dict.fromkeys(NAMES, OPINION_FEATURES)
    net = untrained(sizes, opinions=True)
    opinions = [
        Opinion(n, rng.uniform(-1, 1, (*lead, 2)), rng.uniform(0.02, 1, (*lead, 2)),
                rng.dirichlet(np.ones(8), lead or None), 0.8)
        for n in chosen
    ]  # fmt: skip
    found, product = net.fuse(opinions), fuse(opinions)
    assert isinstance(found, Fused)
    assert found.emotion.shape == product.emotion.shape == (*lead, 8)
    assert found.emotion.sum(-1) == pytest.approx(np.ones(lead), abs=1e-5)
    assert (np.abs(found.valence_arousal) <= 1).all()
    assert (found.variance > 0).all()
    assert [c.between for c in found.conflicts] == [c.between for c in product.conflicts]
    # Untrained it says the same.
    found = untrained(sizes, opinions=True, stirred=False).fuse(opinions)
    assert found.emotion == pytest.approx(product.emotion, abs=1e-4)
    assert found.valence_arousal == pytest.approx(product.valence_arousal, abs=0.01)
    with pytest.raises(ValueError, match="was not trained on opinions"):
        untrained().fuse(opinions)
    with pytest.raises(ValueError, match="features of face, words are no opinions"):
        untrained(opinions=True)


def test_it_comes_back_as_it_was_saved(tmp_path):
    net = untrained({"words": 8, "face": 16})
    net.save_pretrained(tmp_path)
    inputs = {name: drawn()[name] for name in ("face", "words")}
    with torch.no_grad():
        close(FusionNet.from_pretrained(tmp_path)(inputs), net(inputs))


@pytest.mark.parametrize(
    ("inputs", "presence", "match"),
    [
        ({}, {}, "no modality"),
        ({"smell": torch.zeros(2, 3)}, {}, "no such modality: smell"),
        ({"face": torch.zeros(2, 3)}, {}, r"face must be \[B, T, 16\]"),
        ({"face": torch.zeros(2, 16)}, {"face": torch.ones(3)}, "presence of face"),
        ({"face": torch.zeros(2, 16), "voice": torch.zeros(3, 12)}, {}, "different numbers"),
        ({"face": torch.zeros(2, 4, 16), "voice": torch.zeros(2, 5, 12)}, {}, "different numbers"),
    ],
)
def test_wrong_shapes(inputs, presence, match):
    with pytest.raises(ValueError, match=match):
        untrained()(inputs, presence)


def test_together_is_better_than_alone(trained):
    net, data, _ = trained
    rows = data.of("test")
    whole = rows[np.all([p > 0 for p in rows.presence.values()], axis=0)]
    together = network_answers(net, whole, NAMES)
    together = figures(together.emotion, together.valence_arousal, whole)
    for opinion in expert_opinions(net, whole).values():
        alone = figures(opinion.emotion, opinion.valence_arousal, whole)
        assert together["accuracy"] > alone["accuracy"] + 0.05
        assert together["cross_entropy"] < alone["cross_entropy"] - 0.2
        for name in ("valence_ccc", "arousal_ccc"):
            assert together[name] > alone[name]


def test_table_of_seven(trained, capsys):
    net, data, folder = trained
    table = subset_table(net, data)
    assert list(table["subsets"]) == [ids(chosen) for chosen in SUBSETS]
    for row in table["subsets"].values():
        # Chance is 0.125.
        assert row["network"]["accuracy"] > 0.4
        assert row["product"]["n"] == row["network"]["n"] > 700
    # Face and voice err together, which a product of experts cannot know.
    both, all_three = table["subsets"]["face+voice"], table["subsets"]["face+voice+words"]
    assert both["network"]["cross_entropy"] < both["product"]["cross_entropy"]
    assert all_three["network"]["valence_ccc"] > all_three["product"]["valence_ccc"]
    json_path = folder / "table.json"
    main([str(folder / "made.npz"), "--model", str(folder / "model"), "--json", str(json_path)])
    assert "face+voice+words" in capsys.readouterr().out
    assert json.loads(json_path.read_text(encoding="utf-8"))["subsets"] == table["subsets"]
    with pytest.raises(SystemExit) as stop:
        main([str(folder / "made.npz"), "--model", str(folder)])
    assert stop.value.code == 2


def test_contradiction_is_reported(trained):
    """Face of one row, words of another: experts that are sure and apart are in conflict more often
    than those of one row."""
    net, data, _ = trained
    rows = data.of("test")
    rows = rows[np.all([p > 0 for p in rows.presence.values()], axis=0)]
    mixed = replace(rows, features={**rows.features, "words": rows.features["words"][::-1]})

    def share(data):
        inputs = {n: torch.from_numpy(np.ascontiguousarray(data.features[n])) for n in NAMES}
        return {c.between: c.found.mean() for c in net(inputs).fused().conflicts}

    with torch.no_grad():
        before, after = share(rows), share(mixed)
    assert after["face", "words"] > before["face", "words"] + 0.1
    assert after["face", "voice"] == before["face", "voice"]


def test_modulation_lets_the_weaker_encoder_learn(tmp_path):
    """Without losses of their own, experts learn what the fused answer needs of them: next to a
    face that tells nearly all, little. Gradient modulation leaves the voice more to learn."""
    data = make_features((1000, 0, 1000), noise={"face": 0.5, "voice": 0.7}, bent=("voice",))
    data = replace(data, valence_arousal=np.full_like(data.valence_arousal, np.nan))
    data.save(tmp_path / "made.npz")
    only = dict.fromkeys(training.LOSSES, 0.0) | {"fused": 1.0, "unimodal": 1.0}
    plain = {**QUICK, "epochs": 6, "batch_size": 100, "learning_rate": 5e-3, "loss": only}
    plain |= {"unimodal_gradient": 0.0, "model": {**TINY, "width": 32}}

    def of_voice(**changes):
        model = train({**plain, **changes}, tmp_path / "run", tmp_path / "made.npz")
        net = FusionNet.from_pretrained(model, low_cpu_mem_usage=False)
        rows = data.of("test")
        voice = expert_opinions(net, rows)["voice"]
        return figures(voice.emotion, voice.valence_arousal, rows)["cross_entropy"]

    starved, balanced = of_voice(alpha=0.0), of_voice(alpha=1.0)
    fed = of_voice(alpha=0.0, unimodal_gradient=1.0)
    assert balanced < starved - 0.05
    # What the experts' own losses do for it, which is why they are on by default, is more.
    assert fed < balanced - 0.2


def test_a_run_goes_on_where_it_stopped(tmp_path, interrupted):
    data = make_features((90, 30, 0), missing=0.3, frames={"face": 3})
    data.save(tmp_path / "made.npz")
    config = {**QUICK, "epochs": 4, "batch_size": 30, "save_every": 3, "log_every": 3}
    train(config, tmp_path / "whole", tmp_path / "made.npz")
    with interrupted(after=7):
        train(config, tmp_path / "cut", tmp_path / "made.npz")
    train(config, tmp_path / "cut", tmp_path / "made.npz", resume=True)
    whole, cut = (load_file(tmp_path / run / WEIGHTS) for run in ("whole", "cut"))
    for key, value in whole.items():
        np.testing.assert_array_equal(cut[key], value, err_msg=key)
    rows = [json.loads(line) for line in (tmp_path / "cut/log.jsonl").read_text().splitlines()]
    assert {"fused", "distillation", "step_face", "grad_norm"} <= rows[0].keys()
    assert set(rows[-1]["valid"]) == {"face+voice+words", *NAMES}
    with pytest.raises(ValueError, match="is of another model"):
        other = {**config, "model": {**TINY, "width": 8}}
        train(other, tmp_path / "cut", tmp_path / "made.npz", resume=True)


def expert(logits, presence=None, shared=None, private=None) -> Expert:
    logits = torch.as_tensor(logits, dtype=torch.float32)
    rows = len(logits)
    zeros, some = torch.zeros(rows, 2), torch.ones(rows, 4)
    return Expert(
        logits=logits, emotion=logits.softmax(-1), valence_arousal=zeros, log_variance=zeros,
        presence=torch.ones(rows) if presence is None else torch.as_tensor(presence),
        shared=some if shared is None else shared, private=some if private is None else private,
        standard=some, rebuilt=some,
    )  # fmt: skip


def certain(*p) -> torch.Tensor:
    """Logits that give the first emotion the probability p."""
    rest = [(1 - value) / 7 for value in p]
    return torch.tensor([[value, *[r] * 7] for value, r in zip(p, rest, strict=True)]).log()


FIRST = torch.eye(8)[[0, 0]]


def test_modulation_by_hand():
    experts = {"face": expert(certain(0.8, 0.6)), "voice": expert(certain(0.2, 0.5))}
    found = modulation(experts, FIRST, alpha=0.5)
    assert found["face"] == pytest.approx(1 - np.tanh(0.5 * 0.7 / 0.35), abs=1e-5)
    assert found["voice"] == 1
    experts["voice"] = expert(certain(0.2, 0.5), presence=[0.0, 1.0])
    assert modulation(experts, FIRST, 0.5)["face"] == pytest.approx(
        1 - np.tanh(0.5 * 0.7 / 0.5), abs=1e-5
    )
    assert modulation({"face": experts["face"]}, FIRST, 0.5) == {"face": 1.0}
    assert modulation(experts, FIRST * torch.nan, 0.5) == {"face": 1.0, "voice": 1.0}
    layer = torch.nn.Linear(200, 200)
    layer.weight.grad, layer.bias.grad = torch.randn(200, 200), torch.ones(200)
    before = layer.weight.grad.clone()
    add_noise(layer, 0.5)
    assert (layer.weight.grad - before).std() == pytest.approx(0.5, rel=0.05)
    assert (layer.bias.grad == 1).all()


def test_losses_by_hand():
    place = torch.full((2, 2), torch.nan)
    answer = expert(certain(0.8, 0.6))
    assert task_loss(answer, FIRST, place) == pytest.approx(-np.log([0.8, 0.6]).mean(), abs=1e-5)
    only = torch.tensor([True, False])
    assert task_loss(answer, FIRST, place, only) == pytest.approx(-np.log(0.8), abs=1e-5)
    assert task_loss(answer, FIRST * torch.nan, place) is None
    # Gaussian of mean 0 and variance 1.
    place[0, 0] = 0.5
    assert task_loss(answer, FIRST * torch.nan, place) == pytest.approx(0.125)

    teacher, everywhere = expert(certain(0.9, 0.9)), torch.tensor([True, True])
    edge = 1 - np.log(0.9) / np.log([0.8, 0.6]).mean()
    divergence = np.mean([0.9 * np.log(0.9 / p) + 0.1 * np.log(0.1 / (1 - p)) for p in (0.8, 0.6)])
    taught = distillation_loss(teacher, answer, FIRST, everywhere)
    assert taught == pytest.approx(edge * divergence, abs=1e-5)
    assert distillation_loss(answer, teacher, FIRST, everywhere) == 0
    assert distillation_loss(teacher, answer, FIRST, ~everywhere) is None

    along, across = torch.tensor([[1.0, 0, 0, 0]] * 2), torch.tensor([[0.0, 1, 0, 0]] * 2)
    apart = {"face": expert(certain(0.5, 0.5), shared=along, private=across)}
    assert decoupling_losses(apart, FIRST)["orthogonality"] == 0
    assert decoupling_losses({"face": answer}, FIRST)["orthogonality"] == pytest.approx(1)
    # Emotions that look alike within a modality, and unlike across, are the worst case.
    two = torch.eye(8)[[0, 1]]
    worst = {"face": expert(certain(0.5, 0.5), shared=along),
             "voice": expert(certain(0.5, 0.5), shared=across)}  # fmt: skip
    assert decoupling_losses(worst, two)["margin"] == pytest.approx(1.2)
    best = torch.tensor([[1.0, 0, 0, 0], [0.0, 1, 0, 0]])
    good = {name: expert(certain(0.5, 0.5), shared=best) for name in ("face", "voice")}
    assert decoupling_losses(good, two)["margin"] == 0


def arrays(**changes):
    """A file's arrays; a change to ``None`` leaves one out."""
    whole = {
        "face": np.zeros((4, 3), np.float32), "emotion": np.array([0, 7, -1, 2]),
        "valence_arousal": np.zeros((4, 2), np.float32), "split": np.array([0, 0, 1, 2]),
    } | changes  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"smell": np.zeros(3)}, "unknown arrays smell"),
        ({"face": None}, "no features of face, voice, words"),
        ({"split": None}, "no split"),
        ({"split": np.array([0, 0, 1, 5])}, "split must be"),
        ({"emotion": None, "valence_arousal": None}, "no labels"),
        ({"emotion": np.array([0, 8, 0, 0])}, r"emotion must be -1..7"),
        ({"emotion": np.ones((4, 8))}, "add up to 1"),
        ({"valence_arousal": np.full((4, 2), 2.0)}, "must be -1..1"),
        ({"face": np.zeros((3, 3))}, r"face must be \[4, D\] or \[4, T, D\]"),
        ({"face_presence": np.full(4, 2.0)}, r"face_presence must be \[4\], 0..1"),
    ],
)
def test_bad_arrays(tmp_path, changes, match):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays(**changes))
    with pytest.raises(ValueError, match=match) as error:
        FusionFeatures.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files(tmp_path):
    broken = tmp_path / "bad.npz"
    for content in (b"", b"no zip", b"PK\x03\x04"):
        broken.write_bytes(content)
        with pytest.raises(ValueError, match="neither npz nor safetensors"):
            FusionFeatures.load(broken)
    broken.with_suffix(".safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="no safetensors file"):
        FusionFeatures.load(broken.with_suffix(".safetensors"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        FusionFeatures.load(tmp_path / "none.npz")
    np.savez(tmp_path / "no_train.npz", **arrays(split=np.array([1, 1, 2, 2])))
    with pytest.raises(ValueError, match="no training row"):
        train(FusionTraining(), tmp_path / "run", tmp_path / "no_train.npz")
    with pytest.raises(ValueError, match="no such loss: fuse"):
        FusionTraining(loss={"fuse": 1.0})
    with pytest.raises(ValueError, match=r"drop must be 0..1"):
        FusionTraining(drop=2)

    face = np.zeros((4, 5, 3), np.float32)
    face[1, 3:] = np.nan
    face[3] = np.nan
    there = np.array([1.0, 0.5, 1.0, 1.0], np.float32)
    save_file(arrays(face=face, face_presence=there), tmp_path / "good.safetensors")
    data = FusionFeatures.load(tmp_path / "good.safetensors")
    assert data.presence["face"].tolist() == [[1] * 5, [0.5] * 3 + [0] * 2, [1] * 5, [0] * 5]
    assert np.isfinite(data.features["face"]).all()
    # Row 2 has no emotion, but a place; row 3 has no face.
    assert data.usable.tolist() == [True, True, True, False]
    data.save(tmp_path / "again.npz")
    again = FusionFeatures.load(tmp_path / "again.npz")
    for name in ("emotion", "valence_arousal", "split"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    np.testing.assert_array_equal(again.presence["face"], data.presence["face"])
