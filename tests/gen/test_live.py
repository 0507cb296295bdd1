"""Sound as it arrives: what is heard when, and frames that do not depend on how it was cut."""

import numpy as np
import pytest
import torch

from gen.audio.windows import Live, live_encoder, live_windows
from gen.conditioning import Affect
from gen.editing import MotionEdit
from recognizer.facs import ARKIT_INDEX

FRAME = 640


def counting(frames: int) -> np.ndarray:
    """Sound whose samples say in which frame they are, from 1."""
    return np.repeat(np.arange(1, frames + 1), FRAME).astype(np.float32)


def first_sample(samples: np.ndarray, fps: float) -> np.ndarray:
    assert fps == 25
    return samples[::FRAME, None]


def test_a_window_is_what_lies_around_its_block():
    live = Live(past=4, hop=3, ahead=2)
    windows = list(live_windows(first_sample, [counting(10)], live, lead=4, tail=1))
    heard = [w.features[:, 0].tolist() for w in windows]
    assert heard == [
        [0, 0, 0, 0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
        [3, 4, 5, 6, 7, 8, 9, 10, 0],
        [6, 7, 8, 9, 10, 0, 0, 0, 0],
    ]
    assert [w.final for w in windows] == [3, 3, 3, 1]


def test_the_first_block_may_be_shorter():
    live = Live(past=4, hop=3, ahead=2, first=1)
    windows = list(live_windows(first_sample, [counting(6)], live, lead=4, tail=1))
    assert [w.features[:, 0].tolist() for w in windows] == [
        [0, 0, 0, 0, 1, 2, 3],
        [0, 0, 0, 1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4, 5, 6, 0, 0, 0],
    ]
    assert [w.final for w in windows] == [1, 3, 2]


@pytest.mark.parametrize("first", [None, 2])
@pytest.mark.parametrize("samples", [1, 640, 5000, 12345])
def test_windows_do_not_depend_on_chunks(samples, first):
    wave = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    live = Live(past=6, hop=5, ahead=6, first=first)
    whole = list(live_windows(first_sample, [wave], live, 6, 2))
    assert sum(w.final for w in whole) == max(1, round(samples / FRAME))
    for size in (100, 640, 3333):
        chunks = [wave[i : i + size] for i in range(0, samples, size)]
        parts = list(live_windows(first_sample, chunks, live, 6, 2))
        assert [p.final for p in parts] == [w.final for w in whole]
        pairs = zip(parts, whole, strict=True)
        assert all(np.array_equal(a.features, b.features) for a, b in pairs)


def test_live_sound_is_checked():
    with pytest.raises(ValueError, match="hop above 0"):
        Live(hop=0)
    with pytest.raises(ValueError, match="1 to 5 frames"):
        Live(first=6)
    with pytest.raises(ValueError, match="12 frames before"):
        next(live_windows(first_sample, [counting(3)], Live(past=5), 12, 2))
    with pytest.raises(ValueError, match="NaN"):
        next(live_windows(first_sample, [np.array([np.nan], np.float32)], Live(), 12, 2))
    assert list(live_windows(first_sample, [], Live(), 12, 2)) == []


def test_an_encoder_hears_a_window_whole(tiny_pipeline):
    assert live_encoder(tiny_pipeline.encoder, 3.0) is tiny_pipeline.encoder

    class Cutting:
        def within(self, seconds):
            return f"{seconds} s"

    assert live_encoder(Cutting(), 3.0) == "3.0 s"


def sound(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * 16000)) / 16000
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.2 * noise * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1)).astype(np.float32)


def cut(wave: np.ndarray, size: int) -> list[np.ndarray]:
    return [wave[i : i + size] for i in range(0, len(wave), size)]


@pytest.fixture
def motion(tiny_pipeline):
    def call(chunks, *arguments, **options):
        options.setdefault("generator", torch.Generator().manual_seed(0))
        tracks = tiny_pipeline.stream_motion(chunks, *arguments, **options)
        return np.concatenate([t.to_vectors() for t in tracks])

    return call


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_the_same_motion_however_sound_is_cut(motion, fps):
    wave, asked = sound(1.7), Affect.emotion("surprise")
    whole = motion([wave], asked, fps=fps)
    assert abs(len(whole) - 1.7 * fps) <= 1
    for size in (1000, 4321):
        assert np.array_equal(motion(cut(wave, size), asked, fps=fps), whole)
    other = motion([wave], asked, fps=fps, generator=torch.Generator().manual_seed(1))
    assert not np.allclose(other, whole, atol=1e-3)


def test_what_is_held_and_the_first_frames_before_more_is_heard(motion):
    wave = sound(1.2)
    edits = (MotionEdit.keys([(0.4, {"jawOpen": 0.9})]),)
    whole = motion([wave], edits=edits)
    assert whole[10, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.9)
    # A frame depends on no more than the look-ahead after its block: 5 + 6 frames for the first.
    changed = wave.copy()
    changed[11 * FRAME :] = 0.5
    again = motion([changed], edits=edits)
    assert np.array_equal(again[:5], whole[:5])
    assert not np.array_equal(again[5:], whole[5:])


def test_frames_are_yielded_as_soon_as_they_can_be(tiny_pipeline, portrait):
    wave, given = sound(1.0), []

    def chunks():
        for chunk in cut(wave, FRAME):
            given.append(chunk)
            yield chunk

    blocks, heard = [], []
    for block in tiny_pipeline.stream(
        portrait.image, chunks(), size=96, generator=torch.Generator().manual_seed(0)
    ):
        blocks.append(block)
        heard.append(len(given))
    assert [b.shape for b in blocks] == [(5, 96, 96, 3)] * 5
    assert all(b.dtype == np.uint8 for b in blocks)
    # Frame chunks: each block of 5 after 6 more; the sound's end brings the rest.
    assert heard == [11, 16, 21, 25, 25]
    steps = [np.abs(np.diff(b.astype(int), axis=0)).mean() for b in blocks]
    assert min(steps) > 0


def test_refusals(tiny_pipeline, portrait):
    with pytest.raises(ValueError, match="no face was found"):
        tiny_pipeline.stream(np.full((100, 100, 3), 80, np.uint8), [sound(0.2)])
    with pytest.raises(ValueError, match="waveform"):
        list(tiny_pipeline.stream(portrait.image, [np.zeros(0, np.float32)], size=96))
    with pytest.raises(ValueError, match="fps"):
        list(tiny_pipeline.stream_motion([sound(0.2)], fps=0))
