"""The estimated light against a face that is drawn under a known one."""

from dataclasses import replace

import numpy as np
import pytest

from gen.renderers.light import Light
from gen.renderers.topology import face_topology
from recognizer.motion import rotation_matrix
from recognizer.raster import draw_coloured, vertex_normals

AMBIENT, SUN = 0.6, np.array([0.3, -0.25, -0.3])  # from the image's right, above and before


@pytest.fixture(scope="module")
def points(portrait):
    return np.asarray(face_topology(0).refine @ portrait.landmarks)


@pytest.fixture(scope="module")
def normals(points):
    """Outward, for a camera that looks along +z."""
    return -vertex_normals(points, face_topology(0).triangles)


@pytest.fixture(scope="module")
def lit(portrait, points, normals):
    """The portrait's face in plaster, under the known light."""
    shade = 150 * (AMBIENT + normals @ SUN)
    image = np.full(portrait.image.shape, 150 * AMBIENT, np.float32)
    depth = np.full(image.shape[:2], np.inf, np.float32)
    colours = np.repeat(shade[:, None], 3, axis=1).astype(np.float32)
    draw_coloured(image, depth, points.astype(np.float32), colours, face_topology(0).triangles)
    return replace(portrait, image=image.clip(0, 255).astype(np.uint8))


def test_the_gain_is_the_ratio_of_the_shadings(lit, points, normals):
    turn = rotation_matrix(np.array([5.0, 15.0, 0.0]))
    gain = Light(lit, points).gain(points @ turn.T)
    expected = (AMBIENT + normals @ turn.T @ SUN) / (AMBIENT + normals @ SUN)
    inside = Light(lit, points)._inside > 0
    known = inside & (expected > 0.7) & (expected < 1.4)
    assert known.mean() > 0.7
    assert np.corrcoef(gain[known], expected[known])[0, 1] > 0.9
    assert np.abs(gain - expected)[known].mean() < 0.5 * np.abs(expected - 1)[known].mean()


def test_nothing_changes_where_nothing_turns(lit, points):
    light = Light(lit, points)
    assert light.gain(points) == pytest.approx(1)
    assert light.gain(points + np.array([7, -3, 2])) == pytest.approx(1)
    frame = lit.image.copy()
    light.apply(frame, points)
    assert np.array_equal(frame, lit.image)


def test_a_face_that_turns_to_the_light_grows_brighter(lit, points):
    light = Light(lit, points)
    frames = []
    for yaw in (-15.0, 15.0):
        turned = (points - points[1]) @ rotation_matrix(np.array([0, yaw, 0])).T + points[1]
        frame = lit.image.copy()
        light.apply(frame, turned)
        x0, y0 = turned[[234, 10], [0, 1]].astype(int)
        x1, y1 = turned[[454, 152], [0, 1]].astype(int)
        frames.append(frame[y0:y1, x0:x1].mean() / lit.image[y0:y1, x0:x1].mean())
    assert frames[1] > frames[0] + 0.05  # its light stands at the image's right


def test_beside_the_face_nothing_changes(renderer, portrait, points, lit):
    frame = lit.image.copy()
    Light(lit, points).apply(frame, points @ rotation_matrix(np.array([0, 15.0, 0])).T)
    assert np.array_equal(frame[:30], lit.image[:30])
    assert np.array_equal(frame[:, :30], lit.image[:, :30])
