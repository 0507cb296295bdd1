"""Brows that travel as hair does: the strip moves as one, and the skin around it gives way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

#: Upper and lower edge of each brow, from its outer end inward.
_EDGES = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
)
#: By how much farther than on the head model a brow goes, and passes of smoothing along it: the
#: model raises a brow's outer end to a point and thins it; the muscle (AU 2) lifts it as an arch.
_SHAPES: Mapping[str, tuple[float, int]] = {
    "browOuterUp": (1.9, 4), "browDown": (1.25, 0), "browInnerUp": (1.0, 0),
}  # fmt: skip
#: Corrugator and depressor pull at the brow's head (AU 4): the share of the way that each place
#: goes, from the outer end inwards. The model lets the outer end fall nearly as far.
_LOWERED = np.array([0.3, 0.6, 0.9, 1.0, 1.05])
#: The model draws lowered brows together until they all but meet: real ones go so much of that way.
_INWARD = 0.55
#: Columns of the brows that are lowered, right and left.
BROW_DOWN = [ARKIT_INDEX["browDownRight"], ARKIT_INDEX["browDownLeft"]]
#: Skin this near (face widths) follows.
_REACH = 0.05


def shape_brows(fields: np.ndarray) -> np.ndarray:
    """Correct what ``brow…`` does to the landmarks.

    Args:
        fields: ``[52, 478, 3]`` displacements in any frame and unit.

    Returns:
        The same with the brows' rows changed.
    """
    fields = np.array(fields)
    for stem, (gain, passes) in _SHAPES.items():
        for name in sides(stem) if stem not in ARKIT_INDEX else (stem,):
            field = fields[ARKIT_INDEX[name]]
            strips = [_strip(field, edges, gain, passes) for edges in _EDGES]
            if stem == "browDown":
                shares = np.tile(_LOWERED, 2)[:, None] * (_INWARD, 1.0, 1.0)
                strips = [shares * strip for strip in strips]
            _lay(field, np.concatenate([list(sum(edges, ())) for edges in _EDGES]), strips)
    return fields


def knitted(blendshapes: np.ndarray) -> np.ndarray:
    """How far brows that are raised are drawn together as well: ``[2]``, right and left.

    Frontalis holds up what corrugator lowers, but nothing holds the brows' heads apart (AU 1+4):
    furrows between them and their way inward stay when most of the way down is gone.

    Args:
        blendshapes: ``[52]``, 0..1.
    """
    return np.sqrt(blendshapes[ARKIT_INDEX["browInnerUp"]] * np.asarray(blendshapes)[BROW_DOWN])


def knitting_fields(fields: np.ndarray) -> np.ndarray:
    """What :func:`knitted` moves at 1, from shaped fields ``[52, 478, 3]``: ``[2, 478, 3]``."""
    return fields[BROW_DOWN] * np.float32([1, 0, 0])


def _strip(field: np.ndarray, edges, gain: float, passes: int) -> np.ndarray:
    """How one brow moves in a field ``[478, 3]``, the same for both its edges: ``[10, 3]``."""
    moved = gain * (field[list(edges[0])] + field[list(edges[1])]) / 2
    for _ in range(passes):
        ends = np.concatenate([moved[:1], moved, moved[-1:]])
        moved = 0.25 * ends[:-2] + 0.5 * ends[1:-1] + 0.25 * ends[2:]
    return np.concatenate([moved, moved])


def _lay(field: np.ndarray, brows: np.ndarray, strips: Sequence[np.ndarray]) -> None:
    """Move the brows ``[20]`` of a field ``[478, 3]`` and the skin around them, in place."""
    moved = np.concatenate(strips)
    face = FaceModel.load().landmarks[:, :2]
    away = np.linalg.norm(face[:, None] - face[None, brows], axis=-1)
    weight = np.exp(-((away / _REACH) ** 2))
    total = np.maximum(weight.sum(1, keepdims=True), 1e-6)
    field += weight.max(1, keepdims=True) * (weight @ (moved - field[brows])) / total
    field[brows] = moved
