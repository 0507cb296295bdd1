"""Cycles materials of the portrait: skin, eyes, hair, cloth. All colours are linear RGB."""

from __future__ import annotations

import bpy
import numpy as np


class Graph:
    """A shader tree, written down node by node."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def node(self, kind: str, inputs: dict | None = None, **properties) -> bpy.types.Node:
        """Add a node; an input that is an output socket is linked, any other value is set."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in properties.items():
            setattr(node, name, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            elif isinstance(value, tuple) and len(value) == 3 and node.inputs[key].type == "RGBA":
                node.inputs[key].default_value = (*value, 1.0)
            else:
                node.inputs[key].default_value = value
        return node

    def attribute(self, name: str) -> bpy.types.NodeSocket:
        """A per-vertex number."""
        return self.node("Attribute", attribute_name=name).outputs["Fac"]

    def position(self) -> bpy.types.NodeSocket:
        """Coordinates in metres."""
        return self.node("TexCoord").outputs["Object"]

    def noise(self, scale: float, detail: float = 2.0, where=None) -> bpy.types.NodeSocket:
        """Smooth noise 0..1 with `scale` cells a metre."""
        vector = {"Vector": where or self.position(), "Scale": scale, "Detail": detail}
        return self.node("TexNoise", vector).outputs["Fac"]

    def math(self, operation: str, a, b=0.0, clamp: bool = False) -> bpy.types.NodeSocket:
        """One arithmetic step."""
        node = self.node("Math", {0: a, 1: b}, operation=operation, use_clamp=clamp)
        return node.outputs[0]

    def ramp(self, x, low: float, high: float, start=0.0, end=1.0) -> bpy.types.NodeSocket:
        """Map `low`..`high` smoothly to `start`..`end`."""
        inputs = {"Value": x, 1: low, 2: high, 3: start, 4: end}
        return self.node("MapRange", inputs, interpolation_type="SMOOTHSTEP").outputs[0]

    def mix(self, factor, a, b, blend: str = "MIX") -> bpy.types.NodeSocket:
        """Blend two colours."""
        node = self.node("Mix", data_type="RGBA", blend_type=blend)
        for index, value in ((0, factor), (6, a), (7, b)):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[index])
            else:
                node.inputs[index].default_value = value if index == 0 else (*value, 1.0)
        return node.outputs[2]

    def bump(self, height, distance: float, normal=None) -> bpy.types.NodeSocket:
        """A normal tilted by `height` (0..1) times `distance` metres."""
        inputs = {"Height": height, "Distance": distance, "Strength": 1.0}
        if normal is not None:
            inputs["Normal"] = normal
        return self.node("Bump", inputs).outputs[0]

    def surface(self, shader: bpy.types.NodeSocket) -> bpy.types.Material:
        """End the tree."""
        self.node("OutputMaterial", {"Surface": shader})
        return self.material


def skin() -> bpy.types.Material:
    """Skin with blood, freckles, beard shadow, lips and pores, scattering below the surface."""
    g = Graph("skin")
    colour = g.mix(g.ramp(g.noise(28, 4), 0.3, 0.7), (0.57, 0.315, 0.215), (0.66, 0.40, 0.285))
    mottle = g.ramp(g.noise(200, 4), 0.35, 0.7, 0.0, 0.5)
    colour = g.mix(mottle, colour, (0.60, 0.27, 0.19))
    colour = g.mix(g.math("MULTIPLY", g.attribute("red"), 0.62), colour, (0.56, 0.165, 0.115))
    colour = g.mix(g.math("MULTIPLY", g.attribute("socket"), 0.32), colour, (0.40, 0.175, 0.135))
    colour = g.mix(g.math("MULTIPLY", g.attribute("beard"), 0.45), colour, (0.33, 0.215, 0.17))
    spots = g.math("MULTIPLY", g.ramp(g.noise(420, 1), 0.66, 0.74), g.attribute("freckle"))
    colour = g.mix(g.math("MULTIPLY", spots, 0.33), colour, (0.33, 0.14, 0.075))
    colour = g.mix(g.math("MULTIPLY", g.attribute("mole"), 0.75), colour, (0.15, 0.07, 0.045))
    lip = g.attribute("lip")
    lip_colour = g.mix(g.noise(220, 3), (0.38, 0.125, 0.10), (0.50, 0.20, 0.165))
    colour = g.mix(g.math("MULTIPLY", lip, 0.72), colour, lip_colour)
    colour = g.mix(g.math("MULTIPLY", g.attribute("liner"), 0.42), colour, (0.12, 0.05, 0.035))
    scalp = g.math("MULTIPLY", g.attribute("scalp"), 0.8)
    colour = g.mix(scalp, colour, (0.16, 0.095, 0.065))

    pores = g.node("TexVoronoi", {"Vector": g.position(), "Scale": 900.0}).outputs["Distance"]
    relief = g.math("ADD", g.math("MULTIPLY", pores, 0.6), g.noise(1500, 2))
    normal = g.bump(g.noise(260, 4), 0.00035)
    normal = g.bump(relief, 0.0004, normal)
    stretched = g.node("Mapping", {"Vector": g.position(), "Scale": (1.0, 0.15, 0.15)})
    creases = g.noise(900, 2, stretched.outputs[0])
    creases = g.math("MULTIPLY", creases, lip)
    normal = g.bump(creases, 0.0006, normal)

    shine = g.ramp(g.noise(500, 3), 0.3, 0.7, 0.40, 0.56)
    shine = g.math("SUBTRACT", shine, g.math("MULTIPLY", lip, 0.16))
    shine = g.math("SUBTRACT", shine, g.math("MULTIPLY", g.attribute("oil"), 0.07))
    inputs = {
        "Base Color": colour,
        "Subsurface Weight": 1.0,
        "Subsurface Radius": (1.0, 0.36, 0.18),
        "Subsurface Scale": 0.0032,
        "Subsurface Anisotropy": 0.7,
        "Roughness": shine,
        "IOR": 1.42,
        "Specular IOR Level": 0.45,
        "Normal": normal,
    }
    shader = g.node("BsdfPrincipled", inputs, subsurface_method="RANDOM_WALK_SKIN")
    return g.surface(shader.outputs[0])


def eye_image(size: int, seed: int) -> bpy.types.Image:
    """The front of an eyeball as a square image: sclera, limbus, iris fibres, pupil.

    The iris ends at half the image's half-width.
    """
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    radius = np.hypot(x, y) / 0.5
    angle = np.arctan2(y, x)

    def rays(count: int, drift: float) -> np.ndarray:
        waves = np.zeros_like(radius)
        for _ in range(24):
            k = rng.integers(count // 2, count * 2)
            phase = rng.uniform(0, 2 * np.pi) + drift * rng.normal() * radius
            waves += np.cos(k * angle + phase)
        return waves / np.sqrt(24)

    def step(low, high, v):
        t = np.clip((v - low) / (high - low), 0, 1)
        return t * t * (3 - 2 * t)

    fibres = 0.55 * rays(60, 3.0) + 0.35 * rays(24, 2.0) + 0.3 * rays(110, 4.0)
    base = np.array([0.13, 0.165, 0.15])  # grey green
    amber = np.array([0.22, 0.125, 0.045])
    collar = np.exp(-(((radius - 0.52 - 0.03 * rays(10, 0.5)) / 0.13) ** 2))
    iris = base + (amber - base) * (0.8 * collar)[..., None]
    iris = iris * np.clip(1 + 0.33 * fibres, 0.25, 2.2)[..., None]
    iris *= (1 - 0.8 * step(0.80, 1.0, radius))[..., None]
    pupil = step(0.37, 0.43, radius + 0.006 * rays(12, 0))
    iris *= pupil[..., None]
    blush = np.array([0.05, 0.17, 0.18]) * step(1.1, 2.0, radius)[..., None]
    white = np.array([0.60, 0.535, 0.49]) - blush
    image = iris + (white - iris) * step(0.90, 1.12, radius)[..., None]
    pixels = np.concatenate([image, np.ones((size, size, 1))], -1).astype(np.float32)
    result = bpy.data.images.new("eye", size, size, float_buffer=True)
    result.colorspace_settings.name = "Non-Color"  # the numbers are linear already
    result.pixels.foreach_set(pixels.ravel())
    result.update()
    return result


def eyeball(seed: int) -> bpy.types.Material:
    """The white and the iris, with veins towards the corners."""
    g = Graph("eyeball")
    where = g.node("UVMap").outputs[0]
    image = g.node("TexImage", {"Vector": where}, image=eye_image(1024, seed), extension="EXTEND")
    thread = g.math("ABSOLUTE", g.math("SUBTRACT", g.noise(140, 5), 0.5))
    veins = g.math("MULTIPLY", g.ramp(thread, 0.0, 0.035, 1.0, 0.0), g.attribute("white"))
    colour = g.mix(g.math("MULTIPLY", veins, 0.6), image.outputs[0], (0.45, 0.10, 0.07))
    inputs = {
        "Base Color": colour,
        "Roughness": 0.6,
        "Specular IOR Level": 0.1,
        "Subsurface Weight": g.math("MULTIPLY", g.attribute("white"), 0.6),
        "Subsurface Radius": (1.0, 0.5, 0.35),
        "Subsurface Scale": 0.0015,
    }
    return g.surface(g.node("BsdfPrincipled", inputs).outputs[0])


def wet() -> bpy.types.Material:
    """The tear film and cornea: clear, with a sharp reflection and no bending of light."""
    g = Graph("wet")
    # Held down at the edge: there the film mirrored the room and left pale corners.
    facing = g.math("MINIMUM", g.node("Fresnel", {"IOR": 1.376}).outputs[0], 0.07)
    clear = g.node("BsdfTransparent").outputs[0]
    gloss = g.node("BsdfGlossy", {"Roughness": 0.05}).outputs[0]
    return g.surface(g.node("MixShader", {0: facing, 1: clear, 2: gloss}).outputs[0])


def hair(melanin: float, redness: float, roughness: float = 0.32) -> bpy.types.Material:
    """Hair fibres coloured by melanin (0..1) and its reddish share (0..1)."""
    g = Graph("hair")
    inputs = {
        "Melanin": melanin,
        "Melanin Redness": redness,
        "Roughness": roughness,
        "Radial Roughness": 0.4,
        "Random Color": 0.25,
        "Random Roughness": 0.2,
    }
    fibre = g.node("BsdfHairPrincipled", inputs, parametrization="MELANIN", model="CHIANG")
    return g.surface(fibre.outputs[0])


def cloth(colour: tuple[float, float, float]) -> bpy.types.Material:
    """Fine knit: fuzzy, ribbed by a bump along the texture coordinates."""
    g = Graph("cloth")
    where = g.position()
    stretched = g.node("Mapping", {"Vector": where, "Scale": (1.0, 1.0, 0.35)})
    rib = g.node(
        "TexVoronoi", {"Vector": stretched.outputs[0], "Scale": 620.0, "Randomness": 0.55}
    ).outputs["Distance"]
    fuzz = g.noise(1400, 3)
    shade = g.mix(g.ramp(g.noise(900, 3), 0.3, 0.7), colour, tuple(1.7 * c for c in colour))
    shade = g.mix(g.math("MULTIPLY", rib, 0.35), shade, tuple(0.45 * c for c in colour))
    normal = g.bump(rib, -0.0008, g.bump(fuzz, 0.0004))
    inputs = {
        "Base Color": shade,
        "Roughness": 0.9,
        "Specular IOR Level": 0.15,
        "Sheen Weight": 0.35,
        "Sheen Roughness": 0.4,
        "Normal": normal,
    }
    return g.surface(g.node("BsdfPrincipled", inputs).outputs[0])


def backdrop(middle, centre: tuple[float, float, float], edge: tuple[float, float, float]):
    """A wall that glows softly round the point `middle`."""
    g = Graph("backdrop")
    shifted = g.node("VectorMath", {0: g.position(), 1: middle}, operation="DISTANCE")
    fall = g.ramp(shifted.outputs["Value"], 0.0, 0.62)
    light = g.node("Emission", {"Color": g.mix(fall, centre, edge), "Strength": 1.0})
    return g.surface(light.outputs[0])
