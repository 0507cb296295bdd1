"""Made features of face, voice and words with known noise."""

import numpy as np

from recognizer.data.fusion_features import FusionFeatures
from recognizer.facs import EMOTIONS

#: Noise of each modality's features; a prototype of an emotion has entries of size 1.
NOISE = {"face": 1.5, "voice": 2.0, "words": 3.0}
SIZES = {"face": 16, "voice": 12, "words": 8}


def make_features(
    counts=(1200, 300, 600), seed=0, noise=NOISE, missing=0.0, masked=0.0, frames=None, bent=()
) -> FusionFeatures:
    """Rows of eight emotions with a valence-arousal of their own.

    Args:
        counts: rows of training, validation and test.
        noise: of each modality.
        missing: share of modalities left out at random.
        masked: share of rows whose face and voice show the same wrong emotion, so that they do not
            err independently.
        frames: modality → number of frames, of which some at the end are missing.
        bent: modalities that tell the emotion only by a product of signs, no linear readout of
            which exists.
    """
    rng = np.random.default_rng(seed)
    count = sum(counts)
    label = rng.integers(len(EMOTIONS), size=count)
    shown = np.where(rng.random(count) < masked, rng.integers(len(EMOTIONS), size=count), label)
    place = np.clip(rng.normal(0, 0.45, (count, 2)), -1, 1)
    arrays = {
        "emotion": label,
        "valence_arousal": place.astype(np.float32),
        "split": np.repeat(np.arange(3, dtype=np.uint8), counts),
    }
    for i, (name, level) in enumerate(noise.items()):
        prototypes = np.random.default_rng(100 + i).normal(size=(len(EMOTIONS), SIZES[name]))
        plane = np.random.default_rng(200 + i).normal(size=(2, SIZES[name]))
        clean = prototypes[label if name == "words" else shown] + place @ plane
        if name in bent:
            signs = rng.choice([-1, 1], size=(count, 1))
            clean = np.concatenate([clean * signs, 2 * signs], axis=1)
        lead = (frames or {}).get(name)
        if lead:
            clean = np.repeat(clean[:, None], lead, axis=1)
        values = (clean + level * rng.normal(size=clean.shape)).astype(np.float32)
        if lead:
            lengths = rng.integers(1, lead + 1, size=count)
            values[np.arange(lead) >= lengths[:, None]] = np.nan
        arrays[name] = values
    gone = rng.random((count, len(noise))) < missing
    gone[gone.all(axis=1)] = False
    for i, name in enumerate(noise):
        arrays[name][gone[:, i]] = np.nan
    return FusionFeatures.from_arrays(arrays)
