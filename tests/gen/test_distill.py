"""A student's step ends where its teacher's steps do; and styles, which both are told."""

import json

import numpy as np
import pytest
import torch
from test_motion_training import (  # noqa: F401  (a fixture)
    LoudnessEncoder,
    corpus,
    talker,
    tiny_config,
)

from gen.data.corpus import CorpusConfig, load_corpus
from gen.data.dataset import MotionWindows
from gen.data.liven import liven
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from gen.style import Style
from gen.train.chance import Chance
from gen.train.distill import DistillConfig, StudentRecipe
from gen.train.motion import train
from recognizer.motion import MotionTrack


@pytest.fixture
def teacher(corpus, tmp_path):  # noqa: F811
    config = tiny_config(steps=3, eval_every=3)
    return train(config, tmp_path / "teacher", [corpus], encoder=LoudnessEncoder())


def student_config(teacher, **changes) -> dict:
    return tiny_config(
        teacher=str(teacher), teacher_steps=20, student_steps=4, steps=2, eval_every=2, **changes
    )


@pytest.mark.parametrize("rungs", [1, 2, 4])
def test_a_students_step_ends_where_its_teachers_do(corpus, teacher, tmp_path, rungs):  # noqa: F811
    """Against the scheduler's own steps: those of the teacher, and the student's single one."""
    config = DistillConfig(**student_config(teacher) | {"student_steps": rungs})
    generator = MotionGenerator.from_pretrained(teacher)
    recipe = StudentRecipe(config, generator, None, {}, ["real"], tmp_path / "run")

    def denoise(net, noisy, timestep):
        return torch.tanh(1.5 * noisy) * 0.5  # some network

    clean = torch.randn(7, 5, 58, generator=torch.Generator().manual_seed(3)) * 0.3
    chance = Chance(torch.Generator().manual_seed(0), clean.device)
    noisy, start, target = recipe.task(clean, denoise, chance)
    large, small = (type(generator.scheduler).from_config(generator.scheduler.config) for _ in "ab")
    large.set_timesteps(rungs)
    small.set_timesteps(20)
    for row in range(7):
        assert start[row] in large.timesteps
        here = noisy[row]
        begin = small.timesteps.tolist().index(int(start[row]))
        for timestep in small.timesteps[begin : begin + 20 // rungs]:
            here = small.step(denoise(None, here, timestep), timestep, here).prev_sample
        arrived = large.step(target[row], start[row], noisy[row]).prev_sample
        torch.testing.assert_close(arrived, here, atol=2e-4, rtol=2e-3)


def test_a_student_is_trained_and_measured(corpus, teacher, tmp_path):  # noqa: F811
    config = student_config(teacher)
    path = train(config, tmp_path / "run", [corpus], encoder=LoudnessEncoder())
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    assert any("spread" in row for row in rows)
    assert set(rows[-1]["of_teacher"]["head"]) == {"vc_r", "std_r"}
    features = LoudnessEncoder().encode(talker("new", 99, frames=50).waveform)
    made = MotionGenerator.from_pretrained(path)(features, steps=4)
    assert len(made) == 50 and np.isfinite(made.to_vectors()).all()
    with pytest.raises(ValueError, match="no multiple"):
        train(config | {"student_steps": 3}, tmp_path, [corpus], encoder=LoudnessEncoder())


def test_styles_are_measured_trained_on_and_told(corpus, tmp_path):  # noqa: F811
    options = CorpusConfig(liven=True, variety=0.4)
    windows = MotionWindows([(load_corpus(corpus), options)], LoudnessEncoder().encode)
    batch = windows.batch(np.random.default_rng(0), 4, 30, 2, styles=True)
    assert batch["style"].shape == (4, 9) and np.isfinite(batch["style"]).all()
    config = tiny_config(steps=3, eval_every=3)
    config["model"] = config["model"] | {"style_dim": 9}
    path = train(config, tmp_path / "run", [corpus], encoder=LoudnessEncoder())
    generator = MotionGenerator.from_pretrained(path)
    torch.nn.init.normal_(generator.denoiser.modulation_out.weight, std=0.3)
    torch.nn.init.normal_(generator.denoiser.motion_out.weight, std=0.3)
    features = np.random.default_rng(0).random((30, 2)).astype(np.float32)

    def made(style):
        options = Sampling(steps=2, style=style)
        return generator(features, options, generator=torch.Generator().manual_seed(0)).to_vectors()

    typical = generator.denoiser.style_mean
    far, beyond = (tuple((typical + k * generator.denoiser.style_std).tolist()) for k in (2.5, 9))
    assert np.abs(made(None) - made(far)).max() > 1e-4
    np.testing.assert_array_equal(made(far), made(beyond))
    with pytest.raises(ValueError, match="9 numbers, not 2"):
        made((0.0, 1.0))
    with pytest.raises(ValueError, match="0 numbers, not 1"):
        MotionDenoiser(audio_dim=2, dim=32, depth=1, heads=2).style_token((1.0,))


def test_a_token_is_the_logarithm_of_a_style():
    style = Style((4.0, 5.0, 2.0, 0.02, 0.01, 0.03), 0.1, 0.02, 0.8, 15.0)
    expected = [4.0, 5.0, 2.0, 0.02, 0.01, 0.03, 0.1, 0.02, 20.0]
    np.testing.assert_allclose(np.exp(style.token()), expected, rtol=1e-6)
    assert np.isfinite(Style((0,) * 6, 0, 0, 0, 0).token()).all()


def test_variety_is_between_calls():
    """Stretches differ more in amplitude, and on average they do not."""
    wave = np.random.default_rng(0).standard_normal(30 * 16_000).astype(np.float32) * 0.1

    def spread(variety):
        rng = np.random.default_rng(1)
        still = np.zeros((750, 58), np.float32)
        heads = [
            Style.measure(MotionTrack.from_vectors(liven(still, wave, rng, variety))).head[1]
            for _ in range(12)
        ]
        return np.log(heads)

    calm, varied = spread(0.0), spread(0.4)
    assert varied.std() > 2 * calm.std()
    assert abs(varied.mean() - calm.mean()) < 0.35
