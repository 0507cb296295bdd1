"""The affect branch: nothing without affect, a residual with it, whatever way speech comes in."""

import itertools

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from gen.conditioning import Affect
from gen.editing import MotionEdit
from gen.guidance import AffectError
from gen.mixing import with_residual
from gen.models.affect_branch import AffectBranch, AffectConditions
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.pipeline import TalkingHeadPipeline
from gen.sampling import Sampling
from recognizer.affect_reader import load_head, read_motion
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack
from recognizer.pretrained import load_weights, save_weights

SMILE = ARKIT_INDEX["mouthSmileLeft"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def branch() -> AffectBranch:
    """Random, but of moderate size."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = AffectBranch(audio_dim=5, dim=32, depth=1, heads=2, window_frames=20)
        for layer in (net.modulation, net.modulation_out, net.motion_out):
            torch.nn.init.normal_(layer.weight, std=0.1)
    net.residual_std.fill_(0.1)
    return net.eval()


@pytest.fixture(scope="module")
def motion(branch) -> MotionGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        denoiser = MotionDenoiser(
            audio_dim=5, dim=32, depth=1, heads=2, audio_context=2, window_frames=20
        )
        for layer in (denoiser.modulation, denoiser.modulation_out, denoiser.motion_out):
            torch.nn.init.normal_(layer.weight, std=0.1)
    denoiser.motion_mean[:52] = 0.2
    denoiser.motion_std.fill_(0.1)
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="sample", clip_sample=False,
        timestep_spacing="trailing", rescale_betas_zero_snr=True,
    )  # fmt: skip
    return MotionGenerator(denoiser, scheduler, branch)


FEATURES = np.random.default_rng(0).standard_normal((63, 5)).astype(np.float32)


def made(motion, affect, features=FEATURES, seed=0, **options):
    """The neutral motion and the residual, ``[T, 58]`` each."""
    pairs = motion.stream_with_affect(
        features, affect, Sampling(steps=3, overlap=6), generator=seeded(seed), **options
    )
    tracks, residuals = zip(*pairs, strict=True)
    return np.concatenate([t.to_vectors() for t in tracks]), np.concatenate(residuals)


def asked(batch=2, frames=16, known=(True, True, True), seed=3) -> AffectConditions:
    g = seeded(seed)
    rows = (torch.rand(batch, frames, n, generator=g) for n in (48, 2, 8))
    return AffectConditions(*rows, known=torch.tensor([known] * batch))


def forward(branch, conditions):
    g = seeded(5)
    sample, neutral = torch.randn(2, 2, 6, 58, generator=g)
    speech = branch.encode_audio(torch.randn(2, 20, 5, generator=g))
    return branch(
        sample, neutral, 500, speech, branch.encode_affect(conditions), conditions.known
    ).sample


def test_a_fresh_branch_adds_nothing():
    branch = AffectBranch(audio_dim=5, dim=32, depth=1, heads=2)
    assert (forward(branch, asked()) == 0).all()


def test_nothing_asked_for_is_exactly_nothing(branch):
    assert (forward(branch, asked(known=(False, False, False))) == 0).all()
    assert (forward(branch, asked()) != 0).all()


@pytest.mark.parametrize("condition", range(3))
def test_each_condition_counts_where_it_is_known_alone(branch, condition):
    known = tuple(i == condition for i in range(3))
    first, other, beside = asked(known=known), asked(known=known, seed=4), asked(known=known)
    for i, name in enumerate(("aus", "valence_arousal", "emotion")):
        if i != condition:
            setattr(other, name, getattr(first, name))
            setattr(beside, name, getattr(first, name) + 1)
    assert not torch.allclose(forward(branch, first), forward(branch, other), atol=1e-4)
    assert torch.equal(forward(branch, first), forward(branch, beside))


def test_the_neutral_motion_does_not_depend_on_affect(motion):
    plain = motion(FEATURES, Sampling(steps=3, overlap=6), generator=seeded()).to_vectors()
    for affect in (Affect.emotion("anger"), Affect.action_units({"AU12": 3})):
        neutral, residual = made(motion, affect)
        np.testing.assert_array_equal(neutral, plain)
        assert np.abs(residual).max() > 0.01


def test_affect_scale_is_a_factor(motion):
    affect = Affect.emotion("fear", 0.7)
    once = made(motion, affect)[1]
    np.testing.assert_allclose(made(motion, affect, affect_scale=2.0)[1], 2 * once, rtol=1e-5)
    assert (made(motion, affect, affect_scale=0.0)[1] == 0).all()


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_blocks_and_seeds(motion, fps):
    affect = Affect.timeline([{"at": 0.5, "emotion": "neutral"}, {"at": 1.2, "emotion": "anger"}])
    neutral, whole = made(motion, affect, fps=fps)
    assert len(neutral) == len(whole) == round(63 * fps / 25)
    cuts = [FEATURES[:7], FEATURES[7:8], FEATURES[8:50], FEATURES[50:]]
    np.testing.assert_array_equal(made(motion, affect, iter(cuts), fps=fps)[1], whole)
    np.testing.assert_array_equal(made(motion, affect, fps=fps)[1], whole)
    other = made(motion, affect, seed=1, fps=fps)[1]
    assert not np.allclose(other, whole, atol=1e-3)


def test_windows_meet_without_a_jump(motion):
    """The change of the residual at a border is no larger than elsewhere."""
    _, residual = made(motion, Affect.emotion("anger"))
    change = np.abs(np.diff(residual, axis=0)).mean(1)
    borders = [13, 27, 41]
    elsewhere = np.delete(change, borders)
    assert change[borders].mean() < elsewhere.mean() + 3 * elsewhere.std()


def test_residuals_join_alike_however_they_are_cut_and_leave_lips_shut():
    rng = np.random.default_rng(0)
    time = np.arange(120) / 25
    neutral = np.zeros((120, 58), np.float32)
    neutral[:, ARKIT_INDEX["jawOpen"]] = 0.4 * np.clip(np.sin(2 * np.pi * 3.3 * time), 0, 1)
    residual = rng.normal(0, 0.3, (120, 58)).astype(np.float32)

    def joined(*ends):
        cuts = list(itertools.pairwise((0, *ends, 120)))
        tracks = (MotionTrack.from_vectors(neutral[a:b]) for a, b in cuts)
        parts = with_residual(tracks, (residual[a:b] for a, b in cuts), 25.0)
        return np.concatenate([track.to_vectors() for track in parts])

    whole = joined()
    np.testing.assert_allclose(joined(3, 50, 51, 90), whole, atol=1e-6)
    np.testing.assert_allclose(whole[:, 52:], residual[:, 52:], atol=1e-6)
    face = FaceModel.load()
    rest = face.lip_opening(np.zeros((1, 52)))[0]
    gap = face.lip_opening(whole[:, :52]) - rest
    shut = face.lip_opening(neutral[:, :52]) - rest < 0.003
    # Away from the ends, which count as pauses.
    shut[:20] = shut[-20:] = False
    assert shut.sum() > 20 and gap[shut].max() < 0.012


def speaking(frames=50):
    out = torch.zeros(1, frames, 58)
    out[..., ARKIT_INDEX["jawOpen"]] = 0.2
    return out


def test_the_recognizers_error_falls_towards_what_is_asked_for():
    error = AffectError(load_head())
    neutral = speaking()
    aus, place = torch.zeros(1, 50, 48), torch.zeros(1, 50, 2)
    aus[..., 18:20] = 4.0  # AU12, both sides
    known = torch.tensor([[True, False, False]])
    smiling = neutral.clone()
    smiling[..., [SMILE, SMILE + 1]] = 0.8
    assert error(smiling, neutral, aus, place, known) < error(neutral, neutral, aus, place, known)
    variable = neutral.clone().requires_grad_()
    error(variable, neutral, aus, place, known).sum().backward()
    assert variable.grad[..., SMILE].mean() < 0
    assert error(smiling, neutral, aus, place, ~known & False).item() == 0
    half = (smiling + neutral) / 2
    assert error.between(smiling, smiling, neutral).item() == 0
    assert error.between(neutral, smiling, neutral) > error.between(half, smiling, neutral) > 0


def test_recognizer_guidance_shows_more_of_what_is_asked_for(motion):
    head, affect = load_head(), Affect.action_units({"AU12": 5})

    def smile(**options):
        neutral, residual = made(motion, affect, **options)
        shown = MotionTrack.from_vectors(np.clip(neutral + residual, 0, 1), 25.0)
        return read_motion(shown, head, rest=np.median(neutral[:, :52], axis=0)).aus[:, 9].mean()

    assert smile(recognizer_guidance=1.0) > smile() + 0.1


def test_weights_come_back(branch, motion, tmp_path):
    save_weights(branch, tmp_path / "branch", torch.float32)
    motion.save_pretrained(tmp_path / "motion", torch.float32)
    again = MotionGenerator.from_pretrained(tmp_path / "motion", tmp_path / "branch")
    affect = Affect.emotion("surprise")
    np.testing.assert_array_equal(made(again, affect)[1], made(motion, affect)[1])
    with pytest.raises(FileNotFoundError, match="has no config"):
        load_weights(AffectBranch, tmp_path)


def test_what_does_not_fit_is_refused(motion, branch):
    wrong = AffectBranch(audio_dim=7, dim=32, depth=1, heads=2)
    with pytest.raises(ValueError, match="audio_dim is 5 in the denoiser, 7 in the affect branch"):
        MotionGenerator(motion.denoiser, motion.scheduler, wrong)
    alone = MotionGenerator(motion.denoiser, motion.scheduler)
    with pytest.raises(ValueError, match="no affect branch"):
        alone.stream_with_affect(FEATURES, Affect.emotion("anger"))
    with pytest.raises(ValueError, match="needs a motion model with an affect branch"):
        TalkingHeadPipeline(None, alone, expression="diffusion")
    with pytest.raises(ValueError, match="'rule' or 'diffusion', got 'both'"):
        TalkingHeadPipeline(None, motion, expression="both")
    with pytest.raises(ValueError, match="affect_scale must be"):
        Sampling(affect_scale=4)


class Loudness:
    """Features that a sound's level makes, five alike."""

    dim = 5

    def encode(self, waveform, fps=25.0):
        frames = waveform[: len(waveform) // 640 * 640].reshape(-1, 640)
        return np.repeat(np.abs(frames).mean(1)[:, None], 5, axis=1).astype(np.float32)

    def stream(self, waveform, fps=25.0):
        yield self.encode(waveform, fps)


@pytest.fixture
def pipeline(motion):
    return TalkingHeadPipeline(Loudness(), motion, Sampling(steps=2), expression="diffusion")


def wave(seconds=2.0):
    return np.random.default_rng(2).uniform(-0.3, 0.3, int(16000 * seconds)).astype(np.float32)


def vectors(tracks):
    return np.concatenate([track.to_vectors() for track in tracks])


def test_pipeline_diffuses_affect_and_leaves_neutral_speech_as_it_is(pipeline, motion):
    rule = TalkingHeadPipeline(Loudness(), motion, Sampling(steps=2))
    neutral, ruled = (
        vectors(p.spoken_motion(wave(), None, generator=seeded())) for p in (pipeline, rule)
    )
    np.testing.assert_array_equal(neutral, ruled)
    angry, ruled = (
        vectors(p.spoken_motion(wave(), Affect.emotion("anger"), generator=seeded()))
        for p in (pipeline, rule)
    )
    assert angry.shape == neutral.shape
    assert not np.allclose(angry[:, 52:], neutral[:, 52:], atol=1e-3)
    np.testing.assert_allclose(ruled[:, 52:], neutral[:, 52:], atol=1e-6)


def test_bare_action_units_are_shown_by_the_rule(pipeline, motion):
    rule = TalkingHeadPipeline(Loudness(), motion, Sampling(steps=2))
    affect = Affect.action_units({"AU12L": 4})
    made, ruled = (
        vectors(p.spoken_motion(wave(), affect, generator=seeded())) for p in (pipeline, rule)
    )
    np.testing.assert_array_equal(made, ruled)


def test_held_motion_is_held_whatever_is_felt(pipeline):
    edit = MotionEdit.keys([(1.0, {"jawOpen": 0.6})])
    affect = Affect.emotion("surprise") + Affect.blendshapes({"browDownLeft": 0.7}, at=1.0)
    made = vectors(pipeline.spoken_motion(wave(), affect, edits=(edit,), generator=seeded()))
    assert made[25, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.6, abs=1e-4)
    assert made[25, ARKIT_INDEX["browDownLeft"]] == pytest.approx(0.7, abs=1e-4)


def test_live_sound_is_the_same_however_it_is_cut(pipeline):
    affect = Affect.emotion("happiness")

    def live(*cuts):
        chunks = np.split(wave(), cuts)
        return vectors(pipeline.stream_motion(iter(chunks), affect, generator=seeded()))

    whole = live()
    assert len(whole) == 50
    np.testing.assert_array_equal(live(1000, 1001, 20000), whole)
