"""What motion costs: computing a second of speech, and memory for short and for long sound."""

from __future__ import annotations

import os
from time import perf_counter, process_time

import numpy as np
import torch

from gen.bench.stages import peak_memory
from gen.bench.talker import Talker
from recognizer.media import SAMPLE_RATE

#: Lengths whose memory is compared, in seconds.
_SHORT, _LONG = 10.0, 120.0
_RUNS = 3


def cost_benchmark(
    talk: Talker, waveform: np.ndarray, model: str | os.PathLike | None = None
) -> dict:
    """Time and memory of speech features and motion together, nothing rendered.

    Args:
        talk: the model.
        waveform: speech ``[N]`` at 16 kHz, repeated or cut to 10 s and to 120 s.
        model: folder of the motion model, for the processes whose memory is measured.

    Returns:
        ``threads``; ``seconds_per_second`` (the fastest of three runs on 10 s, after one that is
        not timed: an upper bound on a busy machine), ``cpu_seconds_per_second`` (of all threads,
        which others' work hardly changes), ``first_window_seconds`` (until the first frames are
        there); ``peak_memory_mb`` by length, None where the system keeps no account of it.
    """
    sound = np.resize(waveform, round(_SHORT * SAMPLE_RATE))
    times = [_timed(talk, sound) for _ in range(1 + _RUNS)][1:]
    return {
        "threads": torch.get_num_threads(),
        "seconds_per_second": min(whole for _, whole, _ in times) / _SHORT,
        "cpu_seconds_per_second": min(spent for _, _, spent in times) / _SHORT,
        "first_window_seconds": min(first for first, _, _ in times),
        "peak_memory_mb": {
            f"{seconds:g}": peak_memory(_make, waveform, seconds, model)
            for seconds in (_SHORT, _LONG)
        },
    }


def _timed(talk: Talker, sound: np.ndarray) -> tuple[float, float, float]:
    """Seconds until the first window and until the last, and seconds of computing."""
    started, before = perf_counter(), process_time()
    first = None
    for _ in _windows(talk, sound):
        first = first or perf_counter() - started
    return first or 0.0, perf_counter() - started, process_time() - before


def _windows(talk: Talker, sound: np.ndarray):
    noise = torch.Generator().manual_seed(0)
    return talk.generator.stream(talk.encoder.stream(sound), talk.sampling, generator=noise)


def _make(waveform: np.ndarray, seconds: float, model) -> None:
    """Make motion and keep none of it."""
    sound = np.resize(waveform, round(seconds * SAMPLE_RATE))
    for _ in _windows(Talker.from_pretrained(model), sound):
        pass
