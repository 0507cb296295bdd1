"""Dress, light and render the head that build_portrait.py has shaped. Runs inside Blender 4.2+.

The one argument after `--` is JSON: shape (npz), lips and ears (mask images), output (png), size,
samples; optionally zoom with zx and zz for a closer look at one point of the face. Units are
metres; the origin lies between the eyes, the face looks along -y, z is up.
"""

import json
import sys
from pathlib import Path

import bpy  # first: it makes bmesh and mathutils importable
import numpy as np
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not do this itself
import figure
import materials
import skin
from meshes import mesh_object

SETTINGS = json.loads(sys.argv[sys.argv.index("--") + 1])
CAMERA = Vector((0.0, -1.55, -0.035))
AIM = Vector((0.0, 0.0, -0.032))
LENS_MM = 160.0
HAIR_COUNT = 72_000


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
    light("key", (-0.80, -1.30, 0.65), 0.95, 25.0, (1.0, 0.955, 0.90))
    light("fill", (1.3, -1.1, 0.1), 1.3, 9.5, (0.90, 0.95, 1.0))
    light("rim", (0.95, 0.9, 0.65), 0.6, 24.0, (1.0, 0.97, 0.93))
    light("hair", (-0.5, 0.8, 1.1), 0.6, 14.0, (1.0, 0.97, 0.93))
    world = bpy.data.worlds.new("room")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.16, 0.165, 0.18, 1)
    bpy.context.scene.world = world
    wall = [(-3, 2.2, -3), (3, 2.2, -3), (3, 2.2, 3), (-3, 2.2, 3)]
    plane = mesh_object(
        "backdrop",
        wall,
        [(0, 1, 2, 3)],
        materials.backdrop((-0.06, 2.2, 0.02), (0.60, 0.60, 0.58), (0.16, 0.175, 0.19)),
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
    scene.view_settings.exposure = 0.12
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = SETTINGS["output"]
    bpy.ops.render.render(write_still=True)


def main() -> None:
    if bpy.app.version < (4, 2):
        raise SystemExit(f"Blender {bpy.app.version_string} is too old: 4.2 or newer is needed")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with np.load(SETTINGS["shape"]) as arrays:
        shape = {name: arrays[name] for name in arrays.files}
    body = figure.build_body(shape)
    skin.carve(body.data)
    iris, wet = materials.eyeball(seed=7), materials.wet()
    eyes = {}
    for sign, side in ((1.0, "l"), (-1.0, "r")):
        ball = shape["vertices"][np.unique(shape[f"helper-{side}-eye"])]
        eyes[sign] = figure.build_eye(ball, CAMERA, iris, wet)
    lids = figure.lid_margins(shape, eyes)
    upper = np.concatenate([figure.along(lids[sign, True], 60) for sign in (1.0, -1.0)])
    masks = skin.paint_skin(body.data, SETTINGS["lips"], SETTINGS["ears"], upper)
    figure.grow_hair(body, masks, lids, eyes, HAIR_COUNT)
    figure.dress(shape)
    set_stage()
    render()


main()
