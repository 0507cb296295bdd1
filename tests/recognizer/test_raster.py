"""The rasteriser against a loop over every pixel and triangle, in double precision."""

import numpy as np
import pytest

from recognizer.raster import rasterize, vertex_normals


def reference(vertices, triangles, height, width):
    """Index, depth, and a mask of the pixels that no edge and no second surface is close to."""
    index = np.full((height, width), -1)
    depth = np.full((height, width), np.inf)
    second = np.full((height, width), np.inf)
    clear = np.ones((height, width), bool)
    y, x = np.mgrid[:height, :width]
    here = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    for f, corners in enumerate(vertices[triangles].astype(float)):
        system = np.vstack([corners[:, :2].T, np.ones(3)])
        if abs(np.linalg.det(system)) < 1e-9:
            continue
        weights = np.linalg.solve(system, here)
        inside = weights.min(0) >= 0
        clear &= (np.abs(weights.min(0)) > 1e-4).reshape(clear.shape)
        z = (corners[:, 2] @ weights).reshape(clear.shape)
        nearer = inside.reshape(clear.shape) & (z < depth)
        behind = inside.reshape(clear.shape) & ~nearer
        second = np.where(nearer, depth, np.where(behind, np.minimum(second, z), second))
        depth = np.where(nearer, z, depth)
        index[nearer] = f
    with np.errstate(invalid="ignore"):
        clear &= ~(second - depth < 1e-3)
    return index, depth, clear


@pytest.mark.parametrize("seed", range(6))
def test_random_triangles(seed):
    rng = np.random.default_rng(seed)
    # Beyond all four borders too.
    vertices = (rng.uniform(-0.3, 1.3, (24, 3)) * [40, 30, 10]).astype(np.float32)
    triangles = rng.integers(0, 24, (20, 3)).astype(np.int32)
    index, bary, depth = rasterize(vertices, triangles, 30, 40)
    expected, z, clear = reference(vertices, triangles, 30, 40)
    assert clear.mean() > 0.9
    assert np.array_equal(index[clear], expected[clear])
    drawn = clear & (expected >= 0)
    assert drawn.sum() > 100
    assert depth[drawn] == pytest.approx(z[drawn], abs=1e-3)
    assert np.isinf(depth[index < 0]).all()
    # Barycentric coordinates lead back to the pixel.
    rows, columns = np.nonzero(drawn)
    at = (vertices[triangles[index[drawn]]] * bary[drawn][..., None]).sum(1)
    assert at[:, 0] == pytest.approx(columns, abs=1e-2)
    assert at[:, 1] == pytest.approx(rows, abs=1e-2)


def test_known_triangle_is_drawn_from_both_sides():
    vertices = np.array([[2, 2, 5], [8, 2, 5], [2, 8, 5]], np.float32)
    for order in ([0, 1, 2], [0, 2, 1]):
        index, _, depth = rasterize(vertices, np.array([order], np.int32), 10, 12)
        y, x = np.mgrid[:10, :12]
        assert np.array_equal(index >= 0, (x >= 2) & (y >= 2) & (x + y <= 10))
        assert depth[3, 3] == 5


def test_nearer_triangle_wins_in_any_order():
    vertices = np.array(
        [[0, 0, 9], [20, 0, 9], [0, 20, 9], [0, 0, 1], [20, 0, 1], [0, 20, 1]], np.float32
    )
    for triangles, near in (([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0)):
        index, _, depth = rasterize(vertices, np.array(triangles, np.int32), 8, 8)
        assert (index == near).all()
        assert (depth == 1).all()


def test_degenerate_triangles_draw_nothing():
    vertices = np.array([[1, 1, 0], [5, 5, 0], [9, 9, 0]], np.float32)
    index, _, depth = rasterize(vertices, np.array([[0, 1, 2], [1, 1, 1]], np.int32), 10, 10)
    assert (index == -1).all()
    assert np.isinf(depth).all()


def test_normals_of_a_sphere_point_outwards():
    from scipy.spatial import ConvexHull

    points = np.random.default_rng(0).standard_normal((400, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points).simplices
    a, b, c = (points[hull[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    hull[inward] = hull[inward][:, ::-1]
    normals = vertex_normals(points, hull)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    assert (normals * points).sum(1).min() > 0.95
