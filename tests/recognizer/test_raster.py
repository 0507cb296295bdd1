"""The rasterisers against a loop over every pixel and triangle, and against plane geometry."""

import cv2
import numpy as np
import pytest

from recognizer.raster import (
    draw_coloured,
    draw_depth,
    draw_textured,
    rasterize,
    soften_steps,
    vertex_normals,
)

#: Second differences.
LINE = np.array([[1.0, -2.0, 1.0]])


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


def patchwork(rng, height, width):
    """Random triangles that cover a rectangle once, with its corners and borders."""
    from scipy.spatial import Delaunay

    inner = rng.uniform(0, 1, (60, 2)) * [width - 1, height - 1]
    sides = [(x, y) for x in (0, width - 1) for y in np.linspace(0, height - 1, 5)]
    sides += [(x, y) for y in (0, height - 1) for x in np.linspace(0, width - 1, 6)[1:-1]]
    points = np.concatenate([inner, np.array(sides, float)])
    triangles = Delaunay(points).simplices.astype(np.int32)
    a, b, c = (points[triangles[:, i]] for i in range(3))
    turned = np.linalg.det(np.stack([b - a, c - a], axis=1)) < 0
    triangles[turned] = triangles[turned][:, ::-1]
    return np.column_stack([points, np.full(len(points), 5.0)]).astype(np.float32), triangles


@pytest.mark.parametrize("seed", range(4))
def test_transparent_neighbours_cover_each_pixel_once(seed):
    vertices, triangles = patchwork(np.random.default_rng(seed), 40, 56)
    white = np.full((40, 56, 4), (100, 100, 100, 128), np.uint8)
    frame = np.full((40, 56, 3), 200, np.uint8)
    depth = np.full((40, 56), np.inf, np.float32)
    alpha = np.full(len(vertices), 0.8, np.float32)
    draw_textured(frame, depth, vertices, vertices[:, :2].copy(), alpha, triangles, white)
    expected = 0.8 * 100 + (1 - 0.8 * 128 / 255) * 200
    inner = frame[:-1, :-1].astype(float)
    assert (np.abs(inner - expected) < 1).mean() > 0.999
    assert np.isinf(depth).all()  # nothing was more than half opaque


@pytest.mark.parametrize("channels", [3, 4])
def test_a_turned_plane_is_an_affine_warp(channels):
    """A textured plane, turned in space under a parallel camera, against OpenCV."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (80, 80, channels)).astype(np.uint8), (0, 0), 2)
    if channels == 4:
        texture[..., 3] = 255
    flat, triangles = patchwork(rng, 80, 80)
    angle = np.deg2rad(25)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    turn = turn @ cv2.Rodrigues(np.array([0, 0, 0.3]))[0]
    centre = np.array([39.5, 39.5, 5])
    vertices = ((flat - centre) @ turn.T + centre).astype(np.float32)
    frame = np.zeros((80, 80, 3), np.uint8)
    depth = np.full((80, 80), np.inf, np.float32)
    draw_textured(frame, depth, vertices, flat[:, :2].copy(), np.ones(len(flat), np.float32),
                  triangles, texture)  # fmt: skip
    affine = np.column_stack([turn[:2, :2], centre[:2] - turn[:2, :2] @ centre[:2]])
    expected = cv2.warpAffine(texture[..., :3], affine, (80, 80), flags=cv2.INTER_LINEAR)
    drawn = np.isfinite(depth)
    inside = cv2.erode(drawn.astype(np.uint8), np.ones((5, 5))) > 0
    assert inside.mean() > 0.5
    assert np.abs(frame[inside].astype(int) - expected[inside]).max() <= 3
    # The plane's own depth, and the same from the depth pass alone.
    ys, xs = np.nonzero(inside)
    normal = turn[:, 2]
    z = centre[2] - ((xs - 39.5) * normal[0] + (ys - 39.5) * normal[1]) / normal[2]
    assert depth[inside] == pytest.approx(z, abs=1e-3)
    alone = np.full((80, 80), np.inf, np.float32)
    draw_depth(alone, vertices, triangles)
    assert alone[inside] == pytest.approx(z, abs=1e-3)


def test_what_is_turned_away_or_hidden_is_not_drawn():
    vertices = np.array([[0, 0, 5], [30, 0, 5], [0, 30, 5]], np.float32)
    texture = np.full((30, 30, 3), 90, np.uint8)
    one = np.ones(3, np.float32)
    for order, nearest, drawn in (
        ([0, 1, 2], 9, True),
        ([0, 1, 2], 2, False),
        ([0, 2, 1], 9, False),
    ):
        frame = np.zeros((20, 20, 3), np.uint8)
        depth = np.full((20, 20), nearest, np.float32)
        draw_textured(frame, depth, vertices, vertices[:, :2].copy(), one,
                      np.array([order], np.int32), texture)  # fmt: skip
        assert (frame[3, 3] == 90).all() == drawn
        assert (depth[3, 3] == 5) == drawn


def test_colours_are_interpolated_from_both_sides():
    vertices = np.array([[0, 0, 1], [20, 0, 1], [0, 20, 1]], np.float32)
    colours = np.array([[0, 0, 50], [200, 0, 50], [0, 100, 50]], np.float32)
    for order in ([0, 1, 2], [0, 2, 1]):
        frame = np.zeros((12, 12, 3), np.float32)
        depth = np.full((12, 12), np.inf, np.float32)
        draw_coloured(frame, depth, vertices, colours, np.array([order], np.int32))
        assert frame[4, 6] == pytest.approx([60, 20, 50], abs=1e-3)


def test_only_steps_of_depth_are_softened():
    frame = np.zeros((9, 12, 3), np.uint8)
    frame[:, 6:] = 160
    depth = np.full((9, 12), 10, np.float32)
    soft = frame.copy()
    soften_steps(soft, frame, depth, np.float32(1))
    assert np.array_equal(soft, frame)
    depth[:, 6:] = np.inf  # the end of all surfaces is no step
    soften_steps(soft, frame, depth, np.float32(1))
    assert np.array_equal(soft, frame)
    depth[:, 6:] = 20
    soften_steps(soft, frame, depth, np.float32(1))
    assert soft[4, 4:8, 0].tolist() == [0, 40, 120, 160]


def test_between_pixels_a_curved_texture_stays_sharp():
    """Half a pixel aside, against a cubic spline: linear interpolation blurs, curvature mends."""
    from scipy.ndimage import shift

    rng = np.random.default_rng(1)
    grey = cv2.GaussianBlur(rng.normal(128, 120, (48, 48)), (0, 0), 1.3).clip(0, 255)
    grey = np.round(grey).astype(np.uint8)
    bent = [128 + 0.5 * cv2.filter2D(grey.astype(float), -1, k) for k in (LINE, LINE.T)]
    bent = np.stack(bent, axis=-1).astype(np.uint8)
    opaque = np.full_like(grey, 255)
    colours = np.repeat(grey[..., None], 3, axis=-1)
    vertices, triangles = patchwork(rng, 48, 48)
    moved = vertices + np.array([0.5, 0.5, 0], np.float32)
    expected = shift(grey.astype(float), 0.5, order=3)[6:-6, 6:-6]
    error = {}
    for name, texture in (("linear", colours), ("curved", np.dstack([colours, opaque, bent]))):
        frame = np.zeros((48, 48, 3), np.uint8)
        draw_textured(frame, np.full((48, 48), np.inf, np.float32), moved,
                      vertices[:, :2].copy(), np.ones(len(vertices), np.float32), triangles,
                      texture)  # fmt: skip
        error[name] = np.abs(frame[6:-6, 6:-6, 0] - expected).mean()
    assert error["curved"] < 0.7 * error["linear"]
