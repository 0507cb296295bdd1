"""Finding and following faces in pictures composed of the packaged portrait."""

import cv2
import numpy as np
import pytest
from PIL import Image

from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack
from recognizer.motion_fitting import gaze_angles
from recognizer.tracker import FaceTracker, NoFaceError, largest

GREY = 128


def paste(canvas, picture, size, left, top):
    """``canvas`` with the portrait at ``size`` pixels; its face is some 0.4 of that wide."""
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    canvas[top : top + size, left : left + size] = small
    return canvas


def blank(height=400, width=720):
    return np.full((height, width, 3), GREY, np.uint8)


def centre(face):
    x0, y0, x1, y1 = face.box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def test_the_portrait_is_found(tracker, picture):
    (track,) = tracker.image(picture)
    height, width = picture.shape[:2]
    assert track.face_id == 0
    assert track.success.tolist() == [True]
    assert track.points.shape == (1, 478, 3)
    assert track.scores.shape == track.motion.blendshapes.shape == (1, 52)
    x, y = track.points[0, :, 0], track.points[0, :, 1]
    assert (x.min() > 0) and (x.max() < width) and (y.min() > 0) and (y.max() < height)
    # A frontal, neutral face that looks into the camera.
    assert np.abs(track.motion.pose[0, :3]).max() < 10
    assert track.motion["jawOpen"][0] < 0.15
    assert np.abs(track.gaze).max() < 15
    assert 0.5 < track.confidence[0] <= 1


def test_a_turned_face_is_measured_as_turned(tracker, renderer, portrait):
    def measured(**pose):
        names = ("pitch", "yaw", "roll")
        six = np.array([*(pose.get(name, 0.0) for name in names), 0, 0, 0])
        (track,) = tracker.image(renderer.render(portrait.expression, six))
        return track.motion.pose[0, :3]

    rest = measured()
    for axis, name in enumerate(("pitch", "yaw", "roll")):
        for angle in (-12, 12):
            moved = measured(**{name: angle}) - rest
            assert moved[axis] == pytest.approx(angle, abs=6)
            assert np.abs(np.delete(moved, axis)).max() < 4


def test_expressions_are_measured(tracker, renderer, portrait, coefficients):
    expression = np.maximum(portrait.expression, coefficients(mouthSmile=0.8))
    (track,) = tracker.image(renderer.render(expression, np.zeros(6)))
    assert track.motion["mouthSmileLeft"][0] > 0.5
    assert track.motion["mouthSmileRight"][0] > 0.5


@pytest.mark.parametrize("kind", ["plain", "noise", "tiny"])
def test_no_face(tracker, kind):
    image = {
        "plain": np.full((240, 320, 3), GREY, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8),
        "tiny": np.zeros((1, 1, 3), np.uint8),
    }[kind]
    assert tracker.detect(image) == []
    assert tracker.image(image) == []
    assert tracker.video([image, image], 25) == []
    with pytest.raises(NoFaceError, match="no face was found"):
        largest(tracker.image(image))


def test_no_frames(tracker):
    assert tracker.video([], 25) == []


@pytest.mark.parametrize("place", [(0, 0), (1880, 1380), (900, 700), (400, 1300)])
def test_small_face_in_a_large_picture(tracker, picture, place):
    canvas = paste(blank(1500, 2000), picture, 120, *place)
    faces = tracker.detect(canvas)
    assert len(faces) == 1
    # The portrait's own face, scaled and moved.
    expected = tracker.detect(picture)[0]
    factor = 120 / picture.shape[0]
    assert centre(faces[0]) == pytest.approx(centre(expected) * factor + place, abs=8)
    assert faces[0].size == pytest.approx(expected.size * factor, rel=0.25)


def test_small_face_in_a_video_is_followed(tracker, picture):
    frames = [paste(blank(720, 1280), picture, 150, 900 + 6 * i, 80 + 4 * i) for i in range(6)]
    (track,) = tracker.video(frames, 25)
    assert track.success.all()
    assert np.ptp(track.points[:, 1, 0] - 6 * np.arange(6)) < 5


def test_large_pictures_give_their_own_pixels(tracker, picture):
    large = cv2.resize(picture, (2600, 2600))
    (big,), (own,) = tracker.detect(large), tracker.detect(picture)
    assert centre(big) == pytest.approx(centre(own) * 2600 / picture.shape[0], abs=15)


def test_two_faces_largest_first(tracker, picture):
    canvas = paste(paste(blank(), picture, 240, 20, 60), picture, 380, 300, 10)
    faces = tracker.detect(canvas)
    assert len(faces) == 2
    assert faces[0].size > 1.2 * faces[1].size
    assert centre(faces[0])[0] > 300 > centre(faces[1])[0]


def test_two_moving_faces_keep_their_ids(tracker, picture):
    count = 8

    def frames():
        for i in range(count):
            canvas = paste(blank(420, 800), picture, 220, 4 * i, 60 + 5 * i)
            yield paste(canvas, picture, 380, 400 - 5 * i, 3 * i)

    tracks = tracker.video(frames(), 30)
    assert [track.face_id for track in tracks] == [0, 1]
    for track in tracks:
        assert track.success.all()
        assert len(track.motion) == count
        assert track.motion.fps == 30
    x = {track.face_id: track.points[:, 1, 0] for track in tracks}  # the nose
    small = min(tracks, key=lambda track: track.area)
    other = next(track for track in tracks if track is not small)
    assert np.ptp(x[small.face_id] - 4 * np.arange(count)) < 5
    assert np.ptp(x[other.face_id] + 5 * np.arange(count)) < 5
    assert largest(tracks) is other
    # Right in the picture is positive, in face widths.
    assert small.motion["headX"][-1] > 0.1 > -0.1 > other.motion["headX"][-1]
    assert small.motion["headX"].mean() == pytest.approx(0, abs=1e-4)


def test_frames_without_the_face_are_nan(tracker, picture):
    face = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    empty = np.full_like(face, GREY)
    shown = [False, True, True, False, True, False]
    (track,) = tracker.video([face if s else empty for s in shown], 25)
    assert track.success.tolist() == shown
    assert track.motion.valid.tolist() == shown
    missing = ~np.array(shown)
    for values in (track.points, track.scores, track.gaze, track.motion.pose):
        assert np.isnan(values[missing]).all()
        assert np.isfinite(values[~missing]).all()
    assert (track.confidence[missing] == 0).all()
    assert np.isfinite(track.area)


def test_an_often_seen_face_beats_a_short_visit(tracker, picture):
    small = paste(blank(420, 800), picture, 260, 0, 60)
    both = paste(small.copy(), picture, 380, 400, 10)
    tracks = tracker.video([both] + [small] * 7, 25)
    assert [int(track.success.sum()) for track in tracks] in ([8, 1], [1, 8])
    assert largest(tracks).success.all()


def test_max_faces(picture):
    canvas = paste(paste(blank(), picture, 240, 20, 60), picture, 380, 300, 10)
    with FaceTracker(max_faces=1) as one:
        assert len(one.detect(canvas)) == 1
    one.close()  # again: nothing happens


def test_gaze_signs(coefficients):
    def gaze(**values):
        track = MotionTrack.zeros(1)
        for name, value in values.items():
            track.blendshapes[0, ARKIT_INDEX[name]] = value
        return gaze_angles(track)[0]

    # The subject's left eye outwards is the image's right.
    assert gaze(eyeLookOutLeft=0.5, eyeLookInRight=0.5) == pytest.approx([15, 0])
    assert gaze(eyeLookInLeft=0.5, eyeLookOutRight=0.5) == pytest.approx([-15, 0])
    assert gaze(eyeLookDownLeft=0.4, eyeLookDownRight=0.4) == pytest.approx([0, 10])
    assert gaze(eyeLookUpLeft=0.4, eyeLookUpRight=0.4) == pytest.approx([0, -10])
    assert gaze() == pytest.approx([0, 0])


def test_a_small_face_is_read_as_well_as_a_large_one(picture):
    """The detector alone would be some 2 % of the face's height off."""
    wide = Image.new("RGB", (1280, 720), (120, 130, 140))
    side = 260
    small = Image.fromarray(picture).convert("RGB").resize((side, side))
    with FaceTracker() as tracker:
        whole = tracker.detect(np.asarray(small.resize((768, 768))))[0].points[:, :2] * side / 768
        frames = []
        for left, top in ((700, 90), (710, 95), (722, 98)):
            canvas = wide.copy()
            canvas.paste(small, (left, top))
            frames.append(np.asarray(canvas))
        places = np.array([(700, 90), (710, 95), (722, 98)])
        (track,) = tracker.video(frames, 25)
        alone = tracker.detect(frames[0])[0].points[:, :2] - places[0]
    height = np.linalg.norm(whole[10] - whole[152])
    for points in (alone, *(track.points[:, :, :2] - places[:, None])):
        assert np.linalg.norm(points - whole, axis=1).mean() < 0.015 * height
