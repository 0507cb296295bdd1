"""Windows of facial motion composed from measured frames.

Single frames were rendered and tracked; time is added here. A window runs through a few frames of
one take and interpolates what the tracker measured there, and the truth with it, from onset over
apex to offset or from one sound of speech to the next. So whatever the tracker does to a face is
in the window; that its answer between two faces lies between its answers is an assumption.
Blinks are laid on top as the measured difference that the same person's shut eyes make.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recognizer.data.activation import intensity
from recognizer.data.motion_samples import REST, SHOWN, SHUT, VALENCE_AROUSAL, MotionSamples
from recognizer.easing import smoothstep
from recognizer.facs import ARKIT_NAMES, AU_INDEX

_BLINK, _SHUT_EYES = AU_INDEX["AU45"], AU_INDEX["AU43"]
_COEFFICIENTS = len(ARKIT_NAMES)
#: Eyes that are this far shut are not hurried through: that would be a blink.
SHUT_SHARE = 0.3
#: A blink in frames: centre to half shut, and how much slower lids open than close.
_BLINK_FRAMES, _SLOWER_OPENING = (1.3, 2.6), 1.5


@dataclass
class WindowBatch:
    """Windows and what they show; NaN where it is not known.

    Attributes:
        motion: float32 ``[B, T, 58]``.
        rest: float32 ``[B, 52]``: see :class:`recognizer.models.affect_head.AffectHead`.
        au: float32 ``[B, T, 24]``, intensities 0-5.
        least_au: float32 ``[B, T, 24]``: an intensity is not below this.
        emotion: float32 ``[B, T, 8]``.
        valence_arousal: float32 ``[B, T, 2]``.
    """

    motion: Tensor
    rest: Tensor
    au: Tensor
    least_au: Tensor
    emotion: Tensor
    valence_arousal: Tensor


class MotionWindows:
    """Draws windows from takes of several frames.

    Args:
        samples: tracked frames; takes of a single frame are left out.
        noise: largest standard deviation of the white noise on coefficients.
        rest_known: how often the person at rest is known.
        blinks: how often a window has a blink.
    """

    def __init__(
        self,
        samples: MotionSamples,
        noise: float = 0.02,
        rest_known: float = 0.5,
        blinks: float = 0.35,
    ) -> None:
        self._samples = samples
        self.noise, self.rest_known, self.blinks = noise, rest_known, blinks
        self._takes = []
        order = np.argsort(samples.take, kind="stable")
        bounds = np.flatnonzero(np.diff(samples.take[order])) + 1
        for rows in np.split(order, bounds):
            roles = samples.role[rows]
            if (roles == SHOWN).any() and (roles == REST).any() and (roles == SHUT).any():
                shown = rows[roles == SHOWN]
                rest, shut = rows[roles == REST][0], rows[roles == SHUT][0]
                self._takes.append((shown, int(rest), int(shut)))

    def __len__(self) -> int:
        return len(self._takes)

    def draw(self, rng: np.random.Generator, count: int, frames: int) -> WindowBatch:
        """``count`` windows of ``frames`` frames, chosen by ``rng``."""
        samples = self._samples
        motion = np.empty((count, frames, samples.motion.shape[1]), np.float32)
        share = np.empty((count, frames, samples.activation.shape[1]), np.float32)
        emotion = np.empty((count, frames, samples.emotion.shape[1]), np.float32)
        rest = np.full((count, _COEFFICIENTS), np.nan, np.float32)
        for i in range(count):
            shown, at_rest, shut = self._takes[rng.integers(len(self._takes))]
            rows, times = self._course(rng, shown, at_rest, shut, frames)
            weights = interpolation(times, frames, rng.uniform(0.35, 1.0))
            motion[i] = weights @ samples.motion[rows]
            share[i] = weights @ samples.activation[rows]
            emotion[i] = weights @ samples.emotion[rows]
            if rng.random() < self.blinks:
                self._blink(
                    rng, motion[i], share[i], samples.motion[shut] - samples.motion[at_rest]
                )
            if rng.random() < self.rest_known:
                rest[i] = samples.motion[at_rest, :_COEFFICIENTS]
        deviation = rng.uniform(0, self.noise, (count, 1, 1))
        jitter = rng.standard_normal(motion[..., :_COEFFICIENTS].shape) * deviation
        motion[..., :_COEFFICIENTS] = (motion[..., :_COEFFICIENTS] + jitter).clip(0, 1)
        return mirrored_batch(
            rng, motion, rest, intensity(share), np.full_like(share, np.nan), emotion
        )

    def _course(self, rng, shown, at_rest, shut, frames):
        """Rows that a window runs through, and the frames at which it is there."""
        kind = rng.random()
        lids = self._samples.activation[shown, _SHUT_EYES]
        if kind < 0.15:
            return np.array([rng.choice(shown)] * 2), np.array([0.0, 1.0])
        open_eyed = shown[lids < SHUT_SHARE]
        if kind < 0.55 and len(open_eyed):
            # From sound to sound, or from one look to another.
            gap = rng.uniform(3, 7) if rng.random() < 0.6 else rng.uniform(7, 20)
            count = int(np.ceil(frames / gap)) + 3
            times = np.cumsum(gap * rng.uniform(0.7, 1.3, count)) - gap * rng.uniform(1, 2)
            rows = rng.choice(open_eyed, count)
            return np.where(rng.random(count) < 0.1, at_rest, rows), times
        # Onset, apex, offset; the apex may hold for the rest of the window.
        apex = shut if rng.random() < 0.12 else int(rng.choice(shown))
        begins = rng.uniform(-0.6, 0.8) * frames
        rises, falls = rng.uniform(3, 14, 2)
        holds = 13 + rng.uniform(0, 1.5 * frames)
        times = begins + np.cumsum([0.0, rises, holds, falls])
        return np.array([at_rest, apex, apex, at_rest]), times

    def _blink(self, rng, motion, share, change) -> None:
        """Lay a blink on a window whose eyes are open, in place."""
        centre = rng.uniform(0, len(motion))
        width = rng.uniform(*_BLINK_FRAMES)
        after = np.arange(len(motion)) - centre
        distance = np.abs(after) / np.where(after > 0, _SLOWER_OPENING * width, width)
        closed = rng.uniform(0.75, 1.0) * np.clip(1.5 - distance, 0, 1)
        closed *= np.clip(1 - share[:, _SHUT_EYES] / SHUT_SHARE, 0, 1).min()
        change = np.concatenate([change[:_COEFFICIENTS], np.zeros(motion.shape[1] - _COEFFICIENTS)])
        motion += closed[:, None] * change
        share[:, _BLINK] = closed


def interpolation(times: np.ndarray, frames: int, way: float) -> np.ndarray:
    """``[T, K]``: weights of ``K`` stations at ``times`` in each frame.

    Args:
        times: rising.
        frames: T.
        way: share of the time between two stations that is spent moving, 0 to 1.
    """
    at = np.arange(frames)
    before = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    progress = (at - times[before]) / np.maximum(times[before + 1] - times[before], 1e-6)
    s = smoothstep((progress - 0.5) / way + 0.5)
    weights = np.zeros((frames, len(times)), np.float32)
    weights[at, before] = 1 - s
    weights[at, before + 1] += s
    return weights


def mirrored_batch(rng, motion, rest, au, least_au, emotion) -> WindowBatch:
    """A batch of numpy arrays, every other window mirrored, by chance."""
    mirrored = rng.random(len(motion)) < 0.5
    motion[mirrored] = motion[mirrored][..., _MIRROR] * _SIGNS
    rest[mirrored] = rest[mirrored][:, _MIRROR[:_COEFFICIENTS]]
    arrays = (motion, rest, au, least_au, emotion, emotion @ VALENCE_AROUSAL)
    return WindowBatch(*(torch.from_numpy(np.asarray(a, np.float32)) for a in arrays))


def _mirror() -> tuple[np.ndarray, np.ndarray]:
    """Columns of a motion vector as a mirror swaps them, and their signs."""
    other = {"Left": "Right", "Right": "Left"}
    order = []
    for name in ARKIT_NAMES:
        side = next((s for s in other if name.endswith(s)), None)
        order.append(ARKIT_NAMES.index(name.removesuffix(side) + other[side] if side else name))
    # Pitch, yaw, roll, x, y, z: what turns or moves to one side goes to the other.
    signs = np.ones(_COEFFICIENTS + 6, np.float32)
    signs[[_COEFFICIENTS + 1, _COEFFICIENTS + 2, _COEFFICIENTS + 3]] = -1
    return np.array(order + list(range(_COEFFICIENTS, _COEFFICIENTS + 6))), signs


_MIRROR, _SIGNS = _mirror()
