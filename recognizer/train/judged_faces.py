"""Faces whose emotion many judged, as windows of motion: held still, or talking."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from recognizer.data.activation import intensity
from recognizer.data.motion_samples import REST, SHOWN, MotionSamples
from recognizer.data.motion_windows import (
    SHUT_SHARE,
    WindowBatch,
    interpolation,
    mirrored_batch,
)
from recognizer.facs import ARKIT_NAMES, AU_INDEX, EMOTIONS

_COEFFICIENTS = len(ARKIT_NAMES)
#: What a face that nearly everybody calls happy shows at least.
HAPPY = {"AU06": 1.5, "AU12": 2.0}
_SPEAKING = np.array([name.startswith(("mouth", "jaw")) for name in ARKIT_NAMES])


class StillFaces:
    """Draws single frames whose emotion is known, as static windows of one frame.

    Args:
        samples: takes of a single frame; others are left out.
        factors: ``[N]``: how often each frame of ``samples`` is drawn, relative to the others.
        filmed: how often a face is shifted to what a film of the person would have shown; see
            :func:`film_shifts`.
        noise: largest standard deviation of the white noise on coefficients.
        rest_known: how often a face at rest is given. Nobody knows these people at rest: the mean
            of somebody neutral and of all neutral faces stands in.
        neutral_votes: faces with this share of the votes for neutral, or more, show no action unit,
            except parted lips and lowered lids; 2 for no such claim.
        happy_votes: faces with this share of the votes for happiness, or more, show at least what
            ``HAPPY`` says, by EMFACS; 2 for no such claim.
    """

    def __init__(
        self,
        samples: MotionSamples,
        factors: np.ndarray,
        filmed: float = 0.5,
        noise: float = 0.02,
        rest_known: float = 0.25,
        neutral_votes: float = 0.85,
        happy_votes: float = 0.85,
    ) -> None:
        alone = np.bincount(samples.take)[samples.take] == 1
        self._shifts, self.filmed = film_shifts(samples), filmed
        self._samples, factors = samples[alone], factors[alone]
        self._odds = factors / factors.sum()
        self.noise, self.rest_known = noise, rest_known
        neutral = self._samples.emotion[:, 0]
        self._neutral = self._samples.motion[neutral > 0.8, :_COEFFICIENTS]
        self._activation = self._samples.activation.copy()
        self._activation[neutral >= neutral_votes] = 0
        free = [AU_INDEX[name] for name in ("AU25", "AU26", "AU43", "AU45")]
        self._activation[:, free] = self._samples.activation[:, free]
        happy = self._samples.emotion[:, EMOTIONS.index("happiness")] >= happy_votes
        self._least = np.full((len(self), len(AU_INDEX)), np.nan, np.float32)
        for name, value in HAPPY.items():
            self._least[happy, AU_INDEX[name]] = value

    def __len__(self) -> int:
        return len(self._samples)

    def draw(self, rng: np.random.Generator, count: int) -> WindowBatch:
        """``count`` windows of one frame, chosen by ``rng``."""
        rows = rng.choice(len(self), count, p=self._odds)
        motion = self._samples.motion[rows][:, None].copy()
        deviation = rng.uniform(0, self.noise, (count, 1, 1))
        change = rng.standard_normal(motion[..., :_COEFFICIENTS].shape) * deviation
        if len(self._shifts):
            shifts = self._shifts[rng.integers(len(self._shifts), size=count)]
            change[:, 0] += shifts * (rng.random((count, 1)) < self.filmed)
        motion[..., :_COEFFICIENTS] = (motion[..., :_COEFFICIENTS] + change).clip(0, 1)
        rest = np.full((count, _COEFFICIENTS), np.nan, np.float32)
        if len(self._neutral):
            given = rng.random(count) < self.rest_known
            somebody = self._neutral[rng.integers(len(self._neutral), size=given.sum())]
            rest[given] = (somebody + self._neutral.mean(0)) / 2
        au = intensity(self._activation[rows][:, None])
        least, emotion = self._least[rows][:, None], self._samples.emotion[rows][:, None]
        return mirrored_batch(rng, motion, rest, au, least, emotion)


class TalkingFaces:
    """Judged faces that talk: the speech of neutral rendered heads on top of a still face.

    Whoever talks moves the mouth through shapes that, held still, would mean something. The emotion
    stays what the still face was judged to show, so that the head learns to weigh the mouth by how
    it moves.

    Args:
        faces: judged faces.
        samples: tracked frames, among them takes of neutral heads that talk.
    """

    def __init__(self, faces: StillFaces, samples: MotionSamples) -> None:
        self._faces, self._speech = faces, []
        lids = samples.activation[:, AU_INDEX["AU43"]]
        says = (samples.role == SHOWN) & (samples.emotion[:, 0] > 0.95) & (lids < SHUT_SHARE)
        for take in np.unique(samples.take[says]):
            rest = samples.motion[(samples.take == take) & (samples.role == REST)]
            shapes = samples.motion[(samples.take == take) & says]
            if len(rest) and len(shapes) > 5:
                self._speech.append((shapes - rest[0])[:, :_COEFFICIENTS] * _SPEAKING)

    def __len__(self) -> int:
        return len(self._faces) and len(self._speech)

    def draw(self, rng: np.random.Generator, count: int, frames: int) -> WindowBatch:
        """``count`` windows of ``frames`` frames, chosen by ``rng``. No action unit is claimed."""
        still = self._faces.draw(rng, count)
        change = np.zeros((count, frames, still.motion.shape[2]), np.float32)
        for i in range(count):
            shapes = self._speech[rng.integers(len(self._speech))]
            gap = rng.uniform(2.5, 7)
            stations = int(np.ceil(frames / gap)) + 3
            times = np.cumsum(gap * rng.uniform(0.7, 1.3, stations)) - gap * rng.uniform(1, 2)
            weights = interpolation(times, frames, rng.uniform(0.5, 1.0))
            said = weights @ shapes[rng.integers(len(shapes), size=stations)]
            change[i, :, :_COEFFICIENTS] = rng.uniform(0.5, 1.2) * said
        motion = still.motion + torch.from_numpy(change)
        motion[..., :_COEFFICIENTS].clamp_(0, 1)
        unknown = torch.full((count, frames, len(AU_INDEX)), float("nan"))
        return replace(
            still,
            motion=motion,
            au=unknown,
            least_au=unknown,
            emotion=still.emotion.expand(-1, frames, -1),
            valence_arousal=still.valence_arousal.expand(-1, frames, -1),
        )


def film_shifts(samples: MotionSamples) -> np.ndarray:
    """By how much a film shifts what the tracker reads, ``[K, 52]``.

    From a single picture the tracker cannot tell shape from expression and settles on a little of
    both; from a film it knows the shape better. Of everybody who was tracked both ways: the
    coefficients of the face at rest as each take reads them, less those of the single picture.
    """
    rest = samples[samples.role == REST]
    alone = {p: m for p, m, a in zip(rest.person, rest.motion, rest.alone, strict=True) if a}
    shifts = [
        motion[:_COEFFICIENTS] - alone[person][:_COEFFICIENTS]
        for person, motion, single in zip(rest.person, rest.motion, rest.alone, strict=True)
        if not single and person in alone
    ]
    return np.array(shifts, np.float32).reshape(-1, _COEFFICIENTS)
