"""The descriptor from MediaPipe's points agrees with dlib's own way of looking at a face."""

import numpy as np
import pytest

from recognizer.metrics.identity import FaceDescriptor, identity_similarity

pytest.importorskip("dlib", reason="needs the extra eval")
pytest.importorskip("face_recognition_models", reason="needs the extra eval")


@pytest.fixture(scope="module")
def descriptor():
    return FaceDescriptor()


def test_agrees_with_dlibs_detector(descriptor, picture, tracker):
    import dlib
    import face_recognition_models

    image = np.ascontiguousarray(picture)
    box = max(dlib.get_frontal_face_detector()(image, 1), key=lambda r: r.area())
    five = dlib.shape_predictor(face_recognition_models.pose_predictor_five_point_model_location())
    network = dlib.face_recognition_model_v1(
        face_recognition_models.face_recognition_model_location()
    )
    theirs = np.array(network.compute_face_descriptor(image, five(image, box)))
    ours = descriptor(image, tracker.detect(picture)[0].points)
    assert identity_similarity(ours, theirs) > 0.8


def test_a_mirrored_face_is_the_same_person(descriptor, picture, tracker):
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    a = descriptor(picture, tracker.detect(picture)[0].points)
    b = descriptor(mirrored, tracker.detect(mirrored)[0].points)
    assert identity_similarity(a, a) == 1
    assert 0.6 < identity_similarity(a, b) < 1
