"""Faces, voices and words go in; tracks and one judgement come out, whatever is missing."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest
import torch

from recognizer.appearance_reader import (
    emotion_opinion,
    load_appearance,
    look_at_rest,
    read_crops,
    without_mouth,
)
from recognizer.emfacs_reader import MODEL
from recognizer.facs import EMOTION_TO_VA, EMOTIONS
from recognizer.fusion import fuse
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer, Rest
from recognizer.tracker import FaceTracker, NoFaceError
from recognizer.unit_reader import Calibration, UnitReliability


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    return AffectHead(width=8, dilations=(1,)).eval()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return AppearanceNet(channels=(8, 16), layers=(1, 1), embedding=8).eval()


@pytest.fixture(scope="module")
def recognizer(head, network):
    return Recognizer(head, network, {"motion": 0.5, "appearance": 0.8})


@pytest.fixture(scope="module")
def unit_network():
    torch.manual_seed(2)
    return AppearanceNet(channels=(8, 16), layers=(1, 1), embedding=8, heads=("au",)).eval()


def counted(motion=1.0, appearance=1.0, resting=0.0):
    def case(share):
        return UnitReliability(*(np.full(24, v) for v in (motion, appearance, share)))

    return Calibration(rest_known=case(resting), rest_unknown=case(0.0))


@pytest.fixture(scope="module")
def wall(tmp_path_factory):
    path = tmp_path_factory.mktemp("wall") / "wall.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 130, np.uint8))
    return path


def test_a_picture_is_a_track_of_one_frame(recognizer, portrait_path):
    track = recognizer(portrait_path)
    assert len(track) == 1 and track.success.all()
    assert track.emotion.sum() == pytest.approx(1, abs=1e-4)
    assert (track.aus_std > 0).all() and (track.valence_arousal_std > 0).all()
    assert track.motion is not None


def test_both_experts_count(head, network, portrait_path):
    def emotion(motion, appearance):
        reliability = {"motion": motion, "appearance": appearance}
        return Recognizer(head, network, reliability)(portrait_path).emotion[0]

    alone = Recognizer(head, None)(portrait_path).emotion[0]
    assert emotion(1, 0) == pytest.approx(alone, abs=0.02)  # the floor under an opinion
    both, motion, appearance = emotion(1, 1), emotion(1, 0), emotion(0, 1)
    product = motion * appearance
    assert both == pytest.approx(product / product.sum(), abs=0.02)


def test_both_experts_count_for_action_units(head, unit_network, portrait_path):
    def units(reliability):
        return Recognizer(head, None, None, unit_network, reliability)(portrait_path).aus[0]

    motion, pictures = units(counted(appearance=0)), units(counted(motion=0))
    assert motion == pytest.approx(Recognizer(head)(portrait_path).aus[0], abs=1e-4)
    both = units(counted())
    low, high = np.minimum(motion, pictures), np.maximum(motion, pictures)
    assert ((both >= low - 1e-4) & (both <= high + 1e-4)).all()
    assert np.abs(motion - pictures).max() > 0.1
    with pytest.raises(ValueError, match="calibration"):
        Recognizer(head, units=unit_network)


def test_a_person_at_rest_shows_nothing_in_pictures(head, unit_network, picture):
    reader = Recognizer(head, None, None, unit_network, counted(motion=0, resting=1.0))
    with FaceTracker(crops=True) as tracker:
        face = tracker.image(picture)[0]
    rest = reader.at_rest(face)
    assert reader.read_face(face).aus.max() > 0.5
    assert np.abs(reader.read_face(face, rest).aus).max() < 1e-6
    # Pictures that nobody looked at: the coefficients alone are known.
    blind = reader.read_face(face, Rest(rest.coefficients))
    assert blind.aus == pytest.approx(reader.read_face(face).aus)


def test_rest_is_learnt_from_a_picture(head, unit_network, portrait_path, wall):
    reader = Recognizer(head, None, None, unit_network, counted(motion=0, resting=1.0))
    rest = reader.learn_rest(portrait_path)
    assert np.abs(reader(portrait_path, rest=rest).aus).max() < 1e-6
    assert np.abs(reader.judge(portrait_path, rest=rest).faces[0].aus).max() < 1e-6
    with pytest.raises(NoFaceError):
        reader.learn_rest(wall)


def test_a_face_that_looks_as_at_rest_looks_neutral(head, network, portrait_path):
    usual = np.array([0.9, *[0.1 / 7] * 7])
    reliability = {"motion": 0.0, "appearance": 1.0}
    reader = Recognizer(head, network, reliability, neutral=usual)
    rest = reader.learn_rest(portrait_path)
    known = reader(portrait_path, rest=rest).emotion[0]
    assert known == pytest.approx(usual, abs=0.02)  # the floor under an opinion
    assert reader(portrait_path).emotion[0] != pytest.approx(usual, abs=0.02)
    # Somebody else at rest: what differs between the two faces remains, whole or covered.
    crops = np.random.default_rng(0).integers(0, 255, (2, 96, 96), np.uint8)
    seen = np.ones(2, bool)
    looks = look_at_rest(crops[:1], network, seen[:1])
    for row, sure in ((0, 0.0), (1, 1.0)):
        talk = np.full(2, sure)
        plain, moved = (
            read_crops(crops, network, seen, talking=talk, shift=shift).emotion
            for shift in (None, np.log(usual) - looks)
        )
        odds = [np.log(e[1] / e[0]) for e in (plain, moved)]
        np.testing.assert_allclose(odds[1] - odds[1][0], odds[0] - odds[0][0], atol=1e-3)
        assert looks.shape == (2, 8) and np.exp(looks[row]).sum() == pytest.approx(1, abs=1e-4)


def test_rest_is_guessed_in_long_films(head, unit_network, picture):
    reader = Recognizer(head, None, None, unit_network, counted(motion=0, resting=1.0))
    with FaceTracker(crops=True) as tracker:
        face = tracker.image(picture)[0]

    def film(seconds):
        frames = seconds * 2
        repeated = {
            name: np.repeat(getattr(face, name), frames, axis=0)
            for name in ("points", "scores", "gaze", "confidence", "crops")
        }
        moved = np.repeat(face.motion.to_vectors(), frames, axis=0)
        motion = MotionTrack.from_vectors(moved, 2.0)
        return dataclasses.replace(face, motion=motion, **repeated)

    assert reader.read_face(film(20)).aus.max() > 0.5
    assert np.abs(reader.read_face(film(61)).aus).max() < 1e-6


def test_a_sound_has_no_action_units(recognizer, speech_path):
    track = recognizer(speech_path)
    assert np.isnan(track.aus).all() and track.motion is None
    assert np.isfinite(track.valence_arousal).all()
    found = recognizer.judge(speech_path)
    assert found.faces == [] and found.largest is None
    assert list(found.fused.weights) == ["voice"]
    assert len(found.tracks) == 1


def test_words_speak_with_the_face(recognizer, portrait_path):
    silent = recognizer.judge(portrait_path)
    told = recognizer.judge(portrait_path, "What a wonderful day, I am so happy!")
    assert list(silent.fused.weights) == ["face"]
    assert list(told.fused.weights) == ["face", "words"]
    happy = EMOTIONS.index("happiness")
    assert told.fused.emotion[happy] > silent.fused.emotion[happy]
    assert told.fused.valence_arousal[0] > silent.fused.valence_arousal[0]


def test_words_alone_are_enough(recognizer, wall):
    found = recognizer.judge(wall, "I am furious!")
    assert found.faces == [] and list(found.fused.weights) == ["words"]
    assert len(found.tracks[0]) == 1


def test_no_face_is_one_clear_line(recognizer, wall):
    for read in (recognizer, recognizer.faces, recognizer.judge):
        with pytest.raises(NoFaceError, match=r"no face was found in wall\.png"):
            read(wall)


def test_a_folder_of_networks(recognizer, unit_network, tmp_path):
    with pytest.raises(FileNotFoundError):
        Recognizer.from_pretrained(tmp_path)
    recognizer.head.save_pretrained(tmp_path / "affect_motion")
    recognizer.appearance.save_pretrained(tmp_path / "affect_appearance")
    recognizer.appearance.save_pretrained(tmp_path / "au_appearance")
    counted(resting=0.5).save(tmp_path / "unit_reliability.json")
    (tmp_path / "reliability.json").write_text(json.dumps({"reliability": {"motion": 0.3}}))
    with pytest.raises(ValueError, match="no head for action units"):
        Recognizer.from_pretrained(tmp_path)
    unit_network.save_pretrained(tmp_path / "au_appearance")
    shutil.copy(MODEL, tmp_path)
    loaded = Recognizer.from_pretrained(tmp_path)
    assert loaded.calibration.rest_known.resting[0] == 0.5
    assert loaded.reliability == {"motion": 0.3, "appearance": 1.0}
    weights = loaded.appearance.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in recognizer.appearance.state_dict().items())
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_appearance(tmp_path / "nowhere")


def test_a_tracker_keeps_aligned_faces(picture):
    blank = np.full_like(picture, 90)
    with FaceTracker(crops=True) as tracker:
        (track,) = tracker.video([picture, blank, picture], 25.0)
    assert track.crops.shape == (3, 96, 96) and track.crops.dtype == np.uint8
    assert track.success.tolist() == [True, False, True]
    assert track.crops[1].max() == 0 and track.crops[0].std() > 10
    with FaceTracker() as tracker:
        assert tracker.image(picture)[0].crops is None


def test_crops_without_a_face_say_nothing(network):
    crops = np.random.default_rng(0).integers(0, 255, (3, 48, 48), np.uint8)
    opinion = read_crops(crops, network, np.array([True, False, True]))
    assert np.isnan(opinion.emotion[1]).all() and np.isfinite(opinion.emotion[[0, 2]]).all()
    fused = fuse([opinion])
    assert np.isnan(fused.emotion[1]).all()


def test_looking_at_every_other_face(network):
    crops = np.random.default_rng(0).integers(0, 255, (6, 48, 48), np.uint8)
    seen = np.array([True, True, True, False, True, True])
    all_of_them = read_crops(crops, network, seen).emotion
    some = read_crops(crops, network, seen, every=2).emotion
    assert some[[0, 2, 5]] == pytest.approx(all_of_them[[0, 2, 5]], abs=1e-5)
    assert some[1] == pytest.approx((all_of_them[0] + all_of_them[2]) / 2, abs=1e-5)
    assert np.isnan(some[3]).all()


def test_a_talking_mouth_is_covered(network):
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (4, 48, 48), np.uint8)
    other = crops.copy()
    other[:, 34:] = rng.integers(0, 255, (4, 14, 48), np.uint8)  # another mouth
    assert np.array_equal(without_mouth(crops), without_mouth(other))
    seen = np.ones(4, bool)
    quiet, half, loud = (
        read_crops(crops, network, seen, talking=np.full(4, share)).emotion
        for share in (0.0, 0.5, 1.0)
    )
    assert quiet == pytest.approx(read_crops(crops, network, seen).emotion)
    covered = read_crops(without_mouth(crops), network, seen).emotion
    pooled = quiet**0.3 * covered**0.7
    assert loud == pytest.approx(pooled / pooled.sum(1, keepdims=True), abs=1e-6)
    pooled = quiet**0.65 * covered**0.35
    assert half == pytest.approx(pooled / pooled.sum(1, keepdims=True), abs=1e-6)


def test_valence_and_arousal_of_a_mixture():
    rng = np.random.default_rng(0)
    emotion = rng.dirichlet(np.ones(8))
    opinion = emotion_opinion("appearance", emotion)
    drawn = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])[rng.choice(8, 200_000, p=emotion)]
    drawn = drawn + rng.normal(0, 0.25, drawn.shape)
    assert opinion.valence_arousal == pytest.approx(drawn.mean(0), abs=5e-3)
    assert opinion.variance == pytest.approx(drawn.var(0), abs=5e-3)
