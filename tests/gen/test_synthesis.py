"""The synthetic corpus: timings against the sound, statistics of the face, determinism."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gen.data import upper_face
from gen.data.records import iter_records
from gen.data.synthesis import build_corpus, load_sentences, scripts
from gen.data.tts import Flite, Synthesizer, _from_letters
from gen.data.visemes import VOWELS, symbols
from gen.data.voices import LANGUAGES, VOICES, BackendUnavailable, Phone, tidy

ROOT = Path(__file__).parents[2]
TEXTS = {"en": "She stopped at Sam's house, and sat.", "de": "Sie saß bis sechs im Haus."}


@pytest.fixture(scope="module")
def synthesizer():
    return Synthesizer(0)


def needs(synthesizer, backend):
    try:
        synthesizer.backend(backend)
    except BackendUnavailable as reason:
        pytest.skip(str(reason))


def clap_train(seconds, rate=16_000):
    """Syllables without speech: noise that swells four times a second, with pauses."""
    time = np.arange(int(seconds * rate)) / rate
    swell = np.maximum(0, np.sin(2 * np.pi * 4 * time)) * (np.sin(2 * np.pi * 0.2 * time) > -0.6)
    swell *= 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time)
    return (0.2 * swell * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("code", ["joe", "slt", "en-us+m3", "de+m1"])
def test_phones_cover_the_sound_and_lie_where_they_sound(synthesizer, code):
    voice = next(v for v in VOICES if v.code == code)
    needs(synthesizer, voice.backend)
    speech = synthesizer.speak(TEXTS[voice.language], voice)
    phones, rate = speech.phones, 16_000
    assert speech.waveform.dtype == np.float32 and np.abs(speech.waveform).max() <= 1
    assert phones[0].start == 0
    assert phones[-1].end == pytest.approx(len(speech.waveform) / rate, abs=0.002)
    assert all(p.end > p.start for p in phones)
    assert all(a.end == b.start for a, b in pairwise(phones))

    def high_share(phone):
        part = speech.waveform[int(phone.start * rate) : int(phone.end * rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        return spectrum[len(spectrum) // 2 :].sum() / spectrum.sum()  # above 4 kHz

    hiss = [high_share(p) for p in phones if p.ipa == "s"]
    vowels = [high_share(p) for p in phones if p.ipa and set(symbols(p.ipa)) <= VOWELS]
    assert len(hiss) >= 2 and len(vowels) >= 5
    assert np.median(hiss) > 5 * np.median(vowels)


def test_pace_changes_the_length(synthesizer):
    needs(synthesizer, "espeak")
    voice = next(v for v in VOICES if v.backend == "espeak")
    slow, fast = (len(synthesizer.speak(TEXTS["en"], voice, p).waveform) for p in (0.8, 1.25))
    assert slow > 1.3 * fast


def test_a_missing_program_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BackendUnavailable, match="apt-get install flite"):
        Flite()


def test_nothing_is_written_without_the_tools(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    voices = [v for v in VOICES if v.backend == "flite"]
    with pytest.raises(BackendUnavailable):
        build_corpus(tmp_path / "corpus", limit=2, voices=voices)
    assert not (tmp_path / "corpus").exists()


def test_marks_lend_their_time_to_the_sounds_beside_them():
    marks = [("^", 0.1), ("p", 0.1), ("ˈ", 0.04), ("i", 0.1), ("ː", 0.1), (".", 0.2), ("$", 0.1)]
    phones = _from_letters(marks, 0.0)
    assert [p.ipa for p in phones] == ["", "p", "iː", "", ""]
    assert [round(p.end - p.start, 3) for p in phones] == [0.1, 0.12, 0.22, 0.2, 0.1]


def test_tidy_closes_gaps_and_joins_silences():
    phones = [Phone("", 0, 0.1), Phone("", 0.1, 0.2), Phone("a", 0.25, 0.3), Phone("", 0.3, 0.31),
              Phone("t", 0.31, 0.4)]  # fmt: skip
    assert tidy(phones, 0.5) == [
        Phone("", 0, 0.2), Phone("a", 0.2, 0.3), Phone("t", 0.3, 0.4), Phone("", 0.4, 0.5)
    ]  # fmt: skip


def test_voices_and_sentences():
    assert len({v.name for v in VOICES}) == len(VOICES) >= 12
    assert {v.language for v in VOICES} == set(LANGUAGES) == set(load_sentences())
    for language, lines in load_sentences().items():
        assert len(set(lines)) == len(lines) >= (150 if language == "en" else 40)


def test_any_beginning_of_the_scripts_has_every_voice_s_share():
    total = sum(v.weight for v in VOICES)
    for count in (50, 300):
        spoken = Counter(s.voice.name for s in scripts(count, 0))
        assert all(abs(spoken[v.name] - count * v.weight / total) < 1.5 for v in VOICES)
    assert scripts(40, 0) == scripts(300, 0)[:40]
    assert scripts(40, 0) != scripts(40, 1)
    sentences = load_sentences()
    assert all(set(s.sentences) <= set(sentences[s.voice.language]) for s in scripts(50, 3))


def test_corpus_closes_its_lips(synthesizer, tmp_path):
    needs(synthesizer, "espeak")
    voices = [v for v in VOICES if v.backend == "espeak"]
    found = build_corpus(tmp_path, seed=0, limit=10, voices=voices)
    records = list(iter_records(tmp_path))
    assert found["records"] == len(records) == 10
    assert found["bilabials"] > 10 and found["bilabials_closed"] == 1.0
    for record in records:
        blendshapes = record.motion.blendshapes
        assert blendshapes.min() >= 0 and blendshapes.max() <= 1
        assert record.measured.all() and record.motion.fps == 25
        assert len(record.waveform) == len(record.motion) * 640


def test_corpus_repeats_by_its_seed(synthesizer, tmp_path):
    needs(synthesizer, "espeak")
    needs(synthesizer, "flite")
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        command = ["-m", "gen.data.synthesis", "-o", str(tmp_path / name), "--seed", str(seed)]
        command += ["--limit", "6", "--backends", "flite,espeak"]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["records"] == 6
        runs.append(list(iter_records(tmp_path / name)))
    for one, again in zip(*runs[:2], strict=True):
        assert one.name == again.name
        np.testing.assert_array_equal(one.motion.to_vectors(), again.motion.to_vectors())
        np.testing.assert_array_equal(one.waveform, again.waveform)
    lengths = [[len(record.motion) for record in run] for run in runs]
    assert lengths[0] == lengths[1] != lengths[2]


def test_a_corpus_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one record"):
        build_corpus(tmp_path, limit=0)


def test_heads_are_lively_and_slow():
    sound = clap_train(12)
    runs = [upper_face.head_motion(sound, 300, np.random.default_rng(i)) for i in range(30)]
    deviation = np.mean([run[:, :3].std(0) for run in runs], axis=0)
    assert 3.5 < np.linalg.norm(deviation) < 6.5
    assert deviation[1] > deviation[2]
    power = np.mean(
        [np.abs(np.fft.rfft(r[:, :3] - r[:, :3].mean(0), axis=0)) ** 2 for r in runs], 0
    )
    slow = np.fft.rfftfreq(300, 1 / 25) < 1.5
    assert power[slow].sum() > 0.85 * power.sum()
    assert np.isfinite(runs).all()


def test_a_head_is_quieter_in_silence():
    silence = np.zeros(12 * 16_000, np.float32)

    def speed(sound):
        runs = [upper_face.head_motion(sound, 300, np.random.default_rng(i)) for i in range(10)]
        return np.mean([np.abs(np.diff(run[:, :3], axis=0)).mean() for run in runs])

    assert speed(silence) < 0.8 * speed(clap_train(12))


def test_people_blink_some_seventeen_times_a_minute():
    lids = upper_face.blinks(25 * 60 * 10, np.random.default_rng(0))
    shut = (lids > 0.4).astype(int)
    starts, ends = np.flatnonzero(np.diff(shut) == 1), np.flatnonzero(np.diff(shut) == -1)
    assert 12 < len(starts) / 10 < 25
    lasting = (ends[: len(starts)] - starts[: len(ends)]) / 25
    assert 0.08 < np.median(lasting) < 0.25
    assert lids.min() == 0 and lids.max() <= 1


def test_brows_rise_more_with_accents_than_in_silence():
    silence = np.zeros(12 * 16_000, np.float32)
    rise = [
        np.mean(
            [upper_face.brow_motion(s, 300, np.random.default_rng(i))[0].std() for i in range(10)]
        )
        for s in (silence, clap_train(12))
    ]
    assert rise[1] > 1.5 * rise[0]
