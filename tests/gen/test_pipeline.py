"""The pipeline with a tiny random network: lengths, seeds, order, and what is refused."""

import wave

import numpy as np
import pytest
import torch
import yaml

from gen.audio.windows import Live
from gen.conditioning import Affect
from gen.metadata import read_metadata
from gen.mixing import exactly
from gen.pipeline import TalkingHeadPipeline
from gen.sampling import Sampling
from gen.style import Style
from recognizer.facs import ARKIT_INDEX
from recognizer.media import iter_frames, probe, read_audio
from recognizer.motion import MotionTrack

SIZE = 96


def sound(seconds, seed=0):
    """Noise in syllables."""
    time = np.arange(round(seconds * 16000)) / 16000
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.2 * noise * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1)).astype(np.float32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def make(tiny_pipeline, portrait):
    """The tiny pipeline on the packaged portrait at 256 pixels, small."""

    def call(audio, affect=None, **options):
        options.setdefault("generator", seeded())
        return tiny_pipeline(portrait.image, audio, affect, size=SIZE, **options)

    return call


@pytest.mark.parametrize("fps", [25, 30, 12.5, 59.94])
@pytest.mark.parametrize("seconds", [0.05, 0.2, 1.0, 2.37])
def test_length_is_the_sounds(make, fps, seconds):
    out = make(sound(seconds), fps=fps)
    expected = max(1, round(seconds * fps))
    assert out.total == len(out.motion) == expected
    assert out.motion.fps == fps
    assert np.isfinite(out.motion.to_vectors()).all()
    assert out.motion.blendshapes.min() >= 0
    assert out.motion.blendshapes.max() <= 1


def test_same_seed_same_motion(make):
    a, b = (make(sound(1.5), generator=seeded(4)).motion.to_vectors() for _ in range(2))
    assert np.array_equal(a, b)
    other = make(sound(1.5), generator=seeded(5)).motion.to_vectors()
    assert not np.allclose(a, other, atol=1e-3)


def test_sound_and_intention_matter(make):
    neutral = make(sound(1.5)).motion
    other = make(sound(1.5, seed=1)).motion
    assert not np.allclose(neutral.blendshapes, other.blendshapes, atol=1e-3)
    happy = make(sound(1.5), Affect.emotion("happiness")).motion
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert (happy.blendshapes[:, smile] > neutral.blendshapes[:, smile] + 0.1).all()
    assert np.array_equal(happy.pose, neutral.pose)


def test_frames_show_the_motion(make):
    out = make(sound(0.6))
    frames = list(out.frames)
    assert len(frames) == out.total == len(out.motion)
    assert all(f.shape == (SIZE, SIZE, 3) and f.dtype == np.uint8 for f in frames)
    assert out.size == (SIZE, SIZE)
    drawn = [
        out._renderer.render(b, p)
        for b, p in zip(out.motion.blendshapes, out.motion.pose, strict=True)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(frames, drawn, strict=True))
    again = list(out.frames)
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))


def test_motion_may_be_asked_for_between_frames(make):
    whole = list(make(sound(2.5)).frames)
    out = make(sound(2.5))
    frames = out.frames
    first = [next(frames) for _ in range(3)]
    assert len(out.motion) == out.total
    rest = list(frames)
    assert len(first) + len(rest) == out.total
    assert all(np.array_equal(a, b) for a, b in zip(first + rest, whole, strict=True))


def test_two_readers_of_the_frames(make):
    out = make(sound(2.5))
    pairs = list(zip(out.frames, out.frames, strict=True))
    assert len(pairs) == out.total
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_the_first_frame_comes_before_the_last_window_is_made(tiny_pipeline, make):
    """A long clip starts while its end is not yet heard."""
    windows = []
    stream = tiny_pipeline.motion.stream

    def counted(*arguments, **options):
        return stream(*arguments, callback=lambda i, *_: windows.append(i), **options)

    tiny_pipeline.motion.stream = counted
    try:
        out = make(sound(12.0))
        next(out.frames)
        soon = max(windows)
        assert len(out.motion) == 300
    finally:
        del tiny_pipeline.motion.stream
    assert soon < max(windows) / 2


def test_saved_clip(make, tmp_path):
    waveform = sound(1.37)
    out = make(waveform, fps=30)
    path = out.save(tmp_path / "größe 1.mp4")
    about = probe(path)
    frames = list(iter_frames(path))
    assert len(frames) == out.total == 41
    assert about.fps == pytest.approx(30, rel=1e-3)
    assert (about.width, about.height) == (SIZE, SIZE)
    assert len(read_audio(path)) / 16000 == pytest.approx(1.37, abs=1 / 30)
    assert about.duration == pytest.approx(1.37, abs=1.5 / 30)
    marks = read_metadata(path)
    assert marks["ai_generated"] == "true"
    assert "Facewright" in marks["comment"]
    assert marks["title"] == "größe 1"
    assert marks["digital_source_type"].startswith("http://cv.iptc.org/newscodes/")
    # Compression aside, the file shows the frames.
    drawn = list(out.frames)
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames, drawn, strict=True)]
    assert max(errors) < 8
    assert [p.name for p in tmp_path.iterdir()] == ["größe 1.mp4"]


def test_sound_from_a_file(make, tmp_path):
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((sound(0.8) * 32767).astype("<i2").tobytes())
    out = make(path)
    assert out.total == 20
    assert probe(out.save(tmp_path / "out.mp4")).has_audio


def test_progress_is_reported(make):
    seen = []
    out = make(sound(0.4), progress=lambda *report: seen.append(report))
    assert [stage for stage, *_ in seen] == ["reading", "fitting the face", "listening"]
    list(out.frames)
    assert seen[-1] == ("rendering", 10, 10)


def test_an_interrupted_save_leaves_nothing(make, tmp_path):
    def stop(stage, done, total):
        if stage == "rendering" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(sound(0.4), progress=stop).save(tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


def test_refusals(make, tiny_pipeline, tmp_path):
    with pytest.raises(ValueError, match="no face was found"):
        tiny_pipeline(np.full((100, 100, 3), 80, np.uint8), sound(0.2))
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        tiny_pipeline(tmp_path / "no.png", sound(0.2))
    with pytest.raises(FileNotFoundError, match=r"no\.wav"):
        make(tmp_path / "no.wav")
    with pytest.raises(ValueError, match="fps"):
        make(sound(0.2), fps=0)
    with pytest.raises(ValueError, match="steps"):
        make(sound(0.2), steps=-1)
    with pytest.raises(ValueError, match="waveform"):
        list(make(np.zeros((0,), np.float32)).frames)
    with pytest.raises(ValueError, match="waveform"):
        list(make(np.full(3200, np.nan, np.float32)).frames)


def test_own_folder(tiny_pipeline, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pipeline\.yaml"):
        TalkingHeadPipeline.from_pretrained(tmp_path)
    config = {"audio_encoder": "mel", "sampling": {"steps": 3, "guidance_scale": 1.5}}
    config["live"] = {"hop": 4, "sampling": {"steps": 1}}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(FileNotFoundError, match="motion"):
        TalkingHeadPipeline.from_pretrained(tmp_path)
    tiny_pipeline.motion.save_pretrained(tmp_path / "motion", dtype=torch.float32)
    loaded = TalkingHeadPipeline.from_pretrained(tmp_path)
    assert loaded.sampling == Sampling(steps=3, guidance_scale=1.5)
    assert loaded.live == (Live(hop=4), Sampling(steps=1, guidance_scale=1.5))
    assert loaded.encoder.name == "mel"
    features = loaded.encoder.encode(sound(0.5))
    ours, theirs = (
        p.motion(features, steps=2, generator=seeded()).to_vectors()
        for p in (tiny_pipeline, loaded)
    )
    assert theirs == pytest.approx(ours, abs=1e-5)


def test_a_style_needs_to_know_how_the_model_moves(make, tiny_pipeline, monkeypatch):
    style = Style((1,) * 6, 0.1, 0.02, 0.5, 15)
    assert np.isfinite(make(sound(0.3), style=style).motion.to_vectors()).all()
    monkeypatch.setattr(tiny_pipeline, "typical", None)
    with pytest.raises(ValueError, match="does not say how its model moves"):
        make(sound(0.3), style=style)


@pytest.mark.parametrize("lengths", [[5], [2, 3], [1] * 5, [3, 9], [2]])
def test_exactly(lengths):
    values = np.arange(sum(lengths), dtype=float)
    ends = np.cumsum(lengths)
    tracks = [
        MotionTrack(np.zeros((n, 52)), np.tile(values[end - n : end, None], (1, 6)), 30)
        for n, end in zip(lengths, ends, strict=True)
    ]
    made = np.concatenate([track.pose[:, 0] for track in exactly(tracks, 5)])
    assert made.tolist() == [0, 1, 2, 3, 4] if sum(lengths) >= 5 else [0, 1, 1, 1, 1]
