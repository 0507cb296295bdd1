"""The GLB file, parsed by glTF's own rules and put together again."""

import json
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gen.export.glb import FACE_WIDTH, write_glb
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack, rotation_matrix

WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
DTYPES = {5126: "<f4", 5123: "<u2", 5125: "<u4"}


class Glb:
    def __init__(self, path):
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.document = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0" and rest % 4 == 0
        self.binary = data[28 + size : 28 + size + rest]
        assert self.document["buffers"][0]["byteLength"] == rest

    def values(self, number):
        accessor = self.document["accessors"][number]
        view = self.document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        width, dtype = WIDTHS[accessor["type"]], DTYPES[accessor["componentType"]]
        values = np.frombuffer(
            self.binary, dtype, accessor["count"] * width, view["byteOffset"]
        ).reshape(-1, width)
        if "min" in accessor:
            np.testing.assert_allclose(values.min(0), accessor["min"], atol=1e-7)
            np.testing.assert_allclose(values.max(0), accessor["max"], atol=1e-7)
        return values

    def channel(self, name):
        animation = self.document["animations"][0]
        found = next(c for c in animation["channels"] if c["target"]["path"] == name)
        sampler = animation["samplers"][found["sampler"]]
        return self.values(sampler["input"])[:, 0], self.values(sampler["output"])


@pytest.fixture(scope="module")
def track():
    rng = np.random.default_rng(0)
    pose = np.column_stack([rng.normal(0, 90, (12, 3)), rng.normal(0, 0.1, (12, 3))])
    return MotionTrack(rng.uniform(0, 1, (12, 52)), pose, 30)


@pytest.fixture(scope="module")
def glb(track, tmp_path_factory):
    path = tmp_path_factory.mktemp("glb") / "m.glb"
    write_glb(path, track)
    return Glb(path)


def test_a_frame_is_the_face_model_turned_half_about_x(glb, track):
    face, frame = FaceModel.load(), 7
    wanted = face.vertices + np.tensordot(track.blendshapes[frame], face.blendshapes, 1)
    wanted = wanted @ rotation_matrix(track.pose[frame, :3]).T + track.pose[frame, 3:]
    primitive = glb.document["meshes"][0]["primitives"][0]
    shown = glb.values(primitive["attributes"]["POSITION"]).astype(np.float64)
    weights = glb.channel("weights")[1].reshape(-1, 52)[frame]
    for weight, target in zip(weights, primitive["targets"], strict=True):
        shown += weight * glb.values(target["POSITION"])
    shown = Rotation.from_quat(glb.channel("rotation")[1][frame]).apply(shown)
    shown += glb.channel("translation")[1][frame]
    np.testing.assert_allclose(shown[: len(wanted)] * [1, -1, -1] / FACE_WIDTH, wanted, atol=1e-4)


def test_the_animation_lasts_as_long_as_the_track(glb, track):
    times, _ = glb.channel("weights")
    assert times[-1] == pytest.approx(track.duration)
    assert (np.diff(times) > 0).all()


def test_morph_targets_carry_arkits_names(glb):
    assert glb.document["meshes"][0]["extras"]["targetNames"] == list(ARKIT_NAMES)


def test_triangles_face_outwards_and_quaternions_turn_the_short_way(glb):
    primitive = glb.document["meshes"][0]["primitives"][0]
    points = glb.values(primitive["attributes"]["POSITION"]).astype(np.float64)
    a, b, c = (points[glb.values(primitive["indices"]).reshape(-1, 3)[:, i]] for i in range(3))
    volume = (a * np.cross(b, c)).sum() / 6  # positive where surfaces are seen from outside
    assert volume > 0
    turns = glb.channel("rotation")[1]
    assert ((turns[1:] * turns[:-1]).sum(1) >= 0).all()


def test_irises_turn_with_the_eyes(glb):
    primitive = glb.document["meshes"][0]["primitives"][0]
    count = len(FaceModel.load().vertices)
    look = glb.values(primitive["targets"][ARKIT_NAMES.index("eyeLookUpLeft")]["POSITION"])[count:]
    left, right = np.split(look, 2)
    assert left[:, 1].min() > 0.001  # metres, upwards
    assert np.abs(right).max() < 1e-4


def test_a_track_without_a_face_is_refused(tmp_path):
    lost = MotionTrack(np.full((3, 52), np.nan), np.zeros((3, 6)))
    with pytest.raises(ValueError, match="no frame"):
        write_glb(tmp_path / "m.glb", lost)
    assert not (tmp_path / "m.glb").exists()
