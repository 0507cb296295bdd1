"""Irises for the head model, whose eyeballs are plain white spheres of few vertices."""

from __future__ import annotations

import numpy as np

from recognizer.face_model import FaceModel

#: Radii as shares of the eyeball's: 5.9 and 2.0 mm of 12 mm (Forrester et al., *The Eye*).
_RINGS = (0.0, 0.17, 0.18, 0.40, 0.47, 0.50)
_COLOURS = ((8, 6, 5), (8, 6, 5), (96, 62, 36), (84, 52, 30), (40, 26, 18), (225, 222, 220))
_SPOKES = 32
#: The cap stands out of the polyhedron that the eyeball is.
_LIFT = 1.02


def with_irises(face: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The head with an iris and a pupil on either eye, which turn with it.

    Returns:
        Vertices ``[V, 3]``, blendshapes ``[52, V, 3]``, triangles ``[F, 3]`` and colours
        ``[V, 3]`` (0-255, sRGB), the head's own first.
    """
    vertices, fields = [face.vertices], [face.blendshapes]
    triangles, colours = [face.triangles], [face.colour]
    count = len(face.vertices)
    for region in ("eye_left", "eye_right"):
        eye = face.in_region(region)
        ball = face.vertices[eye]
        cap, faces = _cap(*_sphere(ball))
        vertices.append(cap)
        fields.append(_carried(ball, face.blendshapes[:, eye], cap))
        triangles.append(faces + count)
        colours.append(np.repeat(_COLOURS, _SPOKES, axis=0))
        count += len(cap)
    return (
        np.concatenate(vertices), np.concatenate(fields, axis=1),
        np.concatenate(triangles), np.concatenate(colours),
    )  # fmt: skip


def _sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of the sphere through points ``[N, 3]``, by least squares."""
    rows = np.column_stack([2 * points, np.ones(len(points))])
    solved = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))


def _cap(centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Rings about the axis of sight, which points to -z: vertices, triangles facing outwards."""
    around = np.linspace(0, 2 * np.pi, _SPOKES, endpoint=False)
    rings = [
        np.column_stack(
            [r * np.cos(around), r * np.sin(around), np.full(_SPOKES, -np.sqrt(1 - r * r))]
        )
        for r in _RINGS
    ]
    vertices = centre + _LIFT * radius * np.concatenate(rings)
    here = np.arange(_SPOKES)
    after = (here + 1) % _SPOKES
    triangles = []
    for ring in range(len(_RINGS) - 1):
        inner, outer = ring * _SPOKES, (ring + 1) * _SPOKES
        triangles.append(np.column_stack([inner + here, outer + after, outer + here]))
        if ring:  # the innermost ring is a point
            triangles.append(np.column_stack([inner + here, inner + after, outer + after]))
    return vertices, np.concatenate(triangles)


def _carried(ball: np.ndarray, fields: np.ndarray, points: np.ndarray) -> np.ndarray:
    """What blendshapes ``[52, N, 3]`` of an eyeball's vertices do to points on it ``[n, 3]``."""
    affine = np.linalg.lstsq(
        np.column_stack([ball, np.ones(len(ball))]),
        np.concatenate(list(fields), axis=1),
        rcond=None,
    )[0]
    moved = np.column_stack([points, np.ones(len(points))]) @ affine
    return moved.reshape(len(points), len(fields), 3).transpose(1, 0, 2)
