"""Sentences whose feeling nobody doubts, and what must hold for any text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.emotion_words import FAMILIES, SIMPLIFIED, UNFEELING
from recognizer.facs import EMOTIONS
from recognizer.words import read_words

relaxed = settings(max_examples=80, deadline=None)


@pytest.mark.parametrize(
    ("text", "emotion", "valence"),
    [
        ("I am so happy to see you!", "happiness", 1),
        ("What a lovely day, I enjoyed every minute of it.", "happiness", 1),
        ("She wept for days, utterly heartbroken.", "sadness", -1),
        ("You make me furious!!!", "anger", -1),
        ("I'm scared, please don't leave me alone.", "fear", -1),
        ("Yuck, that is disgusting.", "disgust", -1),
        ("You pathetic loser, I despise you.", "contempt", -1),
        ("I was stunned, nobody saw it coming.", "surprise", 0),
        ("The train leaves at nine.", "neutral", 0),
        ("今天我非常开心！", "happiness", 1),
        ("我好難過，一直哭。", "sadness", -1),
        ("他气死我了！", "anger", -1),
        ("太恶心了", "disgust", -1),
        ("我很害怕黑暗", "fear", -1),
        ("哇，真没想到！", "surprise", 0),
        ("他不屑地看着我", "contempt", -1),
        ("火车九点开。", "neutral", 0),
        ("😭😭", "sadness", -1),
        ("see you there 🥳", "happiness", 1),
    ],
)
def test_plain_sentences(text, emotion, valence):
    reading = read_words(text)
    assert reading.strongest == emotion
    if valence:
        assert reading.valence * valence > 0.15
    assert (reading.confidence > 0.3) == (emotion != "neutral")


@pytest.mark.parametrize(
    ("plain", "negated"),
    [
        ("I am happy.", "I am not happy."),
        ("I was afraid.", "I was never afraid."),
        ("She likes it and is glad", "She doesn't like it and isn't glad"),
        ("我高兴", "我不高兴"),
        ("我很生气", "我没有很生气"),
        ("難過", "別難過"),
    ],
)
def test_negation(plain, negated):
    plain, negated = read_words(plain), read_words(negated)
    assert plain.strongest != negated.strongest
    assert plain.valence * negated.valence < 0
    assert abs(negated.valence) < abs(plain.valence)
    assert abs(negated.arousal) < abs(plain.arousal)
    assert all(cue.negated for cue in negated.evidence)


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        ("slightly happy", "happy"),
        ("happy", "very happy"),
        ("有点开心", "开心"),
        ("开心", "非常开心"),
        ("I am angry.", "I am angry!!!"),
        ("I am angry with you", "I am ANGRY with YOU"),
        ("that is so fun", "that is soooo fun"),
        ("我生气", "我生气！"),
    ],
)
def test_degree_and_loudness_raise_arousal(weak, strong):
    weak, strong = read_words(weak), read_words(strong)
    assert strong.arousal > weak.arousal
    assert abs(strong.valence) >= abs(weak.valence)


def test_what_follows_but_counts_more():
    sad = read_words("I was happy, but now I am sad.")
    happy = read_words("I was sad, but now I am happy.")
    assert (sad.strongest, happy.strongest) == ("sadness", "happiness")
    assert sad.valence < 0 < happy.valence
    assert read_words("我很难过，但是现在开心").valence > 0


def test_mixed_feelings_are_less_certain():
    mixed = read_words("I love it and I hate it")
    assert mixed.confidence < read_words("I love it and I adore it").confidence


@pytest.mark.parametrize("text", ["麻烦你了", "积累经验", "恐怕要下雨"])
def test_chinese_words_that_only_look_like_feelings(text):
    assert not read_words(text).evidence


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_words(text):
    with pytest.raises(ValueError, match="no words"):
        read_words(text)


@pytest.mark.parametrize("text", ["12345", "???", "Das ist ein Tisch.", "これは机です"])
def test_what_it_cannot_read_it_does_not_judge(text):
    reading = read_words(text)
    assert reading.confidence < 0.05
    assert (reading.valence, reading.strongest) == (0, "neutral")


@relaxed
@given(st.text(min_size=1, max_size=60))
def test_any_text(text):
    if not text.strip():
        return
    check(read_words(text))


vocabulary = [word.rstrip("*") for family in FAMILIES for word in family.english.split()]
vocabulary += [word for family in FAMILIES for word in family.chinese.split()]
vocabulary += [sign for family in FAMILIES for sign in family.signs.split()]
vocabulary += ["not", "very", "but", "!!", "?!", "不", "很", "但是", "I", "isn't", "。", "NO"]


@relaxed
@given(st.lists(st.sampled_from(vocabulary), min_size=1, max_size=12), st.sampled_from(["", " "]))
def test_any_words(words, blank):
    check(read_words(blank.join(words)))


def check(reading):
    assert -1 <= reading.valence <= 1
    assert -1 <= reading.arousal <= 1
    assert 0 <= reading.confidence <= 1
    assert reading.emotion.shape == (8,)
    assert reading.emotion.min() > 0
    assert reading.emotion.sum() == pytest.approx(1)
    assert reading.valence_std > 0 < reading.arousal_std


def test_the_list_is_sound():
    for field in ("english", "chinese", "signs"):
        words = [word for family in FAMILIES for word in getattr(family, field).split()]
        assert len(words) == len(set(words)), [w for w in words if words.count(w) > 1]
    for family in FAMILIES:
        assert sum(family.emotions.values()) == pytest.approx(1)
        assert set(family.emotions) <= set(EMOTIONS)
        assert max(abs(np.array(family.place))) <= 1
        assert family.chinese.translate(SIMPLIFIED) == family.chinese
    assert UNFEELING.translate(SIMPLIFIED) == UNFEELING


def test_opinion():
    reading = read_words("I am happy")
    opinion = reading.opinion()
    assert opinion.modality == "words"
    assert opinion.reliability == reading.confidence
    assert opinion.variance == pytest.approx([reading.valence_std**2, reading.arousal_std**2])
