"""Corpora by their file names, and a classifier that learns from them."""

import json
import wave

import numpy as np
import pytest
from made_speech import RATE, speak

import recognizer.train.voice as training
from recognizer.data.emotional_speech import load_corpus
from recognizer.facs import EMOTIONS
from recognizer.models.voice import VoiceClassifier
from recognizer.pitch import checked_waveform
from recognizer.train.voice import VoiceTraining, figures, fit, train
from recognizer.voice import read_voice

MANNERS = {
    "ANG": {"flat": 8, "sway": 5, "raised": 1.4},
    "SAD": {"flat": -6, "sway": 1.5, "raised": 0.9},
    "NEU": {"flat": 0, "sway": 3, "raised": 1.0},
}


def utter(actor: int, emotion: str, seed: int) -> np.ndarray:
    manner = dict(MANNERS[emotion])
    hz = (110, 125, 200, 220)[actor % 4] * manner.pop("raised")
    spacing = (1000, 1040, 1160, 1190)[actor % 4]
    return speak(1.5, hz=hz, spacing=spacing, rate=4.5, seed=seed, **manner)


def write(path, sound):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("CREMA-D")
    for actor in range(4):
        for number, emotion in enumerate(MANNERS):
            for take, sentence in enumerate(("DFA", "IEO")):
                name = f"100{actor}_{sentence}_{emotion}_XX.wav"
                sound = utter(actor, emotion, 100 * actor + 10 * number + take)
                write(folder / "AudioWAV" / name, sound)
    return folder


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def strongest(utterance) -> str:
    return EMOTIONS[utterance.emotion.argmax()]


def test_crema_d_names(tmp_path):
    touch(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioMP3/1001_DFA_ANG_XX.mp3",
          "AudioWAV/1040_ITH_HAP_HI.wav", "AudioWAV/1040_ITH_ABC_HI.wav", "notes.txt")  # fmt: skip
    first, second = load_corpus(tmp_path)
    assert (strongest(first), first.actor) == ("anger", "crema-d 1001")
    assert (strongest(second), second.path.name) == ("happiness", "1040_ITH_HAP_HI.wav")


def test_crema_d_votes_of_those_who_only_heard(tmp_path):
    touch(tmp_path, "AudioWAV/1001_IEO_HAP_LO.wav", "AudioWAV/1001_IEO_SAD_LO.wav")
    table = tmp_path / "processedResults" / "tabulatedVotes.csv"
    table.parent.mkdir()
    table.write_text(
        '"","A","D","F","H","N","S","fileName","numResponses"\n'
        '"100002",0,0,0,3,6,1,"1001_IEO_HAP_LO",10\n"300002",0,0,0,9,0,0,"1001_IEO_HAP_LO",9\n'
    )
    first, second = load_corpus(tmp_path)
    shares = dict(zip(EMOTIONS, first.emotion, strict=True))
    assert shares["neutral"] == pytest.approx(0.6) and shares["happiness"] == pytest.approx(0.3)
    assert second.emotion[EMOTIONS.index("sadness")] == 1
    table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"tabulatedVotes\.csv is no table of CREMA-D's votes"):
        load_corpus(tmp_path)


def test_ravdess_names(tmp_path):
    touch(tmp_path, "Actor_12/03-01-06-01-02-01-12.wav", "Actor_12/03-02-06-01-02-01-12.wav",
          "Actor_01/03-01-02-01-01-01-01.wav", "Actor_01/03-01-08-02-01-01-01.wav")  # fmt: skip
    found = load_corpus(tmp_path)
    assert [strongest(u) for u in found] == ["neutral", "surprise", "fear"]
    assert [u.actor for u in found] == ["ravdess 01", "ravdess 01", "ravdess 12"]


def test_folders_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_corpus(tmp_path / "none")
    touch(tmp_path, "hello.wav", "world.wav")
    with pytest.raises(ValueError, match=r"no speech of CREMA-D .* among its 2 sound files"):
        load_corpus(tmp_path)


def test_learns_resumes_and_reads(corpus, tmp_path, monkeypatch):
    path = train({"folds": 4, "save_every": 5}, tmp_path, [corpus])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["utterances"] == 24 and report["actors"] == 4
    # Actors that it never heard; a third would be chance.
    assert report["chance"] == pytest.approx(1 / 3) and report["unweighted_recall"] > 0.7
    assert np.sum(report["confusion"]) == 24

    classifier = VoiceClassifier.load(path)
    track = read_voice(utter(2, "ANG", 999), classifier=classifier)
    assert EMOTIONS[track.emotion.mean(axis=0).argmax()] == "anger"
    assert track.emotion[:, EMOTIONS.index("fear")].max() == 0

    # A run that was cut off: what was measured is not measured again, the rest is.
    rows = training._read_measured(tmp_path / "features.npz")
    training._write_measured(tmp_path / "features.npz", dict(list(rows.items())[:20]))
    read = []
    monkeypatch.setattr(
        training,
        "read_audio",
        lambda path: read.append(path) or checked_waveform(utter(3, "NEU", 1)),
    )
    train(VoiceTraining(folds=4), tmp_path, [corpus], resume=True)
    assert len(read) == 4


def test_speech_features_are_appended(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "read_audio", lambda path: np.zeros(800, np.float32))
    path = train(VoiceTraining(folds=2), tmp_path, [corpus], encode=lambda w: np.ones((5, 3)))
    assert VoiceClassifier.load(path).encoded == 3
    (tmp_path / "features.npz").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"features\.npz does not hold features of speech"):
        train(VoiceTraining(folds=2), tmp_path, [corpus], resume=True)


def test_what_cannot_be_trained(corpus, tmp_path):
    with pytest.raises(ValueError, match="4 actors are too few to leave out 5 groups"):
        train(VoiceTraining(), tmp_path, [corpus])
    with pytest.raises(ValueError, match="folds must be 2 or more"):
        VoiceTraining(folds=1)
    with pytest.raises(ValueError, match="penalties must be positive"):
        VoiceTraining(penalties=[0.0])
    broken = tmp_path / "broken"
    touch(broken, "1001_DFA_ANG_XX.wav", "1002_DFA_ANG_XX.wav")
    with pytest.raises(ValueError, match=r"1001_DFA_ANG_XX\.wav is empty"):
        train(VoiceTraining(folds=2), tmp_path, [broken])


def test_fit_against_a_known_solution():
    """Two balanced emotions, one feature of -1 and 1: the weights solve one equation.

    By symmetry they are w and -w, the scores at x = 1 differ by 2 w, and the gradient vanishes
    where 1 / (1 + exp(2 w)) = penalty * w: found by bisection.
    """
    features = np.repeat([[-1.0], [1.0]], 10, axis=0)
    truth = np.zeros((20, 8))
    truth[:10, 1], truth[10:, 3] = 1, 1
    penalty = 0.05
    weight = fit(features, truth, penalty).weight[0]
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        rising = 1 / (1 + np.exp(2 * middle)) > penalty * middle
        low, high = (middle, high) if rising else (low, middle)
    assert weight[3] == pytest.approx(low, rel=1e-3) and weight[1] == pytest.approx(-low, rel=1e-3)
    assert (weight[[0, 2, 4, 5, 6, 7]] == 0).all()


def test_balance_of_rare_emotions():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(-0.5, 1, (900, 1)), rng.normal(0.5, 1, (100, 1))])
    truth = np.zeros((1000, 8))
    truth[:900, 0], truth[900:, 4] = 1, 1
    recall = figures(fit(features, truth, 1e-3)(features), truth)["recall"]
    assert recall["anger"] == pytest.approx(recall["neutral"], abs=0.1)


def test_figures_by_hand():
    truth, beliefs = np.zeros((4, 8)), np.zeros((4, 8))
    truth[[0, 1, 2], 1], truth[3, 4] = 1, 1
    beliefs[[0, 1], 1], beliefs[[2, 3], 4] = 1, 1
    found = figures(beliefs, truth)
    assert found["accuracy"] == 0.75 and found["chance"] == 0.5
    assert found["unweighted_recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["confusion"] == [[2, 1], [0, 1]]
