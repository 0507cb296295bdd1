"""What the loop buys: figures of made trials, and a trial of a tiny pipeline."""

import numpy as np
import pytest
import torch

import gen.bench.loop as bench
from gen.bench.loop import Shown, Trial, loop_figures, try_loop
from gen.loop.controller import Errors
from gen.loop.report import LoopReport, Pass
from recognizer.facs import EMOTIONS
from recognizer.models.affect_head import AffectHead
from recognizer.recognizer import Recognizer


def shown(place, units, sync=0.9):
    return Shown(Errors(units, place), 0.5, sync, 0.1, Errors(units, place))


def trial(emotion, intensity, before, after, lips=(0.9, 0.9)):
    passes = [Pass("open loop", Errors(1.0, before), 0.9, 0.1, seconds=9.0)]
    passes += [Pass(f"pass {n}", Errors(1.0, place), sync, 0.1, seconds=2.0)
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
    assert figures["closed"]["errors"]["units"]["lowered"] == 0.5
    assert figures["closed"]["by_emotion"]["happiness"]["place"] == pytest.approx(0.75)
    assert figures["closed"]["by_intensity"]["1.00"]["place"] == pytest.approx(-0.5)
    assert figures["closed"]["sync"]["largest_loss"] == pytest.approx(0.03)
    # The third rendering lost its lips: it never counts as the best so far.
    assert [row["place"] for row in figures["by_pass"]] == pytest.approx([0.3, 0.15, 0.15])
    assert figures["seconds_a_pass"] == 2.0


def test_a_trial(tiny_pipeline, portrait, monkeypatch):
    torch.manual_seed(0)
    reader = Recognizer(AffectHead(width=8, dilations=(1,)).eval())
    monkeypatch.setitem(tiny_pipeline.__dict__, "recognizer", reader)
    monkeypatch.setattr(bench, "EMOTIONS", EMOTIONS[:2])
    sound = np.sin(np.arange(4000) / 20).astype(np.float32)
    (one,) = try_loop(tiny_pipeline, {"p": portrait.image}, sound, 1, 2, (1.0,), size=96)
    assert list(one.shown) == ["open", "closed", "best_of"] and one.emotion == "happiness"
    # It asks for a smile: MediaPipe must see that in each way's frames.
    assert all(0 < clip.scores < 0.3 for clip in one.shown.values())
    figures = loop_figures([one])
    assert set(figures["best_of"]["errors"]) == set(figures["closed"]["errors"])
    assert figures["best_of"]["errors"]["place"]["ci95"] is None
