"""How soon frames come while sound arrives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from recognizer.media import SAMPLE_RATE

FPS = 25.0
_CHUNK = 1600


def live_figures(portrait: Path, waveform: np.ndarray, size: int = 512) -> dict:
    """Delays of frames while sound arrives in real time, in chunks of 0.1 s.

    Args:
        portrait: a picture.
        waveform: ``[N]`` at 16 kHz.
        size: longer side of the frames in pixels.

    Returns:
        ``first``: seconds from when the first 0.2 s of sound have arrived to the first frame;
        ``delay``: quantiles over frames of the time from where a frame's sound begins to the frame;
        ``late``: share of blocks that came later, by a block's length or more, than they usually
        do; ``fps``: frames a second where all sound is at hand.
    """
    from gen.pipeline import TalkingHeadPipeline

    pipeline = TalkingHeadPipeline.from_pretrained()
    # The first call compiles and caches.
    arrivals(pipeline.stream(portrait, _pieces(waveform[:SAMPLE_RATE]), size=size))
    start = perf_counter()
    last, frames = arrivals(pipeline.stream(portrait, _pieces(waveform), size=size))[-1]
    clock: list[float] = []
    shown = arrivals(pipeline.stream(portrait, _in_real_time(waveform, clock), size=size))
    blocks = [(at - clock[0], count) for at, count in shown]
    delays, of_blocks = delays_of(blocks)
    hop = pipeline.live[0].hop / FPS
    return {
        "seconds": round(len(waveform) / SAMPLE_RATE, 2),
        "size": size,
        "first": round(float(delays[0]) - 0.2, 3),
        "delay": {f"p{q}": round(float(np.percentile(delays, q)), 3) for q in (50, 95, 99, 100)},
        "late": round(float(np.mean(of_blocks > np.median(of_blocks) + hop)), 4),
        "fps": round(frames / (last - start), 1),
    }


def arrivals(blocks: Iterator[np.ndarray]) -> list[tuple[float, int]]:
    """When each block came, and how many frames there were by then."""
    shown, count = [], 0
    for frames in blocks:
        count += len(frames)
        shown.append((perf_counter(), count))
    return shown


def delays_of(blocks: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from where a frame's sound begins to when it came, of frames and of blocks.

    Args:
        blocks: seconds since the sound began, and how many frames had come by then.
    """
    counts = np.array([0, *(count for _, count in blocks)])
    times = np.array([at for at, _ in blocks])
    frames = np.repeat(times, np.diff(counts)) - np.arange(counts[-1]) / FPS
    return frames, times - counts[:-1] / FPS


def _pieces(waveform: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(waveform), _CHUNK):
        yield waveform[start : start + _CHUNK]


def _in_real_time(waveform: np.ndarray, clock: list[float]) -> Iterator[np.ndarray]:
    clock.append(perf_counter())
    for i, piece in enumerate(_pieces(waveform), start=1):
        time.sleep(max(0.0, clock[0] + i * _CHUNK / SAMPLE_RATE - perf_counter()))
        yield piece
