"""The motion denoiser, its sampler and its benchmark."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from gen.audio.windows import SpeechWindow
from gen.bench.motion import (
    lagged_correlation,
    linear_lips,
    lip_opening,
    lip_sync_benchmark,
    liveliness,
    seam_jerk_ratio,
)
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.sampling import LIPS, Sampling
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES
from recognizer.motion import MotionTrack

AUDIO = 12


def tiny_denoiser(seed: int = 0) -> MotionDenoiser:
    """A small network whose output depends on all its inputs (a fresh one predicts zero)."""
    torch.manual_seed(seed)
    model = MotionDenoiser(
        audio_dim=AUDIO, dim=32, depth=2, heads=2, audio_context=2, window_frames=20
    )
    for layer in (model.modulation, model.modulation_out, model.motion_out):
        torch.nn.init.normal_(layer.weight, std=0.1)
    model.motion_mean.fill_(0.3)
    model.motion_std.fill_(0.2)
    return model.eval()


@pytest.fixture
def generator() -> MotionGenerator:
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )
    return MotionGenerator(tiny_denoiser(), scheduler)


def speech(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, AUDIO)).astype(np.float32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def call(model: MotionDenoiser, **changes) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    inputs = {
        "sample": torch.randn(2, 20, 58, generator=draw),
        "timestep": torch.tensor([10, 900]),
        "speech": torch.randn(2, 34, AUDIO, generator=draw),
        "prefix": torch.randn(2, 10, 58, generator=draw),
        "domain": torch.tensor([0, 1]),
    } | changes
    audio = model.encode_audio(inputs.pop("speech"))
    with torch.inference_mode():
        return model(audio=audio, **inputs).sample


def test_shipped_size():
    count = sum(p.numel() for p in MotionDenoiser().parameters())
    assert 5e6 < count < 8e6


@pytest.mark.parametrize("name", ["sample", "timestep", "speech", "prefix", "domain"])
def test_every_input_matters(name):
    model = tiny_denoiser()
    other = {
        "sample": torch.zeros(2, 20, 58),
        "timestep": torch.tensor([500, 500]),
        "speech": torch.zeros(2, 34, AUDIO),
        "prefix": torch.zeros(2, 10, 58),
        "domain": torch.tensor([2, 2]),
    }[name]
    assert not torch.allclose(call(model), call(model, **{name: other}), atol=1e-4)


@pytest.mark.parametrize("name", ["audio", "prefix"])
def test_left_out_condition_is_not_seen(name):
    model = tiny_denoiser()
    drop = {f"drop_{name}": torch.tensor([True, False])}
    changed = {"speech": torch.zeros(2, 34, AUDIO)} if name == "audio" else {}
    changed = changed or {"prefix": torch.zeros(2, 10, 58)}
    before, after = call(model, **drop), call(model, **drop, **changed)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1], atol=1e-4)


def test_length_is_free_and_must_agree():
    model = tiny_denoiser()
    out = call(model, sample=torch.zeros(2, 7, 58), speech=torch.zeros(2, 21, AUDIO))
    assert out.shape == (2, 7, 58)
    with pytest.raises(ValueError, match="audio has 30 frames"):
        call(model, sample=torch.zeros(2, 7, 58))


def test_bad_architecture_is_refused():
    with pytest.raises(ValueError, match="not divisible"):
        MotionDenoiser(dim=30, heads=4)
    with pytest.raises(ValueError, match="even"):
        MotionDenoiser(audio_context=3)


def test_one_step_from_pure_noise_is_the_prediction(generator):
    model, features = generator.denoiser, speech(15)
    made = generator(features, steps=1, generator=seeded())
    noise = torch.randn(1, 15, 58, generator=seeded())
    lead = np.repeat(features[:1], 12, axis=0)
    tail = np.repeat(features[-1:], 2, axis=0)
    padded = torch.from_numpy(np.concatenate([lead, features, tail]))[None]
    with torch.inference_mode():
        clean = model(
            noise,
            999,
            model.encode_audio(padded),
            torch.zeros(1, 10, 58),
            torch.tensor([0]),
            drop_prefix=torch.tensor([True]),
        ).sample[0]
    expected = clean.numpy() * 0.2 + 0.3
    expected[:, :52] = expected[:, :52].clip(0, 1)
    np.testing.assert_allclose(made.to_vectors(), expected, atol=1e-5)


def test_same_seed_same_motion_to_the_bit(generator):
    a, b, c = (generator(speech(45), steps=2, generator=seeded(s)) for s in (1, 1, 2))
    assert np.array_equal(a.to_vectors(), b.to_vectors())
    assert not np.allclose(a.to_vectors(), c.to_vectors(), atol=1e-3)


def test_lip_prior_leaves_the_lips_to_the_linear_map(generator):
    model = generator.denoiser
    jaw, yaw = ARKIT_INDEX["jawOpen"], 53
    model.prior_weight[0, jaw] = 0.5
    model.prior_bias[jaw] = 0.2
    features = speech(30)
    free, half, bound = (
        generator(features, steps=1, generator=seeded(), lip_prior=p) for p in (0.0, 0.5, 1.0)
    )
    heard = (features[:, 0] - float(model.audio_mean[0])) / float(model.audio_std[0])
    expected = (0.5 * heard + 0.2) * float(model.motion_std[jaw]) + float(model.motion_mean[jaw])
    np.testing.assert_allclose(bound.blendshapes[:, jaw], expected.clip(0, 1), atol=1e-5)
    np.testing.assert_allclose(bound.to_vectors()[:9, yaw], free.to_vectors()[:9, yaw], atol=1e-5)
    inside = (expected > 0) & (expected < 1) & (free.blendshapes[:, jaw] % 1 > 0)
    first = inside[:20]  # later windows continue from other lips
    mean = (free.blendshapes[:, jaw] + bound.blendshapes[:, jaw]) / 2
    np.testing.assert_allclose(half.blendshapes[:20, jaw][first], mean[:20][first], atol=1e-5)


def test_blendshapes_are_clipped_and_pose_is_not(generator):
    generator.denoiser.motion_std.fill_(50.0)
    made = generator(speech(12), steps=2, generator=seeded())
    assert made.blendshapes.min() >= 0 and made.blendshapes.max() <= 1
    assert np.abs(made.pose).max() > 1


@pytest.mark.parametrize("overlap", [0, 7])
@pytest.mark.parametrize("frames", [1, 19, 20, 21, 22, 45, 60])
def test_stream_equals_call_however_speech_is_cut(generator, frames, overlap):
    features, options = speech(frames), {"steps": 2, "overlap": overlap}
    whole = generator(features, generator=seeded(), **options)
    assert len(whole) == frames
    cuts = np.split(features, [1, 3, 3, 30])
    tracks = list(generator.stream(iter(cuts), generator=seeded(), **options))
    streamed = np.concatenate([t.to_vectors() for t in tracks])
    assert np.array_equal(streamed, whole.to_vectors())
    assert max(len(t) for t in tracks) <= 21


@pytest.mark.parametrize("fps", [10.0, 24.0, 30.0, 60.0])
def test_frame_rate_is_linear_interpolation_across_windows(generator, fps):
    plain = generator(speech(53), steps=2, generator=seeded())
    made = generator(speech(53), steps=2, generator=seeded(), fps=fps)
    expected = plain.resampled(fps)
    assert made.fps == fps
    np.testing.assert_allclose(made.to_vectors(), expected.to_vectors(), atol=1e-5)


def test_a_window_begins_where_the_one_before_expected_it_to(generator):
    """So that nothing jumps where they meet."""
    features, steps = speech(60), Sampling(steps=3)
    lead, tail = 12, 2
    padded = np.concatenate([np.repeat(features[:1], lead, axis=0), features])
    whole = SpeechWindow(padded[: lead + 20 + tail], final=20)
    (first,) = generator.stream_windows([whole], steps, generator=seeded())
    border = 14
    made = list(generator.stream(features, steps, overlap=20 - border, generator=seeded()))
    a, b = first.to_vectors()[border:], made[1].to_vectors()[: 20 - border]
    assert np.array_equal(made[0].to_vectors(), first.to_vectors()[:border])
    off = np.abs(a - b).mean(1)
    np.testing.assert_allclose(b[0], a[0], atol=1e-5)
    assert off[0] < 0.1 * off[1:].min()
    torn = list(generator.stream(features, steps, window=border, generator=seeded()))
    assert np.abs(torn[1].to_vectors()[0] - a[0]).mean() > 10 * off[0]


def test_the_first_window_does_not_depend_on_what_follows(generator):
    """Frames that are given out are final, and the overlap needs no more than its own speech."""
    features = speech(60)
    first = next(generator.stream(features, steps=2, overlap=5, generator=seeded()))
    later = features.copy()
    later[22:] += 1
    again = next(generator.stream(later, steps=2, overlap=5, generator=seeded()))
    assert len(first) == 15
    assert np.array_equal(first.to_vectors(), again.to_vectors())


def test_options_by_name_replace_those_given_together(generator):
    together = Sampling(steps=2, guidance_scale=1.5, window=12, overlap=4)
    a = generator(speech(30), together, generator=seeded())
    b = generator(
        speech(30), Sampling(steps=5, guidance_scale=1.5, window=12, overlap=4), steps=2,
        generator=seeded(),
    )  # fmt: skip
    assert np.array_equal(a.to_vectors(), b.to_vectors())
    with pytest.raises(TypeError, match="stepps"):
        generator(speech(30), stepps=2)


def test_guidance_extrapolates_the_lips_from_the_deaf_prediction(generator):
    features = speech(15)
    heard, deaf, twice = (
        generator(features, steps=1, guidance_scale=g, generator=seeded()).to_vectors()
        for g in (1.0, 0.0, 2.0)
    )
    rest = np.setdiff1d(np.arange(58), LIPS)
    np.testing.assert_allclose(twice[:, rest], heard[:, rest], atol=1e-5)
    lips = np.stack([heard, deaf, twice])[..., LIPS]
    unclipped = ((lips > 0) & (lips < 1)).all(axis=0)
    heard, deaf, twice = lips[:, unclipped]
    np.testing.assert_allclose(twice, 2 * heard - deaf, atol=1e-4)
    assert not np.allclose(heard, deaf, atol=1e-3)


def test_start_is_continued_from(generator):
    start = MotionTrack.zeros(4)
    free = generator(speech(15), steps=2, generator=seeded())
    led = generator(speech(15), steps=2, generator=seeded(), start=start)
    assert not np.allclose(free.to_vectors(), led.to_vectors(), atol=1e-3)


def test_head_scale_moves_the_head_alone(generator):
    plain = generator(speech(45), steps=2, generator=seeded())
    wide = generator(speech(45), steps=2, generator=seeded(), head_scale=2.0)
    assert np.array_equal(plain.blendshapes, wide.blendshapes)
    np.testing.assert_allclose(wide.pose, 2 * plain.pose, rtol=1e-6)


def test_continuing_a_scaled_head_is_continuing_it(generator):
    """What a wide head leads on to is, unscaled, what the plain one leads on to."""
    start = MotionTrack(np.zeros((8, 52)), np.linspace(0, 3, 48).reshape(8, 6))
    wide_start = MotionTrack(start.blendshapes, 2 * start.pose)
    plain = generator(speech(15), steps=2, generator=seeded(), start=start)
    wide = generator(speech(15), steps=2, generator=seeded(), start=wide_start, head_scale=2.0)
    np.testing.assert_allclose(wide.pose, 2 * plain.pose, rtol=1e-4, atol=1e-5)


def test_lip_temperature_calms_the_lips_alone(generator):
    def spread(temperature):
        tracks = [
            generator(speech(30), steps=1, generator=seeded(s), lip_temperature=temperature)
            for s in range(6)
        ]
        return np.std([t.to_vectors() for t in tracks], axis=0).mean(0)

    hot, cold = spread(1.0), spread(0.0)
    lips = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth"))]
    assert cold[lips].mean() < hot[lips].mean()


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (np.zeros((5, 3), np.float32), {}, r"must be \[T, 12\]"),
        (np.zeros((0, AUDIO), np.float32), {}, "no speech features"),
        (np.full((5, AUDIO), np.nan, np.float32), {}, "not finite"),
        (np.zeros((5, AUDIO), np.float32), {"steps": 0}, "steps"),
        (np.zeros((5, AUDIO), np.float32), {"fps": 0}, "fps"),
        (np.zeros((5, AUDIO), np.float32), {"lip_temperature": 2}, "lip_temperature"),
        (np.zeros((5, AUDIO), np.float32), {"lip_prior": -0.1}, "lip_prior"),
        (np.zeros((5, AUDIO), np.float32), {"head_scale": -1}, "head_scale"),
        (np.zeros((5, AUDIO), np.float32), {"domain": "cartoon"}, "cartoon"),
        (np.zeros((5, AUDIO), np.float32), {"window": 0}, "window"),
        (np.zeros((5, AUDIO), np.float32), {"overlap": -1}, "overlap"),
        (np.zeros((5, AUDIO), np.float32), {"overlap": 20}, "leaves nothing of 20 frames"),
    ],
)
def test_bad_input_is_named(generator, features, options, message):
    with pytest.raises(ValueError, match=message):
        generator(features, **options)


def test_save_and_load(generator, tmp_path):
    generator.save_pretrained(tmp_path, torch.float32)
    again = MotionGenerator.from_pretrained(tmp_path)
    a, b = (g(speech(9), steps=2, generator=seeded()) for g in (generator, again))
    assert np.array_equal(a.to_vectors(), b.to_vectors())
    generator.save_pretrained(tmp_path / "half")
    half = MotionGenerator.from_pretrained(tmp_path / "half")
    size = (tmp_path / "half" / "diffusion_pytorch_model.safetensors").stat().st_size
    assert size < 2.2 * sum(p.numel() for p in half.denoiser.parameters()) + 10_000
    assert half.denoiser.dtype == torch.float32
    c = half(speech(9), steps=2, generator=seeded())
    np.testing.assert_allclose(c.to_vectors(), a.to_vectors(), atol=0.02)
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        MotionGenerator.from_pretrained(tmp_path / "nothing")


def test_lagged_correlation_finds_the_lag_and_its_sign():
    rng = np.random.default_rng(0)
    real = rng.standard_normal(200)
    late = np.roll(real, 2)
    r, best, lag = lagged_correlation(late, real, 4)
    assert lag == 2 and best == pytest.approx(1, abs=1e-9)
    assert r == pytest.approx(np.corrcoef(late, real)[0, 1])
    real[10] = np.nan
    assert lagged_correlation(late, real, 4)[2] == 2
    with pytest.raises(ValueError, match="cannot be correlated"):
        lagged_correlation(late[:5], real, 1)


def test_constant_clips_are_counted_not_averaged():
    rng = np.random.default_rng(0)
    curves = [rng.standard_normal(50) for _ in range(3)] + [np.ones(50)]
    clips = [(f"clip{i}", curve, curve) for i, curve in enumerate(curves)]
    report = lip_sync_benchmark(lambda f: f, clips, encode=lambda w: w)
    assert report["constant"] == 1 and report["clips"][3]["r"] is None
    assert report["r"]["n"] == 3 and report["r"]["mean"] == pytest.approx(1)
    assert report["r"]["ci95"] == pytest.approx((1, 1))


def test_linear_lips_recovers_a_linear_map():
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((200, 6)).astype(np.float32) for _ in range(3)]
    openings = [f[:, 0] + 0.5 * np.roll(f[:, 1], 1) + 3 for f in features]
    fitted = linear_lips(features[:2], openings[:2])
    # A penalty of 0.1 a frame takes 0.1 / 1.1 of every weight.
    expected = 3 + (openings[2] - 3) / 1.1
    np.testing.assert_allclose(fitted(features[2])[3:-3], expected[3:-3], atol=0.25)


def test_jaw_opens_the_lips():
    track = MotionTrack.zeros(11)
    track["jawOpen"][:] = np.linspace(0, 1, 11)
    opening = lip_opening(track)
    assert (np.diff(opening) > 0).all() and 0.05 < opening[-1] - opening[0] < 0.5


def test_liveliness_counts_blinks_and_head_motion():
    track = MotionTrack.zeros(1500)
    for at in range(50, 1500, 100):
        for side in ("Left", "Right"):
            track[f"eyeBlink{side}"][at : at + 4] = 0.9
    track["headYaw"][:] = 5 * np.sin(np.arange(1500) / 30)
    report = liveliness([track])
    assert report["blinks_per_minute"] == pytest.approx(15)
    assert report["head_std"] == pytest.approx([0, 5 / np.sqrt(2), 0], abs=0.1)
    jaw = MotionTrack.zeros(100)
    jaw["jawOpen"][:] = 0.4 + 0.4 * np.sin(np.arange(100))
    half = MotionTrack(jaw.blendshapes / 2, jaw.pose)
    assert liveliness([half], [jaw])["velocity_variance_ratio"] == pytest.approx(0.25, rel=1e-3)


def test_liveliness_counts_closed_lips():
    track = MotionTrack.zeros(100)
    assert liveliness([track])["lips_closed"] == 1
    track["jawOpen"][25:] = 0.5
    assert liveliness([track])["lips_closed"] == pytest.approx(0.25)


def test_seams_show_in_the_jerk():
    vectors = np.zeros((300, 58), np.float32)
    vectors[:, 52:] = np.sin(np.arange(300) / 9)[:, None]
    smooth = [MotionTrack.from_vectors(part) for part in np.split(vectors, 3)]
    assert seam_jerk_ratio(smooth) == pytest.approx(1, abs=0.5)
    vectors[100:200] += 0.2
    torn = [MotionTrack.from_vectors(part) for part in np.split(vectors, 3)]
    assert seam_jerk_ratio(torn) > 5
    assert seam_jerk_ratio(smooth[:1]) is None
