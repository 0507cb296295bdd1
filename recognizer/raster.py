"""Triangle rasterisation on the CPU, compiled by numba.

All kernels live in this one file and share :func:`_span`: numba's cache on disk does not notice
when an inlined function of another module changes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_TINY = np.float32(1e-6)
#: Pixels by which a row may exceed a triangle, so that opaque neighbours leave no crack.
_OVERLAP = np.float32(1e-3)


@njit(inline="always")
def _bounds(a, b, c, limit):
    """First and last whole coordinate within a triangle and ``0 .. limit - 1``."""
    low = max(np.ceil(min(a, b, c)), np.float32(0))
    high = min(np.floor(max(a, b, c)), np.float32(limit - 1))
    return (int(low), int(high)) if low <= high else (0, -1)


@njit(inline="always")
def _edge(ax, ay, bx, by):
    """Rows between which an edge runs, where it begins, and its slope: ``(top, bottom, x, dx)``."""
    if ay > by:  # the same arithmetic for both triangles of an edge
        ax, ay, bx, by = bx, by, ax, ay
    if by - ay < _TINY:
        return ay, ay - np.float32(1), ax, np.float32(0)  # crosses no row
    return ay, by, ax, (bx - ax) / (by - ay)


@njit(inline="always")
def _edges(ax, ay, bx, by, cx, cy):
    return _edge(ax, ay, bx, by), _edge(bx, by, cx, cy), _edge(cx, cy, ax, ay)


@njit(inline="always")
def _cross(edge, y, left, right):
    """Widen a row's span to where an edge crosses it."""
    top, bottom, x, slope = edge
    if top <= y and y <= bottom:
        x += slope * (y - top)
        left, right = min(left, x), max(right, x)
    return left, right


@njit(inline="always")
def _span(ab, bc, ca, y, width):
    """Where row ``y`` is inside a triangle: ``(left, right)``, real, within the picture."""
    left, right = np.float32(width), np.float32(-1)
    left, right = _cross(ab, y, left, right)
    left, right = _cross(bc, y, left, right)
    left, right = _cross(ca, y, left, right)
    return max(left, np.float32(0)), min(right, np.float32(width - 1))


@njit(inline="always")
def _barycentric(ax, ay, bx, by, cx, cy, inverse, x, y):
    """How far a point is a, b and c; ``inverse`` of twice the triangle's area."""
    u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
    v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
    return u, v, np.float32(1.0) - u - v


@njit(inline="always")
def _plane(ax, ay, bx, by, cx, cy, inverse, p, q, r):
    """The linear function that is p, q, r at the corners: its value at a, and its slopes."""
    dx = ((q - p) * (cy - ay) - (r - p) * (by - ay)) * inverse
    dy = ((r - p) * (bx - ax) - (q - p) * (cx - ax)) * inverse
    return dx, dy


@njit(cache=True, nogil=True, fastmath=True)
def rasterize(vertices, triangles, height, width):
    """Z-buffer rasterisation without shading.

    Args:
        vertices: float32 ``[N, 3]``: x and y in pixels (centres at integers), z growing away from
            the camera.
        triangles: int32 ``[F, 3]``, drawn from both sides.
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        ``(index [H, W] int32, -1 where nothing is; barycentric [H, W, 3] float32; depth [H, W])``.
    """
    index = np.full((height, width), -1, np.int32)
    bary = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < _TINY:
            continue
        inverse = np.float32(1.0) / area
        first, last = _bounds(ay, by, cy, height)
        ab, bc, ca = _edges(ax, ay, bx, by, cx, cy)
        for y in range(first, last + 1):
            left, right = _span(ab, bc, ca, np.float32(y), width)
            for x in range(int(np.ceil(left - _OVERLAP)), int(np.floor(right + _OVERLAP)) + 1):
                u, v, w = _barycentric(ax, ay, bx, by, cx, cy, inverse, x, y)
                z = u * az + v * bz + w * cz
                if z < depth[y, x]:
                    depth[y, x] = z
                    index[y, x] = f
                    bary[y, x, 0] = u
                    bary[y, x, 1] = v
                    bary[y, x, 2] = w
    return index, bary, depth


@njit(cache=True, nogil=True, fastmath=True)
def draw_textured(frame, depth, vertices, uv, alpha, triangles, texture):
    """Draw triangles that carry pixels of a texture over what is there.

    Args:
        frame: uint8 ``[H, W, 3]``, drawn into.
        depth: float32 ``[H, W]`` z-buffer (smaller is nearer), updated where more than half opaque.
        vertices: float32 ``[N, 3]``: x, y in pixels, z.
        uv: float32 ``[N, 2]``: x, y in texture pixels.
        alpha: float32 ``[N]``, 0..1, interpolated.
        triangles: int32 ``[F, 3]``; only those turned towards the camera (clockwise on a screen
            whose y points down) are drawn.
        texture: uint8 ``[h, w, 3]``; or ``[h, w, 4]``: colours multiplied by an opacity, and that
            opacity; or ``[h, w, 6]``: also half their second differences along x and y, plus 128,
            by which what lies between pixels stays as sharp as they are.
    """
    height, width = frame.shape[:2]
    rows, columns = texture.shape[:2]
    layered, curved = texture.shape[2] >= 4, texture.shape[2] == 6
    right_most, bottom = np.float32(columns - 1.001), np.float32(rows - 1.001)
    zero, one = np.float32(0), np.float32(1)
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay = vertices[a, 0], vertices[a, 1]
        bx, by = vertices[b, 0], vertices[b, 1]
        cx, cy = vertices[c, 0], vertices[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= _TINY:
            continue
        first, last = _bounds(ay, by, cy, height)
        if last < first:
            continue
        inverse = one / area
        az, aa, au, av = vertices[a, 2], alpha[a], uv[a, 0], uv[a, 1]
        zx, zy = _plane(ax, ay, bx, by, cx, cy, inverse, az, vertices[b, 2], vertices[c, 2])
        ox, oy = _plane(ax, ay, bx, by, cx, cy, inverse, aa, alpha[b], alpha[c])
        sx, sy = _plane(ax, ay, bx, by, cx, cy, inverse, au, uv[b, 0], uv[c, 0])
        tx, ty = _plane(ax, ay, bx, by, cx, cy, inverse, av, uv[b, 1], uv[c, 1])
        ab, bc, ca = _edges(ax, ay, bx, by, cx, cy)
        for y in range(first, last + 1):
            left, right = _span(ab, bc, ca, np.float32(y), width)
            down = np.float32(y) - ay
            z0, o0 = az + zy * down, aa + oy * down
            s0, t0 = au + sy * down, av + ty * down
            # Half open, lest an edge between transparent triangles be drawn twice.
            for x in range(int(np.ceil(left)), int(np.ceil(right))):
                along = np.float32(x) - ax
                z = z0 + zx * along
                if z > depth[y, x]:
                    continue
                opacity = min(max(o0 + ox * along, zero), one)
                s = min(max(s0 + sx * along, zero), right_most)
                t = min(max(t0 + tx * along, zero), bottom)
                i, j = np.uint32(t), np.uint32(s)  # unsigned: numba need not wrap them
                ft, fs = t - np.float32(i), s - np.float32(j)
                below, beside = i + np.uint32(1), j + np.uint32(1)
                w11 = ft * fs
                w10, w01 = ft - w11, fs - w11
                w00 = one - ft - fs + w11
                through = one - opacity
                if layered:
                    through = one - opacity * np.float32(1 / 255) * (
                        w00 * texture[i, j, 3]
                        + w01 * texture[i, beside, 3]
                        + w10 * texture[below, j, 3]
                        + w11 * texture[below, beside, 3]
                    )
                if through < np.float32(0.5):
                    depth[y, x] = z
                elif through == one:
                    continue
                bend = zero
                if curved:  # what linear interpolation is wrong by, to second order
                    i0, j0 = np.uint32(t + np.float32(0.5)), np.uint32(s + np.float32(0.5))
                    bend = fs * (one - fs) * (np.float32(texture[i0, j0, 4]) - np.float32(128))
                    bend += ft * (one - ft) * (np.float32(texture[i0, j0, 5]) - np.float32(128))
                for k in range(3):
                    value = opacity * (
                        w00 * texture[i, j, k]
                        + w01 * texture[i, beside, k]
                        + w10 * texture[below, j, k]
                        + w11 * texture[below, beside, k]
                        - bend
                    )
                    value += through * frame[y, x, k] + np.float32(0.5)
                    frame[y, x, k] = np.uint8(min(max(value, zero), np.float32(255)))


@njit(cache=True, nogil=True, fastmath=True)
def draw_coloured(frame, depth, vertices, colours, triangles):
    """Draw Gouraud-shaded triangles from both sides.

    Args:
        frame: float32 ``[H, W, 3]``, drawn into.
        depth: float32 ``[H, W]`` z-buffer, updated.
        vertices: float32 ``[N, 3]``.
        colours: float32 ``[N, 3]``, 0..255.
        triangles: int32 ``[F, 3]``.
    """
    height, width = frame.shape[:2]
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay = vertices[a, 0], vertices[a, 1]
        bx, by = vertices[b, 0], vertices[b, 1]
        cx, cy = vertices[c, 0], vertices[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < _TINY:
            continue
        inverse = np.float32(1.0) / area
        first, last = _bounds(ay, by, cy, height)
        ab, bc, ca = _edges(ax, ay, bx, by, cx, cy)
        for y in range(first, last + 1):
            left, right = _span(ab, bc, ca, np.float32(y), width)
            for x in range(int(np.ceil(left - _OVERLAP)), int(np.floor(right + _OVERLAP)) + 1):
                u, v, w = _barycentric(ax, ay, bx, by, cx, cy, inverse, x, y)
                z = u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2]
                if z < depth[y, x]:
                    depth[y, x] = z
                    for k in range(3):
                        frame[y, x, k] = u * colours[a, k] + v * colours[b, k] + w * colours[c, k]


@njit(cache=True, nogil=True, fastmath=True)
def draw_depth(depth, vertices, triangles):
    """The nearest of the triangles that face the camera, in a z-buffer float32 ``[H, W]``."""
    height, width = depth.shape
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by = vertices[b, 0], vertices[b, 1]
        cx, cy = vertices[c, 0], vertices[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= _TINY:
            continue
        first, last = _bounds(ay, by, cy, height)
        zx, zy = _plane(ax, ay, bx, by, cx, cy, np.float32(1) / area, az, vertices[b, 2],
                        vertices[c, 2])  # fmt: skip
        ab, bc, ca = _edges(ax, ay, bx, by, cx, cy)
        for y in range(first, last + 1):
            left, right = _span(ab, bc, ca, np.float32(y), width)
            z0 = az + zy * (np.float32(y) - ay)
            for x in range(int(np.ceil(left - _OVERLAP)), int(np.floor(right + _OVERLAP)) + 1):
                depth[y, x] = min(depth[y, x], z0 + zx * (np.float32(x) - ax))


@njit(inline="always")
def _steps(z, other, step):
    return np.isfinite(other) and abs(other - z) > step


@njit(cache=True, nogil=True)
def soften_steps(frame, source, depth, step):
    """Smooth the jagged edges where a near surface ends before a far one.

    Args:
        frame: uint8 ``[H, W, 3]``, changed where the depth of neighbours differs.
        source: uint8 ``[H, W, 3]``: the same picture, not changed.
        depth: float32 ``[H, W]``; infinite where there is no surface.
        step: the least difference in depth that is an edge.
    """
    height, width = depth.shape
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            z = depth[y, x]
            if np.isfinite(z) and (
                _steps(z, depth[y, x - 1], step)
                or _steps(z, depth[y, x + 1], step)
                or _steps(z, depth[y - 1, x], step)
                or _steps(z, depth[y + 1, x], step)
            ):
                for k in range(3):
                    total = 4 * np.int32(source[y, x, k])
                    total += 2 * (
                        np.int32(source[y, x - 1, k]) + source[y, x + 1, k]
                        + source[y - 1, x, k] + source[y + 1, x, k]
                    )  # fmt: skip
                    total += (
                        np.int32(source[y - 1, x - 1, k]) + source[y - 1, x + 1, k]
                        + source[y + 1, x - 1, k] + source[y + 1, x + 1, k]
                    )  # fmt: skip
                    frame[y, x, k] = (total + 8) // 16


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals ``[N, 3]``, area-weighted over the adjacent triangles."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, triangles[:, i], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
