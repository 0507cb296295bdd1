"""The man himself: body, eyes, hair and jumper, from the arrays of build_portrait.py."""

import bmesh
import bpy
import groom
import materials
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from meshes import (
    add_strands,
    compact,
    mesh_arrays,
    mesh_object,
    polygons,
    set_attribute,
    subdivide,
)

IRIS_RADIUS = 0.0064
GAZE_DROP = 0.0004  # the middle of the iris lies this much below that of the eyeball
NECKLINE = Vector((0, 0.065, -0.138))
SKIN_FLOOR = -0.40  # the body below this height is never seen
HAIR = {"melanin": 0.91, "redness": 0.2}


def build_body(shape) -> bpy.types.Object:
    """The head and shoulders, subdivided to about half a millimetre and painted."""
    quads = shape["body"]
    above = shape["vertices"][quads][..., 2].min(1) > SKIN_FLOOR
    vertices, kept = compact(shape["vertices"], quads[above])
    body = mesh_object("body", vertices, polygons(kept), materials.skin())
    layer = body.data.uv_layers.new(name="uv")
    corners = [
        uv
        for quad, uvs in zip(kept.tolist(), shape["body_uv"][above].tolist(), strict=True)
        for uv in (uvs[:3] if quad[2] == quad[3] else uvs)
    ]
    layer.data.foreach_set("uv", np.array(corners, np.float32).ravel())
    subdivide(body, 3)
    return body


def build_eye(vertices: np.ndarray, camera: Vector, iris_material, wet_material) -> np.ndarray:
    """One eyeball with a flat iris under a domed cornea, turned to the camera; its centre [3]."""
    centre = (vertices.min(0) + vertices.max(0)) / 2
    radius = np.linalg.norm(vertices - centre, axis=1).mean() - 0.0001
    rings, spokes = 96, 96
    rim = np.arcsin(IRIS_RADIUS / radius)
    theta = np.concatenate(
        [np.linspace(0, 2 * rim, rings)[1:], np.linspace(2 * rim, np.pi, 24)[1:]]
    )
    phi = np.linspace(0, 2 * np.pi, spokes, endpoint=False)

    def revolve(r: np.ndarray, depth: np.ndarray):
        points = [[0.0, -depth[0], 0.0]]
        for a, b in zip(r[1:], depth[1:], strict=True):
            points += np.stack([a * np.cos(phi), np.full(spokes, -b), a * np.sin(phi)], 1).tolist()
        faces = [(0, 1 + (k + 1) % spokes, 1 + k) for k in range(spokes)]
        for i in range(len(r) - 2):
            at = 1 + i * spokes
            for k in range(spokes):
                m = (k + 1) % spokes
                faces.append((at + k, at + m, at + spokes + m, at + spokes + k))
        return np.array(points), faces

    theta = np.concatenate([[0.0], theta])
    flat = np.cos(rim) * radius - 0.0004
    inside = groom.smoothstep(1.06 * rim, 0.94 * rim, theta)
    bowl = flat - 0.0006 * np.clip(1 - theta / rim, 0, 1)
    depth = (1 - inside) * radius * np.cos(theta) + inside * bowl
    ball, faces = revolve(radius * np.sin(theta), depth)
    dome = radius + 0.00012 + 0.0011 * np.clip(1 - (theta / (1.12 * rim)) ** 2, 0, 1) ** 1.3
    film, film_faces = revolve(dome * np.sin(theta), dome * np.cos(theta))
    target = (camera - Vector(centre)).normalized()
    target.z -= GAZE_DROP / radius
    turn = np.array(Vector((0, -1, 0)).rotation_difference(target).to_matrix())
    eye = mesh_object("eye", ball @ turn.T + centre, faces, iris_material)
    mesh_object("film", film @ turn.T + centre, film_faces, wet_material)
    distance = np.linalg.norm(ball[:, [0, 2]], axis=1)
    angle = np.where(ball[:, 1] < 0, np.arcsin(np.clip(distance / radius, 0, 1)), np.pi / 2)
    planar = ball[:, [0, 2]] / IRIS_RADIUS * 0.25 + 0.5
    layer = eye.data.uv_layers.new(name="uv")
    corner = np.empty(len(eye.data.loops), np.int32)
    eye.data.loops.foreach_get("vertex_index", corner)
    layer.data.foreach_set("uv", planar[corner].astype(np.float32).ravel())
    set_attribute(eye.data, "white", groom.smoothstep(1.15 * rim, 2.6 * rim, angle))
    return centre


def lid_margins(shape, eyes: dict[float, np.ndarray]) -> dict[tuple[float, bool], np.ndarray]:
    """For each side and (upper, lower) lid the points [M, 3] where lashes root, ordered by x."""
    margins = {}
    for sign, side in ((1.0, "l"), (-1.0, "r")):
        for upper, row in ((True, "2"), (False, "1")):
            strip = shape["vertices"][np.unique(shape[f"helper-{side}-eyelashes-{row}"])]
            radius = np.linalg.norm(strip - eyes[sign], axis=1)
            inner = strip[np.argsort(radius)[: len(strip) // 5]]  # the helper has five rows
            margins[sign, upper] = inner[np.argsort(inner[:, 0])].astype(float)
    return margins


def along(line: np.ndarray, count: int) -> np.ndarray:
    """`count` points on a polyline [M, 3], evenly spread over its knots."""
    at = np.linspace(0, len(line) - 1, count)
    return np.stack([np.interp(at, np.arange(len(line)), c) for c in line.T], 1)


def grow_hair(body: bpy.types.Object, masks: dict, lids: dict, eyes: dict, count: int) -> None:
    """Scalp hair, brows, lashes and stubble."""
    vertices, triangles = mesh_arrays(body.data)
    tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist())

    def nearest(points):
        found = [tree.find_nearest(p)[:2] for p in points.tolist()]
        return tuple(np.array([f[i] for f in found]) for i in (0, 1))

    def cast(points):
        start = [Vector((p[0], -0.3, p[2])) for p in points.tolist()]
        found = [tree.ray_cast(s, Vector((0, 1, 0)))[:2] for s in start]
        return tuple(np.array([f[i] for f in found]) for i in (0, 1))

    dark = materials.hair(**HAIR)
    strands = groom.scalp_hair(vertices, triangles, masks["ear"], nearest, count, seed=11)
    add_strands("hair", strands, 0.00006, dark, tip=0.45)
    brown = materials.hair(HAIR["melanin"] - 0.1, HAIR["redness"])
    add_strands("brows", groom.brows(cast, 860, seed=21), 0.00005, brown, tip=0.1)
    add_strands(
        "stubble", groom.stubble(vertices, triangles, masks["beard"], 26_000, 31), 0.000045, dark
    )
    black = materials.hair(0.95, 0.3)
    for (sign, upper), margin in lids.items():
        hairs = groom.lashes(margin, eyes[sign], upper, 130 if upper else 70, seed=41)
        name = f"lashes{sign:+.0f}{'upper' if upper else 'lower'}"
        row = add_strands(name, hairs, 0.00008 if upper else 0.000045, black, tip=0.1)
        # Else the reflection of the lamp in the eye is torn to specks between the lashes.
        row.visible_shadow = row.visible_glossy = False


def dress(shape) -> None:
    """A crew-neck jumper, cut from MakeHuman's helper for close-fitting clothes."""
    quads = shape["helper-tights"]
    above = shape["vertices"][quads][..., 2].min(1) > SKIN_FLOOR - 0.05
    vertices, kept = compact(shape["vertices"], quads[above])
    knit = materials.cloth((0.028, 0.048, 0.075))
    jumper = mesh_object("jumper", vertices, polygons(kept), knit)
    subdivide(jumper, 2)
    shell = bmesh.new()
    shell.from_mesh(jumper.data)
    normal = Vector((0, -0.33, 1)).normalized()
    bmesh.ops.bisect_plane(
        shell,
        geom=shell.verts[:] + shell.edges[:] + shell.faces[:],
        plane_co=NECKLINE,
        plane_no=normal,
        clear_outer=True,
    )
    shell.to_mesh(jumper.data)
    rim = [v.co.copy() for v in shell.verts if abs((v.co - NECKLINE).dot(normal)) < 1e-5]
    shell.free()
    rim.sort(key=lambda p: np.arctan2(p.x, p.y - 0.1))
    loop = np.array([list(p) for p in rim])
    around = np.linspace(0, 1, 240, endpoint=False)
    knots = np.linspace(0, 1, len(loop) + 1)
    closed = np.concatenate([loop, loop[:1]])
    ring = np.stack([np.interp(around, knots, closed[:, i]) for i in range(3)], 1)
    kernel = np.ones(15) / 15
    ring = np.stack(
        [np.convolve(np.concatenate([c[-7:], c, c[:7]]), kernel, "valid") for c in ring.T], 1
    )
    outward = groom.unit(ring - [0, 0.1, -0.15])
    tube = []
    for a in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        wobble = 0.0004 * np.sin(around * 2 * np.pi * 110)[:, None]
        tube.append(
            ring
            + outward * (0.002 + (0.0042 + wobble) * np.cos(a))
            + np.array(normal) * (0.004 + 0.0105 * np.sin(a))
        )
    tube = np.stack(tube, 1)
    n, m = tube.shape[:2]
    faces = [
        (i * m + k, i * m + (k + 1) % m, (i + 1) % n * m + (k + 1) % m, (i + 1) % n * m + k)
        for i in range(n)
        for k in range(m)
    ]
    mesh_object("collar", tube.reshape(-1, 3), faces, knit)
    thick = jumper.modifiers.new("thickness", "SOLIDIFY")
    thick.thickness, thick.offset = 0.006, 1.0
    thick.use_rim = True
    soft = jumper.modifiers.new("soft", "CORRECTIVE_SMOOTH")
    soft.use_only_smooth, soft.iterations, soft.factor = True, 12, 0.5
