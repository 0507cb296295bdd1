"""Phones to lips: coverage of the table, and what phonetics says must be visible."""

import numpy as np
import pytest

from gen.data.coarticulation import Articulation, articulate, lips_closed
from gen.data.espeak import espeak
from gen.data.synthesis import load_sentences
from gen.data.tts import ARPABET_IPA
from gen.data.visemes import VISEMES, symbols
from gen.data.voices import LANGUAGES, VOICES, BackendUnavailable, Phone
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides


def utterance(*sounds, pause=0.4):
    """Phones from (ipa, seconds) between two pauses, and the number of frames."""
    phones, clock = [Phone("", 0.0, pause)], pause
    for ipa, seconds in sounds:
        phones.append(Phone(ipa, clock, clock + seconds))
        clock += seconds
    phones.append(Phone("", clock, clock + pause))
    return phones, int((clock + pause) * 25)


def curve(face, name):
    return face[:, ARKIT_INDEX[name]]


def at(seconds, fps=25):
    """The frame that shows this time."""
    return int(seconds * fps)


@pytest.mark.parametrize("ipa, expected", [
    ("ˈaʊ", ["a", "ʊ"]), ("tʃ", ["t", "ʃ"]), ("ˌyː", ["y"]), ("ɑ̃", ["ɑ"]), ("ç", ["ç"]),
    ("ts.h", ["t", "s", "h"]), ("ä", ["a"]), ("ɯᵝ", ["ɯ"]), ("g", ["ɡ"]), ("", [""]),
])  # fmt: skip
def test_phones_are_read(ipa, expected):
    assert symbols(ipa) == expected


def test_an_unknown_sound_is_named():
    with pytest.raises(ValueError, match=r"no viseme for '☃' \(U\+2603\)"):
        symbols("a☃")


def test_table_speaks_arkit():
    for viseme in VISEMES.values():
        for stem, value in viseme.targets.items():
            assert all(name in ARKIT_NAMES for name in sides(stem))
            assert 0 < value <= 0.7


def test_every_phone_of_flite_maps():
    assert all(symbols(ipa) for ipa in ARPABET_IPA.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phone_of_every_sentence_maps(language):
    try:
        synthesizer = espeak()
    except BackendUnavailable as reason:
        pytest.skip(str(reason))
    voice = next(v for v in VOICES if v.backend == "espeak" and v.language == language)
    seen = {
        p.ipa for text in load_sentences()[language] for p in synthesizer.speak(text, voice).phones
    }
    assert len(seen) > 20
    for ipa in seen:
        assert all(symbol in VISEMES for symbol in symbols(ipa))


@pytest.mark.parametrize("stop", ["p", "b", "m"])
@pytest.mark.parametrize("vowel", ["a", "i", "u"])
@pytest.mark.parametrize("seconds", [0.05, 0.08, 0.13])
def test_bilabials_close_wherever_the_frames_fall(stop, vowel, seconds):
    for delay in np.arange(0, 0.04, 0.005):
        phones, frames = utterance(
            (vowel, 0.12), (stop, seconds), (vowel, 0.12), pause=0.4 + float(delay)
        )
        face = articulate(phones, frames, Articulation.draw(np.random.default_rng(1)))
        # Sampled every 40 ms, the frame nearest to the closure may lie 20 ms outside the phone.
        centres = (np.arange(frames) + 0.5) / 25
        near = (centres > phones[2].start - 0.02) & (centres < phones[2].end + 0.02)
        shut = near & (np.abs(curve(face, "jawOpen") - curve(face, "mouthClose")) < 1e-6)
        for name in (*sides("mouthLowerDown"), *sides("mouthUpperUp")):
            shut &= curve(face, name) < 1e-6
        assert shut.any()


def test_vowels_around_a_closure_are_open():
    phones, frames = utterance(("a", 0.22), ("p", 0.08), ("a", 0.22))
    face = articulate(phones, frames)
    gap = curve(face, "jawOpen") - curve(face, "mouthClose")
    assert gap[at(0.51)] > 0.3 and gap[at(0.81)] > 0.3
    assert 0.35 < curve(face, "jawOpen").max() < 0.5


@pytest.mark.parametrize("sound", ["f", "v"])
def test_labiodentals_tuck_the_lower_lip(sound):
    phones, frames = utterance(("a", 0.12), (sound, 0.09), ("a", 0.12))
    frame = at((phones[2].start + phones[2].end) / 2)
    face = articulate(phones, frames)
    assert curve(face, "mouthRollLower")[frame] > 0.35
    assert curve(face, "mouthLowerDownLeft")[frame] < 0.02
    assert not lips_closed(face)[frame]


@pytest.mark.parametrize("rounded", ["u", "y", "w", "o"])
def test_lips_protrude_before_a_rounded_sound(rounded):
    onset = 0.4 + 0.12 + 3 * 0.07
    sounds = [("i", 0.12), ("s", 0.07), ("t", 0.07), ("t", 0.07), (rounded, 0.15)]
    phones, frames = utterance(*sounds)
    pucker = curve(articulate(phones, frames), "mouthPucker")
    spread, _ = utterance(*sounds[:-1], ("i", 0.15))
    without = curve(articulate(spread, frames), "mouthPucker")
    ahead = at(onset - 0.12)
    assert pucker[ahead] - without[ahead] > 0.1 * pucker.max()
    assert pucker[at(onset)] > 0.45 * pucker.max()


def test_the_jaw_follows_later_than_rounding():
    sounds = [("i", 0.12), ("k", 0.08), ("k", 0.08), ("k", 0.08), ("ɔ", 0.16)]
    phones, frames = utterance(*sounds)
    changed, _ = utterance(*sounds[:-1], ("i", 0.16))
    difference = np.abs(articulate(phones, frames) - articulate(changed, frames))
    ahead = at(phones[5].start - 0.08)
    rise = {n: curve(difference, n)[ahead] / curve(difference, n).max()
            for n in ("jawOpen", "mouthFunnel")}  # fmt: skip
    assert rise["mouthFunnel"] > 2 * rise["jawOpen"]


def test_fast_speech_undershoots():
    def widest(seconds):
        sounds = [(ipa, seconds) for ipa in "tatatata"]
        phones, frames = utterance(*sounds)
        return curve(articulate(phones, frames), "jawOpen").max()

    assert widest(0.045) < 0.85 * widest(0.15)


def test_silence_is_a_closed_and_quiet_mouth():
    phones, frames = utterance(("a", 0.2), pause=1.0)
    face = articulate(phones, frames)
    assert lips_closed(face)[: at(0.7)].all() and lips_closed(face)[at(1.7) :].all()
    assert face[: at(0.5)].max() < 0.05


def test_stress_opens_the_vowel_and_a_soft_speaker_less():
    phones, frames = utterance(("t", 0.07), ("a", 0.14), ("t", 0.07))
    plain = articulate(phones, frames)
    stressed = articulate(phones, frames, emphasis=[1, 1, 1.2, 1, 1])
    soft = articulate(phones, frames, Articulation(strength=0.7))
    jaws = [curve(face, "jawOpen").max() for face in (soft, plain, stressed)]
    assert jaws == sorted(jaws) and jaws[0] == pytest.approx(0.7 * jaws[1], rel=0.01)


def test_values_are_bounded_and_shaped():
    rng = np.random.default_rng(0)
    sounds = [(str(ipa), 0.07) for ipa in rng.permutation([s for s in VISEMES if s])]
    phones, frames = utterance(*sounds)
    face = articulate(phones, frames, Articulation.draw(rng))
    assert face.shape == (frames, 52) and face.dtype == np.float32
    assert face.min() >= 0 and face.max() <= 1
    assert np.abs(np.diff(face, axis=0)).max() < 0.5


@pytest.mark.parametrize("phones, message", [
    ([], "at least one phone"),
    ([Phone("a", 0.2, 0.3), Phone("t", 0.0, 0.2)], "order of time"),
    ([Phone("a", 0.2, 0.1)], "order of time"),
])  # fmt: skip
def test_bad_phones_are_refused(phones, message):
    with pytest.raises(ValueError, match=message):
        articulate(phones, 10)
