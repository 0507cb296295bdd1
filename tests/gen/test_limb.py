"""The limb of a face that turns to the camera is skin, whatever the portrait shows there."""

import dataclasses

import cv2
import numpy as np
import pytest

from gen.renderers.camera import HeadCamera
from gen.renderers.limb import Limbs
from gen.renderers.topology import face_topology
from recognizer.face_model import FACE_OVAL
from recognizer.motion import rotation_matrix

#: The outline's landmarks beside the cheek on the image's left, temple to jaw.
LEFT = (127, 234, 93, 132, 58)


def limbs_of(portrait):
    topology, camera = face_topology(1), HeadCamera(portrait.pose)
    rest = np.asarray(topology.refine @ portrait.landmarks)
    space = camera.unproject(rest)

    def laid(yaw):
        """What is laid over a black frame when the head is turned."""
        turn = rotation_matrix(np.array([0.0, yaw, 0.0]))
        points = camera.project(camera.move(space, turn, np.zeros(3))).astype(np.float32)
        frame = np.zeros_like(portrait.image)
        limbs.draw(frame, np.full(frame.shape[:2], np.inf, np.float32), points, yaw)
        return frame.astype(int)

    solid = np.full(portrait.image.shape[:2], 255, np.uint8)
    limbs = Limbs(portrait, camera, topology, rest, space, solid)
    return laid


def darkened(portrait, landmarks):
    """The portrait with something black on the outline beside some landmarks."""
    image = portrait.image.copy()
    width = round(0.06 * portrait.pose.scale)
    line = np.round(portrait.landmarks[list(landmarks), :2]).astype(int)
    cv2.polylines(image, [line], False, (5, 5, 5), width)
    return dataclasses.replace(portrait, image=image)


@pytest.fixture(scope="module")
def laid(portrait):
    return limbs_of(portrait)


def test_a_face_as_in_the_portrait_is_itself(laid):
    for yaw in (0.0, 2.0, -2.0):
        assert not laid(yaw).any()


def test_only_the_side_that_turns_to_the_camera_is_continued(laid, portrait):
    middle = portrait.landmarks[list(FACE_OVAL), 0].mean()
    left, right = (np.nonzero(laid(yaw).any(-1))[1] for yaw in (14.0, -14.0))
    assert len(left) > 100 and len(right) > 100
    assert left.max() < middle < right.min()


def test_a_stain_is_painted_over(laid, portrait):
    stained = limbs_of(darkened(portrait, LEFT[2:4]))
    clean, over = laid(14.0), stained(14.0)
    # More is laid over it than over bare skin, and that is skin.
    assert over.sum() > 1.1 * clean.sum()
    assert over.max() > 0.6 * portrait.image[round(portrait.landmarks[50, 1])].max()


def test_a_covered_limb_stays_covered(laid, portrait):
    covered = limbs_of(darkened(portrait, (103, 54, 21, 162, *LEFT, 172, 136, 150)))
    assert covered(14.0).sum() < 0.5 * laid(14.0).sum()


def test_skin_ends_softly(laid, portrait):
    stained = limbs_of(darkened(portrait, LEFT))
    for picture in (laid(14.0), stained(14.0)):
        light = picture.mean(-1)
        bright = light > 40
        assert bright.any()
        # What lies beside something bright is no bare edge of it.
        assert light[:, :-1][bright[:, 1:]].min() > 5
