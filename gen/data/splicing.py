"""Clips cut where they are quiet, and joined where faces can go on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gen.data.corpus import FPS, SAMPLES_PER_FRAME
from gen.data.upper_face import loudness

#: Frames within which a cut looks for the quietest.
_SNAP = 5


def join_motion(parts: Sequence[np.ndarray], lips: int = 3, head: int = 12) -> np.ndarray:
    """Clips of motion one after the other, drawn together where they meet.

    At each joint both sides move to their mean within ``lips`` frames for the coefficients and
    ``head`` frames for the pose, so that no window shows a jump that no face can make.

    Args:
        parts: float32 ``[T_i, 58]``.

    Returns:
        float32 ``[sum T_i, 58]``.
    """
    out = np.concatenate(parts).astype(np.float32)
    for joint in np.cumsum([len(part) for part in parts[:-1]]):
        gap = out[joint] - out[joint - 1]
        for columns, reach in ((slice(0, 52), lips), (slice(52, None), head)):
            before = min(reach, joint)
            after = min(reach, len(out) - joint)
            rise = np.arange(1, before + 1)[:, None] / (before + 0.5)
            fall = np.arange(after, 0, -1)[:, None] / (after + 0.5)
            out[joint - before : joint, columns] += rise * gap[columns] / 2
            out[joint : joint + after, columns] -= fall * gap[columns] / 2
    return out


@dataclass
class Piece:
    """A clip or part of one: speech ``[T, D]``, motion ``[T, 58]``, sound ``[640 T]``."""

    speech: np.ndarray
    motion: np.ndarray
    wave: np.ndarray


def splice(pieces: Sequence[Piece], seconds: float, rng: np.random.Generator) -> list[Piece]:
    """Cut clips where they are quiet, into pieces of about ``seconds``, and shuffle these."""
    out = []
    for piece in pieces:
        frames = len(piece.motion)
        level = loudness(piece.wave, frames)
        cuts, at = [0], 0.0
        while (at := at + rng.uniform(0.5, 1.5) * seconds * FPS) < frames - _SNAP:
            low = max(int(at) - _SNAP, cuts[-1] + _SNAP)
            high = int(at) + _SNAP
            if low < high:
                cuts.append(low + int(np.argmin(level[low:high])))
        for begin, end in itertools.pairwise([*cuts, frames]):
            sound = slice(begin * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME)
            out.append(Piece(piece.speech[begin:end], piece.motion[begin:end], piece.wave[sound]))
    return [out[i] for i in rng.permutation(len(out))]
