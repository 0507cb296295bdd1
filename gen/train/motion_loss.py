"""What the motion denoiser is trained to get right: every coefficient, its change, and the lips."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from recognizer.face_model import LIPS, FaceModel
from recognizer.facs import ARKIT_NAMES

#: Distance in face widths at which an error of lip geometry counts 1.
_GEOMETRY_UNIT = 0.02


def lip_geometry() -> tuple[np.ndarray, np.ndarray, float]:
    """Linear geometry of the face model's lips.

    Returns:
        float32 ``[120, 52]``, what each coefficient adds to x, y, z of the 40 lip landmarks;
        float32 ``[52]``, what it adds to the distance of the inner lips; and that distance at
        rest. All in face widths.
    """
    face = FaceModel.load()
    rows = face.landmark_blendshapes[:, list(LIPS)].reshape(52, -1).T
    rest = float(face.lip_opening(np.zeros((1, 52)))[0] * face.face_height)
    return rows.astype(np.float32), face.lip_opening_rows.astype(np.float32), rest


def column_weights(lips: float, jaw: float, eyes: float, brows: float, pose: float) -> np.ndarray:
    """Weight of each of the 58 columns by its group; ``jaw`` is for jawOpen and mouthClose."""
    weights = []
    for name in ARKIT_NAMES:
        if name in ("jawOpen", "mouthClose"):
            weights.append(jaw)
        elif name.startswith(("jaw", "mouth", "tongue")):
            weights.append(lips)
        elif name.startswith("eye"):
            weights.append(eyes)
        else:
            weights.append(brows)
    return np.array(weights + [pose] * 6, np.float32)


class MotionLoss(nn.Module):
    """Masked squared errors of clean motion.

    ``x0 + velocity * change + geometry * lip landmarks + opening * lip distance``, where the last
    counts up to ``1 + closure`` times where the real lips are shut: a missed closure is what
    viewers notice first.

    Args:
        rows: ``[k, 52]`` linear lip geometry, in face widths.
        opening_row: ``[52]`` of the lip distance, in face widths.
        opening_rest: lip distance of the neutral face.
        lips, jaw, eyes, brows, pose: weights of the column groups in the first two terms.
        velocity, geometry, opening: weights of the terms.
        closure: extra weight of shut lips.
    """

    def __init__(
        self,
        rows: np.ndarray,
        opening_row: np.ndarray,
        opening_rest: float = 0.0,
        *,
        lips: float = 2.0,
        jaw: float = 4.0,
        eyes: float = 1.0,
        brows: float = 1.0,
        pose: float = 1.0,
        velocity: float = 2.0,
        geometry: float = 0.5,
        opening: float = 0.5,
        closure: float = 1.0,
    ) -> None:
        super().__init__()
        weights = column_weights(lips, jaw, eyes, brows, pose)
        self.register_buffer("columns", torch.from_numpy(weights / weights.mean()))
        self.register_buffer("rows", torch.as_tensor(rows) / _GEOMETRY_UNIT)
        self.register_buffer("opening_row", torch.as_tensor(opening_row) / _GEOMETRY_UNIT)
        self.opening_rest = opening_rest / _GEOMETRY_UNIT
        self.terms = {"x0": 1.0, "velocity": velocity, "geometry": geometry, "opening": opening}
        self.closure = closure

    def forward(
        self,
        made: Tensor,
        clean: Tensor,
        before: Tensor,
        measured: Tensor,
        mean: Tensor,
        std: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its terms, unweighted.

        Args:
            made: ``[B, T, 58]`` predicted clean motion, normalised.
            clean: ``[B, T, 58]`` the real one.
            before: ``[B, 1, 58]`` the real frame before the window.
            measured: bool ``[B, 58]``; other columns take no part.
            mean, std: ``[58]`` of the normalisation.
        """
        weight = (measured * self.columns)[:, None]
        norm = weight.sum() * clean.shape[1]
        error = torch.where(measured[:, None], made - clean, 0.0)
        change = torch.diff(torch.cat([torch.zeros_like(before), error], dim=1), dim=1)
        coefficients = (error * std)[..., :52]
        shut = torch.where(measured[:, None], clean * std + mean, 0.0)[..., :52]
        distance = (shut @ self.opening_row + self.opening_rest).clamp(min=0)
        emphasis = 1 + self.closure * torch.exp(-distance)
        terms = {
            "x0": (weight * error**2).sum() / norm,
            "velocity": (weight * change**2).sum() / norm,
            "geometry": (coefficients @ self.rows.T).square().mean(),
            "opening": (emphasis * (coefficients @ self.opening_row) ** 2).mean(),
        }
        return sum(self.terms[name] * value for name, value in terms.items()), terms
