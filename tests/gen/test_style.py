"""A person's manner: measured, and given to generated motion."""

import numpy as np
import pytest
import yaml

from gen.pipeline import PACKAGED
from gen.style import BROW_LIMITS, HEAD_LIMITS, LIP_LIMITS, Style
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack

FPS = 25.0


def mover(amplitude=1.0, blinks=(), depth=0.9, frames=1500, seed=0) -> MotionTrack:
    """Noise of known deviations, and blinks of six frames."""
    rng = np.random.default_rng(seed)
    track = MotionTrack.zeros(frames, FPS)
    track.pose[:] = amplitude * rng.standard_normal((frames, 6)) * [4, 5, 2, 0.02, 0.01, 0.03]
    for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        track[name][:] = 0.3 + amplitude * 0.1 * np.clip(rng.standard_normal(frames), -2, 2)
    track["jawOpen"][:] = 0.3 + 0.2 * amplitude * np.sin(np.arange(frames) / 3)
    for start in blinks:
        for side in ("Left", "Right"):
            track[f"eyeBlink{side}"][start : start + 6] = depth * np.array([0.4, 1, 1, 0.7, 0.4, 0])
    return track


def test_measured():
    track = mover(blinks=range(50, 1500, 100))
    style = Style.measure(track)
    assert style.head == pytest.approx(track.pose.std(0).tolist(), rel=1e-5)
    assert style.blinks_per_minute == pytest.approx(15)
    assert style.blink == pytest.approx(0.9, rel=1e-3)
    assert style.brow == pytest.approx(0.1 * np.sqrt(3 / 5), rel=0.1)
    assert style.lip == pytest.approx(FaceModel.load().lip_opening(track.blendshapes).std())


def test_gains_match_the_deviations():
    wide, plain = mover(1.4), mover()
    gains = Style.measure(wide).gains(Style.measure(plain))
    again = MotionTrack.from_vectors(plain.to_vectors() * gains)
    assert Style.measure(again).head == pytest.approx(Style.measure(wide).head, rel=1e-4)
    assert Style.measure(again).brow == pytest.approx(Style.measure(wide).brow, rel=1e-4)
    assert Style.measure(again).lip == pytest.approx(Style.measure(wide).lip, rel=0.05)
    own = Style.measure(plain)
    np.testing.assert_allclose(own.gains(own), 1, rtol=1e-6)


def test_gains_have_limits():
    still, mad = Style((0,) * 6, 0, 0, 0, 0), Style((99,) * 6, 9, 9, 0.9, 15)
    typical = Style.measure(mover(blinks=[50]))
    low, high = still.gains(typical), mad.gains(typical)
    assert low[53] == HEAD_LIMITS[0] and high[53] == HEAD_LIMITS[1]
    names = ["browInnerUp", "jawOpen"]
    track = MotionTrack.from_vectors(np.stack([low, high]))
    assert [track[n].tolist() for n in names] == [
        pytest.approx(list(limits)) for limits in (BROW_LIMITS, LIP_LIMITS)
    ]


@pytest.mark.parametrize("pace", [0.4, 1.0, 2.5])
def test_blinks_are_as_many(pace):
    track = mover(blinks=range(50, 30000, 125), frames=30000)
    typical = Style.measure(track)
    wanted = Style(typical.head, typical.brow, typical.lip, 0.9, pace * typical.blinks_per_minute)
    (made,) = wanted.paced([track], typical, np.random.default_rng(0))
    got = Style.measure(made)
    assert got.blinks_per_minute == pytest.approx(wanted.blinks_per_minute, rel=0.2)
    assert got.blink == pytest.approx(0.9, abs=0.05)
    others = [i for name, i in ARKIT_INDEX.items() if "Blink" not in name]
    assert np.array_equal(made.blendshapes[:, others], track.blendshapes[:, others])
    parts = [MotionTrack.from_vectors(v) for v in np.split(track.to_vectors(), [7, 500])]
    again = np.concatenate(
        [t.to_vectors() for t in wanted.paced(parts, typical, np.random.default_rng(0))]
    )
    assert np.array_equal(again, made.to_vectors())


def test_files(tmp_path):
    track = mover(frames=60, blinks=[20])
    track.save(tmp_path / "m.npz")
    assert Style.load(tmp_path / "m.npz") == Style.measure(track)
    mover(frames=20).save(tmp_path / "short.csv")
    with pytest.raises(
        ValueError, match=r"short\.csv: a style needs a second of motion, got 0\.80 s"
    ):
        Style.load(tmp_path / "short.csv")


def test_the_packaged_models_own_style(speech_path):
    """What pipeline.yaml says of the model is what it does, as far as one short sentence tells."""
    import torch

    from gen.audio.encoder import load_encoder
    from gen.motion import MotionGenerator
    from gen.sampling import Sampling
    from recognizer.media import read_audio

    config = yaml.safe_load((PACKAGED / "pipeline.yaml").read_text(encoding="utf-8"))
    heard = load_encoder(config["audio_encoder"]).encode(read_audio(speech_path, 16000))
    generator = MotionGenerator.from_pretrained()
    stated = Style(**config["style"])
    made = [
        Style.measure(
            generator(
                heard, Sampling(**config["sampling"]), generator=torch.Generator().manual_seed(s)
            )
        )
        for s in range(3)
    ]
    head = np.mean([m.head for m in made], axis=0)
    assert np.abs(np.log(head / stated.head)).max() < np.log(2)
    assert 0.5 < np.mean([m.brow for m in made]) / stated.brow < 2
    assert 0.5 < np.mean([m.lip for m in made]) / stated.lip < 2


def test_a_model_that_is_told_needs_less_gain():
    """It follows in part; what it does and the gain together are the style."""
    typical = Style.measure(mover(blinks=[50]))
    wide, calm = (
        Style(tuple(k * v for v in typical.head), k * typical.brow, typical.lip, 0.9, 15)
        for k in (2.0, 0.5)
    )
    for style in (wide, calm):
        plain, told = style.gains(typical), style.gains(typical, told=True)
        moved = plain[[53, ARKIT_INDEX["browInnerUp"]]]
        left = told[[53, ARKIT_INDEX["browInnerUp"]]]
        assert (np.abs(np.log(left)) < np.abs(np.log(moved))).all()
        assert (np.log(left) * np.log(moved) > 0).all()
        assert told[ARKIT_INDEX["jawOpen"]] == plain[ARKIT_INDEX["jawOpen"]]


def test_the_packaged_model_is_told_a_style(speech_path):
    """A reference that moves its head more is followed, before any gain."""
    import torch

    from gen.pipeline import TalkingHeadPipeline
    from recognizer.media import read_audio

    pipeline = TalkingHeadPipeline.from_pretrained()
    waveform = read_audio(speech_path, 16000)

    def moved(k: float) -> np.ndarray:
        typical = pipeline.typical
        style = Style(
            tuple(k * v for v in typical.head), k * typical.brow, typical.lip, typical.blink,
            typical.blinks_per_minute,
        )  # fmt: skip
        tracks = pipeline.spoken_motion(
            waveform, style=style, generator=torch.Generator().manual_seed(0)
        )
        made = Style.measure(
            MotionTrack.from_vectors(np.concatenate([t.to_vectors() for t in tracks]))
        )
        return np.array([np.mean(made.head[:3]), made.brow])

    ratio = moved(1.5) / moved(0.7)
    assert (ratio > 1.5).all() and (ratio < 3.2).all()
