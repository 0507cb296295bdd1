"""Drawing kernels: textured and coloured triangles with a z-buffer, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_EDGE = -1e-4


@njit(cache=True, nogil=True, fastmath=True)
def blend(rest, weights, basis):
    """``rest + weights @ basis``, passing over weights of 0.

    Args:
        rest: float64 ``[M, 3]``.
        weights: float32 ``[K]``.
        basis: float32 ``[K, M, 3]``.
    """
    out = rest.copy()
    for k in range(len(weights)):
        w = weights[k]
        if abs(w) > 1e-4:
            for i in range(out.shape[0]):
                for j in range(3):
                    out[i, j] += w * basis[k, i, j]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def draw_textured(frame, depth, vertices, uv, alpha, triangles, texture):
    """Draw triangles that carry pixels of a texture.

    Args:
        frame: uint8 ``[H, W, 3]``, drawn into.
        depth: float32 ``[H, W]`` z-buffer (smaller is nearer), updated.
        vertices: float32 ``[N, 3]``: x, y in pixels, z.
        uv: float32 ``[N, 2]``: x, y in texture pixels.
        alpha: float32 ``[N]``, 0..1, interpolated.
        triangles: int32 ``[F, 3]``; only those turned towards the camera (clockwise on a screen
            whose y points down) are drawn.
        texture: uint8 ``[h, w, 3]``.
    """
    height, width = frame.shape[:2]
    rows, columns = texture.shape[:2]
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay = vertices[a, 0], vertices[a, 1]
        bx, by = vertices[b, 0], vertices[b, 1]
        cx, cy = vertices[c, 0], vertices[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 1e-6:
            continue
        inverse = np.float32(1.0) / area
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        du, dv = (by - cy) * inverse, (cy - ay) * inverse
        for y in range(y0, y1 + 1):
            u = ((bx - x0) * (cy - y) - (by - y) * (cx - x0)) * inverse
            v = ((cx - x0) * (ay - y) - (cy - y) * (ax - x0)) * inverse
            for x in range(x0, x1 + 1):
                w = np.float32(1.0) - u - v
                if u >= _EDGE and v >= _EDGE and w >= _EDGE:
                    z = u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2]
                    if z <= depth[y, x]:
                        opacity = u * alpha[a] + v * alpha[b] + w * alpha[c]
                        s = u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]
                        t = u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]
                        s = min(max(s, np.float32(0.0)), np.float32(columns - 1.001))
                        t = min(max(t, np.float32(0.0)), np.float32(rows - 1.001))
                        i, j = int(t), int(s)
                        ft, fs = t - i, s - j
                        w11 = ft * fs
                        w10 = ft - w11
                        w01 = fs - w11
                        w00 = np.float32(1.0) - ft - fs + w11
                        if opacity > 0.5:
                            depth[y, x] = z
                        for k in range(3):
                            value = (
                                w00 * texture[i, j, k]
                                + w01 * texture[i, j + 1, k]
                                + w10 * texture[i + 1, j, k]
                                + w11 * texture[i + 1, j + 1, k]
                            )
                            old = np.float32(frame[y, x, k])
                            frame[y, x, k] = np.uint8(
                                old + opacity * (value - old) + np.float32(0.5)
                            )
                u += du
                v += dv


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
        if abs(area) < 1e-6:
            continue
        inverse = np.float32(1.0) / area
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                w = np.float32(1.0) - u - v
                if u >= _EDGE and v >= _EDGE and w >= _EDGE:
                    z = u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2]
                    if z < depth[y, x]:
                        depth[y, x] = z
                        for k in range(3):
                            frame[y, x, k] = (
                                u * colours[a, k] + v * colours[b, k] + w * colours[c, k]
                            )


@njit(cache=True, nogil=True, fastmath=True)
def draw_map(target, depth, vertices, uv, triangles):
    """Rasterise texture places instead of colours: a backward map for ``cv2.remap``.

    Args:
        target: float32 ``[H, W, 2]``, drawn into.
        depth: float32 ``[H, W]`` z-buffer, updated.
        vertices: float32 ``[N, 3]``.
        uv: float32 ``[N, 2]``.
        triangles: int32 ``[F, 3]``; folded ones (turned away) are left out.
    """
    height, width = target.shape[:2]
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay = vertices[a, 0], vertices[a, 1]
        bx, by = vertices[b, 0], vertices[b, 1]
        cx, cy = vertices[c, 0], vertices[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 1e-6:
            continue
        inverse = np.float32(1.0) / area
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                w = np.float32(1.0) - u - v
                if u >= _EDGE and v >= _EDGE and w >= _EDGE:
                    z = u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2]
                    if z <= depth[y, x]:
                        depth[y, x] = z
                        target[y, x, 0] = u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]
                        target[y, x, 1] = u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]
