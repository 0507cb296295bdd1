"""The affect head, the reader of tracked faces, and the packaged weights."""

import numpy as np
import pytest
import torch
from test_motion_windows import made_faces, made_samples

from recognizer.affect_reader import load_head, read_affect, read_motion, resting_coefficients
from recognizer.bench.affect_head import film_figures, judged_figures, rendered_figures
from recognizer.facs import AU_INDEX, EMOTIONS
from recognizer.models.affect_head import AffectHead
from recognizer.motion import MotionTrack
from recognizer.tracker import FaceTrack


@pytest.fixture(scope="module")
def shipped() -> AffectHead:
    return load_head()


@pytest.fixture
def tiny() -> AffectHead:
    torch.manual_seed(0)
    head = AffectHead(width=16, dilations=(1, 2)).eval()
    torch.nn.init.normal_(head.blocks[0].taps)
    torch.nn.init.normal_(head.blocks[1].taps)
    return head


def face_of(motion: MotionTrack) -> FaceTrack:
    count = len(motion)
    points = np.where(motion.valid[:, None, None], 1.0, np.nan) * np.ones((count, 478, 3))
    return FaceTrack(
        0, points, np.zeros((count, 52)), motion, np.zeros((count, 2)), np.full(count, 0.9)
    )


def test_outputs(tiny):
    for frames in (1, 2, 25):
        out = tiny(torch.rand(3, frames, 58), torch.rand(3, 52))
        assert out.au.shape == out.au_log_variance.shape == (3, frames, 24)
        assert out.valence_arousal.shape == out.valence_arousal_log_variance.shape == (3, frames, 2)
        assert out.au.min() >= 0 and out.au.max() <= 5 and out.valence_arousal.abs().max() <= 1
        torch.testing.assert_close(out.emotion.sum(-1), torch.ones(3, frames))
        assert out.logits.shape == (3, frames, 8)
    assert len(tiny(torch.rand(1, 1, 58), return_dict=False)) == 6
    with pytest.raises(ValueError, match=r"takes motion \[B, T, 58\], got \[3, 52\]"):
        tiny(torch.rand(3, 52))
    with pytest.raises(ValueError, match=r"rest must be \[3, 52\]"):
        tiny(torch.rand(3, 5, 58), torch.rand(1, 52))


def test_a_frame_is_a_face_that_holds_still(tiny):
    frame = torch.rand(2, 1, 58)
    long = tiny(frame.expand(-1, 30, -1)).au
    torch.testing.assert_close(long, tiny(frame).au.expand(-1, 30, -1))


def test_the_head_looks_as_far_as_its_dilations_and_where_the_face_is_does_not_matter(tiny):
    motion = torch.rand(1, 21, 58)
    other = motion.clone()
    other[:, 10 + 4 :] = 0.5
    torch.testing.assert_close(tiny(motion).au[:, :11], tiny(other).au[:, :11])
    assert not torch.allclose(tiny(motion).au[:, 11], tiny(other).au[:, 11])
    moved = motion.clone()
    moved[..., 55:] += 1
    torch.testing.assert_close(tiny(motion).au, tiny(moved).au)


def test_unknown_rest_is_no_rest(tiny):
    motion, rest = torch.rand(2, 5, 58), torch.rand(2, 52)
    rest[1] = float("nan")
    both = tiny(motion, rest).au
    torch.testing.assert_close(both[1], tiny(motion).au[1])
    torch.testing.assert_close(both[0], tiny(motion[:1], rest[:1]).au[0])
    assert not torch.allclose(both[0], tiny(motion).au[0])


def test_reading_at_another_rate_with_gaps_and_in_parts(tiny, monkeypatch):
    rng = np.random.default_rng(0)
    motion = MotionTrack(rng.random((50, 52)), rng.normal(size=(50, 6)), 25.0)
    whole = read_motion(motion, tiny)
    np.testing.assert_allclose(whole.emotion.sum(1), 1, atol=1e-5)
    expected = tiny(torch.from_numpy(motion.to_vectors())[None])
    np.testing.assert_allclose(whole.aus, expected.au[0].detach(), atol=1e-5)
    monkeypatch.setattr("recognizer.affect_reader._PART", 7)
    np.testing.assert_allclose(read_motion(motion, tiny).aus, whole.aus, atol=1e-5)
    twice = read_motion(motion.resampled(50.0), tiny)
    assert twice.aus.shape == (100, 24)
    np.testing.assert_allclose(twice.aus[:98:2], whole.aus[:49], atol=1e-4)
    gap = MotionTrack(motion.blendshapes.copy(), motion.pose, 25.0)
    gap.blendshapes[20:23] = np.nan
    seen = read_motion(gap, tiny)
    assert (
        np.isnan(seen.aus[20:23]).all() and np.isfinite(np.delete(seen.aus, [20, 21, 22], 0)).all()
    )
    with pytest.raises(ValueError, match=r"rest must be \[52\]"):
        read_motion(motion, tiny, rest=np.zeros(51))
    gap.blendshapes[:] = np.nan
    with pytest.raises(ValueError, match="no frame of this motion has a face"):
        read_motion(gap, tiny)


def test_a_track_is_read_with_its_uncertainty(tiny):
    motion = MotionTrack.zeros(10, 30.0)
    motion.blendshapes[4] = np.nan
    track = read_affect(face_of(motion), tiny)
    assert track.fps == 30 and list(np.flatnonzero(~track.success)) == [4]
    assert track.aus_std[0].min() > 0 and track.valence_arousal_std[0].min() > 0
    figures = film_figures(track)
    assert figures["frames"] == 10 and figures["strongest"] in EMOTIONS[1:]
    with pytest.raises(FileNotFoundError, match="no folder of an affect head"):
        load_head("nowhere")


def test_rest_is_what_a_face_mostly_shows():
    motion = MotionTrack.zeros(100)
    motion.blendshapes[:, 3] = 0.2
    motion.blendshapes[:60, 3] = 0.7
    assert resting_coefficients(motion)[3] == pytest.approx(0.2)


def test_figures_of_a_head_that_knows_nothing():
    head = AffectHead(width=16, dilations=(1,))
    report = rendered_figures(head, made_samples(), count=8, frames=5)
    assert (
        report["rest_known"]["icc"]["AU01"] is None and abs(report["rest_known"]["mean_icc"]) < 0.6
    )
    faces = judged_figures(head, made_faces())
    assert faces["n"] == 40 and sum(map(sum, faces["confusion"])) == 40
    assert judged_figures(head, made_samples()) is None
    with pytest.raises(ValueError, match="no takes of rendered heads"):
        rendered_figures(head, made_faces())


def test_the_packaged_head_reads_plain_expressions(shipped, coefficients):
    """Neutral, a broad smile, a dropped jaw with raised brows: what anyone would say."""
    rest = coefficients(mouthPucker=0.3, mouthUpperUp=0.25, mouthShrugUpper=0.3, eyeSquint=0.3,
                        browDown=0.2, mouthSmile=0.15)  # fmt: skip
    smile = np.maximum(rest, coefficients(mouthSmile=0.8, mouthUpperUp=0.7, eyeSquint=0.5))
    smile[20] = 0.0  # lips are not puckered in a smile
    gasp = np.maximum(rest, coefficients(jawOpen=0.5, browInnerUp=0.7, browOuterUp=0.7,
                                         eyeWide=0.25))  # fmt: skip
    shapes = np.stack([rest, smile, gasp])[:, None]
    motion = np.concatenate([shapes, np.zeros((3, 1, 6), np.float32)], axis=2)
    with torch.no_grad():
        out = shipped(torch.from_numpy(motion))
        known = shipped(torch.from_numpy(motion), torch.from_numpy(rest).expand(3, -1))
    for seen in (out, known):
        assert [EMOTIONS[i] for i in seen.emotion[:, 0].argmax(-1)] == [
            "neutral", "happiness", "surprise",
        ]  # fmt: skip
        au = {name: seen.au[:, 0, i] for name, i in AU_INDEX.items()}
        assert au["AU12"][1] > 2 > 1 > au["AU12"][0] and au["AU12"][2] < 1
        assert au["AU26"][2] > 2 and au["AU26"][0] < 1
        assert seen.valence_arousal[1, 0, 0] > 0.4 and seen.valence_arousal[2, 0, 1] > 0.3
    # Raised brows are told from high ones where the face at rest is known.
    assert au["AU02"][2] > 1.5 and au["AU01"][2] > 1.5 and au["AU02"][0] < 0.5


@pytest.mark.parametrize("wanted", [(0.5, 0.35), (-0.4, 0.35), (-0.4, -0.1), (0.25, 0.5)])
def test_descent_on_coefficients_reaches_an_affect(shipped, wanted):
    """Twenty projected steps from a plain face: the head is a guide for a generator."""
    coefficients = shipped.mean.expand(1, 25, 52)
    pose, target = torch.zeros(1, 25, 6), torch.tensor(wanted)

    def reached(values):
        return shipped(torch.cat([values, pose], -1)).valence_arousal.mean((0, 1))

    with torch.no_grad():
        assert (reached(coefficients) - target).abs().max() > 0.2
    for _ in range(20):
        coefficients = coefficients.detach().requires_grad_(True)
        error = (reached(coefficients) - target).norm()
        (slope,) = torch.autograd.grad(error, coefficients)
        # Steps as long as the error, downhill in every frame, within the range.
        step = 0.2 * error.detach() * slope / slope.norm(dim=-1, keepdim=True).clamp_min(1e-8)
        coefficients = (coefficients - step).clamp(0, 1)
    with torch.no_grad():
        assert (reached(coefficients) - target).abs().max() < 0.1
    assert coefficients.min() >= 0 and coefficients.max() <= 1
