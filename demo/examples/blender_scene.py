"""Dress, light and render the head that build_portrait.py has shaped. Runs inside Blender 4.2+.

The one argument after `--` is JSON: shape (npz), lips and ears (mask images), output (png), size,
samples. Units are metres; the origin lies between the eyes, the face looks along -y, z is up.
"""

import json
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

sys.path.insert(0, str(Path(__file__).resolve().parent))
import groom
import materials

SETTINGS = json.loads(sys.argv[sys.argv.index("--") + 1])
CAMERA = Vector((0.0, -1.55, -0.035))
AIM = Vector((0.0, 0.0, -0.032))
LENS_MM = 160.0
IRIS_RADIUS = 0.0060
GAZE_DROP = 0.0009  # the middle of the iris lies this much below that of the eyeball
SKIN_FLOOR = -0.40  # the body below this height is never seen
HAIR_COUNT = 48_000
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
HAIR = {"melanin": 0.90, "redness": 0.25}


def mesh_object(name: str, vertices, faces, material, smooth: bool = True) -> bpy.types.Object:
    """Link a mesh of vertices [V, 3] and polygons (index tuples) with one material."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(vertices).tolist(), [], faces)
    mesh.materials.append(material)
    mesh.update()
    if smooth:
        mesh.shade_smooth()
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(thing)
    return thing


def polygons(quads: np.ndarray) -> list[tuple[int, ...]]:
    """Quads [F, 4] as tuples, a repeated last corner dropped."""
    return [tuple(q[:3] if q[2] == q[3] else q) for q in quads.tolist()]


def compact(vertices: np.ndarray, quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the vertices that the quads use."""
    used, inverse = np.unique(quads, return_inverse=True)
    return vertices[used], inverse.reshape(quads.shape)


def apply_modifiers(thing: bpy.types.Object) -> None:
    """Replace the object's mesh by what its modifiers make of it."""
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = bpy.data.meshes.new_from_object(evaluated)
    thing.modifiers.clear()
    thing.data = mesh


def subdivide(thing: bpy.types.Object, levels: int) -> None:
    """Catmull-Clark subdivision, applied."""
    modifier = thing.modifiers.new("subdivide", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    apply_modifiers(thing)


def mesh_arrays(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] and triangles [T, 3]."""
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return vertices.reshape(-1, 3).astype(float), triangles.reshape(-1, 3)


def set_attribute(mesh: bpy.types.Mesh, name: str, values: np.ndarray) -> None:
    """Store one number a vertex for the shaders."""
    layer = mesh.attributes.new(name, "FLOAT", "POINT")
    layer.data.foreach_set("value", np.asarray(values, np.float32))


def sample_mask(mesh: bpy.types.Mesh, path: str) -> np.ndarray:
    """The grey value 0..1 of an image at each vertex's texture coordinate."""
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    grey = pixels.reshape(height, width, 4)[..., 0]
    uv = np.empty(2 * len(mesh.loops), np.float32)
    mesh.uv_layers[0].data.foreach_get("uv", uv)
    corner = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corner)
    u, v = np.clip(uv.reshape(-1, 2).T, 0, 1) * [[width - 1], [height - 1]]
    i, j = np.minimum(v.astype(int), height - 2), np.minimum(u.astype(int), width - 2)
    a, b = v - i, u - j
    value = (grey[i, j] * (1 - b) + grey[i, j + 1] * b) * (1 - a)
    value += (grey[i + 1, j] * (1 - b) + grey[i + 1, j + 1] * b) * a
    result = np.zeros(len(mesh.vertices))
    result[corner] = value
    return result


def blob(points: np.ndarray, centre, radius) -> np.ndarray:
    """A Gaussian spot, mirrored to both sides of the face."""
    mirrored = points * [1, 1, 1]
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


def paint_skin(mesh: bpy.types.Mesh) -> dict[str, np.ndarray]:
    """Where the skin is red, bearded, freckled, oily, lip or scalp: one value 0..1 a vertex."""
    points, _ = mesh_arrays(mesh)
    x, y, z = points.T
    lip, ear = sample_mask(mesh, SETTINGS["lips"]), sample_mask(mesh, SETTINGS["ears"])
    step = groom.smoothstep
    seen = step(0.0, -0.010, y + 0.02 - 0.0 * z)
    mouth = points[lip > 0.5].mean(0)
    tip = points[np.argmin(np.where(np.abs(x) < 0.02, y, 1.0) + (np.abs(z + 0.04) > 0.02))]
    red = 0.75 * blob(points, (0.040, y.min() + 0.022, tip[2] + 0.004), 0.020)
    red += 0.9 * blob(points, (0.0, tip[1], tip[2]), (0.015, 0.02, 0.013))
    red += 0.55 * blob(points, (0.014, tip[1] + 0.014, tip[2] - 0.003), 0.009)
    red += 0.35 * blob(points, (0.0, mouth[1], mouth[2] - 0.030), 0.016)
    red += 0.7 * ear + 0.25 * step(-0.12, -0.16, z)
    socket = blob(points, (0.026, -0.018, -0.0125), (0.014, 0.02, 0.0045))
    socket += 0.7 * blob(points, (0.0165, -0.018, -0.003), (0.0045, 0.02, 0.006))
    socket += 0.55 * blob(points, (0.031, -0.02, 0.0075), (0.014, 0.02, 0.0035))
    cheek = np.interp(
        np.abs(x), [0.0, 0.022, 0.034, 0.055, 0.068], [-0.049, -0.055, -0.073, -0.062, -0.02]
    )
    beard = step(0.006, -0.006, z - cheek) * step(-0.150, -0.128, z) * step(0.075, 0.055, y)
    beard *= 1 - step(0.15, 0.6, lip)
    bare = blob(points, (0.017, mouth[1], mouth[2] - 0.014), (0.006, 0.03, 0.006))
    beard *= 1 - 0.6 * bare
    freckle = blob(points, (0.030, -0.03, tip[2] + 0.010), (0.022, 0.05, 0.014))
    freckle = np.clip(freckle + blob(points, (0.0, tip[1], tip[2] + 0.01), 0.02) + 0.12, 0, 1)
    oil = blob(points, (0.0, tip[1], tip[2]), 0.016) + 0.8 * blob(
        points, (0.0, -0.03, 0.04), (0.04, 0.05, 0.02)
    )
    inner = step(0.004, 0.012, y - mouth[1] - 0.006) * (lip > 0.3)
    masks = {
        "lip": lip,
        "red": np.clip(red, 0, 1),
        "socket": np.clip(socket, 0, 1),
        "beard": beard,
        "freckle": freckle,
        "oil": np.clip(oil, 0, 1),
        "inner": inner * seen * 0.0,
        "mole": np.clip(sum(spot(points, x0, z0, r) for x0, z0, r in MOLES), 0, 1),
        "scalp": groom.scalp_density(points, ear),
    }
    for name, values in masks.items():
        set_attribute(mesh, name, values)
    return masks | {"ear": ear}


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


def build_eye(vertices: np.ndarray, sign: float, iris_material, wet_material) -> np.ndarray:
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
    target = Vector(CAMERA) + Vector((0, 0, -0.9 * 0))
    target = (target - Vector(centre)).normalized()
    target.z -= GAZE_DROP / radius
    turn = np.array(Vector((0, -1, 0)).rotation_difference(target).to_matrix())
    eye = mesh_object(f"eye{sign:+.0f}", ball @ turn.T + centre, faces, iris_material)
    mesh_object(f"film{sign:+.0f}", film @ turn.T + centre, film_faces, wet_material)
    distance = np.linalg.norm(ball[:, [0, 2]], axis=1)
    angle = np.where(ball[:, 1] < 0, np.arcsin(np.clip(distance / radius, 0, 1)), np.pi / 2)
    planar = ball[:, [0, 2]] / IRIS_RADIUS * 0.25 + 0.5
    layer = eye.data.uv_layers.new(name="uv")
    corner = np.empty(len(eye.data.loops), np.int32)
    eye.data.loops.foreach_get("vertex_index", corner)
    layer.data.foreach_set("uv", planar[corner].astype(np.float32).ravel())
    set_attribute(eye.data, "white", groom.smoothstep(1.15 * rim, 2.6 * rim, angle))
    return centre


def add_strands(name: str, strands: np.ndarray, radius: float, material, tip: float = 0.3) -> None:
    """Link strands [S, K, 3] as hair curves; `radius` in metres at the root, `tip` its share there."""
    curves = bpy.data.hair_curves.new(name)
    count, points = strands.shape[:2]
    curves.add_curves([points] * count)
    curves.attributes["position"].data.foreach_set("vector", strands.astype(np.float32).ravel())
    taper = radius * np.linspace(1.0, tip, points) ** 0.8
    layer = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    layer.data.foreach_set("value", np.tile(taper, count).astype(np.float32))
    curves.materials.append(material)
    bpy.context.collection.objects.link(bpy.data.objects.new(name, curves))


def grow_hair(body: bpy.types.Object, masks: dict, shape, eyes: dict[float, np.ndarray]) -> None:
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
    count = int(SETTINGS.get("hair", HAIR_COUNT))
    strands = groom.scalp_hair(vertices, triangles, masks["ear"], nearest, count, seed=11)
    add_strands("hair", strands, 0.000055, dark)
    add_strands("brows", groom.brows(cast, 620, seed=21), 0.00006, dark, tip=0.15)
    add_strands(
        "stubble", groom.stubble(vertices, triangles, masks["beard"], 16_000, 31), 0.000045, dark
    )
    black = materials.hair(0.95, 0.3)
    for sign, side in ((1.0, "l"), (-1.0, "r")):
        for upper, row in ((True, "2"), (False, "1")):
            strip = shape["vertices"][np.unique(shape[f"helper-{side}-eyelashes-{row}"])]
            radius = np.linalg.norm(strip - eyes[sign], axis=1)
            margin = strip[radius < 0.0170]
            margin = margin[np.argsort(margin[:, 0])]
            hairs = groom.lashes(margin, eyes[sign], upper, 130 if upper else 70, seed=41)
            add_strands(
                f"lashes-{side}{row}", hairs, 0.00008 if upper else 0.000045, black, tip=0.1
            )


def dress(shape) -> None:
    """A crew-neck jumper, cut from MakeHuman's helper for close-fitting clothes."""
    quads = shape["helper-tights"]
    above = shape["vertices"][quads][..., 2].min(1) > SKIN_FLOOR - 0.05
    vertices, kept = compact(shape["vertices"], quads[above])
    knit = materials.cloth((0.028, 0.048, 0.075))
    jumper = mesh_object("jumper", vertices, polygons(kept), knit)
    subdivide(jumper, 2)
    points, _ = mesh_arrays(jumper.data)
    _, y, z = points.T
    hem = -0.140 + 0.33 * (y - 0.065)  # the neckline: low in front, high behind
    import bmesh

    shell = bmesh.new()
    shell.from_mesh(jumper.data)
    normal = Vector((0, -0.33, 1)).normalized()
    bmesh.ops.bisect_plane(
        shell,
        geom=shell.verts[:] + shell.edges[:] + shell.faces[:],
        plane_co=Vector((0, 0.065, -0.150)),
        plane_no=normal,
        clear_outer=True,
    )
    shell.to_mesh(jumper.data)
    rim = [
        v.co.copy()
        for v in shell.verts
        if abs((v.co - Vector((0, 0.065, -0.150))).dot(normal)) < 1e-5
    ]
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


def light(name: str, at, size: float, watts: float, colour, aim=(0, 0, -0.03)) -> None:
    """A square softbox of `size` metres that looks at `aim`."""
    lamp = bpy.data.lights.new(name, "AREA")
    lamp.size, lamp.energy, lamp.color = size, watts, colour
    thing = bpy.data.objects.new(name, lamp)
    thing.location = at
    thing.rotation_euler = (Vector(aim) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(thing)


def set_stage() -> None:
    """Softboxes, a dim room, a backdrop out of focus, and the camera."""
    light("key", (-0.85, -1.25, 0.70), 0.95, 22.0, (1.0, 0.955, 0.90))
    light("fill", (1.3, -1.1, 0.1), 1.3, 6.0, (0.90, 0.95, 1.0))
    light("rim", (0.95, 0.9, 0.65), 0.6, 16.0, (1.0, 0.97, 0.93))
    light("hair", (-0.5, 0.8, 1.1), 0.6, 9.0, (1.0, 0.97, 0.93))
    world = bpy.data.worlds.new("room")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.16, 0.165, 0.18, 1)
    bpy.context.scene.world = world
    wall = [(-3, 2.2, -3), (3, 2.2, -3), (3, 2.2, 3), (-3, 2.2, 3)]
    plane = mesh_object(
        "backdrop",
        wall,
        [(0, 1, 2, 3)],
        materials.backdrop((0.42, 0.42, 0.41), (0.13, 0.135, 0.14)),
    )
    plane.visible_diffuse = plane.visible_glossy = False
    camera = bpy.data.cameras.new("camera")
    camera.lens, camera.sensor_width = LENS_MM, 36.0
    camera.dof.use_dof = True
    camera.dof.focus_distance = -CAMERA.y - 0.022
    camera.dof.aperture_fstop = 11.0
    thing = bpy.data.objects.new("camera", camera)
    thing.location = CAMERA
    thing.rotation_euler = (AIM - CAMERA).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def render() -> None:
    """Trace the paths and write the image."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = int(SETTINGS["samples"])
    scene.cycles.seed = 1
    scene.cycles.use_denoising = True
    scene.cycles.denoising_prefilter = "ACCURATE"
    scene.cycles.transparent_max_bounces = 16
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.resolution_x = scene.render.resolution_y = int(SETTINGS["size"])
    zoom = float(SETTINGS.get("zoom", 1))
    if zoom > 1:
        scene.camera.data.lens *= zoom
        at = Vector((float(SETTINGS.get("zx", 0)), 0, float(SETTINGS.get("zz", 0))))
        scene.camera.rotation_euler = (at - CAMERA).to_track_quat("-Z", "Y").to_euler()
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = float(SETTINGS.get("exposure", 0))
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = SETTINGS["output"]
    bpy.ops.render.render(write_still=True)


def main() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with np.load(SETTINGS["shape"]) as arrays:
        shape = {name: arrays[name] for name in arrays.files}
    body = build_body(shape)
    carve(body.data)
    masks = paint_skin(body.data)
    iris, wet = materials.eyeball(seed=7), materials.wet()
    eyes = {
        sign: build_eye(shape["vertices"][np.unique(shape[f"helper-{side}-eye"])], sign, iris, wet)
        for sign, side in ((1.0, "l"), (-1.0, "r"))
    }
    grow_hair(body, masks, shape, eyes)
    dress(shape)
    set_stage()
    render()


main()
