"""Between numpy and Blender: meshes, vertex attributes, hair curves."""

import bpy
import numpy as np


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


def add_strands(
    name: str, strands: np.ndarray, radius: float, material, tip: float = 0.3
) -> bpy.types.Object:
    """Link strands [S, K, 3] as hair curves; `radius` in metres, `tip` times that at the tip."""
    curves = bpy.data.hair_curves.new(name)
    count, points = strands.shape[:2]
    curves.add_curves([points] * count)
    curves.attributes["position"].data.foreach_set("vector", strands.astype(np.float32).ravel())
    taper = radius * np.linspace(1.0, tip, points) ** 0.8
    layer = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    layer.data.foreach_set("value", np.tile(taper, count).astype(np.float32))
    curves.materials.append(material)
    thing = bpy.data.objects.new(name, curves)
    bpy.context.collection.objects.link(thing)
    return thing
