"""Whether motion shows where its windows meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gen.bench.motion import seam_jerk_ratio
from gen.bench.talker import Talker
from recognizer.media import SAMPLE_RATE
from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.sampling import summarize
from recognizer.metrics.seams import seam_detectability


def seam_benchmark(talk: Talker, sounds: Sequence[np.ndarray], seeds: int = 5) -> dict:
    """Jerk at windows' borders relative to elsewhere, over seeds.

    The sounds are joined: lips follow the speech whatever the seed, so that a few borders show
    which sounds they happen to fall on. (Single sounds had ratios of 0.7 to 2.4, the same for all
    seeds, where all of them joined have one near 1.)

    Returns:
        ``borders``; ``jerk_ratio`` (:func:`gen.bench.motion.seam_jerk_ratio`, 1 shows nothing) and
        ``detectability`` (:func:`recognizer.metrics.seams.seam_detectability`, 0.5 shows nothing).

    Raises:
        UnavailableError: all sounds together fit into one window.
    """
    joined, ratios, areas, borders = np.concatenate(sounds), [], [], np.empty(0, int)
    for seed in range(seeds):
        windows = talk.windows(joined, seed)
        if len(windows) < 2:
            raise UnavailableError(f"{len(joined) / SAMPLE_RATE:.1f} s of speech have no seam")
        borders = np.cumsum([len(window) for window in windows[:-1]])
        vectors = np.concatenate([window.to_vectors() for window in windows])
        ratios.append(seam_jerk_ratio(windows))
        areas.append(seam_detectability(vectors, borders))
    return {
        "borders": len(borders),
        "jerk_ratio": summarize(ratios),
        "detectability": summarize(areas),
    }
