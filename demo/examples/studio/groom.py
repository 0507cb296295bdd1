"""Grow hair: polylines in numpy, combed over the skin of the head.

Everything is in metres, in the head's frame: origin between the eyes, x to the subject's left, y
to the back, z up. A strand set is an array [S, K, 3] of S strands with K points from root to tip.
"""

from collections.abc import Callable

import numpy as np

Nearest = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # [N,3] -> points, normals [N,3]

SKULL = np.array([0.0, 0.078, 0.02])  # middle of the cranium

# The hairline: height z over the azimuth in degrees from straight ahead (0) to the nape (180).
HAIRLINE_AZIMUTH = [0, 14, 24, 36, 50, 62, 72, 80, 88, 100, 112, 124, 140, 180]
HAIRLINE_Z = [
    *(0.062, 0.064, 0.067, 0.063, 0.050, 0.034, 0.008),
    *(-0.016, -0.012, 0.010, -0.022, -0.055, -0.075, -0.082),
]


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] scaled to length one."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 at `low`, 1 at `high`, smooth between; `low` may be the greater."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def waves(points: np.ndarray, wavelength: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random vector field [N, 3] of about unit size: a sum of sine waves."""
    field = np.zeros_like(points)
    for _ in range(6):
        k = rng.normal(size=(3, 3)) * 2 * np.pi / wavelength / 1.7
        field += np.sin(points @ k.T + rng.uniform(0, 2 * np.pi, 3))
    return field / np.sqrt(3)


def scatter(
    vertices: np.ndarray, triangles: np.ndarray, density: np.ndarray, count: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Random points [count, 3] on a mesh, weighted by `density` [V], and their unit normals."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    weight = np.linalg.norm(normal, axis=1) * density[triangles].mean(1)
    pick = rng.choice(len(triangles), count, p=weight / weight.sum())
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = a[pick] + u * (b[pick] - a[pick]) + v * (c[pick] - a[pick])
    return points, unit(normal[pick])


def azimuth(points: np.ndarray) -> np.ndarray:
    """Degrees 0..180 round the skull's axis, 0 in front."""
    return np.degrees(np.abs(np.arctan2(points[:, 0], SKULL[1] - points[:, 1])))


def scalp_density(vertices: np.ndarray, ears: np.ndarray) -> np.ndarray:
    """How densely hair grows at each vertex, 0..1; the hairline fades over some millimetres."""
    jitter = 0.0025 * waves(vertices, 0.02, np.random.default_rng(3))[:, 0]
    line = np.interp(azimuth(vertices), HAIRLINE_AZIMUTH, HAIRLINE_Z)
    return smoothstep(-0.003, 0.007, vertices[:, 2] - line + jitter) * (ears < 0.1)


def comb(roots, normals, length, flow, lift, nearest: Nearest, points: int) -> np.ndarray:
    """Let strands [S, points, 3] run along `flow` while they stay above the skin.

    `length` [S] in metres; `flow(points, s)` gives the combing direction at the share s of the
    length; `lift` [S] is the height above the skin, in metres, that a strand reaches.
    """
    strands = [roots]
    step = length / (points - 1)
    direction = unit(normals + 0.8 * flow(roots, 0.0))
    for k in range(1, points):
        s = k / (points - 1)
        here = strands[-1]
        skin, outward = nearest(here)
        height = np.sum((here - skin) * outward, axis=1)
        wanted = lift * np.sin(np.pi * min(0.5, 0.75 * s))
        rise = np.clip((wanted - height) / step, -0.9, 1.2)[:, None]
        along = flow(here, s)
        along = unit(along - np.sum(along * outward, axis=1, keepdims=True) * outward)
        direction = unit(0.45 * direction + 0.55 * (along + rise * outward))
        strands.append(here + step[:, None] * direction)
    return np.stack(strands, 1)


def clump(strands: np.ndarray, locks: int, pull: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the tips of neighbouring strands together into `locks` locks."""
    centres = strands[rng.choice(len(strands), locks, replace=False)]
    owner = np.empty(len(strands), int)
    for start in range(0, len(strands), 4096):
        part = strands[start : start + 4096, 0]
        owner[start : start + 4096] = ((part[:, None] - centres[None, :, 0]) ** 2).sum(-1).argmin(1)
    share = np.linspace(0, 1, strands.shape[1])[None, :, None] ** 1.5
    strength = pull * rng.uniform(0.4, 1.0, (len(strands), 1, 1))
    return strands + strength * share * (centres[owner] - strands) * 0.9


def scalp_hair(vertices, triangles, ears, nearest: Nearest, count: int, seed: int) -> np.ndarray:
    """Short hair longer on top and swept back to the subject's right, cropped at the sides."""
    rng = np.random.default_rng(seed)
    density = scalp_density(vertices, ears)
    roots, normals = scatter(vertices, triangles, density, count, rng)
    top = smoothstep(0.052, 0.086, roots[:, 2] + 0.008 * (roots[:, 1] < SKULL[1]))
    front = smoothstep(0.055, -0.005, roots[:, 1])
    low = 0.5 + 0.5 * smoothstep(-0.08, 0.04, roots[:, 2])
    curl = waves(roots, 0.022, np.random.default_rng(seed + 1))
    frizz = rng.normal(size=roots.shape)
    across = -0.50 + 0.62 * smoothstep(0.018, 0.062, roots[:, 0])

    def flow(points: np.ndarray, s: float) -> np.ndarray:
        one = np.ones(len(points))
        swept = unit(np.stack([across, 0.85 * one, -0.5 * s * one], 1))
        down = unit(np.stack([0 * one, 0.45 * one, -one], 1))
        mixed = unit(top[:, None] * swept + (1 - top[:, None]) * down)
        return mixed + (0.10 + 0.20 * top[:, None]) * curl + 0.12 * frizz

    # Lift only along the middle: raised corners would make a mushroom of the outline.
    middle = top * np.exp(-((roots[:, 0] / 0.050) ** 4))
    length = 0.016 + 0.014 * top + 0.008 * middle + 0.018 * middle * front
    lift = 0.0070 + 0.0020 * middle + 0.018 * middle * front
    length *= low * rng.uniform(0.7, 1.1, count)
    lift *= low * rng.uniform(0.5, 1.15, count)
    strands = comb(roots, normals, length, flow, lift, nearest, 10)
    strands = clump(strands, count // 24, 0.65, rng)
    return clump(strands, count // 160, 0.35, rng)


def brows(cast: Nearest, count: int, seed: int) -> np.ndarray:
    """Both eyebrows; `cast` drops points [N, 3] onto the face from the front."""
    rng = np.random.default_rng(seed)
    sets = []
    for sign in (1.0, -1.0):
        t = rng.beta(1.0, 1.15, count)
        across = rng.normal(0, 0.42, count).clip(-1, 1)
        spine = np.stack(
            [
                np.interp(t, [0, 0.35, 0.7, 1], [0.0120, 0.027, 0.0420, 0.0550]),
                np.zeros(count),
                np.interp(t, [0, 0.35, 0.68, 1], [0.0120, 0.0145, 0.0158, 0.0105]),
            ],
            1,
        )
        width = np.interp(t, [0, 0.15, 0.6, 1], [0.0044, 0.0060, 0.0050, 0.0018])
        spine[:, 2] += across * width
        spine[:, 0] += rng.normal(0, 0.0006, count)
        spine[:, 0] *= sign
        roots, normals = cast(spine)
        angle = np.radians(np.interp(t, [0, 0.2, 0.6, 1], [72, 42, 10, -22]) - 26 * across)
        angle += rng.normal(0, 0.16, count)
        along = np.stack([sign * np.cos(angle), np.zeros(count), np.sin(angle)], 1)
        along = unit(along - np.sum(along * normals, 1, keepdims=True) * normals)
        length = rng.uniform(0.0045, 0.0085, count) * np.interp(t, [0, 0.2, 1], [0.75, 1.0, 0.75])
        s = np.linspace(0, 1, 6)[None, :, None]
        strand = roots[:, None] + length[:, None, None] * s * (
            along[:, None] + normals[:, None] * (0.30 - 0.22 * s)
        )
        strand[..., 2] -= length[:, None] * 0.25 * (s[..., 0] ** 2)
        sets.append(strand)
    return np.concatenate(sets)


def lashes(margin: np.ndarray, eye: np.ndarray, upper: bool, count: int, seed: int) -> np.ndarray:
    """Lashes of one lid, rooted on its margin [M, 3] (ordered by x) round the eyeball at `eye`."""
    rng = np.random.default_rng(seed)
    t = (np.arange(count) + rng.uniform(-0.4, 0.4, count)).clip(0, count - 1) / (count - 1)
    knots = np.linspace(0, 1, len(margin))
    roots = np.stack([np.interp(t, knots, margin[:, i]) for i in range(3)], 1)
    roots += rng.normal(0, 0.00025, roots.shape)
    outward = unit(roots - eye)
    fan = np.sign(eye[0]) * (np.abs(roots[:, 0]) - abs(eye[0])) / 0.014
    side = np.stack([fan, np.zeros(count), np.zeros(count)], 1)
    up = np.array([0, 0, 1.0 if upper else -1.0])
    length = rng.uniform(0.0055, 0.0085, count) if upper else rng.uniform(0.003, 0.005, count)
    outer = t if eye[0] > 0 else 1 - t  # 0 at the nose, 1 at the temple
    length *= 0.45 + 0.55 * np.sin(np.pi * (0.12 + 0.76 * outer))
    start = unit(outward + 0.35 * side + rng.normal(0, 0.10, roots.shape) - 0.15 * up)
    bend = unit(0.85 * up + 0.25 * outward + 0.35 * side)
    s = np.linspace(0, 1, 7)[None, :, None]
    return roots[:, None] + length[:, None, None] * (
        s * start[:, None] + 0.55 * s**2 * (bend - 0.35 * start)[:, None]
    )


def stubble(vertices, triangles, beard: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A day's beard: very short hairs where `beard` [V] says so."""
    rng = np.random.default_rng(seed)
    roots, normals = scatter(vertices, triangles, beard, count, rng)
    lean = np.array([0.0, 0.15, -0.9]) + 0.5 * rng.normal(size=roots.shape)
    tips = unit(0.7 * normals + 0.6 * unit(lean)) * rng.uniform(0.0004, 0.0011, (count, 1))
    return roots[:, None] + np.linspace(0, 1, 3)[None, :, None] * tips[:, None]
