"""What the base mesh does not know about skin: folds, and where each colour belongs.

Metres, in the head's frame: origin between the eyes, x to the subject's left, y to the back, z up.
"""

import bpy
import groom
import numpy as np
from meshes import mesh_arrays, sample_mask, set_attribute

MOLES = [(-0.034, -0.048, 0.0010), (0.047, -0.020, 0.0008), (0.026, -0.083, 0.0009)]  # x, z, radius
# Folds that the base mesh lacks, as polylines (x, z) of one side, with depth and width.
FOLDS = [
    (
        [(0.0185, 0.0005), (0.023, 0.0048), (0.030, 0.0070), (0.038, 0.0062), (0.046, 0.0022)],
        0.0011,
        0.0011,
    ),
    ([(0.0185, -0.0440), (0.0235, -0.0540), (0.0300, -0.0680)], 0.0007, 0.0038),
    ([(0.0190, -0.0105), (0.0270, -0.0150), (0.0370, -0.0140)], 0.0005, 0.0020),
    ([(0.0000, -0.0520), (0.0000, -0.0600)], 0.0008, 0.0026),
    ([(0.0000, 0.0370), (0.0250, 0.0395), (0.0400, 0.0380)], 0.0002, 0.0014),
]


def blob(points: np.ndarray, centre, radius) -> np.ndarray:
    """A Gaussian spot, mirrored to both sides of the face."""
    mirrored = points.copy()
    mirrored[:, 0] = np.abs(mirrored[:, 0])
    return np.exp(-np.sum(((mirrored - centre) / radius) ** 2, axis=1))


def spot(points: np.ndarray, x: float, z: float, radius: float) -> np.ndarray:
    """A round spot on the face, seen from the front."""
    distance = np.hypot(points[:, 0] - x, points[:, 2] - z)
    return groom.smoothstep(1.3 * radius, 0.7 * radius, distance) * (points[:, 1] < 0.03)


def carve(mesh: bpy.types.Mesh) -> None:
    """Press the folds of lids, cheeks and forehead into the skin."""
    points, _ = mesh_arrays(mesh)
    normals = np.empty(points.size, np.float32)
    mesh.vertex_normals.foreach_get("vector", normals)
    normals = normals.reshape(-1, 3)
    flat = np.stack([np.abs(points[:, 0]), points[:, 2]], 1)
    depth = np.zeros(len(points))
    for line, deep, wide in FOLDS:
        squared = np.full(len(points), np.inf)
        for a, b in zip(np.array(line[:-1]), np.array(line[1:]), strict=True):
            t = np.clip((flat - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            squared = np.minimum(squared, ((flat - a - t[:, None] * (b - a)) ** 2).sum(1))
        depth += deep * np.exp(-squared / wide**2)
    depth *= (points[:, 1] < 0.01) & (normals[:, 1] < 0.2)
    mesh.vertices.foreach_set("co", (points - depth[:, None] * normals).astype(np.float32).ravel())
    mesh.update()


def paint_skin(
    mesh: bpy.types.Mesh, lips: str, ears: str, upper_lids: np.ndarray
) -> dict[str, np.ndarray]:
    """Where the skin is red, bearded, freckled, oily, lip or scalp: one value 0..1 a vertex.

    `lips` and `ears` are mask images over the texture coordinates; `upper_lids` [M, 3] are points
    on the margins of the upper lids. The values become vertex attributes and are returned too.
    """
    points, _ = mesh_arrays(mesh)
    x, y, z = points.T
    lip, ear = sample_mask(mesh, lips), sample_mask(mesh, ears)
    step = groom.smoothstep
    mouth = points[lip > 0.5].mean(0)
    tip = points[np.argmin(np.where(np.abs(x) < 0.02, y, 1.0) + (np.abs(z + 0.04) > 0.02))]
    red = 0.75 * blob(points, (0.040, y.min() + 0.022, tip[2] + 0.004), 0.020)
    red += 0.75 * blob(points, (0.0, tip[1], tip[2]), (0.015, 0.02, 0.013))
    red += 0.55 * blob(points, (0.014, tip[1] + 0.014, tip[2] - 0.003), 0.009)
    red += 0.35 * blob(points, (0.0, mouth[1], mouth[2] - 0.030), 0.016)
    red += 0.7 * ear + 0.25 * step(-0.12, -0.16, z)
    socket = blob(points, (0.026, -0.018, -0.0125), (0.014, 0.02, 0.0045))
    socket += 0.7 * blob(points, (0.0165, -0.018, -0.003), (0.0045, 0.02, 0.006))
    socket += 0.85 * blob(points, (0.031, -0.02, 0.0065), (0.014, 0.02, 0.0040))
    cheek = np.interp(
        np.abs(x), [0.0, 0.022, 0.034, 0.055, 0.068], [-0.049, -0.055, -0.073, -0.062, -0.02]
    )
    beard = step(0.006, -0.006, z - cheek) * step(-0.134, -0.110, z) * step(0.075, 0.050, y)
    beard *= 1 - step(0.15, 0.6, lip)
    beard *= 0.45 + 0.55 * np.exp(-((x / 0.036) ** 2))
    bare = blob(points, (0.017, mouth[1], mouth[2] - 0.014), (0.006, 0.03, 0.006))
    beard *= 1 - 0.6 * bare
    freckle = blob(points, (0.030, -0.03, tip[2] + 0.010), (0.022, 0.05, 0.014))
    freckle = np.clip(freckle + blob(points, (0.0, tip[1], tip[2] + 0.01), 0.02) + 0.12, 0, 1)
    oil = blob(points, (0.0, tip[1], tip[2]), 0.016) + 0.8 * blob(
        points, (0.0, -0.03, 0.04), (0.04, 0.05, 0.02)
    )
    near_lid = np.full(len(points), 1.0)
    lid_zone = np.flatnonzero((np.abs(z) < 0.02) & (y < 0.01) & (np.abs(x) < 0.06))
    gaps = points[lid_zone, None] - upper_lids[None]
    near_lid[lid_zone] = np.linalg.norm(gaps, axis=2).min(1)
    masks = {
        "lip": lip,
        "red": np.clip(red, 0, 1),
        "socket": np.clip(socket, 0, 1),
        "beard": beard,
        "freckle": freckle,
        "oil": np.clip(oil, 0, 1),
        "liner": np.exp(-((near_lid / 0.0007) ** 2)),
        "mole": np.clip(sum(spot(points, x0, z0, r) for x0, z0, r in MOLES), 0, 1),
        "scalp": groom.scalp_density(points, ear),
    }
    for name, values in masks.items():
        set_attribute(mesh, name, values)
    return masks | {"ear": ear}
