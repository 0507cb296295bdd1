"""A driver's motion: what the renderer's camera shows is what the tracker measures, and back."""

import numpy as np
import pytest

from gen.driving import Driver, absolute_motion, drawn_fields, relative_motion, relative_pose
from gen.renderers.camera import HeadCamera
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.fitting import FaceFitter, Pose
from recognizer.motion import MotionTrack, rotation_matrix
from recognizer.motion_fitting import fit_motion

POSES = np.array([
    [0, 0, 0, 0, 0, 0], [12, -18, 7, 0, 0, 0], [0, 0, 0, 0.4, -0.2, 0], [0, 0, 0, 0, 0, 0.8],
    [-8, 15, -10, -0.3, 0.25, -0.6], [4, 6, 20, 0.2, 0.3, 1.0],
])  # fmt: skip


@pytest.mark.parametrize("first", [(0, 0, 0), (6, -14, 9)], ids=str)
def test_the_renderers_camera_and_the_tracker_agree(first):
    shape = FaceModel.load().landmarks.astype(np.float64)
    portrait = Pose(180.0, rotation_matrix(np.array(first)), np.array([250.0, 260, 0]))
    camera = HeadCamera(portrait)
    space = camera.unproject(portrait.project(shape))
    frames = []
    for p in POSES:
        moved = camera.move(space, rotation_matrix(p[:3]), p[3:] * portrait.scale)
        frames.append(camera.project(moved))
        # A landmarker guesses depth from what it sees: along its line of sight, in the picture's
        # size.
        head = p[3:] * portrait.scale + np.array([0, 0, camera.distance])
        away = np.linalg.norm(head)
        depth = (moved + np.array([0, 0, camera.distance])) @ head / away - away
        frames[-1][:, 2] = depth * camera.distance / away
    fitted = fit_motion(np.array(frames), np.zeros((len(POSES), 52)), 25.0, FaceFitter())
    found = relative_pose(fitted.motion.pose, fitted.motion.pose[0])
    assert found[0] == pytest.approx(0, abs=1e-4)
    assert found[:, :3] == pytest.approx(POSES[:, :3], abs=0.8)
    assert found[:, 3:5] == pytest.approx(POSES[:, 3:5], abs=0.01)
    assert found[:, 5] == pytest.approx(POSES[:, 5], abs=0.1)


def moving(frames=9):
    rng = np.random.default_rng(0)
    pose = rng.normal(0, [5, 8, 3, 0.1, 0.1, 0.3], (frames, 6))
    return MotionTrack(rng.uniform(0, 1, (frames, 52)), pose)


def test_relative_motion_starts_at_the_portrait():
    driver = Driver(moving(), first=2)
    motion, worn = relative_motion(driver)
    assert motion.pose[2] == pytest.approx(0, abs=1e-4)
    assert np.array_equal(worn, driver.motion.blendshapes[2])
    assert np.array_equal(motion.blendshapes, driver.motion.blendshapes)


def test_absolute_motion_keeps_the_portraits_place():
    motion = moving(201)
    kept = absolute_motion(motion)
    assert np.abs(np.median(kept.pose[:, :3], axis=0)).max() < 1
    assert np.abs(np.median(kept.pose[:, 3:], axis=0)).max() < 0.03
    assert np.array_equal(kept.blendshapes, motion.blendshapes)


def test_what_is_drawn_is_what_is_measured(coefficients):
    """A mouth that moves as the renderer moves it is read as that, by the renderer's own fields."""
    model = FaceModel.load()
    shape = model.landmarks.astype(np.float64)
    fields = drawn_fields(shape)
    assert fields.shape == (52, 478, 3)
    smile = ARKIT_INDEX["mouthSmileLeft"]
    inner = [78, 308]  # the mesh parts the lips a little beside them
    others = np.setdiff1d(np.arange(478), inner)
    assert fields[smile, others] == pytest.approx(model.landmark_blendshapes[smile, others])
    levels = np.array([0.0, 0.4, 0.8])
    truth = levels[:, None] * coefficients(mouthFunnel=1.0, jawOpen=0.5)
    pose = Pose(200.0, np.eye(3), np.array([256.0, 256, 0]))
    frames = np.stack([pose.project(shape + np.tensordot(c, fields, 1)) for c in truth])
    off = {}
    for name, chosen in (("drawn", drawn_fields), ("model", None)):
        fitted = fit_motion(frames, 0.7 * truth, 25.0, FaceFitter(), chosen)
        off[name] = np.abs(fitted.motion.blendshapes - truth).max()
    assert off["drawn"] < 0.12 < off["model"]
