"""Motion as a GLB file: the CC0 head with 52 animated morph targets, for any 3D program.

Binary glTF 2.0 (Khronos, https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html). The head
stands upright, looks along +z and is life-sized in metres; morph targets carry ARKit's names in
``mesh.extras.targetNames``, which three.js, Blender and Unity read.
"""

from __future__ import annotations

import json
import os
import struct

import numpy as np

from gen.export.irises import with_irises
from gen.maker import SOURCE_TYPE, tool_version
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_NAMES
from recognizer.files import write_whole
from recognizer.motion import MotionTrack, rotation_matrix

#: Width of the mean face in metres (bizygomatic breadth of adults, both sexes: Farkas 1994).
FACE_WIDTH = 0.134
#: The face model looks along -z with y down, glTF along +z with y up: half a turn about x.
_AXES = np.array([1.0, -1.0, -1.0])
_FLOAT, _USHORT, _UINT = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942


def write_glb(path: str | os.PathLike, track: MotionTrack) -> None:
    """Write the head, animated by a track; the animation lasts as long as the track does.

    Frames without a face are interpolated.

    Raises:
        ValueError: no frame has a face.
    """
    track = track.filled()
    buffer = _Buffer()
    document = {
        "asset": {
            "version": "2.0",
            "generator": f"Facewright {tool_version()}",
            "copyright": "head: CC0 1.0 (MakeHuman)",
            "extras": {"digital_source_type": SOURCE_TYPE},
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0}],
        "meshes": [_mesh(FaceModel.load(), buffer)],
        "materials": [
            {
                "name": "skin, eyes and teeth",
                "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.6},
            }
        ],
        "animations": [_animation(track, buffer)],
    }
    document |= {
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.length}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(_JSON, text, b" ") + _chunk(_BIN, b"".join(buffer.parts), b"\0")
    write_whole(path, struct.pack("<III", _MAGIC, 2, 12 + len(chunks)) + chunks)


def _mesh(face: FaceModel, buffer: _Buffer) -> dict:
    vertices, fields, triangles, colours = with_irises(face)
    points = vertices * _AXES * FACE_WIDTH
    normals = _normals(points, triangles)
    # Vertex colours count as light, albedo is stored as a screen shows it (sRGB).
    share = colours / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    colour = np.pad(np.round(light * 65535), ((0, 0), (0, 1)), constant_values=65535)
    targets = [
        {"POSITION": buffer.add(field * _AXES * FACE_WIDTH, "VEC3", target=_VERTICES, bounds=True)}
        for field in fields
    ]
    return {
        "name": "face",
        "primitives": [
            {
                "attributes": {
                    "POSITION": buffer.add(points, "VEC3", target=_VERTICES, bounds=True),
                    "NORMAL": buffer.add(normals, "VEC3", target=_VERTICES),
                    "COLOR_0": buffer.add(colour, "VEC4", _USHORT, _VERTICES, normalized=True),
                },
                "indices": buffer.add(triangles.reshape(-1), "SCALAR", _UINT, _INDICES),
                "material": 0,
                "targets": targets,
            }
        ],
        "weights": [0.0] * len(ARKIT_NAMES),
        "extras": {"targetNames": list(ARKIT_NAMES)},
    }


def _animation(track: MotionTrack, buffer: _Buffer) -> dict:
    # The last frame is held until the track, and the sound it goes with, ends.
    vectors = track.to_vectors()
    vectors = np.concatenate([vectors, vectors[-1:]])
    times = np.arange(len(vectors)) / track.fps
    channels = {
        "weights": (vectors[:, :52].reshape(-1), "SCALAR"),
        "rotation": (_quaternions(vectors[:, 52:55]), "VEC4"),
        "translation": (vectors[:, 55:] * _AXES * FACE_WIDTH, "VEC3"),
    }
    clock = buffer.add(times, "SCALAR", bounds=True)
    return {
        "name": "speech",
        "samplers": [
            {"input": clock, "output": buffer.add(values, kind)}
            for values, kind in channels.values()
        ],
        "channels": [
            {"sampler": i, "target": {"node": 0, "path": name}} for i, name in enumerate(channels)
        ],
    }


def _quaternions(angles: np.ndarray) -> np.ndarray:
    """Pitch, yaw, roll ``[T, 3]`` in degrees → unit quaternions ``[T, 4]`` (x, y, z, w) in glTF."""
    from scipy.spatial.transform import Rotation

    turned = rotation_matrix(angles) * np.outer(_AXES, _AXES)
    values = Rotation.from_matrix(turned).as_quat()
    # q and -q turn alike, but what is interpolated between them does not.
    flips = np.sign((values[1:] * values[:-1]).sum(1))
    values[1:] *= np.cumprod(np.where(flips < 0, -1, 1))[:, None]
    return values


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals ``[V, 3]``, means over a vertex's triangles weighted by area."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-20), [0.0, 0.0, 1.0])


class _Buffer:
    """The binary chunk while it grows, with the accessors that describe it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.views: list[dict] = []
        self.accessors: list[dict] = []
        self.length = 0

    def add(
        self,
        values: np.ndarray,
        kind: str,
        component: int = _FLOAT,
        target: int | None = None,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        """Append values; returns the accessor's number."""
        dtype = {_FLOAT: "<f4", _USHORT: "<u2", _UINT: "<u4"}[component]
        values = np.ascontiguousarray(values, dtype)
        data = values.tobytes()
        view = {"buffer": 0, "byteOffset": self.length, "byteLength": len(data)}
        self.views.append(view | ({} if target is None else {"target": target}))
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            rows = values.reshape(len(values), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self.accessors.append(accessor)
        padding = -len(data) % 4
        self.parts.append(data + bytes(padding))
        self.length += len(data) + padding
        return len(self.accessors) - 1


def _chunk(kind: int, data: bytes, fill: bytes) -> bytes:
    data += fill * (-len(data) % 4)
    return struct.pack("<II", len(data), kind) + data
