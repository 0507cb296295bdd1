"""Where nobody speaks lips rest: heard, learnt, eased in and out, and never while somebody does."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from gen.audio.articulation import ArticulationEncoder
from gen.audio.encoder import load_encoder
from gen.audio.ridge import NeighbourRidge
from gen.audio.silence import Rest, SilenceDetector, calmness, resting
from gen.data.instruments import Band, Note, compose, midi_file
from gen.data.nonspeech import nonspeech
from gen.data.voices import BackendUnavailable
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from recognizer.facs import ARKIT_NAMES
from recognizer.media import read_audio

MOUTH = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth", "tongue"))]


def odds_of(*stretches):
    """Log-odds of stretches of frames, ``(frames, odds)`` each."""
    return np.concatenate([np.full(frames, float(value)) for frames, value in stretches])


def rest_of(*stretches):
    return resting(calmness(odds_of(*stretches)))


def test_rest_comes_and_goes_smoothly_and_never_in_speech():
    share = rest_of((40, 9), (30, -9), (60, 9))
    assert (share[40:70] == 0).all()
    # At rest before and after, no later than a second after the last sound.
    assert (share[:37] == 1).all() and (share[90:] == 1).all()
    assert np.abs(np.diff(share)).max() < 0.5
    # Lips part before the sound, and wait after it.
    assert 0 < share[39] < share[38] < 1
    assert (share[70:80] == 0).all()


def test_a_short_pause_is_no_rest():
    share = rest_of((30, -9), (10, 9), (30, -9))
    assert share.max() < 0.1


def test_doubtful_silence_is_half_a_rest():
    # After speech; 24 frames on it is no longer near, and has not been forgotten.
    assert (rest_of((20, -9), (25, -0.1)) == 0).all()
    assert 0.2 < rest_of((20, -9), (25, 0.5))[-3] < 0.8
    assert (rest_of((50, 9)) == 1).all()


def test_what_is_never_clearly_speech_parts_no_lips():
    assert (rest_of((40, 9), (6, -0.5), (40, 9)) == 1).all()
    assert (rest_of((80, -0.5)) == 1).all()
    # The same before a word and after it belongs to the word.
    word = rest_of((40, 9), (5, -0.5), (4, -3), (8, -0.5), (40, 9))
    assert (word[41:57] == 0).all() and word[0] == word[-1] == 1


def started(name, seconds=2.5, rate=16000):
    """A second of digital silence, then a sound that sets in."""
    time = np.arange(round(seconds * rate)) / rate
    beat = time % 0.5
    if name == "hum":  # it swells
        sound = sum(np.sin(2 * np.pi * 150 * n * time) / n for n in (1, 2, 3, 5, 7))
        sound = sound * np.minimum(time / 2, 1) ** 2
    elif name == "bowed notes":
        phase = 2 * np.pi * 220 * time + 0.1 * np.sin(2 * np.pi * 5.5 * time)
        sound = sum(np.sin(n * phase) / n for n in range(1, 15))
        sound = sound * np.clip(np.minimum(beat / 0.12, (0.5 - beat) / 0.1), 0, 1)
    elif name == "chords":
        tones = [220 * note * n for note in (1, 1.26, 1.5) for n in range(1, 7)]
        sound = sum(np.sin(2 * np.pi * f * time) / f for f in tones) * np.exp(-beat / 0.3)
    else:
        sound = np.random.default_rng(0).standard_normal(len(time))
    level = 10**-3.5 if name == "faint noise" else 10**-1.5
    return np.concatenate([np.zeros(rate), level / sound.std() * sound]).astype(np.float32)


@pytest.fixture(scope="module")
def packaged():
    return load_encoder("articulation+closures+silence")


@pytest.mark.parametrize("name", ["hum", "bowed notes", "chords", "noise", "faint noise"])
def test_sounds_that_start_out_of_silence_part_no_lips(packaged, name):
    assert packaged.encode(started(name))[:, -2].min() > 0.9


def test_speech_after_noise_is_spoken_loud_and_soft(packaged, speech_path):
    speech = read_audio(speech_path)[:32000]
    alone = packaged.encode(speech)[:, -2]
    assert alone.mean() < 0.2
    for gain in (1, 10**-1.5):
        before = started("faint noise", 2.52)
        rest = packaged.encode(np.concatenate([before, gain * speech]))[:, -2]
        assert rest[:84].min() > 0.9
        assert np.abs(rest[88:] - alone).mean() < 0.1


def test_rest_is_the_portraits_own_mouth():
    shapes = np.full((3, 58), 0.5, np.float32)
    rested = Rest()(shapes, np.array([0, 0.5, 1]))
    others = np.setdiff1d(np.arange(52), MOUTH)
    assert np.array_equal(rested[0], shapes[0])
    assert np.allclose(rested[1, MOUTH], 0.25) and (rested[2, MOUTH] == 0).all()
    assert (rested[:, others] == 0.5).all() and (shapes == 0.5).all()


def test_a_head_calms_down_and_livens_up_slowly():
    share = np.repeat([0.0, 1, 0], 100)
    pose = np.ones((300, 58), np.float32)
    head = Rest()(pose, share)[:, 52:]
    assert (head[:100] == 1).all() and np.abs(np.diff(head, axis=0)).max() < 0.05
    assert (head[175:200] < 0.7).all() and (head[275:] > 0.95).all()
    # Parts make no difference, and who begins at rest is calm at once.
    rest = Rest()
    parts = [rest(pose[a:b], share[a:b]) for a, b in ((0, 7), (7, 140), (140, 300))]
    assert np.array_equal(np.concatenate(parts)[:, 52:], head)
    assert Rest()(pose[:1], share[100:101])[0, 52] < 0.7


class Levels:
    """A stand-in for whisper: a frame's feature is the mean of its samples, and a constant."""

    dim = 2

    def stream(self, waveform, fps):
        rows = waveform[: len(waveform) // 640 * 640].reshape(-1, 640).mean(1)
        features = np.stack([rows, np.ones_like(rows)], axis=1)
        yield from np.array_split(features, max(1, len(features) // 7))

    def within(self, seconds):
        return self


@pytest.fixture
def detector():
    """Levels below 0.5 are silence; a pause has a level of 0.25."""
    weights = np.zeros((5, 2, 1), np.float32)
    weights[2, 0] = -40
    ridge = NeighbourRidge(weights, np.full(1, 20, np.float32))
    return SilenceDetector(ridge, np.array([0.25, 1], np.float32))


def test_a_pause_is_heard_instead_of_silence(detector):
    weights = np.zeros((5, 2, 1), np.float32)
    weights[2, 0] = 1
    ridge = NeighbourRidge(weights, np.zeros(1, np.float32))
    encoder = ArticulationEncoder(Levels(), ridge, silence=detector)
    sound = np.repeat(odds_of((60, -3), (50, 1), (60, 0.1)), 640).astype(np.float32)
    rows = encoder.encode(sound)
    assert encoder.dim == 3 and rows.shape == (170, 3)
    # The ends of the blocks of seven frames leave no trace.
    features = np.concatenate(list(Levels().stream(sound, 25)))
    np.testing.assert_allclose(rows[:, 1:], detector(features), atol=1e-6)
    np.testing.assert_allclose(rows[62:118, 0], features[62:118, 0], atol=1e-6)
    assert np.allclose(rows[:50], [0.25, 1, 0]) and np.allclose(rows[-30:], [0.25, 1, 0])
    assert (rows[60:110, 1] == 0).all()


def test_a_detector_is_kept(detector, tmp_path):
    detector.save(tmp_path)
    again = SilenceDetector.load(tmp_path)
    assert np.array_equal(again.pause, detector.pause)
    assert np.array_equal(again.ridge.weights, detector.ridge.weights)
    detector.ridge.save(tmp_path)
    with pytest.raises(ValueError, match="holds no detector of silence"):
        SilenceDetector.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no detector of silence"):
        SilenceDetector.load(tmp_path / "none")


def test_a_generator_rests_lips_and_calms_the_head():
    torch.manual_seed(0)
    denoiser = MotionDenoiser(audio_dim=6, dim=16, depth=1, heads=2, window_frames=20)
    generator = MotionGenerator(denoiser, DDIMScheduler(prediction_type="sample"))
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    share = np.zeros((50, 1), np.float32)
    share[20:40] = 1

    def made(*columns):
        seed = torch.Generator().manual_seed(0)
        return generator(np.concatenate(columns, 1), steps=2, generator=seed).to_vectors()

    none = np.full((50, 1), -20, np.float32)
    free, rested = made(features, none), made(features, none, share)
    assert (rested[20:40][:, MOUTH] == 0).all()
    upper = np.setdiff1d(np.arange(52), MOUTH)
    assert np.array_equal(rested[:, upper], free[:, upper])
    assert np.array_equal(rested[:20], free[:20])
    assert np.array_equal(rested[40:, :52], free[40:, :52])


def test_sounds_without_speech():
    names = set()
    for seed in range(60):
        name, sound = nonspeech(16000, np.random.default_rng(seed))
        assert sound.dtype == np.float32 and sound.shape == (16000,)
        assert np.isfinite(sound).all() and np.abs(sound).max() <= 1
        names.add(name)
        again = nonspeech(16000, np.random.default_rng(seed))[1]
        assert np.array_equal(sound, again)
    assert names == {"noise", "hum", "music", "breath", "clicks", "nothing"}


def test_a_score_is_a_midi_file():
    notes = [Note(0, 60, 64, 0.5, 0.25), Note(9, 36, 100, 0.0, 0.1)]
    data = midi_file({0: 40}, notes)
    # Header: format 0, one track, 480 ticks a quarter; at 120 beats a minute 960 a second.
    assert data[:14] == bytes.fromhex("4d546864 00000006 0000 0001 01e0")
    track = data[22:]
    assert int.from_bytes(data[18:22]) == len(track)
    assert track == bytes.fromhex(
        "00c028"  # a violin
        "00992464" "60892400"  # the drum, for 96 ticks
        "8300903c40" "8170803c00"  # after 384 more, the note for 240
        "00ff2f00"
    )  # fmt: skip


def test_pieces_are_whole_and_without_voices():
    for seed in range(20):
        programs, notes = compose(8.0, np.random.default_rng(seed))
        assert not {52, 53, 54, 85, 91} & set(programs.values())
        assert notes and max(note.start for note in notes) > 4
        assert all(note.channel == 9 or note.channel in programs for note in notes)
        assert all(1 <= note.velocity <= 127 and note.length > 0 for note in notes)
    again = compose(8.0, np.random.default_rng(19))
    assert again == (programs, notes)


def test_a_band_plays_in_tune():
    try:
        band = Band()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    sound = band.perform({0: 73}, [Note(0, 69, 100, 0.0, 1.0)])  # a flute's a'
    spectrum = np.abs(np.fft.rfft(sound[1600:14400]))
    loudest = np.argmax(spectrum) / 0.8
    assert any(abs(loudest - n * 440) < 10 * n for n in (1, 2, 3))
    assert len(band.play(1.5, np.random.default_rng(0))) == 24000


def test_a_missing_band_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(BackendUnavailable, match="apt-get install fluidsynth"):
        Band()
