"""What the loop buys: figures of made trials, and a trial of a tiny pipeline."""

import numpy as np
import pytest
import torch

import gen.bench.loop as bench
from gen.bench.loop import try_loop
from gen.bench.loop_figures import loop_figures
from gen.bench.memory import Memory
from gen.bench.trials import Shown, Trial
from gen.loop.controller import Errors
from gen.loop.report import LoopReport, Pass
from recognizer.facs import AU_INDEX, EMOTIONS
from recognizer.models.affect_head import AffectHead
from recognizer.recognizer import Recognizer

SMILE, FROWN = AU_INDEX["AU12"], AU_INDEX["AU04"]


def shown(place, units, sync=0.9):
    asked, read = np.zeros(24), np.zeros(24)
    asked[SMILE], read[SMILE], read[FROWN] = 3.0, 3.0 - units, 0.2
    errors = Errors(units, place)
    calm = np.full(24, 0.3)
    return Shown(errors, 0.5, sync, 0.1, errors, *(u.tolist() for u in (asked, read, calm)))


def trial(emotion, intensity, before, after, lips=(0.9, 0.9)):
    passes = [Pass("open loop", Errors(1.0, before, 0.8), 0.9, 0.1, seconds=9.0)]
    passes += [Pass(f"pass {n}", Errors(1.0, place, 0.8), sync, 0.1, seconds=2.0)
               for n, (place, sync) in enumerate([(after, 0.9), (0.0, 0.8)], start=1)]  # fmt: skip
    clips = {"open": shown(before, 1.0, lips[0]), "closed": shown(after, 0.5, lips[1])}
    return Trial("p", emotion, intensity, clips, LoopReport(tuple(passes), told=("AU12",)))


def test_figures_of_made_trials():
    trials = [trial("happiness", 0.5, 0.4, 0.1), trial("anger", 1.0, 0.2, 0.3, (0.9, 0.87))]
    figures = loop_figures(trials)
    place = figures["closed"]["errors"]["place"]
    assert place["open"] == pytest.approx(0.3) and place["closed"] == pytest.approx(0.2)
    assert place["lowered"] == pytest.approx(1 / 3, abs=1e-3) and place["better"] == 0.5
    low, high = place["ci95"]
    assert low < place["lowered"] < high
    assert figures["closed"]["errors"]["told_units"]["lowered"] == 0.5
    assert figures["closed"]["errors"]["asked_units"]["open"] == 1.0
    assert figures["closed"]["errors"]["asked_units"]["lowered"] == 0.5
    # Seven are told. Of the six that nobody asked for 0.3 is speech's, of which a frown shows 0.2.
    beyond = figures["closed"]["errors"]["beyond_speech"]
    assert beyond["open"] == pytest.approx((1.0 + 0.1 + 5 * 0.3) / 7, abs=1e-4)
    assert figures["closed"]["by_emotion"]["happiness"]["place"] == pytest.approx(0.75)
    assert figures["closed"]["by_intensity"]["1.00"]["place"] == pytest.approx(-0.5)
    assert figures["closed"]["sync"]["largest_loss"] == pytest.approx(0.03)
    # The third rendering lost its lips: it never counts as the best so far.
    assert [row["place"] for row in figures["by_pass"]] == pytest.approx([0.3, 0.15, 0.15])
    assert {row["asked_units"] for row in figures["by_pass"]} == {0.8}
    assert figures["seconds_a_pass"] == 2.0
    smile, frown = (figures["by_unit"][name] for name in ("AU12", "AU04"))
    assert smile["asked"] == {"clips": 2, "open": 1.0, "closed": 0.5, "wanted": 3.0}
    assert smile["share"] == pytest.approx(1 / 1.2, abs=1e-3) and "not_asked" not in smile
    assert frown == {"not_asked": {"clips": 2, "open": 0.2, "closed": 0.2, "calm": 0.3}}
    assert figures["closed"]["shown"]["open"] == pytest.approx(2 / 3, abs=1e-3)


def test_a_trial_is_remembered(tiny_pipeline, portrait, monkeypatch, tmp_path):
    torch.manual_seed(0)
    reader = Recognizer(AffectHead(width=8, dilations=(1,)).eval())
    monkeypatch.setitem(tiny_pipeline.__dict__, "recognizer", reader)
    monkeypatch.setattr(bench, "EMOTIONS", EMOTIONS[:2])
    sound = np.sin(np.arange(4000) / 20).astype(np.float32)
    arguments = tiny_pipeline, {"p": portrait.image}, sound, 1, 2, (1.0,), 96, None
    others = {"again": tiny_pipeline}
    (one,) = try_loop(*arguments, others, Memory(tmp_path / "cache"))
    assert list(one.shown) == ["open", "closed", "best_of", "best_closed", "again"]
    assert one.emotion == "happiness" and one.shown["again"] == one.shown["open"]
    # It asks for a smile: MediaPipe must see that in each way's frames.
    assert all(0 < clip.scores < 0.3 for clip in one.shown.values())
    figures = loop_figures([one])
    assert set(figures["best_of"]["errors"]) == set(figures["closed"]["errors"])
    assert figures["best_of"]["errors"]["place"]["ci95"] is None
    monkeypatch.setattr(bench, "prepare_portrait", None)  # whatever is drawn anew fails
    (again,) = try_loop(*arguments, others, Memory(tmp_path / "cache"))
    assert again.shown == one.shown and str(again.loop) == str(one.loop)
    with pytest.raises(TypeError):
        try_loop(*arguments, others, Memory(tmp_path / "cache", "another judge"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is not a folder"):
        Memory(tmp_path / "file")
