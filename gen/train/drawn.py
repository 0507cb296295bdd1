"""What of commanded motion comes back from pictures: drawn on portraits, tracked, fitted.

A reader of faces has learnt from tracked ones, which move less than they were told to, and where
one muscle moves others seem to. Between 0 and 1 a linear map says most of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from gen.data.expressions import FPS, ExpressiveWindows
from gen.portraits import prepare_portrait
from gen.renderers.base import before_first_frame
from recognizer.facs import ARKIT_NAMES
from recognizer.tracker import FaceTracker, NoFaceError, largest

#: Performances that are drawn on each portrait, their frames, and the pixels of a side.
_WINDOWS, _FRAMES, _SIZE = 8, 50, 384
#: Of the fit: what a coefficient that hardly moves in it is drawn to is no answer.
_RIDGE = 1.0


class DrawnMotion(nn.Module):
    """Commanded motion ``[..., 58]`` → as it is tracked; the head's pose stays.

    Attributes:
        weight: ``[52, 52]``, from commanded coefficients (rows) to tracked ones.
        bias: ``[52]``.
    """

    def __init__(self) -> None:
        super().__init__()
        size = len(ARKIT_NAMES)
        self.register_buffer("weight", torch.eye(size))
        self.register_buffer("bias", torch.zeros(size))

    def forward(self, motion: Tensor) -> Tensor:
        """Neither clamped before nor after: a gradient must not end at a coefficient of 0."""
        size = len(self.bias)
        return torch.cat([motion[..., :size] @ self.weight + self.bias, motion[..., size:]], -1)


def drawn_motion(
    portraits: Sequence[str], windows: ExpressiveWindows, seed: int = 0
) -> DrawnMotion:
    """Fit the map on performances drawn on portraits, each relative to itself at rest.

    Args:
        portraits: pictures; without any the map is the identity.
        windows: the performances.
        seed: chooses them.

    Raises:
        FileNotFoundError: a picture is not there.
        NoFaceError: no face is found in a picture, or in what is drawn of it.
    """
    found = DrawnMotion()
    pairs = [_drawn(path, windows, seed) for path in portraits]
    if not pairs:
        return found
    # Where a portrait's own face rests is none of the map's business: each by its mean.
    told, seen = (
        np.concatenate([part - part.mean(axis=0) for part in parts])
        for parts in zip(*pairs, strict=True)
    )
    weight = np.linalg.solve(told.T @ told + _RIDGE * np.eye(len(ARKIT_NAMES)), told.T @ seen)
    middle, read = np.mean([[part.mean(axis=0) for part in pair] for pair in pairs], axis=0)
    found.weight.copy_(torch.from_numpy(weight))
    found.bias.copy_(torch.from_numpy(read - middle @ weight))
    return found


def _drawn(path: str, windows: ExpressiveWindows, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients ``[N, 52]`` as they were commanded, and as they were tracked."""
    renderer = prepare_portrait(path, _SIZE).renderer
    batch = windows.batch(np.random.default_rng([seed, 3]), _WINDOWS, _FRAMES, 0)
    told = batch["shown"].reshape(-1, batch["shown"].shape[-1])
    told[:, :52] = told[:, :52].clip(0, 1)
    drawing = before_first_frame(renderer)
    with FaceTracker() as tracker:
        faces = tracker.video((drawing.render(row[:52], row[52:]) for row in told), FPS)
    if not faces:
        raise NoFaceError(f"no face was found in what is drawn of {path}")
    face = largest(faces)
    return told[face.success, :52], face.motion.blendshapes[face.success]
