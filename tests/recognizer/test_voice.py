"""Arousal from prosody: its direction, its confidence, what it must not depend on."""

import numpy as np
import pytest
from made_speech import RATE, speak

from recognizer.facs import EMOTIONS
from recognizer.fusion import Opinion, fuse
from recognizer.media import read_audio
from recognizer.models.voice import VoiceClassifier
from recognizer.prosody import functionals, measure_prosody
from recognizer.voice import emotions_near, read_voice


def arousal(sound: np.ndarray) -> float:
    track = read_voice(sound)
    return float(np.average(track.valence_arousal[:, 1], weights=track.confidence))


@pytest.mark.parametrize(
    "name, values",
    [
        ("hz", (95, 120, 150, 190)),
        ("sway", (1.5, 3, 4.5, 6)),
        ("rate", (3.2, 4, 5, 6)),
        ("flat", (-5, 0, 5, 10)),
    ],
)
def test_each_cue_raises_arousal(name, values):
    found = [
        np.mean([arousal(speak(**{name: value}, seed=seed)) for seed in range(3)])
        for value in values
    ]
    assert (np.diff(found) > 0).all(), found
    assert found[-1] - found[0] > 0.08


def test_all_cues_together():
    calm = arousal(speak(hz=95, sway=1.5, rate=3.2, flat=-4))
    plain = arousal(speak())
    moved = arousal(speak(hz=170, sway=6, rate=5.5, flat=5))
    assert calm < -0.3 and abs(plain) < 0.2 and moved > 0.2


def test_gain_does_not_matter():
    speech = speak(hz=150)
    soft, loud = read_voice(0.02 * speech), read_voice(speech)
    np.testing.assert_allclose(soft.valence_arousal, loud.valence_arousal, atol=2e-3)
    np.testing.assert_allclose(soft.confidence, loud.confidence, atol=2e-3)


def test_a_womans_pitch_is_no_excitement():
    man, woman = arousal(speak(hz=115, spacing=1000)), arousal(speak(hz=205, spacing=1190))
    assert abs(woman - man) < 0.2
    assert arousal(speak(hz=205, spacing=1000)) > woman + 0.15


def test_parts_are_compared_with_the_recording():
    """Louder, higher speech in the middle stands out there, though a gain alone is no arousal."""
    calm, moved = speak(5.0, hz=110, seed=1), speak(5.0, hz=140, flat=4, seed=2)
    track = read_voice(np.concatenate([0.3 * calm, moved, 0.3 * calm]))
    curve = track.valence_arousal[:, 1]
    first, middle, last = curve[25:100].mean(), curve[150:225].mean(), curve[275:350].mean()
    assert middle > first + 0.2 and middle > last + 0.2
    louder = read_voice(np.concatenate([0.3 * calm, calm, 0.3 * calm])).valence_arousal[:, 1]
    assert louder[150:225].mean() > louder[25:100].mean() + 0.1


def test_more_speech_is_surer():
    short, long = read_voice(speak(1.0)), read_voice(speak(8.0))
    assert short.std[:, 1].mean() > long.std[:, 1].mean()
    assert short.confidence.max() < long.confidence.max() <= 1


def test_valence_stays_humble():
    track = read_voice(speak(hz=170, flat=5))
    assert (track.valence_arousal[:, 0] == 0).all() and (track.std[:, 0] >= 0.5).all()


def _notes() -> np.ndarray:
    time = np.arange(RATE // 3) / RATE
    tones = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4, 5, 9, 12, 9, 5, 0]) / 12)
    return np.concatenate(
        [sum(np.sin(2 * np.pi * hz * k * time) / k for k in (1, 2, 3)) * np.exp(-4 * time)
         for hz in tones]
    )  # fmt: skip


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(2 * RATE),
        np.zeros(0),
        np.zeros(1),
        np.full(RATE, 0.5),
        0.1 * np.random.default_rng(0).normal(size=2 * RATE),
        np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE),
        0.3 * _notes(),
        (np.arange(2 * RATE) % 4000 == 0).astype(float),
    ],
    ids=["silence", "empty", "one", "constant", "noise", "hum", "notes", "clicks"],
)
def test_what_is_no_speech(sound):
    track = read_voice(sound)
    assert len(track) == max(1, round(len(sound) / RATE * 25))
    assert track.confidence.max() < 0.05
    assert np.isfinite(track.valence_arousal).all() and np.isfinite(track.emotion).all()
    face = Opinion("face", np.full((len(track), 2), 0.5), 0.04, track.emotion * 0 + 1 / 8)
    np.testing.assert_allclose(fuse([face, track.opinion()]).valence_arousal, 0.5, atol=0.02)


def test_noise_lowers_confidence():
    found = [read_voice(speak(noise=level)).confidence.mean() for level in (1e-4, 0.02, 0.06)]
    assert found[0] > found[1] > found[2]


def test_a_telephone_hides_whose_voice_it_is():
    """Without the fourth formant a woman would pass for an excited man."""
    woman = speak(hz=205, spacing=1190)
    spectrum = np.fft.rfft(woman)
    spectrum[np.fft.rfftfreq(len(woman), 1 / RATE) > 3500] = 0
    called = read_voice(np.fft.irfft(spectrum, len(woman)))
    plain = read_voice(woman)
    assert called.confidence.max() < 0.6 * plain.confidence.max()
    assert called.std[:, 1].mean() > plain.std[:, 1].mean()
    assert abs(called.valence_arousal[:, 1].mean() - plain.valence_arousal[:, 1].mean()) < 0.25


def test_frames_of_a_video():
    track = read_voice(speak(3.0), fps=30, frames=77)
    assert len(track) == 77 and track.fps == 30
    opinion = track.opinion()
    assert opinion.modality == "voice" and opinion.emotion.shape == (77, 8)
    assert opinion.averaged().reliability > 0
    with pytest.raises(ValueError, match="fps must be positive"):
        read_voice(speak(1.0), fps=0)


def test_emotions_near():
    sure, unsure = np.array([0.1, 0.1]), np.array([2.0, 2.0])
    assert EMOTIONS[emotions_near(np.array([0.76, 0.48]), sure).argmax()] == "happiness"
    assert EMOTIONS[emotions_near(np.zeros(2), sure).argmax()] == "neutral"
    shares = emotions_near(np.array([[0.76, 0.48], [-0.6, 0.6]]), unsure)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[:, 1:].max() < 0.15


def classifier(encoded: int = 0) -> VoiceClassifier:
    """Anger where the spectrum is flat, sadness where it is steep."""
    names = tuple(functionals(measure_prosody(np.zeros(0))))
    weight = np.zeros((len(names) + encoded, 8), np.float32)
    weight[names.index("alpha_mean"), EMOTIONS.index("anger")] = 3
    weight[names.index("alpha_mean"), EMOTIONS.index("sadness")] = -3
    mean, std = np.zeros(len(weight), np.float32), np.ones(len(weight), np.float32)
    mean[names.index("alpha_mean")] = -14
    return VoiceClassifier(names, mean, std, weight, np.zeros(8, np.float32))


def test_a_classifier_decides_on_emotion_and_valence():
    plain = read_voice(speak())
    angry = read_voice(speak(flat=8), classifier=classifier())
    sad = read_voice(speak(flat=-8), classifier=classifier())
    assert EMOTIONS[angry.emotion.mean(axis=0).argmax()] == "anger"
    assert EMOTIONS[sad.emotion.mean(axis=0).argmax()] == "sadness"
    assert angry.valence_arousal[:, 0].mean() < -0.3
    assert sad.valence_arousal[:, 1].mean() < plain.valence_arousal[:, 1].mean()
    assert angry.valence_arousal[:, 1].mean() > plain.valence_arousal[:, 1].mean()


def test_classifier_files(tmp_path):
    path = tmp_path / "voice.safetensors"
    classifier().save(path)
    loaded = VoiceClassifier.load(path)
    features = np.random.default_rng(0).normal(size=(3, len(loaded.mean)))
    np.testing.assert_allclose(loaded(features), classifier()(features), rtol=1e-6)
    np.testing.assert_allclose(loaded(np.full_like(features, np.nan)), 1 / 8)
    with pytest.raises(ValueError, match=r"takes features \[N, \d+\], got \[2, 3\]"):
        loaded(np.zeros((2, 3)))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        VoiceClassifier.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors here")
    with pytest.raises(ValueError, match=r"text\.safetensors is no safetensors file"):
        VoiceClassifier.load(tmp_path / "text.safetensors")


def test_speech_features_are_needed_where_they_were_trained():
    with pytest.raises(ValueError, match="needs the speech features"):
        read_voice(speak(2.0), classifier=classifier(encoded=5))
    for width in (4, 6):
        with pytest.raises(ValueError, match="not the speech features"):
            read_voice(
                speak(2.0), classifier=classifier(5), encode=lambda w, n=width: np.ones((9, n))
            )
    track = read_voice(speak(2.0), classifier=classifier(5), encode=lambda w: np.ones((9, 5)))
    assert np.isfinite(track.emotion).all()


def test_an_expert_brings_no_prior(speech_path):
    """Odds between emotions other than neutral stay; neutral loses its threefold head start."""
    track = read_voice(read_audio(speech_path))
    said, fused = track.emotion, track.opinion().emotion
    neutral, joy, anger = (EMOTIONS.index(n) for n in ("neutral", "happiness", "anger"))
    assert fused[:, joy] / fused[:, anger] == pytest.approx(said[:, joy] / said[:, anger], rel=1e-4)
    assert fused[:, neutral] / fused[:, joy] == pytest.approx(
        said[:, neutral] / said[:, joy] / 3, rel=1e-4
    )
