"""Windows composed from measured frames, and what action units do to a person."""

import numpy as np
import pytest

from recognizer.data.activation import Person, activation, au_vector, intensity
from recognizer.data.motion_samples import REST, SHOWN, SHUT, MotionSamples, concatenate
from recognizer.data.motion_windows import MotionWindows
from recognizer.facs import ARKIT_INDEX, AU_INDEX, EMOTIONS
from recognizer.train.judged_faces import HAPPY, StillFaces, TalkingFaces, film_shifts

JAW, BLINK = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["eyeBlinkLeft"]
SMILE_LEFT, SMILE_RIGHT = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]


def made_samples(people: int = 4, shown: int = 6, seed: int = 0) -> MotionSamples:
    """Takes whose jawOpen is AU26's activation, whose left smile is AU12's, and whose lids say how
    far the eyes are shut."""
    rng = np.random.default_rng(seed)
    frames = shown + 2
    count = people * frames
    motion, share = np.zeros((count, 58)), np.zeros((count, 24))
    role = np.tile([REST, SHUT] + [SHOWN] * shown, people)
    share[role == SHOWN, AU_INDEX["AU26"]] = rng.uniform(0, 0.6, people * shown)
    share[role == SHOWN, AU_INDEX["AU12"]] = rng.uniform(0, 0.6, people * shown)
    share[role == SHUT, AU_INDEX["AU43"]] = 1
    motion[:, JAW] = share[:, AU_INDEX["AU26"]]
    motion[:, SMILE_LEFT] = share[:, AU_INDEX["AU12"]]
    motion[:, BLINK] = 0.6 * share[:, AU_INDEX["AU43"]]
    motion[:, [SMILE_RIGHT, 53]] = 0.05, 10
    emotion = np.zeros((count, 8))
    emotion[:, 1] = share[:, AU_INDEX["AU12"]]
    emotion[:, 0] = 1 - emotion[:, 1]
    person = np.repeat(np.arange(people), frames).astype(np.int32)
    return MotionSamples(
        motion, share, emotion, person, person, role.astype(np.uint8), np.zeros(count, bool),
        np.zeros(count, np.uint8),
    )  # fmt: skip


def made_faces(count: int = 40) -> MotionSamples:
    """Single frames: every fourth angry with the jaw open, the others neutral."""
    emotion, motion = np.zeros((count, 8)), np.zeros((count, 58))
    angry = np.arange(count) % 4 == 0
    emotion[angry, EMOTIONS.index("anger")] = emotion[~angry, 0] = 1
    motion[angry, JAW] = 0.6
    rows = np.arange(count, dtype=np.int32)
    nothing = np.full((count, 24), np.nan)
    flags = np.zeros(count, np.uint8)
    alone = np.ones(count, bool)
    return MotionSamples(motion, nothing, emotion, rows, rows, flags + SHOWN, alone, flags)


def vars_of(samples: MotionSamples) -> list[np.ndarray]:
    return [values for values in vars(samples).values() if values is not None]


def test_intensities_and_shares_are_inverse():
    values = np.linspace(0, 5, 41)
    np.testing.assert_allclose(intensity(activation(values)), values)
    assert activation(np.array(2.0)) < 0.4 and activation(np.array(3.0)) == pytest.approx(0.6)


def test_what_is_measured_and_what_is_true_stay_together():
    """Jaw and AU26 are the same number in every frame, so they are in every window."""
    windows = MotionWindows(made_samples(), noise=0.0, rest_known=1.0, blinks=0.0)
    assert len(windows) == 4
    batch = windows.draw(np.random.default_rng(0), 64, 25)
    assert batch.motion.shape == (64, 25, 58) and batch.rest.shape == (64, 52)
    jaw = intensity(batch.motion[..., JAW].numpy())
    np.testing.assert_allclose(jaw, batch.au[..., AU_INDEX["AU26"]], atol=1e-5)
    assert np.ptp(jaw, axis=1).max() > 2
    # Valence follows the judges' distribution: 0.76 for pure happiness.
    np.testing.assert_allclose(
        batch.valence_arousal[..., 0], 0.76 * batch.emotion[..., 1], atol=1e-5
    )
    np.testing.assert_array_equal(
        batch.motion, windows.draw(np.random.default_rng(0), 64, 25).motion
    )


def test_mirrored_windows_swap_sides():
    batch = MotionWindows(made_samples(), noise=0.0, blinks=0.0).draw(
        np.random.default_rng(1), 200, 3
    )
    yaw = batch.motion[:, 0, 53].numpy()
    assert 0.3 < (yaw < 0).mean() < 0.7
    for side, still in ((SMILE_LEFT, yaw < 0), (SMILE_RIGHT, yaw > 0)):
        np.testing.assert_allclose(batch.motion[still][..., side], 0.05, atol=1e-6)
    moving = np.where(
        yaw[:, None] > 0, batch.motion[..., SMILE_LEFT], batch.motion[..., SMILE_RIGHT]
    )
    np.testing.assert_allclose(intensity(moving), batch.au[..., AU_INDEX["AU12"]], atol=1e-5)


def test_blinks_are_short_and_not_shut_eyes():
    samples = made_samples()
    samples.activation[samples.role == SHUT, AU_INDEX["AU43"]] = 0  # none but blinks
    windows = MotionWindows(samples, noise=0.0, blinks=1.0)
    batch = windows.draw(np.random.default_rng(2), 64, 50)
    blink = batch.au[..., AU_INDEX["AU45"]].numpy()
    assert (blink.max(1) > 3).mean() > 0.8
    assert (blink > 2.5).sum(1).max() <= 13  # half a second
    assert batch.au[..., AU_INDEX["AU43"]].max() == 0
    lids = batch.motion[..., [BLINK, ARKIT_INDEX["eyeBlinkRight"]]].amax(-1).numpy()
    assert (lids >= 0.6 * activation(blink) - 1e-5).all()  # as far as this person's lids are seen


def test_single_faces_by_their_emotion():
    faces = made_faces()
    factors = np.where(faces.emotion[:, 0] == 1, 1.0, 9.0)
    still = StillFaces(faces, factors, noise=0.0, rest_known=0.5)
    batch = still.draw(np.random.default_rng(0), 400)
    angry = batch.emotion[:, 0, EMOTIONS.index("anger")] == 1
    assert 0.65 < angry.float().mean() < 0.85  # 9 of 12
    assert batch.au[angry].isnan().all()
    free = [AU_INDEX[n] for n in ("AU25", "AU26", "AU43", "AU45")]
    neutral = batch.au[~angry][:, 0].numpy()
    assert np.isnan(neutral[:, free]).all() and (np.delete(neutral, free, 1) == 0).all()
    assert 0.4 < batch.rest.isfinite().all(-1).float().mean() < 0.6


def test_happy_faces_show_what_emfacs_says():
    faces = made_faces()
    faces.emotion[::2] = np.eye(8)[EMOTIONS.index("happiness")]
    batch = StillFaces(faces, np.ones(40)).draw(np.random.default_rng(0), 50)
    happy = batch.emotion[:, 0, EMOTIONS.index("happiness")] == 1
    for name, value in HAPPY.items():
        assert (batch.least_au[happy][:, 0, AU_INDEX[name]] == value).all()
    assert (
        batch.least_au[~happy].isnan().all() and batch.least_au[..., AU_INDEX["AU04"]].isnan().all()
    )


def test_single_faces_are_shifted_to_what_a_film_would_show():
    """Tracked both ways, everybody's jaw reads 0.1 higher in a film than in a single picture."""
    film, picture, faces = made_samples(), made_samples(), made_faces()
    film.motion[:, JAW] += 0.1
    picture.alone[:] = True
    picture.take = picture.take + 4
    both = MotionSamples(
        *(np.concatenate(pair) for pair in zip(vars_of(film), vars_of(picture), strict=True))
    )
    shifts = film_shifts(both)
    assert shifts.shape == (4, 52) and film_shifts(film).shape == (0, 52)
    expected = np.tile(0.1 * (np.arange(52) == JAW), (4, 1))
    np.testing.assert_allclose(shifts, expected, atol=1e-6)
    still = StillFaces(concatenate([both, faces]), np.ones(len(both) + 40), filmed=1.0, noise=0.0)
    jaws = still.draw(np.random.default_rng(0), 50).motion[:, 0, JAW]
    assert {round(float(v), 3) for v in jaws} == {0.1, 0.7}


def test_faces_that_talk_keep_their_emotion_and_their_brows():
    speech = made_samples(shown=8)
    speech.emotion[:] = np.eye(8)[0]
    speech.motion[:, ARKIT_INDEX["browInnerUp"]] = np.random.default_rng(0).random(len(speech))
    faces = StillFaces(made_faces(), np.ones(40), noise=0.0)
    assert len(TalkingFaces(faces, made_faces())) == 0
    batch = TalkingFaces(faces, speech).draw(np.random.default_rng(1), 30, 12)
    assert batch.motion.shape == (30, 12, 58) and batch.emotion.shape == (30, 12, 8)
    assert batch.motion[..., JAW].std(1).mean() > 0.02
    assert batch.motion[..., ARKIT_INDEX["browInnerUp"]].std(1).max() < 1e-6
    angry = batch.emotion[:, 0, EMOTIONS.index("anger")] == 1
    assert batch.motion[angry][..., JAW].mean() > batch.motion[~angry][..., JAW].mean() + 0.2
    assert batch.au.isnan().all()


def test_samples_are_saved_and_joined(tmp_path):
    first, second = made_samples(people=2), made_faces(8)
    first.save(tmp_path / "first.npz")
    again = MotionSamples.load(tmp_path / "first.npz")
    np.testing.assert_allclose(again.activation, first.activation, atol=1e-3)
    both = concatenate([again, second])
    assert len(both) == len(first) + 8 and len(np.unique(both.take)) == 10
    assert len(both.of("train")) == len(both) and len(both.of("test")) == 0
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    (tmp_path / "text.npz").write_text("no")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(ValueError, match="holds no tracked faces"):
            MotionSamples.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        MotionSamples.load(tmp_path / "none.npz")


def test_a_person_moves_by_what_is_asked():
    person = Person(np.random.default_rng(0))
    nothing = np.zeros(24)
    assert not person.coefficients(nothing, nothing).any()
    weak, strong = (person.coefficients(au_vector({"AU12": v}), nothing) for v in (0.3, 0.8))
    assert strong[SMILE_LEFT] > weak[SMILE_LEFT] > 0.1
    left = person.coefficients(au_vector({"AU14": 0.8}), au_vector({"AU14": 1}))
    assert left[ARKIT_INDEX["mouthDimpleLeft"]] > 0.4 > 0.01 > left[ARKIT_INDEX["mouthDimpleRight"]]
    drop, gape = (au_vector({name: 0.9}) for name in ("AU26", "AU27"))
    moved = [person.coefficients(share, nothing) for share in (drop, gape)]
    assert moved[1][JAW] > moved[0][JAW] + 0.2


def test_truth_of_lips_is_how_far_they_are_apart():
    person = Person(np.random.default_rng(1))
    nothing = np.zeros(24)
    share = au_vector({"AU27": 0.8})
    open_mouth = person.coefficients(share, nothing)
    truth = person.truth(share, open_mouth)
    assert truth[AU_INDEX["AU25"]] == truth[AU_INDEX["AU26"]] == 1
    shut = person.coefficients(share := au_vector({"AU26": 0.5}), nothing)
    shut[ARKIT_INDEX["mouthClose"]] = 1
    assert person.truth(share, shut)[AU_INDEX["AU25"]] == 0
