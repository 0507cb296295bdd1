"""Speed of clips and of live frames, with a random network."""

import sys

import numpy as np
import pytest

from gen.bench import live, speed
from gen.bench.speed import Run, speed_figures

#: Stands for the command: it sleeps, and computes a little.
COMMAND = [sys.executable, "-S", "-c", "import time; time.sleep(0.5); sum(range(2_000_000))"]


@pytest.fixture
def tiny(monkeypatch, tiny_pipeline):
    from gen.pipeline import TalkingHeadPipeline

    monkeypatch.setattr(TalkingHeadPipeline, "from_pretrained", lambda path=None: tiny_pipeline)


def test_a_clip_is_timed_stage_by_stage(tiny, monkeypatch, portrait_path, speech_path):
    monkeypatch.setattr(speed, "in_fresh_process", lambda work, *given: (work(*given), 123.4))
    figures = speed_figures(portrait_path, speech_path, [Run(128, 1.0)], 0, COMMAND)
    (row,) = figures["clips"]
    assert {"fitting the face", "listening", "rendering"} <= row["stages"].keys()
    row["stages"].pop("loading models")  # the tiny ones are there: no time at all
    assert all(seconds > 0 for seconds in row["stages"].values())
    assert row["wall"] > 0.5 and 0 < row["cpu"] < row["wall"] - 0.3, "it sleeps most of it"
    assert row["realtime"] == pytest.approx(row["wall"], rel=0.02)
    assert row["peak_mb"] == 123 and row["ratio"] > 0
    assert "live" not in figures


def test_live_frames_are_timed_against_their_sound(tiny, monkeypatch, portrait_path):
    now = [100.0]

    def tick():
        now[0] += 1e-4
        return now[0]

    monkeypatch.setattr(live, "perf_counter", tick)
    monkeypatch.setattr(live.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    figures = live.live_figures(portrait_path, np.zeros(32_000, np.float32), size=128)
    # Computing takes no time here: what is left is the wait for 0.44 s of sound, in tenths.
    assert figures["first"] == pytest.approx(0.5 - 0.2, abs=0.01)
    assert figures["late"] == 0 and figures["fps"] > 1000
    assert list(figures["delay"].values()) == sorted(figures["delay"].values())


def test_delays_count_from_where_a_frames_sound_begins():
    frames, blocks = live.delays_of([(0.5, 2), (0.7, 3)])
    np.testing.assert_allclose(frames, [0.5, 0.46, 0.62])
    np.testing.assert_allclose(blocks, [0.5, 0.62])


def test_speech_is_repeated(speech_path):
    once = speed.repeated(speech_path, 1.0)
    assert len(once) == 16_000
    long = speed.repeated(speech_path, 20.0)
    np.testing.assert_array_equal(long[:16_000], once)
