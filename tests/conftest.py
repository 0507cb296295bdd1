"""What several tests share. The expensive things are made once a session."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "demo" / "examples"


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory):
    """Tests, and the commands that they run, leave the user's settings alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    return EXAMPLES / "portrait.png"


@pytest.fixture(scope="session")
def speech_path() -> Path:
    return EXAMPLES / "speech.wav"


@pytest.fixture(scope="session")
def picture(portrait_path) -> np.ndarray:
    """The packaged portrait, uint8 ``[H, W, 3]``; not to be written to."""
    from recognizer.image_file import read_image

    image = read_image(portrait_path)
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def tracker():
    from recognizer.tracker import FaceTracker

    with FaceTracker(max_faces=4) as tracker:
        yield tracker


@pytest.fixture(scope="session")
def portrait(picture, tracker):
    """The packaged portrait, fitted at 256 pixels."""
    from gen.renderers.portrait import Portrait

    return Portrait.from_image(picture, 256, tracker=tracker)


@pytest.fixture(scope="session")
def renderer(portrait):
    from gen.renderers.mesh import MeshRenderer

    return MeshRenderer(portrait)


@pytest.fixture(scope="session")
def tiny_pipeline():
    """The whole pipeline with a random network: what it makes moves, but says nothing."""
    import torch
    from diffusers import DDIMScheduler

    from gen.audio.encoder import load_encoder
    from gen.models.motion import MotionDenoiser
    from gen.motion import MotionGenerator
    from gen.pipeline import TalkingHeadPipeline
    from gen.sampling import Sampling
    from gen.style import Style

    encoder = load_encoder("mel")
    state = torch.get_rng_state()
    torch.manual_seed(0)
    denoiser = MotionDenoiser(
        audio_dim=encoder.dim, dim=32, depth=2, heads=2, audio_context=2, window_frames=20
    )
    # A fresh network predicts zero whatever it is given.
    for layer in (denoiser.modulation, denoiser.modulation_out, denoiser.motion_out):
        torch.nn.init.normal_(layer.weight, std=0.1)
    torch.set_rng_state(state)
    denoiser.motion_mean[:52] = 0.2
    denoiser.motion_std.fill_(0.1)
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="sample", clip_sample=False,
        timestep_spacing="trailing", rescale_betas_zero_snr=True,
    )  # fmt: skip
    yaw = 12 / 2**1.5  # a head that swings by 12 degrees moves twice as much
    typical = Style(head=(1, yaw, 1, 1, 1, 1), brow=0.1, lip=0.02, blink=0.5, blinks_per_minute=15)
    motion = MotionGenerator(denoiser, scheduler)
    return TalkingHeadPipeline(encoder, motion, Sampling(steps=2), typical=typical)


def coefficients(**values: float) -> np.ndarray:
    """``[52]`` from stems: ``coefficients(mouthSmile=0.8)`` sets both sides."""
    from recognizer.facs import ARKIT_INDEX, sides

    out = np.zeros(52, np.float32)
    for stem, value in values.items():
        for name in sides(stem):
            out[ARKIT_INDEX[name]] = value
    return out


@pytest.fixture(scope="session", name="coefficients")
def _coefficients():
    return coefficients


@pytest.fixture
def interrupted(monkeypatch):
    """``with interrupted(after=7): train(...)``: someone presses Ctrl-C after that many steps."""
    from recognizer.train.loop import TrainingLoop

    advance = TrainingLoop.advance

    @contextmanager
    def until(after: int):
        def cut(loop):
            if loop.step == after:
                raise KeyboardInterrupt
            advance(loop)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(TrainingLoop, "advance", cut)
            yield

    return until
