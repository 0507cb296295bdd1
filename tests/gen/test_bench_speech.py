"""The benchmark's plumbing: what it reads, what it remembers, what it refuses and reports."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import wavfile

from gen.bench.clips import load_clips, load_sounds, seen_opening
from gen.bench.speech import motion_benchmark
from gen.bench.talker import Talker, remembering
from gen.clip import quiet
from gen.data.records import MotionRecord
from recognizer.motion import MotionTrack


def write_records(folder, count=3, seconds=1.6):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        track = MotionTrack.zeros(round(25 * seconds))
        track["jawOpen"][:] = 0.4 + 0.3 * np.sin(np.arange(len(track)) * (0.4 + 0.1 * i))
        loud = np.repeat(track["jawOpen"], 640)
        sound = 0.3 * loud * rng.standard_normal(len(loud))
        MotionRecord(f"clip{i}", track, sound.astype(np.float32), "nobody").save(folder)
    return folder


def test_remembered_features_belong_to_their_sound():
    calls = []
    encode = remembering(lambda w: calls.append(1) or np.full((1, 1), w.sum()))
    # Arrays that die hand their address to the next one.
    for value in range(200):
        assert encode(np.full(1000, float(value)))[0, 0] == 1000 * value
    assert encode(np.full(1000, 7.0))[0, 0] == 7000
    assert len(calls) == 200


def test_seen_opening_is_relative_to_the_face():
    points = np.zeros((2, 478, 3))
    points[:, 152, 1] = 200.0
    points[:, [87, 14, 317], 1] = 10.0
    points[1] *= 3
    np.testing.assert_allclose(seen_opening(points), [0.05, 0.05])


def test_last_records_by_name(tmp_path):
    clips = load_clips(write_records(tmp_path / "records"), 2, quiet)
    assert [clip.name for clip in clips] == ["clip1", "clip2"]
    assert clips[0].seen is None and len(clips[0].opening) == 40


def test_clips_and_sounds_that_cannot_be_measured(tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "notes.txt").write_text("neither")
    with pytest.raises(ValueError, match="neither records nor videos"):
        load_clips(tmp_path / "nothing", None, quiet)
    with pytest.raises(ValueError, match="no sound"):
        load_sounds(tmp_path / "nothing")
    with pytest.raises(ValueError, match="clip0 is shorter than 1 s"):
        load_clips(write_records(tmp_path / "short", 1, 0.8), None, quiet)


def test_talker_gives_the_same_motion_for_the_same_seed(tiny_pipeline, speech_path):
    talk = Talker(tiny_pipeline.encoder, tiny_pipeline.motion, tiny_pipeline.sampling)
    sound = load_sounds(speech_path.parent)[speech_path.name][:32000]
    first, again, other = (talk(sound, seed).to_vectors() for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).any()
    parts = talk.windows(sound, 3)
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate([p.to_vectors() for p in parts]), first)


def test_what_is_not_given_is_unavailable(tmp_path):
    records = write_records(tmp_path / "records")
    report = motion_benchmark([records], records, None, 0, 2, quiet)
    rows = report["records"]
    assert rows["model"]["r"]["n"] == 2 and rows["linear"]["r"]["n"] == 2
    assert rows["shape"]["width"]["r"]["undefined"] == 0
    assert rows["real_liveliness"]["head_std"] == [0, 0, 0]
    assert "languages" not in report and "languages" in report["unavailable"]
    missing = report["unavailable"]["records: closures"]
    assert "words" in missing or "pocketsphinx is not installed" in missing


def test_unknown_english_file(tmp_path):
    records = write_records(tmp_path / "records")
    wavfile.write(tmp_path / "a.wav", 16000, np.zeros(32000, np.int16))
    with pytest.raises(ValueError, match=r"no b\.wav"):
        motion_benchmark([records], None, None, 0, None, quiet, tmp_path, ["b.wav"])
