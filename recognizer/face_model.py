"""The CC0 head: mean shape, identity basis, 52 ARKit blendshapes, MediaPipe's points on it.

The frame is the camera's: x to the image's right (the subject's left), y down, z away from the
camera; the origin lies between the ears, and 1 is the mean face's width. The asset is built by
:mod:`recognizer.assets.build_face_model`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

ASSET = Path(__file__).parent / "assets" / "face_model.safetensors"

UPPER_INNER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
LIP_CORNERS = (78, 308)
#: The middle pairs of the inner lips, by which their opening is measured.
UPPER_MIDDLE, LOWER_MIDDLE = [82, 13, 312], [87, 14, 317]
LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
#: Lid margins from the outer to the inner corner (subject's right eye, then left).
UPPER_LID = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
LOWER_LID = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (263, 249, 390, 373, 374, 380, 381, 382, 362),
)
IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
BROWS = (
    70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285,
)  # fmt: skip
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
#: Forehead and chin: the face height by which distances are reported.
FACE_TOP, FACE_BOTTOM = 10, 152


@dataclass(frozen=True)
class FaceModel:
    """The head as arrays.

    Attributes:
        vertices: float32 ``[V, 3]``, neutral mean head with eyes, tongue, teeth and gums.
        identity: float32 ``[K, V, 3]``, one standard deviation each.
        blendshapes: float32 ``[52, V, 3]``, ARKit order.
        triangles: int32 ``[F, 3]``.
        region: uint8 ``[V]``, an index into ``regions``.
        regions: names of the regions.
        colour: uint8 ``[V, 3]``, plain albedo of each vertex.
        landmark_vertices: int32 ``[478, 3]`` and
        landmark_weights: float32 ``[478, 3]``: MediaPipe's points as barycentric coordinates.
    """

    vertices: np.ndarray
    identity: np.ndarray
    blendshapes: np.ndarray
    triangles: np.ndarray
    region: np.ndarray
    regions: tuple[str, ...]
    colour: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray

    @classmethod
    @functools.cache
    def load(cls) -> FaceModel:
        """The packaged head (read once a process)."""
        with safe_open(ASSET, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            regions = tuple(file.metadata()["regions"].split(","))
        for name in ("identity", "blendshapes"):
            tensors[name] = tensors[name].astype(np.float32)
        return cls(regions=regions, **tensors)

    def at_landmarks(self, field: np.ndarray) -> np.ndarray:
        """A vertex field ``[..., V, 3]`` at MediaPipe's points: ``[..., 478, 3]``."""
        corners = field[..., self.landmark_vertices, :]
        return (corners * self.landmark_weights[..., None]).sum(-2)

    @functools.cached_property
    def landmarks(self) -> np.ndarray:
        """float32 ``[478, 3]``: the points on the neutral mean head."""
        return self.at_landmarks(self.vertices)

    @functools.cached_property
    def landmark_identity(self) -> np.ndarray:
        """float32 ``[K, 478, 3]``."""
        return self.at_landmarks(self.identity)

    @functools.cached_property
    def landmark_blendshapes(self) -> np.ndarray:
        """float32 ``[52, 478, 3]``."""
        return self.at_landmarks(self.blendshapes)

    @property
    def face_height(self) -> float:
        """Forehead to chin on the mean head, in face widths."""
        return float(np.linalg.norm(self.landmarks[FACE_TOP] - self.landmarks[FACE_BOTTOM]))

    def in_region(self, *names: str) -> np.ndarray:
        """bool ``[V]``: vertices of the named regions.

        Raises:
            ValueError: an unknown name.
        """
        return np.isin(self.region, [self.regions.index(name) for name in names])

    def lip_opening(self, blendshapes: np.ndarray) -> np.ndarray:
        """Distance of the inner lips ``[T]`` in face heights, from coefficients ``[T, 52]``.

        The mean over the three middle pairs of MediaPipe's inner-lip points, on the mean head.
        """
        rows = self.lip_opening_rows
        rest = _middle_gap(self.landmarks[None])[0]
        return (rest + np.asarray(blendshapes) @ rows) / self.face_height

    @functools.cached_property
    def lip_opening_rows(self) -> np.ndarray:
        """float32 ``[52]``: what each coefficient adds to the distance of the inner lips."""
        return _middle_gap(self.landmark_blendshapes)


def _middle_gap(points: np.ndarray) -> np.ndarray:
    """Vertical distance of the inner lips in ``[..., 478, 3]`` points, y down."""
    return (points[..., LOWER_MIDDLE, 1] - points[..., UPPER_MIDDLE, 1]).mean(-1)
