"""Lip width and protrusion, languages against a predictor, closures on aligned bilabials."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gen.bench.clips import Clip
from gen.bench.closures import (
    Aligner,
    Phone,
    closed_phones,
    closure_benchmark,
    grid_sentence,
)
from gen.bench.languages import (
    language_benchmark,
    lip_predictor,
    mel_and_whisper,
    predictor_quality,
)
from gen.bench.lips import lip_shape, lip_shape_benchmark
from recognizer.face_model import FaceModel
from recognizer.media import read_audio
from recognizer.metrics.extras import UnavailableError
from recognizer.motion import MotionTrack


def talking(seed: int = 0, frames: int = 100) -> MotionTrack:
    """Jaw and rounding that wander."""
    track = MotionTrack.zeros(frames)
    walk = np.random.default_rng(seed).standard_normal((frames + 4, 2))
    walk = np.stack([np.convolve(w, np.ones(5) / 5, "valid") for w in walk.T])
    track["jawOpen"][:], track["mouthPucker"][:] = (0.4 + 0.3 * walk).clip(0, 1)
    return track


def clip(name: str, track: MotionTrack, waveform: np.ndarray | None = None) -> Clip:
    waveform = np.zeros(64000, np.float32) if waveform is None else waveform
    return Clip(name, waveform, track, FaceModel.load().lip_opening(track.blendshapes))


@pytest.mark.parametrize(
    "stem, wider, forward",
    [("mouthPucker", -1, 1), ("mouthFunnel", -1, 1), ("mouthSmile", 1, 0), ("jawOpen", 0, 0)],
)
def test_shapes_of_lips(coefficients, stem, wider, forward):
    rest, shown = (lip_shape(row[None]) for row in (coefficients(), coefficients(**{stem: 0.8})))
    change = {name: float(shown[name][0] - rest[name][0]) for name in rest}
    assert rest["protrusion"][0] == 0 and 0.15 < rest["width"][0] < 0.4
    if wider:
        assert wider * change["width"] > 0.005
    if forward:
        assert change["protrusion"] > 0.005
    elif stem == "jawOpen":
        assert abs(change["protrusion"]) < 0.004


def test_shape_benchmark_of_oneself_and_of_a_stranger():
    mine = [talking(i) for i in range(3)]
    same = lip_shape_benchmark(mine, mine)
    assert same["width"]["r"]["value"] == pytest.approx(1)
    assert same["protrusion"]["r_best"]["n"] == 3
    others = lip_shape_benchmark(mine, [talking(i + 10) for i in range(3)])
    assert others["protrusion"]["r"]["value"] < 0.6
    still = lip_shape_benchmark(mine, [MotionTrack.zeros(100)] * 3)
    assert still["width"]["r"] == {"value": None, "n": 0, "undefined": 3, "ci95": None}


def test_a_late_track_is_found_within_its_lag():
    track = talking()
    late = MotionTrack.from_vectors(np.roll(track.to_vectors(), 2, axis=0))
    report = lip_shape_benchmark([late], [track])
    assert report["protrusion"]["r_best"]["value"] > 0.98 > report["protrusion"]["r"]["value"]


def test_predictor_learns_from_clips_and_judges_languages():
    rng = np.random.default_rng(0)
    waveforms = [rng.standard_normal(16000).astype(np.float32) for _ in range(4)]
    mixing = rng.standard_normal((40, 3))

    def hear(waveform):
        return (waveform.reshape(25, 640) ** 2)[:, :40] @ mixing

    clips = []
    for waveform in waveforms:
        track = MotionTrack.zeros(25)
        track["jawOpen"][:] = (0.5 + 0.02 * hear(waveform)[:, 0]).clip(0, 1)
        clips.append(clip("x", track, waveform))
    predict = lip_predictor(clips[:3], hear)
    assert predictor_quality(clips[3:], predict)["r"]["value"] > 0.8
    sounds = {"en.wav": waveforms[3], "ja.wav": waveforms[0], "mute.wav": waveforms[1]}
    made = {"en.wav": clips[3].motion, "ja.wav": clips[0].motion, "mute.wav": MotionTrack.zeros(25)}
    report = language_benchmark(made, sounds, ["en.wav"], predict)
    rows = {row["name"]: row for row in report["files"]}
    assert rows["en.wav"]["of_english"] == pytest.approx(1)
    assert rows["ja.wav"]["of_english"] == pytest.approx(rows["ja.wav"]["r"] / report["english"])
    assert rows["mute.wav"]["r"] is None and rows["mute.wav"]["of_english"] is None
    assert report["others"] == report["lowest"] == pytest.approx(rows["ja.wav"]["r"])
    with pytest.raises(ValueError, match=r"no sound fr\.wav"):
        language_benchmark(made, sounds, ["fr.wav"], predict)


def test_mel_features_do_not_hear_the_microphone():
    class Mel:
        def encode(self, waveform):
            return np.log(waveform.reshape(-1, 4) ** 2 + 1e-9)

    hear = mel_and_whisper(Mel(), lambda w: np.zeros((len(w) // 4, 1)))
    sound = np.random.default_rng(0).standard_normal(400)
    np.testing.assert_allclose(hear(3 * sound), hear(sound), atol=1e-3)


def test_names_of_grid_sentences():
    assert grid_sentence("bbaf2n") == "bin blue at f two now"
    assert grid_sentence("srbo4p") == "set red by o four please"
    assert grid_sentence("lgwvzs") == "lay green with v zero soon"
    assert grid_sentence("swiwza") is None  # there is no letter w in GRID
    assert grid_sentence("hdtf_katie.mp4") is None


PHONES = [Phone("AA", 0.0, 0.4), Phone("B", 0.4, 0.52), Phone("IY", 0.52, 0.8),
          Phone("M", 0.8, 0.9), Phone("SIL", 0.9, 1.0), Phone("P", 1.2, 1.3)]  # fmt: skip


def test_a_bilabial_closes_if_any_of_its_frames_does():
    parted = np.full(25, 0.05)

    def closed() -> list[bool]:
        bilabials, vowels = closed_phones(parted, PHONES)
        assert vowels.tolist() == [False, False]
        return bilabials.tolist()

    assert closed() == [False, False]
    parted[12] = 0.0099  # 0.48 to 0.52 s, as the bilabial ends
    assert closed() == [True, False]
    parted[[12, 21]] = 0.0101, 0.001
    assert closed() == [False, True]
    with pytest.raises(ValueError, match="no vowel"):
        closed_phones(parted, PHONES[1:2])


def test_a_shut_vowel_counts_against_the_lips():
    parted = np.full(25, 0.05)
    parted[15] = 0
    assert closed_phones(parted, PHONES)[1].tolist() == [False, True]


def test_aligner_finds_the_bilabials_of_a_sentence(speech_path):
    pytest.importorskip("pocketsphinx")
    waveform = read_audio(speech_path, 16000)
    words = "hello i am a portrait that learned to speak every smile you see was asked for and"
    phones = Aligner()(waveform, f"{words} measured")
    assert [p.name for p in phones if p.name in "MPB"] == list("MPPMM")
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(phones))
    assert phones[-1].end <= len(waveform) / 16000 + 0.05
    with pytest.raises(ValueError, match="no pronunciation"):
        Aligner()(waveform, "hello xqzzk")


def test_closure_benchmark_needs_words(speech_path):
    pytest.importorskip("pocketsphinx")
    track = talking()
    with pytest.raises(UnavailableError, match="no clip's words"):
        closure_benchmark([track], [clip("somebody.mp4", track)])


def test_missing_aligner_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UnavailableError, match="pip install pocketsphinx"):
        Aligner()


def test_closure_benchmark_counts_shares(monkeypatch):
    monkeypatch.setattr("gen.bench.closures.Aligner", lambda: lambda waveform, words: PHONES)
    open_lips, real = MotionTrack.zeros(25), MotionTrack.zeros(25)
    open_lips["jawOpen"][:] = 0.4
    real["jawOpen"][:] = 0.4
    real["jawOpen"][10:13] = 0
    report = closure_benchmark([open_lips], [clip("bbaf2n", real)])
    assert report["bilabials"] == 2 and report["clips"] == 1
    assert report["model"]["closed"] == 0 and report["real"]["closed"] == 0.5
    assert report["model"]["vowels_closed"] == 0 == report["real"]["vowels_closed"]
