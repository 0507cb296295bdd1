"""What is commanded is read back by MediaPipe from the pictures; the portrait itself stays."""

import itertools
import time

import cv2
import numpy as np
import pytest

from gen.renderers.camera import HeadCamera
from gen.renderers.mesh import MeshRenderer
from gen.renderers.portrait import Portrait, _worn_expression
from gen.renderers.topology import face_topology
from recognizer.face_model import FACE_OVAL, FaceModel
from recognizer.facs import ARKIT_INDEX, sides
from recognizer.fitting import Pose
from recognizer.motion import rotation_matrix
from recognizer.tracker import NoFaceError

REST = np.zeros(6)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int))


def shown(renderer, **values):
    """A frame of the portrait with some coefficients changed."""
    wanted = renderer.expression.copy()
    for stem, value in values.items():
        for name in sides(stem):
            wanted[ARKIT_INDEX[name]] = value
    return renderer.render(wanted, REST)


def score(tracker, frame, stem):
    (face,) = tracker.detect(frame)
    return np.mean([face.scores[ARKIT_INDEX[name]] for name in sides(stem)])


def test_rest_reproduces_the_portrait(renderer, portrait):
    frame = renderer.render(portrait.expression, REST)
    assert difference(frame, portrait.image).mean() < 1


def test_frames_are_pictures_of_the_portraits_size(renderer, portrait):
    frame = renderer.render(np.zeros(52), REST)
    assert frame.shape == portrait.image.shape == (256, 256, 3)
    assert frame.dtype == np.uint8
    assert renderer.size == (256, 256)
    assert renderer.expression.shape == (52,)


@pytest.mark.parametrize(
    ("stem", "value", "rise"),
    [
        ("jawOpen", 0.5, 0.2),
        ("mouthSmile", 0.8, 0.4),
        ("mouthPucker", 0.8, 0.05),
        ("eyeBlink", 1.0, 0.3),
        ("browDown", 1.0, 0.3),
        ("browInnerUp", 1.0, 0.3),
    ],
)
def test_commands_are_seen(renderer, tracker, stem, value, rise):
    before = score(tracker, shown(renderer), stem)
    half = score(tracker, shown(renderer, **{stem: value / 2}), stem)
    full = score(tracker, shown(renderer, **{stem: value}), stem)
    assert full > before + rise
    assert before - 0.05 < half < full


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_one_eye_blinks(renderer, tracker, side):
    (face,) = tracker.detect(shown(renderer, **{f"eyeBlink{side}": 1.0}))
    other = {"Left": "Right", "Right": "Left"}[side]
    shut, open_ = (face.scores[ARKIT_INDEX[f"eyeBlink{s}"]] for s in (side, other))
    assert shut > max(open_ + 0.08, 3 * open_)


def test_the_jaw_moves_the_mouth_and_not_the_eyes(renderer, portrait):
    change = difference(shown(renderer, jawOpen=0.6), shown(renderer)).sum(-1)
    eyes = portrait.landmarks[[33, 133, 159, 145, 362, 263, 386, 374], :2]
    lips = portrait.landmarks[[61, 291, 0, 17], :2]
    x0, y0, x1, y1 = (int(v) for v in (*eyes.min(0), *eyes.max(0)))
    assert change[y0 : y1 + 1, x0 : x1 + 1].mean() < 1
    x0, y0, x1, y1 = (int(v) for v in (*lips.min(0), *lips.max(0)))
    assert change[y0 : y1 + 1, x0 : x1 + 1].mean() > 20


def test_teeth_or_cavity_show_between_parted_lips(renderer, portrait):
    """The mouth is not filled with stretched lip."""
    frame = shown(renderer, jawOpen=0.7).astype(float)
    x, y = portrait.landmarks[[13, 14], :2].mean(0)
    patch = frame[int(y) + 4 : int(y) + 12, int(x) - 3 : int(x) + 4].reshape(-1, 3)
    skin = portrait.image.astype(float)[tuple(np.round(portrait.landmarks[50, 1::-1]).astype(int))]
    assert patch.mean(0).sum() < 0.7 * skin.sum()


@pytest.mark.parametrize("angles", [(15, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 15)], ids=str)
def test_the_background_stays(renderer, portrait, angles):
    frame = renderer.render(portrait.expression, np.array([*angles, 0, 0, 0], float))
    change = difference(frame, portrait.image).mean(-1)
    for rows in (slice(0, 20), slice(-20, None)):
        for columns in (slice(0, 20), slice(-20, None)):
            assert change[rows, columns].mean() < 6
    assert change[:20, :20].max() < 25
    inner = change[80:170, 90:166]
    assert inner.mean() > 6  # the head did turn


def test_the_head_turns_as_told(renderer, portrait, tracker):
    nose = {}
    for name, pose in {
        "rest": REST,
        "up": [12, 0, 0, 0, 0, 0],
        "right": [0, 12, 0, 0, 0, 0],
        "x": [0, 0, 0, 0.1, 0, 0],
        "y": [0, 0, 0, 0, 0.1, 0],
        "near": [0, 0, 0, 0, 0, -1.0],
    }.items():
        (face,) = tracker.detect(renderer.render(portrait.expression, np.array(pose, float)))
        nose[name] = face.points[1, :2], face.size
    scale = portrait.pose.scale
    assert nose["up"][0][1] < nose["rest"][0][1] - 0.03 * scale
    assert nose["right"][0][0] > nose["rest"][0][0] + 0.05 * scale
    assert nose["x"][0][0] - nose["rest"][0][0] == pytest.approx(0.1 * scale, rel=0.35)
    assert nose["y"][0][1] - nose["rest"][0][1] == pytest.approx(0.1 * scale, rel=0.35)
    # One face width nearer at a distance of six: a fifth larger.
    assert nose["near"][1] / nose["rest"][1] == pytest.approx(1.2, abs=0.08)


def test_same_input_same_frame(portrait):
    a, b = MeshRenderer(portrait), MeshRenderer(portrait)
    rng = np.random.default_rng(0)
    motions = [(rng.uniform(0, 1, 52), rng.normal(0, 8, 6) * [1, 1, 1, 0.01, 0.01, 0.01])
               for _ in range(4)]  # fmt: skip
    forward = [a.render(*motion) for motion in motions]
    # A frame does not depend on the frames before it.
    backward = [b.render(*motion) for motion in motions[::-1]][::-1]
    assert all(np.array_equal(x, y) for x, y in zip(forward, backward, strict=True))
    assert difference(forward[0], forward[1]).mean() > 1


@pytest.mark.parametrize("level", [0, 1, "random"])
@pytest.mark.parametrize(
    "pose",
    [
        (30, 30, 30, 0.3, 0.3, 0.3), (-30, -30, -30, -0.3, -0.3, -0.3), (0, 90, 0, 0, 0, 0),
        (0, 0, 180, 0, 0, 0), (0, 0, 0, 9, 9, 9), (0, 0, 0, 0, 0, -7), (0, 0, 0, 0, 0, -6),
    ],
    ids=str,
)  # fmt: skip
def test_extremes_do_not_break_it(renderer, level, pose):
    wanted = (
        np.random.default_rng(0).uniform(-1, 2, 52) if level == "random" else np.full(52, level)
    )
    with np.errstate(invalid="raise", divide="raise"):
        frame = renderer.render(wanted, np.array(pose, float))
    assert frame.shape == (256, 256, 3)
    assert frame.dtype == np.uint8


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("value", [1e3, -1e10, 1e38])
def test_senseless_poses_do_not_hang_it(renderer, axis, value):
    pose = np.zeros(6, np.float32)
    pose[axis] = value
    start = time.perf_counter()
    assert renderer.render(np.zeros(52), pose).shape == (256, 256, 3)
    assert time.perf_counter() - start < 5


def test_motion_is_smooth(renderer, portrait):
    """Neighbouring commands give neighbouring pictures: nothing pops."""
    steps = np.linspace(0, 0.5, 26)
    frames = [shown(renderer, jawOpen=v, mouthSmile=v, eyeBlink=v) for v in steps]
    change = [difference(x, y).mean() for x, y in itertools.pairwise(frames)]
    assert max(change) < 5 * np.median(change) + 0.05


@pytest.mark.parametrize("crop", [(slice(None), slice(90, 690)), (slice(100, 700), slice(None))])
def test_full_frame_keeps_the_aspect(picture, tracker, crop):
    image = np.ascontiguousarray(picture[crop])
    framed = Portrait.from_image(image, 200, square=False, tracker=tracker)
    height, width = image.shape[:2]
    renderer = MeshRenderer(framed)
    assert max(renderer.size) == 200
    assert renderer.size[0] / renderer.size[1] == pytest.approx(width / height, rel=0.02)
    assert all(side % 2 == 0 for side in renderer.size)
    frame = renderer.render(framed.expression, np.array([5, 10, 5, 0, 0, 0], float))
    assert frame.shape == (renderer.size[1], renderer.size[0], 3)
    assert difference(renderer.render(framed.expression, REST), framed.image).mean() < 1


@pytest.mark.parametrize("size", [64, 101, 384])
def test_sizes(picture, tracker, size):
    framed = Portrait.from_image(picture, size, tracker=tracker)
    assert framed.image.shape == (size - size % 2,) * 2 + (3,)
    frame = MeshRenderer(framed).render(np.zeros(52), REST)
    assert frame.shape == framed.image.shape


def test_the_largest_face_is_framed(picture, tracker):
    canvas = np.full((400, 720, 3), 128, np.uint8)
    # The smaller one is dark.
    canvas[60:300, 20:260] = cv2.resize(picture // 2, (240, 240), interpolation=cv2.INTER_AREA)
    canvas[10:390, 300:680] = cv2.resize(picture, (380, 380), interpolation=cv2.INTER_AREA)
    framed = Portrait.from_image(canvas, 128, tracker=tracker)
    assert framed.faces == 2
    x, y = np.round(framed.landmarks[1, :2]).astype(int)
    nose = framed.image[y - 5 : y + 6, x - 5 : x + 6].mean()
    assert nose > 0.75 * picture[370:400, 370:400].mean()
    assert framed.landmarks[1, :2] == pytest.approx([64, 64], abs=20)


def test_a_picture_without_a_face(tracker):
    with pytest.raises(NoFaceError, match="no face was found in the portrait"):
        Portrait.from_image(np.full((200, 200, 3), 90, np.uint8), 128, tracker=tracker)


def test_the_fit_lies_on_the_face(portrait):
    assert portrait.landmarks.shape == (478, 3)
    height, width = portrait.image.shape[:2]
    inside = (portrait.landmarks[:, :2] > 0) & (portrait.landmarks[:, :2] < [width, height])
    assert inside.all()
    assert 0.3 * height < portrait.face_height < 0.75 * height
    assert portrait.expression == pytest.approx(0, abs=0.3)  # it wears none


@pytest.mark.parametrize("scores", [(0.24, 0.27), (0.27, 0.24), (0.25, 0.26)])
def test_a_doubtful_smile_is_taken_from_both_sides_alike(portrait, scores):
    seen = np.zeros(52)
    seen[[ARKIT_INDEX[name] for name in sides("mouthSmile")]] = scores
    worn = _worn_expression(portrait.landmarks, seen, portrait.pose, FaceModel.load())
    left, right = worn[[ARKIT_INDEX[name] for name in sides("mouthSmile")]]
    assert left == pytest.approx(right, abs=0.03)


def test_camera_projects_back():
    pose = Pose(120.0, rotation_matrix(np.array([5, 10, 15])), np.array([128.0, 140, -3]))
    camera = HeadCamera(pose)
    pixels = np.random.default_rng(0).uniform(0, 256, (5, 7, 3)) - [0, 0, 128]
    space = camera.unproject(pixels)
    assert camera.project(space) == pytest.approx(pixels)
    assert camera.project(np.zeros(3)) == pytest.approx(pose.shift)
    # At the pivot's depth pixels are space; nearer things are drawn larger.
    flat = camera.project(np.array([[10.0, 0, 0], [10.0, 0, -60.0]]))
    assert flat[0, 0] - 128 == pytest.approx(10)
    assert flat[1, 0] - 128 == pytest.approx(10 / (1 - 60 / 720))
    turned = camera.move(space, rotation_matrix(np.array([0, 0, 90])), np.array([1.0, 2, 3]))
    assert turned - [1, 2, 3] == pytest.approx(
        np.stack([-space[..., 1], space[..., 0], space[..., 2]], -1)
    )


@pytest.mark.parametrize("yaw", [-24.0, 24.0])
def test_a_turned_faces_outline_lies_on_its_contour(renderer, portrait, tracker, yaw):
    """As a photograph would, the turned head hides its far side's outline behind the cheek."""
    turned = renderer.render(portrait.expression, np.array([0, yaw, 0, 0, 0, 0.0]))
    again = Portrait.from_image(turned, 256, tracker=tracker)
    points = again.landmarks[:, :2]
    face = np.zeros(again.image.shape[:2], np.uint8)
    for triangle in face_topology(0).triangles:
        cv2.fillConvexPoly(face, np.round(points[triangle]).astype(np.int32), 1)
    inside = cv2.distanceTransform(face, cv2.DIST_L2, 5) / again.pose.scale
    x, y = np.round(points[list(FACE_OVAL)]).astype(int).T
    assert inside[y, x].max() < 0.03
