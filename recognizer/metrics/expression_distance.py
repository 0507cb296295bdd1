"""Distances between generated and real clips of coefficients, with what they are worth.

The functional twins are in :mod:`recognizer.metrics.frechet`.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np

from recognizer.metrics.frechet import (
    Distance,
    bootstrap_distance,
    delta_frechet_distance,
    expression_frechet_distance,
    expression_kernel_distance,
    real_floor,
    shuffled_in_time,
    trajectory_frechet_distance,
)
from recognizer.metrics.metric import Metric, stacked
from recognizer.metrics.motion_history import motion_history


class _ClipDistance(Metric):
    """A distance between two sets of clips that come one by one.

    Args:
        backend: what the coefficients are and who read them, e.g. ``"arkit52-mediapipe"``.
        draws: of the bootstrap; 0 leaves the interval out.
        floor_draws: random halves of the real clips; 0 leaves the floor out.

    ``compute`` gives ``{"value", "ci95", "floor", "shuffled", "n", "n_real", "frames",
    "frames_real", "backend"}``: the distance (None where undefined), its interval over clips, the
    distance between random halves of the real clips
    (:func:`recognizer.metrics.frechet.real_floor`), the distance once the generated frames are
    shuffled in time (the same as ``value`` where the measure cannot see motion), clips and frames.

    Raises:
        UnavailableError: torchmetrics is not installed.
        ValueError: no backend is named.
    """

    is_differentiable = False
    full_state_update = False
    higher_is_better = False
    distance: ClassVar[Distance]
    #: Whether the rows of a clip are frames, which can be shuffled.
    ordered: ClassVar[bool] = True

    def __init__(self, backend: str, draws: int = 100, floor_draws: int = 20, **kwargs) -> None:
        super().__init__(**kwargs)
        if not backend:
            raise ValueError("name the backend that the coefficients come from")
        self.backend, self.draws, self.floor_draws = backend, draws, floor_draws
        for name in ("made", "made_lengths", "real", "real_lengths"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, clip: np.ndarray, real: bool) -> None:
        """Add a clip ``[T, D]``, generated or real; rows of NaN stand for frames without a face.

        Raises:
            ValueError: another shape.
        """
        import torch

        clip = np.asarray(clip, np.float64)
        if clip.ndim != 2 or clip.size == 0:
            raise ValueError(f"a clip must be [T, D], got {list(clip.shape)}")
        frames, lengths = (self.real, self.real_lengths) if real else (self.made, self.made_lengths)
        if frames and frames[0].shape[1] != clip.shape[1]:
            raise ValueError(
                f"a clip has {clip.shape[1]} coefficients where others have {frames[0].shape[1]}"
            )
        frames.append(torch.from_numpy(clip))
        lengths.append(torch.tensor([len(clip)], dtype=torch.int64))

    def _clips(self, frames: list, lengths: list) -> list[np.ndarray]:
        lengths = stacked(lengths, 1)[:, 0].astype(int)
        if len(lengths) == 0:
            return []
        rows = stacked(frames, frames[0].shape[-1])
        return np.split(rows, np.cumsum(lengths)[:-1])

    def compute(self) -> dict:
        """The distance between all clips so far."""
        made = self._clips(self.made, self.made_lengths)
        real = self._clips(self.real, self.real_lengths)
        report: dict = {"value": None, "ci95": None, "floor": None, "shuffled": None}
        if made and real:
            value = self.distance(made, real)
            report["value"] = value if np.isfinite(value) else None
        if report["value"] is not None:
            if self.ordered:
                report["shuffled"] = self.distance(shuffled_in_time(made), real)
            if self.draws:
                report["ci95"] = bootstrap_distance(made, real, self.distance, self.draws)
            if self.floor_draws:
                report["floor"] = real_floor(real, self.distance, self.floor_draws)
        return report | {
            "n": len(made),
            "n_real": len(real),
            "frames": sum(len(clip) for clip in made),
            "frames_real": sum(len(clip) for clip in real),
            "backend": self.backend,
        }


class ExpressionFrechetDistance(_ClipDistance):
    """E-FID: :func:`recognizer.metrics.frechet.expression_frechet_distance` of clips.

    Args and results are those of every distance here: ``backend``, ``draws``, ``floor_draws``.
    """

    distance = staticmethod(expression_frechet_distance)


class ExpressionKernelDistance(_ClipDistance):
    """:func:`recognizer.metrics.frechet.expression_kernel_distance` of clips: KID's discrepancy,
    without the bias that few frames give a Fréchet distance."""

    distance = staticmethod(expression_kernel_distance)


class ExpressionDeltaFrechetDistance(_ClipDistance):
    """:func:`recognizer.metrics.frechet.delta_frechet_distance` of clips: of their changes."""

    distance = staticmethod(delta_frechet_distance)


class TrajectoryFrechetDistance(_ClipDistance):
    """:func:`recognizer.metrics.frechet.trajectory_frechet_distance` of clips: of windows.

    Args:
        backend: as of the other distances.
        length, stride, components: of the function.
    """

    def __init__(
        self, backend: str, length: int = 25, stride: int = 5, components: int = 32, **kwargs
    ) -> None:
        super().__init__(backend, **kwargs)
        self.distance = functools.partial(
            trajectory_frechet_distance, length=length, stride=stride, components=components
        )


class LandmarkMotionDistance(_ClipDistance):
    """Fréchet distance between histories of landmarks' motion, after FVMD (Liu et al. 2024).

    ``update`` takes landmarks and keeps :func:`recognizer.metrics.motion_history.motion_history`.
    ``shuffled`` is left out, ``frames`` count windows.

    Args:
        backend: who found the landmarks.
        length: frames of a window.
    """

    distance = staticmethod(expression_frechet_distance)
    ordered = False

    def __init__(self, backend: str, length: int = 16, **kwargs) -> None:
        super().__init__(backend, **kwargs)
        self.length = length

    def update(self, clip: np.ndarray, real: bool) -> None:
        """Add landmarks ``[T, 478, 2 or 3]`` of a clip that is longer than a window.

        Raises:
            ValueError: another shape, or too few frames.
        """
        super().update(motion_history(clip, self.length), real)
