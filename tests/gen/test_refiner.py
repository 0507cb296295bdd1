"""The refiner's network, sampler and renderer: what may change, and what must not."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from gen.models.refiner import CONDITION_CHANNELS, PatchRefiner, stack_condition
from gen.pipeline import TalkingHeadPipeline
from gen.refiner import PatchSampler
from gen.renderers.base import before_first_frame
from gen.renderers.patch import PATCH_KINDS, PatchView, soft_mask
from gen.renderers.refined import RefinedRenderer
from gen.scheduler import make_scheduler
from recognizer.facs import ARKIT_INDEX

REST = np.zeros(6)
LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]


def expression(portrait, **values):
    wanted = portrait.expression.copy()
    for name, value in values.items():
        wanted[ARKIT_INDEX[name]] = value
    return wanted


def tiny(seed: int | None = None, **changes) -> PatchSampler:
    """A small refiner; with a seed its corrections are random instead of zero."""
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        refiner = PatchRefiner(**{"pixels": 32, "channels": (16, 32), **changes})
        if seed is not None:
            torch.nn.init.normal_(refiner.unet.conv_out.weight, std=0.05)
    return PatchSampler(refiner, make_scheduler())


@pytest.fixture(scope="module")
def view(portrait):
    return PatchView(portrait, PATCH_KINDS["mouth"])


@pytest.mark.parametrize("pose", [REST, [0, 0, 12, 0, 0, 0], [0, 0, 0, 0.15, -0.1, -0.6]], ids=str)
def test_geometry_is_where_lips_are_seen(view, renderer, portrait, tracker, pose):
    """MediaPipe finds the lips of the rendered frame inside what geometry calls lips."""
    wanted, pose = expression(portrait, jawOpen=0.4), np.array(pose, float)
    place = view.place(wanted, pose)
    (face,) = tracker.detect(renderer.render(wanted, pose))
    inverse = np.linalg.inv(place.matrix[:, :2])
    seen = (face.points[LIPS, :2] - place.matrix[:, 2]) @ inverse.T
    rows, columns = np.nonzero(place.geometry[..., 0] > 0.5)
    middle = np.array([columns.mean(), rows.mean()])
    assert seen.mean(0) == pytest.approx(middle, abs=2.5)
    assert np.ptp(seen[:, 0]) == pytest.approx(np.ptp(columns), rel=0.15)
    assert np.ptp(seen[:, 1]) == pytest.approx(np.ptp(rows), rel=0.25)


def test_a_patch_is_steady_while_the_head_moves(view, renderer, portrait):
    rest = view.cut(portrait.image, view.place(portrait.expression, REST))
    for pose in ([0, 0, 10, 0, 0, 0], [0, 0, 0, 0.1, 0.05, 0], [0, 0, 0, 0, 0, 0.5]):
        pose = np.array(pose, float)
        frame = renderer.render(portrait.expression, pose)
        patch = view.cut(frame, view.place(portrait.expression, pose))
        assert np.abs(patch - rest).mean() < 6
        stayed = view.cut(frame, view.place(portrait.expression, REST))
        assert np.abs(patch - rest).mean() < 0.6 * np.abs(stayed - rest).mean()


def test_openings_hold_teeth_and_grow_with_the_jaw(view, portrait):
    shut, wide = (view.place(expression(portrait, jawOpen=v), REST) for v in (0.0, 0.7))
    assert wide.geometry[..., 1].sum() > 3 * shut.geometry[..., 1].sum()
    lips, opening, teeth = np.moveaxis(wide.geometry, -1, 0)
    assert (opening <= lips + 1e-6).all() and (teeth <= opening + 1e-6).all()
    assert 20 < (teeth > 0.9).sum() < (opening > 0.9).sum()
    assert wide.moved > 0.02 and view.place(portrait.expression, REST).moved == 0
    mask = soft_mask(wide.geometry)
    assert mask.min() == 0 and mask[opening > 0.9].min() > 0.9 and mask[0].max() < 0.2


@pytest.mark.parametrize("pose", [REST, [0, 0, 20, 0.1, 0, 0]], ids=str)
def test_what_is_added_is_what_is_cut(view, portrait, pose):
    """A smooth change put into a frame is found again, and nothing is changed outside."""
    pose = np.array(pose, float)
    frame = np.full_like(portrait.image, 100)
    place = view.place(portrait.expression, pose)
    rows, columns = np.mgrid[:64, :64] / 63.0 - 0.5
    change = 60 * np.exp(-20 * (rows**2 + columns**2))[..., None].astype(np.float32)
    view.add(frame, place, np.repeat(change, 3, axis=2))
    assert np.abs(view.cut(frame, place) - 100 - change)[4:-4, 4:-4].mean() < 3
    corner = place.matrix @ (31.5, 31.5, 1)
    far = np.hypot(*(np.mgrid[:256, :256][::-1] - corner[:, None, None])) > 64
    assert (frame[far] == 100).all()


def test_the_untrained_network_corrects_nothing():
    refiner = tiny().refiner
    known = sum(CONDITION_CHANNELS.values())
    out = refiner(torch.randn(2, 3, 32, 32), torch.tensor([999, 3]), torch.randn(2, known, 32, 32))
    assert out.sample.shape == (2, 3, 32, 32) and (out.sample == 0).all()


def test_attention_is_torchs_own_and_xformers_is_asked_for_by_name():
    refiner = tiny().refiner
    processors = [m.processor for m in refiner.unet.modules() if hasattr(m, "processor")]
    assert {type(p).__name__ for p in processors} == {"AttnProcessor2_0"}
    missing = importlib.util.find_spec("xformers") is None
    with pytest.raises(ValueError, match="pip install" if missing else "on a GPU"):
        refiner.use_xformers()


def test_bad_shapes_are_named():
    refiner = tiny().refiner
    with pytest.raises(ValueError, match=r"\[B, 15, 32, 32\]"):
        refiner(torch.zeros(1, 3, 32, 32), 999, torch.zeros(1, 12, 32, 32))
    with pytest.raises(ValueError, match="takes a sample"):
        refiner(torch.zeros(1, 3, 64, 64), 999, torch.zeros(1, 15, 32, 32))
    with pytest.raises(ValueError, match="cannot be folded"):
        PatchRefiner(pixels=50)
    with pytest.raises(ValueError, match="at least one step"):
        tiny()(torch.zeros(1, 15, 32, 32), torch.zeros(1, 3, 32, 32), steps=0)


def test_without_a_previous_patch_the_rendered_one_stands_in():
    a, b, g = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    stacked = stack_condition(a, g, b, g)
    assert stacked.shape[1] == sum(CONDITION_CHANNELS.values())
    assert torch.equal(stacked, stack_condition(a, g, b, g, a))
    assert not torch.equal(stacked, stack_condition(a, g, b, g, b))


def test_a_saved_refiner_is_the_same_one(tmp_path):
    sampler = tiny(seed=1)
    sampler.save_pretrained(tmp_path, torch.float32)
    again = PatchSampler.from_pretrained(tmp_path)
    condition, noise = torch.randn(1, 15, 32, 32), torch.randn(1, 3, 32, 32)
    for steps in (1, 4):
        made = sampler(condition, noise, steps)
        assert torch.equal(made, again(condition, noise, steps))
        assert made.abs().max() > 0
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        PatchSampler.from_pretrained(tmp_path / "nowhere")
    other = tiny(seed=1, channels=(16, 48))
    other.refiner.save_config(tmp_path)
    with pytest.raises(ValueError, match="does not fit"):
        PatchSampler.from_pretrained(tmp_path)


def test_one_step_from_pure_noise_is_the_prediction_itself():
    """At zero terminal signal DDIM's single step returns x0."""
    sampler = tiny(seed=2)
    condition, noise = torch.randn(1, 15, 32, 32), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        clean = sampler.refiner(noise, 999, condition).sample
    made = sampler(condition, noise, 1) / sampler.refiner.config.correction_scale
    torch.testing.assert_close(made, clean)


def clip(portrait, count=4):
    return [
        (expression(portrait, jawOpen=0.5 * i / count), np.array([0, 0, i, 0, 0, 0], float))
        for i in range(1, count + 1)
    ]


def test_an_untrained_refiner_leaves_frames_alone(renderer, portrait):
    refined = RefinedRenderer(renderer, portrait, tiny())
    assert refined.size == renderer.size
    for motion in clip(portrait):
        assert np.array_equal(refined.render(*motion), renderer.render(*motion))


def test_only_the_mouth_is_repainted_and_rest_is_the_portrait(renderer, portrait):
    refined = RefinedRenderer(renderer, portrait, tiny(seed=3))
    motion = expression(portrait, jawOpen=0.5), REST
    change = np.abs(refined.render(*motion).astype(int) - renderer.render(*motion)).sum(-1)
    assert change.max() > 0
    rows, columns = np.nonzero(change)
    x, y = portrait.landmarks[[61, 291], :2].mean(0)
    width = portrait.pose.scale
    assert np.abs(columns - x).max() < 0.3 * width and (rows - y).min() > -0.2 * width
    rest = portrait.expression, REST
    assert np.array_equal(refined.render(*rest), renderer.render(*rest))


def test_frames_follow_from_seed_and_history(renderer, portrait):
    sampler, motions = tiny(seed=4), clip(portrait)
    refined = RefinedRenderer(renderer, portrait, sampler, seed=7)
    first = [refined.render(*motion) for motion in motions]
    assert not np.array_equal(first[0], refined.render(*motions[0]))  # what came before counts
    refined.reset()
    assert all(np.array_equal(a, refined.render(*m)) for a, m in zip(first, motions, strict=True))
    twin = before_first_frame(refined)
    assert np.array_equal(twin.render(*motions[0]), first[0])
    other = RefinedRenderer(renderer, portrait, sampler, seed=8)
    assert not np.array_equal(other.render(*motions[0]), first[0])
    assert before_first_frame(renderer) is renderer


def test_a_mouth_outside_the_frame_breaks_nothing(renderer, portrait):
    refined = RefinedRenderer(renderer, portrait, tiny(seed=5))
    for shift in ([0, 0, 0, 2, 2, 0], [0, 0, 0, 0, 0.9, 0], [0, 60, 0, 0, 0, -2]):
        frame = refined.render(expression(portrait, jawOpen=0.5), np.array(shift, float))
        assert frame.shape == portrait.image.shape


def test_unknown_kinds_are_refused(renderer, portrait):
    with pytest.raises(ValueError, match="'ears'"):
        RefinedRenderer(renderer, portrait, tiny(kind="ears"))


def test_a_portrait_said_to_wear_something_else_moves_from_there(portrait):
    worn = expression(portrait, jawOpen=0.3)
    view = PatchView(replace(portrait, expression=worn), PATCH_KINDS["mouth"])
    assert view.place(worn, REST).moved == 0
    assert view.place(portrait.expression, REST).moved > 0


def test_a_pipeline_that_names_a_refiner_uses_it(tiny_pipeline, picture, tmp_path):
    tiny_pipeline.motion.save_pretrained(tmp_path / "motion")
    plain = "audio_encoder: mel\nsampling: {steps: 1}\n"
    (tmp_path / "pipeline.yaml").write_text(plain + "refiner: mouth\n")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        TalkingHeadPipeline.from_pretrained(tmp_path)
    tiny(seed=6).save_pretrained(tmp_path / "mouth")
    refined = TalkingHeadPipeline.from_pretrained(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(plain + "refiner: null\n")
    without = TalkingHeadPipeline.from_pretrained(tmp_path)
    assert without.refiner is None and refined.refiner is not None

    waveform = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)

    def made(pipeline):
        return pipeline(picture, waveform, size=128, generator=torch.Generator().manual_seed(0))

    out = made(refined)
    first = list(out.frames)
    # Read again, and by two readers in turns, frames are the same.
    turns = list(zip(out.frames, out.frames, strict=True))
    for frame, (a, b) in zip(first, turns, strict=True):
        assert np.array_equal(frame, a) and np.array_equal(frame, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first, made(without).frames, strict=True))


def test_the_shipped_refiner_loads_and_corrects_little_where_nothing_is_known():
    sampler = PatchSampler.from_pretrained()
    options = sampler.refiner.config
    assert options.kind in PATCH_KINDS and sampler.refiner.num_parameters() < 2e6
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, options.pixels, options.pixels, generator=generator)
    grey, none = torch.zeros_like(noise), torch.zeros_like(noise)
    made = sampler(stack_condition(grey, none, grey, none), noise)
    assert made.abs().mean() < 0.02
