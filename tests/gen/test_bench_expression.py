"""Figures of performed expressions, held against performances of known quality; the ablation."""

import json

import numpy as np
import pytest
import yaml

from gen.bench.expression import (
    Performed,
    apex_deviation,
    expression_figures,
    lip_figures,
    rise_time,
    seed_deviation,
    standard_demands,
)
from gen.conditioning import Affect
from gen.mixing import with_affect
from gen.train import ablation
from recognizer.affect_reader import load_head
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack

SMILE = [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]


def talk(frames=75):
    track = MotionTrack.zeros(frames)
    time = np.arange(frames) / 25
    track["jawOpen"][:] = 0.3 * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1)
    return track


def by_rule(affect, asked=None):
    (shown,) = with_affect([talk()], affect, 25.0, margin=0)
    return Performed(asked or affect, talk(), shown, talk())


def test_what_was_asked_for_reads_better_than_something_else():
    head, demands = load_head(), standard_demands()
    right = expression_figures([by_rule(a) for a in demands], head)
    wrong = expression_figures(
        [by_rule(a, b) for a, b in zip(demands, demands[5:] + demands[:5], strict=True)], head
    )
    for name in ("au_r", "au_ccc", "valence_r", "emotion_accuracy"):
        assert right[name] > wrong[name] + 0.2, name
    assert right["clips"] == len(demands) and right["lips"]["neutral"] == 1


def smiling(course):
    """A smile that follows a course ``[75]``, asked for in full from the start of it."""
    track = talk()
    track.blendshapes[:, SMILE] = np.asarray(course)[:, None]
    return Performed(Affect.action_units({"AU12": 5}), talk(), track, talk())


def test_onsets_and_apices_are_timed():
    time = np.arange(75) / 25
    # A ramp of one second spends 0.8 of it between a tenth and nine tenths.
    assert rise_time(smiling(np.clip(time - 1, 0, 1))) == pytest.approx(0.8, abs=0.05)
    assert rise_time(smiling(time > 1)) == pytest.approx(0.0, abs=0.05)
    assert np.isnan(rise_time(Performed(Affect(), talk(), talk())))
    wave = 0.6 + 0.05 * np.sin(2 * np.pi * time)
    assert apex_deviation(smiling(wave)) == pytest.approx(0.05 / np.sqrt(2), rel=0.1)
    assert apex_deviation(smiling(np.full(75, 0.6))) == pytest.approx(0, abs=1e-6)
    levels = [smiling(np.full(75, level)) for level in (0.5, 0.7)]
    assert seed_deviation(levels) == pytest.approx(0.1, rel=1e-3)


def test_lips_are_compared_with_the_speaker_and_with_speech():
    still = Performed(Affect.emotion("anger"), talk(), MotionTrack.zeros(75), talk())
    assert lip_figures([still]) == {"neutral": 1.0, "shown": None, "kept": None}
    assert lip_figures([by_rule(Affect.emotion("anger"))])["kept"] > 0.9


def test_ablation_trains_each_variant_once(tmp_path, monkeypatch):
    asked = []

    def train(config, folder, data, cache, resume):
        asked.append(config)
        folder.mkdir(parents=True)
        row = {"step": config["steps"], "minutes": 0.5}
        (folder / "log.jsonl").write_text(json.dumps(row) + "\n")
        return folder / "model"

    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(ablation, "load_records", lambda paths: [])
    monkeypatch.setattr(ablation, "load_encoder", lambda name: name)
    monkeypatch.setattr(ablation, "_lips", lambda *_: {"lip_r": 1})
    monkeypatch.setattr(ablation, "_expression", lambda *_: {"au_r": 1})
    for name in ("motion", "affect_branch"):
        config = {"corpora": {"c": {"hold_out": 2}}, "model": {"dim": 8}, "encoder": "whisper"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "c").mkdir()
    arguments = (tmp_path / "c", tmp_path / "runs", tmp_path, 7)
    table = ablation.ablation(*arguments)
    assert list(table["variants"]) == list(ablation.VARIANTS) and table["steps"] == 7
    assert {row["minutes"] for row in table["variants"].values()} == {0.5}
    assert {c["steps"] for c in asked} == {7} and len(asked) == len(ablation.VARIANTS)
    assert asked[1]["encoder"] == "mel"
    assert asked[3]["model"] == {"dim": 8, "residual": False}
    ablation.ablation(*arguments)
    assert len(asked) == len(ablation.VARIANTS)
