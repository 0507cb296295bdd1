"""``facewright generate``: odd but valid input ends in a clip."""

import csv

import numpy as np
import pytest
from cli_helpers import GENERATE, check_clip, facewright, succeeded, write_wave
from PIL import Image

from gen.metadata import read_metadata
from recognizer.facs import AU_INDEX, EMOTIONS
from recognizer.media import iter_frames, probe, read_audio
from recognizer.motion import MotionTrack


def test_two_faces(run, files, tmp_path):
    canvas = Image.new("RGB", (720, 400), (128, 128, 128))
    one = Image.open(files / "me.png").convert("RGB")
    canvas.paste(one.resize((240, 240)), (20, 60))
    canvas.paste(one.resize((380, 380)), (300, 10))
    canvas.save(tmp_path / "two.png")
    result = succeeded(run("generate %two.png @speech.wav -o %o.mp4 --size 64"))
    assert result.stderr == "2 faces in two.png: the largest one speaks\n"
    check_clip(tmp_path / "o.mp4", 15)
    result = succeeded(run("recognize %two.png -o %o.csv"))
    assert result.stdout.count("face ") == 2
    rows = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert [row["face_id"] for row in rows] == ["0", "1"]


def test_spaces_and_unicode_in_paths(run, files, tmp_path):
    folder = tmp_path / "Größe – 写真 1"
    folder.mkdir()
    (folder / "ich selbst.png").write_bytes((files / "me.png").read_bytes())
    (folder / "ton ♪.wav").write_bytes((files / "speech.wav").read_bytes())
    arguments = ["generate", folder / "ich selbst.png", folder / "ton ♪.wav", "--size", "64",
                 "-o", folder / "aus 'gabe'.mp4", "--motion-out", folder / "weg.csv"]  # fmt: skip
    succeeded(run(arguments))
    check_clip(folder / "aus 'gabe'.mp4", 15)
    assert len(MotionTrack.load(folder / "weg.csv")) == 15


@pytest.mark.parametrize(
    ("seconds", "rate", "channels"), [(0.6, 44100, 2), (0.2, 16000, 1), (0.02, 48000, 1)]
)
def test_odd_sounds(run, tmp_path, seconds, rate, channels):
    write_wave(tmp_path / "s.wav", seconds, rate, channels)
    succeeded(run("generate @me.png %s.wav -o %o.mp4 --size 64"))
    check_clip(tmp_path / "o.mp4", max(1, round(seconds * 25)))
    assert len(read_audio(tmp_path / "o.mp4")) / 16000 == pytest.approx(seconds, abs=0.04)


def test_sound_of_a_video(run, tmp_path):
    succeeded(run("generate @me.png @talk.mp4 -o %o.mp4 --size 64"))
    check_clip(tmp_path / "o.mp4", 5)


def test_intentions_add_up(run, tmp_path):
    line = GENERATE + "--motion-out %m.csv --seed 3 --fps 30 "
    more = "--emotion happiness:0.7 --au AU02R=5 --valence 0.1 --arousal 0.1 --timeline @plan.yaml"
    succeeded(run(line + more))
    check_clip(tmp_path / "o.mp4", 18, 30)
    track = MotionTrack.load(tmp_path / "m.csv")
    assert track.fps == 30
    succeeded(run(line))
    plain = MotionTrack.load(tmp_path / "m.csv")
    assert track["browOuterUpRight"].min() > 0.95
    assert (track["mouthSmileLeft"] > plain["mouthSmileLeft"] + 0.1).all()
    assert np.array_equal(track.pose, plain.pose)


def test_a_colon_or_an_equals_sign():
    from demo.commands.generate import parse_affect

    for emotion, units in (("fear:0.5", "AU06=2,AU12=3"), ("fear=0.5", "AU6:2,AU12:3")):
        now = parse_affect(emotion, None, None, units, None).curves(np.zeros(1))
        assert now.emotion[0, EMOTIONS.index("fear")] == 0.5
        assert now.aus[0, AU_INDEX["AU06"]].tolist() == [2, 2]


def test_motion_that_is_held(run, tmp_path):
    (tmp_path / "brows.csv").write_text(
        "time,browInnerUp,headYaw\n" + "".join(f"{i / 25},{i / 10},{-i}\n" for i in range(10))
    )
    (tmp_path / "keys.yaml").write_text(
        "- {at: 0, emotion: surprise}\n- {at: 0.48, blendshapes: {jawOpen: 0.7}}\n"
    )
    line = GENERATE + "--motion-out %m.csv "
    succeeded(run(line + "--motion-in %brows.csv --timeline %keys.yaml"))
    track = MotionTrack.load(tmp_path / "m.csv")
    assert track["browInnerUp"][:10] == pytest.approx(np.arange(10) / 10, abs=1e-5)
    assert track["headYaw"][:10] == pytest.approx(-np.arange(10), abs=1e-5)
    assert track["jawOpen"][12] == pytest.approx(0.7, abs=1e-5)
    assert (track["browOuterUpLeft"] > 0.4).all()  # the surprise is there beside it
    succeeded(run(line))
    assert MotionTrack.load(tmp_path / "m.csv")["browInnerUp"][9] < 0.8


def test_the_closed_loop_says_what_it_did(run, tmp_path):
    line = GENERATE + "--emotion happiness:0.5 --closed-loop 1 --best-of 2"
    *passes, ended, made = succeeded(run(line)).stdout.splitlines()
    assert [one.split(":")[0] for one in passes][:3] == ["seed 0", "seed 1", "open loop"]
    assert all("action units off by" in one for one in passes)
    assert "kept: seed" in ended and made == f"{tmp_path / 'o.mp4'}: 15 frames, 0.60 s"
    check_clip(tmp_path / "o.mp4", 15)
    calm, _ = succeeded(run(GENERATE + "--closed-loop 2")).stdout.splitlines()
    assert calm == "nothing is asked for that a face could show"


def test_style(run, tmp_path):
    track = MotionTrack.zeros(50)
    track["headYaw"][:] = 12 * np.sin(np.arange(50))
    track.save(tmp_path / "s.csv")
    line = GENERATE + "--motion-out %m.csv "
    yaw = []
    for more in ("", "--style %s.csv"):
        succeeded(run(line + more))
        yaw.append(MotionTrack.load(tmp_path / "m.csv")["headYaw"])
    assert yaw[1] == pytest.approx(2 * yaw[0], rel=1e-3)


def test_same_seed_same_file(run, tmp_path):
    for name in ("a", "b"):
        succeeded(run(f"generate @me.png @speech.wav -o %{name}.mp4 --size 64 --seed 5"))
    succeeded(run("generate @me.png @speech.wav -o %c.mp4 --size 64 --seed 6"))
    a, b, c = ((tmp_path / f"{n}.mp4") for n in "abc")
    frames = [list(iter_frames(path)) for path in (a, b, c)]
    assert all(np.array_equal(x, y) for x, y in zip(*frames[:2], strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(frames[0], frames[2], strict=True))


def test_generated_clips_are_marked(run, tmp_path):
    result = succeeded(run(GENERATE))
    assert result.stdout == f"{tmp_path / 'o.mp4'}: 15 frames, 0.60 s\n"
    assert result.stderr == ""
    assert read_metadata(tmp_path / "o.mp4")["ai_generated"] == "true"
    succeeded(run("animate @me.png @m.csv -o %a.mp4 --size 64"))
    assert read_metadata(tmp_path / "a.mp4")["ai_generated"] == "true"


def test_the_packaged_example(tmp_path, portrait_path, speech_path):
    """The first command of the manual, with the packaged models, in a process of its own."""
    out, motion = tmp_path / "hello.mp4", tmp_path / "hello.csv"
    done = facewright(
        "generate", portrait_path, speech_path, "-o", out, "--emotion", "happiness:0.8",
        "--size", 128, "--motion-out", motion,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    frames = round(len(read_audio(speech_path)) / 16000 * 25)
    check_clip(out, frames, size=(128, 128))
    assert probe(out).duration == pytest.approx(probe(speech_path).duration, abs=0.04)
    assert probe(out).has_audio
    track = MotionTrack.load(motion)
    assert track["mouthSmileLeft"].mean() > 0.3
    # It speaks: the jaw moves while there is sound, and blinks come and go.
    assert track["jawOpen"].std() > 0.02
    sound = np.abs(read_audio(out)[: frames * 640]).reshape(frames, 640).mean(1)
    loud = sound > np.quantile(sound, 0.6)
    quiet = sound < np.quantile(sound, 0.2)
    assert track["jawOpen"][loud].mean() > track["jawOpen"][quiet].mean()
