"""SyncNet's scores of a film, by weights that the user brings."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from recognizer.evaluation.measures import ClipMeasures
from recognizer.media import iter_frames
from recognizer.metrics.sync import syncnet_scores
from recognizer.metrics.syncnet import FPS, SyncNet, syncnet_crops

SYNCNET_MEASURES = ("lse_c", "lse_d", "sync_offset")
NO_WEIGHTS = "SyncNet's weights are not shipped: --syncnet FILE, see recognizer.metrics.syncnet"
#: Only so many seconds are looked at: the network's pictures of a minute are 225 MB.
_SECONDS = 60


def add_syncnet(
    measures: ClipMeasures,
    path: Path,
    waveform: np.ndarray | None,
    silent: str,
    weights: Path | None,
) -> None:
    """LSE-C, LSE-D and the offset of a film's first minute, or why there are none.

    Args:
        measures: what was measured of it; figures are added.
        path: the film.
        waveform: ``[N]`` at 16 kHz; None without sound.
        silent: why there is no sound.
        weights: of :class:`recognizer.metrics.syncnet.SyncNet`; None: not at hand.
    """
    reason = NO_WEIGHTS if weights is None else silent if waveform is None else None
    if reason:
        measures.reasons.update(dict.fromkeys(SYNCNET_MEASURES, reason))
        return
    boxes = at_rate(_bridged(measures.boxes), measures.fps, FPS)[: _SECONDS * FPS]
    frames = iter_frames(path, FPS, max(measures.size))  # as the tracker saw them
    try:
        crops = syncnet_crops(_exactly(frames, len(boxes)), boxes)
        scores = syncnet_scores(*_network(weights, weights.stat().st_mtime_ns)(crops, waveform))
    except ValueError as error:
        measures.reasons.update(dict.fromkeys(SYNCNET_MEASURES, str(error)))
        return
    for name, key in zip(SYNCNET_MEASURES, ("lse_c", "lse_d", "offset"), strict=True):
        measures.put(name, scores[key], "SyncNet's distances are not finite")


@functools.lru_cache(maxsize=1)
def _network(weights: Path, changed: int) -> SyncNet:
    return SyncNet(weights)


def _exactly(frames: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """So many frames: at another rate one may be lacking, and the last is seen twice."""
    seen, last = 0, None
    for last in islice(frames, count):
        seen += 1
        yield last
    if last is not None:
        yield from repeat(last, count - seen)


def _bridged(boxes: np.ndarray) -> np.ndarray:
    """Boxes ``[T, 4]``, interpolated where no face was found."""
    seen = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    at = np.arange(len(boxes))
    return np.stack([np.interp(at, seen, column[seen]) for column in boxes.T], axis=1)


def at_rate(rows: np.ndarray, fps: float, wanted: float) -> np.ndarray:
    """``[T, ...]`` at another rate, linear between frames."""
    if abs(fps - wanted) < 0.01:
        return rows
    at = np.arange(max(1, round(len(rows) / fps * wanted))) * (fps / wanted)
    at = np.minimum(at, len(rows) - 1)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, len(rows) - 1)
    share = (at - left).reshape(-1, *([1] * (rows.ndim - 1)))
    return np.where(share == 0, rows[left], (1 - share) * rows[left] + share * rows[right])
