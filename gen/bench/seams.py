"""Whether motion shows where its windows meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gen.bench.motion import seam_jerk_ratio
from gen.bench.talker import Talker
from recognizer.metrics.sampling import summarize
from recognizer.metrics.seams import seam_detectability


def seam_benchmark(talk: Talker, sounds: Sequence[np.ndarray], seeds: int = 5) -> dict:
    """Jerk at windows' borders relative to elsewhere, over sounds and seeds.

    Returns:
        ``jerk_ratio`` (:func:`gen.bench.motion.seam_jerk_ratio`, 1 shows nothing) and
        ``detectability`` (:func:`recognizer.metrics.seams.seam_detectability`, 0.5 shows nothing).
    """
    ratios, areas = [], []
    for waveform in sounds:
        for seed in range(seeds):
            windows = talk.windows(waveform, seed)
            ratio = seam_jerk_ratio(windows)
            if ratio is not None:
                vectors = np.concatenate([window.to_vectors() for window in windows])
                borders = np.cumsum([len(window) for window in windows[:-1]])
                ratios.append(ratio)
                areas.append(seam_detectability(vectors, borders))
    return {"jerk_ratio": summarize(ratios), "detectability": summarize(areas)}
