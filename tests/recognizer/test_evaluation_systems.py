"""Systems side by side: living talkers beat frozen ones, and equals are not told apart."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from recognizer.evaluation.aggregate import aggregate
from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.coefficients import Given, attach
from recognizer.evaluation.comparison import compare
from recognizer.evaluation.made import made_talker
from recognizer.evaluation.pairs import LEAST_PAIRS, compare_pairs
from recognizer.evaluation.pooled import POOLED
from recognizer.evaluation.radar import normalised
from recognizer.evaluation.requests import Asked, ClipRequest
from recognizer.evaluation.results import Evaluation, SystemsEvaluation
from recognizer.facs import EMOTIONS
from recognizer.report.bars import bar, scale
from recognizer.report.figures import radar_figure

SEEDS = range(LEAST_PAIRS)


@pytest.fixture(scope="module")
def talkers():
    return [made_talker(seed, EMOTIONS[seed], seconds=2)[0] for seed in SEEDS]


@pytest.fixture(scope="module")
def systems(talkers):
    """The talkers themselves, the same frozen, and other talkers who feel something else."""
    frozen = [made_talker(seed, EMOTIONS[seed], seconds=2, frozen=True)[0] for seed in SEEDS]
    wrong = [made_talker(seed + 20, EMOTIONS[7 - seed], seconds=2)[0] for seed in SEEDS]
    return {
        name: [
            compare(
                ClipRequest(Path(f"{name}/{i}.mp4"), asked=_asked(i, one)), f"{i}.mp4", one,
                talkers[i],
            )
            for i, one in enumerate(set_)
        ]
        for name, set_ in {"alive": talkers, "frozen": frozen, "wrong": wrong}.items()
    }  # fmt: skip


def _asked(i, measures):
    emotion = np.zeros((len(measures), 8))
    emotion[:, i] = 1
    nothing = np.full((len(measures), 24), np.nan)
    return Asked(nothing, np.full((len(measures), 2), np.nan), emotion, measures.fps, EMOTIONS[i])


@pytest.fixture(scope="module")
def found(systems, talkers):
    references = {Path(f"real/{i}.mp4"): one for i, one in enumerate(talkers)}
    evaluations = {
        name: Evaluation(clips, references, *aggregate(clips, talkers), [])
        for name, clips in systems.items()
    }
    return SystemsEvaluation(evaluations, compare_pairs(systems, talkers), {})


def test_the_living_are_better(found):
    pairs = {(pair.a, pair.b): pair.metrics for pair in found.pairs}
    assert set(pairs) == {("alive", "frozen"), ("alive", "wrong"), ("frozen", "wrong")}
    alive = pairs["alive", "frozen"]
    for name in ("std_r_mouth", "vc_r_head", "e_fid", "delta_e_fid", "jitter", "speed"):
        assert alive[name]["better"] == "alive", name
        assert alive[name]["superiority"] > 0.95
        assert alive[name]["ci95"][1] < 0
    assert alive["jitter"]["of"] == "distance from real" and alive["jitter"]["over"] == "clips"
    assert alive["e_fid"]["of"] == "value" and alive["e_fid"]["over"] == "draws"
    both = [found.systems[name].metrics["e_fid"]["value"] for name in ("alive", "frozen")]
    assert alive["e_fid"]["difference"] == pytest.approx(both[0] - both[1])
    # The frozen ones show what was asked as well as the living do.
    assert alive["emotion_accuracy"] | {"ci95": None} == {
        "difference": 0.0, "ci95": None, "n": LEAST_PAIRS, "superiority": 0.5, "better": None,
        "of": "value", "over": "draws",
    }  # fmt: skip
    assert pairs["alive", "wrong"]["emotion_accuracy"]["difference"] == 1
    assert found.best["speed"] == "alive" and "emotion_accuracy" not in found.best


def test_differences_are_of_the_clips_in_common(systems, talkers):
    fewer = {"alive": systems["alive"], "frozen": systems["frozen"][1:]}
    (pair,) = compare_pairs(fewer, talkers)
    assert pair.clips == LEAST_PAIRS - 1
    away = [
        [abs(clip.metrics["speed"][0] - real.scalars["speed"])
         for clip, real in zip(systems[name][1:], talkers[1:], strict=True)]
        for name in ("alive", "frozen")
    ]  # fmt: skip
    assert pair.metrics["speed"]["difference"] == pytest.approx(np.mean(away[0]) - np.mean(away[1]))
    assert all(row["better"] is None for row in pair.metrics.values())  # too few pairs


def test_equals_are_not_told_apart(systems, talkers):
    (pair,) = compare_pairs({"a": systems["wrong"], "b": systems["wrong"]}, talkers)
    assert {row["better"] for row in pair.metrics.values()} == {None}
    assert {row["difference"] for row in pair.metrics.values()} == {0.0}


def test_sets_are_drawn_in_pairs():
    (pooled,) = (one for one in POOLED if one.names == ("emotion_accuracy",))
    rows = [np.diag([0, 1, 0, 0, 0, 0, 0, 0]), *[np.eye(8)[[1, 1]].T @ np.eye(8)[[2, 2]]] * 3]
    first, again = (pooled.drawn(rows, [], 50) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) > 1


def test_radar():
    perfect = {
        "emotion_accuracy": {"value": 1.0},
        "e_fid": {"value": 0.4, "floor": {"mean": 0.2}},
        "jitter": {"value": 3.0, "reference": {"value": 6.0}},
        "lip_audio_r_best": {
            "value": 0.3, "floor": {"mean": 0.1}, "reference": {"value": 0.5},
        },
        "identity_similarity": {"value": 0.7},
    }  # fmt: skip
    perfect |= {f"std_r_{region}": {"value": 2.0} for region in ("mouth", "eyes", "brows", "head")}
    assert normalised(perfect) == pytest.approx(
        {"emotion as asked": 1, "expressions": 0.5, "steadiness": 1, "lips with sound": 0.5,
         "identity": 0.5, "liveliness": 0.5}
    )  # fmt: skip
    assert normalised({"emotion_accuracy": {"value": 1 / 8}}) == {"emotion as asked": 0}
    assert normalised({"flicker": {"value": 0.0}}) == {}
    assert radar_figure({"": {"a": 1, "b": 1}}) is None
    drawn = radar_figure({"x": {"a": 1, "b": 0, "c": 0.5}, "y": {"a": 1, "b": 1, "c": 1, "d": 1}})
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == ["a", "b", "c"]


def test_bars_have_a_scale():
    lone = {"value": 0.3, "ci95": None}
    assert scale("emotion_accuracy", [lone]) == (0, 1)
    assert scale("au_ccc", [lone]) == (-1, 1)
    assert scale("std_r_mouth", [lone | {"value": 3.0}]) == (0, 3)
    assert scale("jitter", [lone]) is None and bar(lone, None) == ""
    assert scale("jitter", [lone | {"reference": {"value": 0.6}}]) == pytest.approx((0, 0.69))
    assert scale("lip_dynamics", [lone | {"published": 1.7}])[1] > 1.7
    drawn = bar(lone | {"reference": {"value": 0.6}, "floor": None}, (-1, 1))
    assert 'class="fill" style="left:50.0%;width:15.0%"' in drawn
    assert 'class="real" style="left:80.0%"' in drawn


def test_json(found):
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(content) == {"systems", "pairs", "best", "real", "failed", "references"}
    assert set(content["systems"]) == {"alive", "frozen", "wrong"}
    one = content["systems"]["alive"]
    assert {"clips", "aggregate", "radar", "rest", "unavailable"} == set(one)
    assert one["rest"] == {"unknown": LEAST_PAIRS} and one["clips"][0]["rest"] == "unknown"
    assert len(content["pairs"]) == 3 and content["pairs"][0]["clips"] == LEAST_PAIRS


def test_coefficients_of_another_tool(talkers, tmp_path):
    rng = np.random.default_rng(0)
    films = {tmp_path / f"{i}.mp4": one for i, one in enumerate(talkers[:3])}
    attach(None, films)
    with pytest.raises(FileNotFoundError, match=r"such as 0\.npz"):
        attach(Given("deep3d"), films)
    rows = [rng.normal(size=(40, 8)) for _ in range(2)]
    np.savez(tmp_path / "0.npz", exp=rows[0], pose=rows[0])
    np.save(tmp_path / "1.npy", rows[1])
    attach(Given("deep3d", "exp"), films)
    made, real, without = films.values()
    np.testing.assert_array_equal(made.coefficients, rows[0])
    assert len(without.coefficients) == 0
    metrics, _ = aggregate([compare(ClipRequest(Path("0.mp4")), "0.mp4", made)], [real], "deep3d")
    assert metrics["e_fid_given"]["backend"] == "deep3d" and metrics["e_fid_given"]["value"] > 0
    np.save(tmp_path / "1.npy", rows[1][:, :3])
    with pytest.raises(ValueError, match=r"3 coefficients a frame where .* has 8"):
        attach(Given("deep3d", "exp"), films)
    for one in films.values():
        one.coefficients = np.zeros((0, 0))


def test_the_protocol_names_every_measure():
    """docs/evaluation.md: a row for each, and none that is gone."""
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    table = page.split("| key |")[1].split("\n\n")[0]
    rows = table.splitlines()[2:]
    keys = {key for row in rows for key in re.findall(r"`([a-z0-9_*]+)`", row.split("|")[1])}
    stems = {key.removesuffix("*") for key in keys if key.endswith("*")}
    missing = {name for name in METRICS if name not in keys and not name.startswith(tuple(stems))}
    assert missing == set()
    assert {key for key in keys if not key.endswith("*")} <= set(METRICS)
