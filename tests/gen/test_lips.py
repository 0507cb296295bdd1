"""Lips of an open-mouthed portrait close; a funnel narrows a mouth, a press thins its red, a
dimple that of one corner."""

import numpy as np
import pytest

from gen.renderers.lip_shapes import Corners, shape_lips
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait
from gen.renderers.skin import continue_skin
from gen.renderers.topology import face_topology
from recognizer.facs import ARKIT_INDEX, sides

REST = np.zeros(6)


def command(**values):
    wanted = np.zeros(52, np.float32)
    for stem, value in values.items():
        wanted[[ARKIT_INDEX[name] for name in sides(stem)]] = value
    return wanted


@pytest.fixture(scope="module")
def laughing(renderer, tracker):
    """The portrait laughing, taken for a picture of its own."""
    laugh = command(jawOpen=0.5, mouthSmile=0.6, mouthUpperUp=0.4)
    return Portrait.from_image(renderer.render(laugh, REST), 256, tracker=tracker)


def test_an_open_mouth_closes(laughing, tracker):
    assert laughing.expression[ARKIT_INDEX["jawOpen"]] > 0.25
    frame = MeshRenderer(laughing).render(np.zeros(52), REST)
    (face,) = tracker.detect(frame)
    gaps = [
        points[[87, 14, 317], 1].mean() - points[[82, 13, 312], 1].mean()
        for points in (face.points, laughing.landmarks)
    ]
    assert gaps[0] < 0.4 * gaps[1]
    # No teeth in the seam: nothing there is as bright as they are.
    x0, x1 = np.sort(face.points[[81, 311], 0]).astype(int)
    y = int(face.points[[13, 14], 1].mean())
    points = laughing.landmarks[[13, 14], :2].mean(0).astype(int)
    teeth = laughing.image[points[1] - 4 : points[1] + 5, points[0] - 6 : points[0] + 7]
    bright = np.percentile(teeth.min(-1), 90)
    assert frame[y - 3 : y + 4, x0:x1].min(-1).max() < 0.9 * bright


def test_an_open_mouth_at_rest_is_itself(laughing):
    frame = MeshRenderer(laughing).render(laughing.expression, REST)
    assert np.abs(frame.astype(int) - laughing.image).mean() < 1


def test_corners_go_along_with_the_jaw(renderer, tracker):
    """Speakers' corners come down by 0.4 to 0.6 of what the lips part (sentences of GRID, tracked);
    corners that stay up would make a laugh of every vowel."""
    parted, lowered = [], []
    for jaw in (0.0, 0.4):
        (face,) = tracker.detect(renderer.render(command(jawOpen=jaw), REST))
        y = face.points[:, 1]
        parted.append(y[14] - y[13])
        lowered.append(y[[78, 308]].mean() - y[13])
    assert 0.4 < np.diff(lowered) / np.diff(parted) < 0.6


def lowered_corners(portrait, raised=0.0, **wanted):
    """By how many pixels both corners come down, where they are raised in the portrait."""
    topology = face_topology(1)
    rest = np.asarray(topology.refine @ portrait.landmarks)
    ends = topology.outer_upper_lip[[0, -1]]
    rest[ends, 1] -= raised * np.ptp(rest[ends, 0])
    opening = np.zeros_like(rest)
    opening[topology.lower_lip, 1] = 40.0
    corners = Corners(opening, rest, topology, portrait.pose.rotation, np.zeros(52))
    space = rest.copy()
    corners.drop(space, command(**wanted))
    return (space - rest)[ends, 1]


def test_a_smile_holds_the_corners(portrait):
    free = lowered_corners(portrait, jawOpen=0.5)
    assert free.min() > 2
    assert lowered_corners(portrait, jawOpen=0.5, mouthSmile=0.6) == pytest.approx(0)
    right, left = lowered_corners(portrait, jawOpen=0.5, mouthSmileLeft=0.6)
    assert right > 0.9 * free[0]
    assert left < 0.1 * free[1]


def test_closed_lips_that_smile_relax_in_speech(portrait):
    width = np.ptp(portrait.landmarks[[61, 291], 0])
    level, smiling = (lowered_corners(portrait, raised, jawOpen=0.3) for raised in (0.0, 0.1))
    assert (smiling - level) / width == pytest.approx(0.05, abs=0.015)
    assert lowered_corners(portrait, 0.1) == pytest.approx(0)


@pytest.fixture(scope="module")
def shaped(portrait):
    topology = face_topology(1)
    rest = np.asarray(topology.refine @ portrait.landmarks)
    basis = np.zeros((52, len(rest), 3), np.float32)
    shape_lips(basis, rest, topology, portrait.pose.rotation)
    return basis, rest, topology


def test_a_funnel_is_narrow_and_round(shaped):
    basis, rest, topology = shaped
    moved = rest + basis[ARKIT_INDEX["mouthFunnel"]]
    left, right = topology.outer_upper_lip[[0, -1]]
    narrower = np.ptp(moved[[left, right], 0]) / np.ptp(rest[[left, right], 0])
    assert 0.5 < narrower < 0.75
    gap = (moved - rest)[topology.lower_lip, 1] - (moved - rest)[topology.upper_lip, 1]
    middle, quarter = gap[len(gap) // 2], gap[len(gap) // 4]
    assert middle > 0.1 * np.ptp(rest[[left, right], 0])
    assert quarter > 0.6 * middle  # a lozenge's is half
    assert gap[0] == pytest.approx(0, abs=0.05 * middle)


def test_a_press_thins_the_red_and_keeps_the_seam(shaped):
    basis, rest, topology = shaped
    both = sum(basis[ARKIT_INDEX[name]] for name in sides("mouthPress"))
    middle = len(topology.outer_upper_lip) // 2
    for outer, inner in (
        (topology.outer_upper_lip, topology.upper_lip),
        (topology.outer_lower_lip, topology.lower_lip),
    ):
        before = abs(rest[outer[middle], 1] - rest[inner[middle], 1])
        after = rest + both
        assert abs(after[outer[middle], 1] - after[inner[middle], 1]) < 0.7 * before
        assert np.abs(both[inner]).max() < 0.1 * before
    # One side is one side.
    left = basis[ARKIT_INDEX["mouthPressLeft"]]
    assert np.abs(left[rest[:, 0] < rest[topology.outer_upper_lip[2], 0]]).max() < 0.1


def test_skin_continues_smoothly():
    ramp = np.linspace(50, 150, 60, dtype=np.float32)
    values = np.broadcast_to(ramp[None, :, None], (40, 60, 3)).copy()
    known = np.ones((40, 60), bool)
    known[:, 25:35] = False
    hidden = values.copy()
    hidden[~known] = 255
    out = continue_skin(hidden, known, 12.0)
    assert out[known] == pytest.approx(values[known])
    assert np.abs(out - values).max() < 15


def test_a_dimple_tightens_its_own_corner(shaped):
    basis, rest, topology = shaped
    moved = rest + basis[ARKIT_INDEX["mouthDimpleLeft"]]

    def red(points, place):
        upper, lower = topology.outer_upper_lip, topology.outer_lower_lip
        at = round(place * (len(upper) - 1))
        return points[lower[at], 1] - points[upper[at], 1]

    # The subject's left is the image's right.
    assert red(moved, 0.8) < 0.85 * red(rest, 0.8)
    assert red(moved, 0.2) == pytest.approx(red(rest, 0.2), rel=0.02)
