"""Pitch, formants and prosody against closed forms and speech of known making."""

import numpy as np
import pytest
from made_speech import RATE, resonate, speak
from scipy.signal import lfilter

from recognizer.formants import formant_spacing, track_formants
from recognizer.pitch import Pitch, jitter_and_shimmer, track_pitch, voiced_runs
from recognizer.prosody import functionals, measure_prosody


def seconds(count: float) -> np.ndarray:
    return np.arange(int(count * RATE)) / RATE


def pulses(periods: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Pulses, each after a period in samples, as wide as 3 ms so that places may be fractions."""
    places = 200 + np.cumsum(periods)
    time = np.arange(int(places[-1]) + 400)
    return sum(h * np.exp(-(((time - p) / 24) ** 2)) for p, h in zip(places, heights, strict=True))


@pytest.mark.parametrize("hz", [75.0, 118.4, 233.1, 480.0])
def test_pitch_of_tones(hz):
    tone = sum(np.sin(2 * np.pi * hz * k * seconds(0.6) + k) / k for k in range(1, 6))
    inner = track_pitch(0.1 * tone).f0[5:-5]
    np.testing.assert_allclose(inner, hz, rtol=1e-3)


def test_pitch_follows_a_glide():
    hz = np.linspace(100, 300, RATE)
    found = track_pitch(np.sin(2 * np.pi * np.cumsum(hz) / RATE) ** 3)
    inside = slice(8, 92)
    np.testing.assert_allclose(found.f0[inside], np.linspace(100, 300, 101)[inside], rtol=0.02)


@pytest.mark.parametrize("ratio", [0.0, 10.0, 20.0])
def test_harmonics_to_noise_ratio(ratio):
    """Boersma's definition: energy of the periodic part over that of white noise."""
    tone = sum(np.sin(2 * np.pi * 200 * k * seconds(2)) for k in range(1, 40)) / np.sqrt(39 / 2)
    noise = np.random.default_rng(0).normal(size=len(tone)) * 10 ** (-ratio / 20)
    found = track_pitch(tone + noise)
    assert found.voiced.mean() > 0.9
    assert np.nanmean(found.hnr) == pytest.approx(ratio, abs=1.0)


def test_what_has_no_pitch():
    rng = np.random.default_rng(0)
    for sound in (np.zeros(RATE), rng.normal(size=RATE), np.zeros(0), np.ones(30)):
        pitch = track_pitch(sound)
        assert len(pitch.f0) == 1 + len(sound) // 160
        assert pitch.voiced.mean() < 0.03
    assert np.isnan(jitter_and_shimmer(np.zeros(RATE), track_pitch(np.zeros(RATE)))).all()
    with pytest.raises(ValueError, match=r"one channel of sound \[N\], got \[2, 100\]"):
        track_pitch(np.zeros((2, 100)))
    with pytest.raises(ValueError, match="no numbers"):
        track_pitch(np.array([0, np.nan, 1]))


def test_voiced_runs():
    f0 = np.array([np.nan, 100, 100, np.nan, 90, np.nan], np.float32)
    assert voiced_runs(Pitch(f0, f0)) == [slice(1, 3), slice(4, 5)]


def test_jitter_and_shimmer_of_known_pulses():
    """Periods that take turns differ by a known share of their mean; so do heights."""
    count = 120
    turns = np.resize([1.0, -1.0], count)
    even = pulses(np.full(count, 140.0), np.ones(count))
    assert max(jitter_and_shimmer(even, track_pitch(even))) < 2e-3
    rough = pulses(140 * (1 + 0.01 * turns), 1 + 0.04 * turns)
    jitter, shimmer = jitter_and_shimmer(rough, track_pitch(rough))
    assert jitter == pytest.approx(0.02, rel=0.15)
    assert shimmer == pytest.approx(0.08, rel=0.15)


def test_formants_of_a_uniform_tube():
    """A vocal tract of 17.5 cm resonates at odd multiples of 500 Hz.

    A voice shows its formants at its harmonics only: half the pitch is what they can be off by.
    """
    voice = np.diff(np.floor(np.cumsum(np.full(RATE, 100 / RATE))), prepend=0.0)
    for hz in (500, 1500, 2500, 3500, 4500):
        voice = resonate(voice, hz, 80)
    where = np.zeros(101, bool)
    where[10:90] = True
    found = track_formants(voice, where)
    assert np.isnan(found[:10]).all() and np.isfinite(found[where]).mean() > 0.9
    np.testing.assert_allclose(np.nanmedian(found, axis=0), [500, 1500, 2500, 3500], atol=50)
    assert formant_spacing(found) == pytest.approx(1000, rel=0.02)
    assert np.isnan(formant_spacing(np.full((3, 4), np.nan)))


def harmonics(levels: dict[int, float]) -> np.ndarray:
    """Tones of 100 Hz times the keys, in dB."""
    return sum(10 ** (db / 20) * np.sin(200 * np.pi * k * seconds(1)) for k, db in levels.items())


def test_spectral_tilt_of_tones():
    tones = harmonics({2: 0, 4: -6, 15: -20, 30: -26})
    prosody = measure_prosody(0.1 * tones)
    inner = slice(20, 80)
    below, above = 1 + 10**-0.6, 10**-2.0 + 10**-2.6
    alpha = 10 * np.log10(above / below)
    assert prosody.alpha[inner].mean() == pytest.approx(alpha, abs=0.3)
    assert prosody.hammarberg[inner].mean() == pytest.approx(26, abs=1.0)
    assert prosody.level[inner].mean() == pytest.approx(
        10 * np.log10(0.01 / 2 * (below + above)), abs=0.1
    )


def test_spectral_slope_of_white_and_falling_spectra():
    """White noise has none; through one pole, its spectrum is known in closed form."""
    noise = np.random.default_rng(0).normal(size=10 * RATE)
    white = measure_prosody(0.1 * noise)
    assert abs(np.median(white.slope_mid)) < 2
    fallen = measure_prosody(lfilter([0.1], [1, -0.9], noise))
    hz = np.arange(500, 1500, 31.25)
    response = 1 / np.abs(1 - 0.9 * np.exp(-2j * np.pi * hz / RATE))
    slope = np.polyfit(hz / 1000, 20 * np.log10(response), 1)[0]
    assert np.median(fallen.slope_mid) == pytest.approx(slope, abs=2)


def test_functionals_of_made_speech():
    """What the speech was made with comes back."""
    found = functionals(measure_prosody(speak(6.0, hz=120, sway=3, rate=4, spacing=1030)))
    assert found["f0_p50"] == pytest.approx(12 * np.log2(120 / 27.5), abs=1)
    # A syllable in eight is a pause.
    assert found["syllable_rate"] == pytest.approx(4 * 7 / 8, rel=0.15)
    assert found["formant_spacing"] == pytest.approx(1030, rel=0.05)
    assert found["f0_p20"] < found["f0_p50"] < found["f0_p80"]
    assert found["f0_range"] == pytest.approx(found["f0_p80"] - found["f0_p20"])
    assert found["f0_rise"] > 0 > found["f0_fall"]
    assert all(np.isfinite(value) for value in found.values())


def test_functionals_move_with_what_changes():
    def of(**changes):
        return functionals(measure_prosody(speak(**changes)))

    plain = of()
    assert of(sway=6)["f0_std"] > 1.5 * plain["f0_std"]
    assert of(rate=5.5)["syllable_rate"] > 1.25 * plain["syllable_rate"]
    flat = of(flat=6)
    assert flat["alpha_mean"] > plain["alpha_mean"] + 2
    assert flat["hammarberg_mean"] < plain["hammarberg_mean"] - 2
    assert of(noise=0.01)["hnr_mean"] < plain["hnr_mean"] - 3


def test_gain_does_not_matter():
    speech = speak()
    loud, soft = (functionals(measure_prosody(gain * speech)) for gain in (1.0, 0.03))
    for name, value in loud.items():
        assert soft[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name


def test_a_part_of_a_recording():
    prosody = measure_prosody(speak(4.0))
    part = prosody[100:250]
    assert len(part) == len(part.pitch.f0) == len(part.mfcc) == 150
    np.testing.assert_array_equal(part.alpha, prosody.alpha[100:250])
    assert (part.nuclei + 100 == prosody.nuclei[np.isin(prosody.nuclei, range(100, 250))]).all()


def test_nothing_to_measure():
    for sound in (np.zeros(0), np.zeros(3000), np.random.default_rng(0).normal(size=4000)):
        found = functionals(measure_prosody(sound))
        assert np.isnan(found["f0_mean"]) and np.isnan(found["syllable_rate"])
