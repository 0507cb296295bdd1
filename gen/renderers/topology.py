"""The triangles that carry a portrait's pixels: MediaPipe's tessellation, refined.

The mesh is a fixed linear map of the 478 landmarks, so that the same matrix refines positions and
displacements. It has holes where a face has them: between the inner lips and in the eyes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from recognizer.face_model import (
    FACE_OVAL,
    LIP_CORNERS,
    LOWER_INNER_LIP,
    LOWER_LID,
    UPPER_INNER_LIP,
    UPPER_LID,
    FaceModel,
)

#: Chains along which new points follow a curve (the four-point scheme of Dyn, Levin and Gregory
#: 1987) and not the chord: jagged lips give a warp away first.
_OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_INNER_UPPER = (LIP_CORNERS[0], *UPPER_INNER_LIP, LIP_CORNERS[1])
_INNER_LOWER = (LIP_CORNERS[0], *LOWER_INNER_LIP, LIP_CORNERS[1])
_CURVES = (
    _INNER_UPPER, _INNER_LOWER, _OUTER_UPPER_LIP, _OUTER_LOWER_LIP, *UPPER_LID, *LOWER_LID,
    (*FACE_OVAL, FACE_OVAL[0]),
)  # fmt: skip
#: How far the mouth's corners are moved from the inner lips' to the outer lips'.
_CORNER = 0.35


@dataclass(frozen=True)
class Topology:
    """The refined mesh.

    Attributes:
        refine: sparse ``[M, 478]``: landmarks → mesh vertices.
        triangles: int32 ``[F, 3]``, clockwise seen from the front (y down).
        upper_lip, lower_lip: inner-lip chains from the image's left corner to its right one.
        outer_upper_lip, outer_lower_lip: the border of the red, likewise.
        upper_lid, lower_lid: per eye, from the outer to the inner corner.
        seam: int32 ``[F', 3]``: triangles between the inner lips.
        outline: vertices around the face, in order.
    """

    refine: sparse.csr_matrix
    triangles: np.ndarray
    upper_lip: np.ndarray
    lower_lip: np.ndarray
    outer_upper_lip: np.ndarray
    outer_lower_lip: np.ndarray
    upper_lid: tuple[np.ndarray, np.ndarray]
    lower_lid: tuple[np.ndarray, np.ndarray]
    seam: np.ndarray
    outline: np.ndarray


@functools.cache
def face_topology(levels: int = 2) -> Topology:
    """MediaPipe's 852 triangles, split ``levels`` times."""
    triangles = _tessellation()
    matrix = sparse.identity(478, format="lil")
    # The tracker's inner corners lie within the seam; lips part nearly to the outer ones.
    for inner, outer in zip(LIP_CORNERS, _OUTER_UPPER_LIP[::10], strict=True):
        matrix[inner, inner], matrix[inner, outer] = 1 - _CORNER, _CORNER
    count = 478
    curves = [list(curve) for curve in _CURVES]
    for _ in range(levels):
        triangles, curves, rows = _split(triangles, curves, count)
        matrix = sparse.csr_matrix(matrix)
        extra = sparse.csr_matrix(
            (
                np.concatenate([list(r.values()) for r in rows]),
                (
                    np.repeat(np.arange(len(rows)), [len(r) for r in rows]),
                    np.concatenate([list(r.keys()) for r in rows]),
                ),
            ),
            shape=(len(rows), count),
        )
        matrix = sparse.vstack([matrix, extra @ matrix]).tocsr()
        count += len(rows)
    refine = sparse.csr_matrix(matrix)
    chains = [np.array(curve) for curve in curves]
    return Topology(
        refine=refine,
        triangles=_clockwise(triangles, refine),
        upper_lip=chains[0],
        lower_lip=chains[1],
        outer_upper_lip=chains[2],
        outer_lower_lip=chains[3],
        upper_lid=(chains[4], chains[5]),
        lower_lid=(chains[6], chains[7]),
        seam=_bridge(chains[0], chains[1]),
        outline=chains[8][:-1],
    )


def _tessellation() -> np.ndarray:
    from recognizer.assets.tessellation import TRIANGLES

    return np.array(TRIANGLES, int).reshape(-1, 3)


def _split(triangles: np.ndarray, curves: list[list[int]], count: int):
    """One midpoint subdivision; points on curves by the four-point scheme."""
    on_curve: dict[tuple[int, int], dict[int, float]] = {}
    for curve in curves:
        closed = curve[0] == curve[-1]
        for i, (a, b) in enumerate(pairwise(curve)):
            before = curve[i - 1] if i else (curve[-2] if closed else None)
            after = curve[i + 2] if i + 2 < len(curve) else (curve[1] if closed else None)
            weights = {a: 9 / 16, b: 9 / 16}
            # Beyond an open end the curve is continued straight.
            for end, near, far in ((before, a, b), (after, b, a)):
                if end is None:
                    weights[near] -= 2 / 16
                    weights[far] += 1 / 16
                else:
                    weights[end] = weights.get(end, 0) - 1 / 16
            on_curve[min(a, b), max(a, b)] = weights
    middle: dict[tuple[int, int], int] = {}
    rows: list[dict[int, float]] = []

    def midpoint(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in middle:
            middle[key] = count + len(rows)
            rows.append(on_curve.get(key, {a: 0.5, b: 0.5}))
        return middle[key]

    out = []
    for a, b, c in triangles.tolist():
        ab, bc, ca = midpoint(a, b), midpoint(b, c), midpoint(c, a)
        out += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    finer = []
    for curve in curves:
        points = [curve[0]]
        for a, b in pairwise(curve):
            points += [midpoint(a, b), b]
        finer.append(points)
    return np.array(out), finer, rows


def _clockwise(triangles: np.ndarray, refine: sparse.csr_matrix) -> np.ndarray:
    points = refine @ FaceModel.load().landmarks.astype(float)
    a, b, c = (points[triangles[:, i], :2] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # Most triangles agree; those seen edge-on on the mean head go with their neighbours.
    flip = area < 0 if (area < 0).mean() < 0.9 else np.ones(len(area), bool)
    if (area > 0).mean() > 0.9:
        flip = np.zeros(len(area), bool)
    triangles = triangles.copy()
    triangles[flip] = triangles[flip][:, ::-1]
    return triangles.astype(np.int32)


def _bridge(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Triangles between two chains that share their ends."""
    out = []
    for i in range(len(upper) - 1):
        out += [(upper[i], upper[i + 1], lower[i + 1]), (upper[i], lower[i + 1], lower[i])]
    return np.array([t for t in out if len(set(t)) == 3], np.int32)
