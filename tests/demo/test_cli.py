"""The command line: bad input ends in one clear line, odd but valid input in a clip."""

import csv
import json
import os
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from demo.cli import app
from gen.video import VideoWriter, read_metadata
from recognizer.facs import ARKIT_NAMES
from recognizer.media import iter_frames, probe, read_audio
from recognizer.motion import MotionTrack

ROOT = Path(__file__).parents[2]


def write_wave(path, seconds, rate=16000, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    samples = 0.3 * np.sin(2 * np.pi * 220 * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        data = np.repeat((samples * 32767).astype("<i2")[:, None], channels, axis=1)
        file.writeframes(data.tobytes())
    return path


def write_video(path, frames, audio=None):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, 25, audio=audio) as writer:
        for frame in frames:
            writer.write(frame)


@pytest.fixture(scope="module")
def files(tmp_path_factory, portrait_path, picture, renderer):
    """A folder of good and bad files."""
    folder = tmp_path_factory.mktemp("files")
    write_wave(folder / "speech.wav", 0.6)
    Image.open(portrait_path).resize((256, 256)).save(folder / "me.png")
    (folder / "folder").mkdir()
    for name in ("empty.png", "empty.wav", "empty.csv", "empty.yaml"):
        (folder / name).touch()
    for name in ("text.png", "text.wav", "text.mp4", "text.yaml", "text.csv", "text.npz"):
        (folder / name).write_text("This is only a text.\n" * 50)
    data = (folder / "me.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    Image.new("RGB", (200, 200), (90, 120, 160)).save(folder / "plain.png")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    write_video(folder / "mute.mp4", [np.full((64, 64, 3), v, np.uint8) for v in (50, 90, 130)])
    frames = []
    for value in (0.0, 0.3, 0.6, 0.3, 0.0):
        wanted = renderer.expression.copy()
        wanted[ARKIT_NAMES.index("jawOpen")] += value
        frames.append(renderer.render(wanted, np.array([0, 20 * value, 0, 0, 0, 0])))
    write_video(folder / "talk.mp4", frames, audio=folder / "speech.wav")
    track = MotionTrack.zeros(5)
    track["jawOpen"][:] = [0, 0.2, 0.4, 0.2, 0]
    track.save(folder / "m.csv")
    track.save(folder / "m.npz")
    (folder / "wide.csv").write_text("time,jawOpen\n0,0.5\n0.04,wide\n")
    (folder / "back.csv").write_text("time,jawOpen\n1,0.5\n0,0.5\n")
    (folder / "loud.csv").write_text("time,jawOpen\n0,7\n0.04,0\n")
    (folder / "gone.csv").write_text("time,jawOpen\n0,\n0.04,\n")
    (folder / "slow.csv").write_text("time,jawOpen\n0,0\n100,0\n")
    (folder / "rage.yaml").write_text("- {at: 0, emotion: rage}\n")
    (folder / "broken.yaml").write_text("- {at: 0, emotion\n")
    (folder / "plan.yaml").write_text("- {at: 0, emotion: neutral}\n- {at: 0.5, emotion: anger}\n")
    return folder


@pytest.fixture
def run(files, tmp_path, tiny_pipeline, monkeypatch):
    """Call the command in-process; ``@name`` is one of the files, ``%name`` a new one."""
    from gen.pipeline import TalkingHeadPipeline

    monkeypatch.setattr(TalkingHeadPipeline, "from_pretrained", lambda path=None: tiny_pipeline)

    def call(line: str | list[str]):
        parts = line.split() if isinstance(line, str) else line
        arguments = [
            str(files / p[1:]) if p[:1] == "@" else str(tmp_path / p[1:]) if p[:1] == "%" else p
            for p in map(str, parts)
        ]
        return CliRunner().invoke(app, arguments)

    return call


def refused(result, *words: str):
    """One line on standard error, code 2."""
    assert result.exit_code == 2, (result.exit_code, result.stderr, result.exception)
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("facewright: ")
    assert result.stdout == ""
    for word in words:
        assert word in line
    return line


def succeeded(result):
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def commands(command, path=()):
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", list(commands(get_command(app))), ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(path, flag):
    result = CliRunner().invoke(app, [*path, flag])
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert result.stderr == ""


def test_help_names_the_commands():
    text = CliRunner().invoke(app, ["--help"]).stdout
    for name in ("generate", "animate", "recognize", "export", "doctor"):
        assert name in text


def facewright(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "demo.cli", *map(str, arguments)], cwd=ROOT, capture_output=True,
        text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def test_help_is_instant():
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        done = facewright("--help")
        best = min(best, time.perf_counter() - start)
        assert done.returncode == 0
        assert "generate" in done.stdout
    assert best < 2.5  # some 0.5 s on a quiet machine


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from demo.cli import app;"
        "CliRunner().invoke(app, ['generate', '--help']);"
        "print(*({'torch', 'mediapipe', 'cv2', 'numba', 'diffusers', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


GENERATE = "generate @me.png @speech.wav -o %o.mp4 --size 64 "

BAD = {
    # portraits
    "missing portrait": ("generate @no.png @speech.wav -o %o.mp4", "no.png"),
    "portrait is a folder": ("generate @folder @speech.wav -o %o.mp4", "folder"),
    "empty portrait": ("generate @empty.png @speech.wav -o %o.mp4", "empty"),
    "text as portrait": ("generate @text.png @speech.wav -o %o.mp4", "not a picture"),
    "sound as portrait": ("generate @speech.wav @speech.wav -o %o.mp4", "not a picture"),
    "truncated portrait": ("generate @cut.png @speech.wav -o %o.mp4", "cut.png"),
    "plain portrait": ("generate @plain.png @speech.wav -o %o.mp4", "no face"),
    "noise as portrait": ("generate @noise.png @speech.wav -o %o.mp4", "no face"),
    # sound
    "missing sound": ("generate @me.png @no.wav -o %o.mp4", "no.wav"),
    "sound is a folder": ("generate @me.png @folder -o %o.mp4", "folder"),
    "empty sound": ("generate @me.png @empty.wav -o %o.mp4", "empty"),
    "text as sound": ("generate @me.png @text.wav -o %o.mp4", "text.wav"),
    "picture as sound": ("generate @me.png @me.png -o %o.mp4", "me.png"),
    "video without sound": ("generate @me.png @mute.mp4 -o %o.mp4", "mute.mp4 has no sound"),
    # intentions
    "unknown emotion": (GENERATE + "--emotion rage", "'rage'", "neutral, happiness"),
    "too much emotion": (GENERATE + "--emotion happiness:2", "intensity must be 0..1, got 2"),
    "emotion nan": (GENERATE + "--emotion happiness:nan", "intensity must be a number"),
    "emotion by words": (GENERATE + "--emotion happiness:very", "'very' is not a number"),
    "valence 3": (GENERATE + "--valence 3", "valence must be -1..1"),
    "arousal nan": (GENERATE + "--arousal nan", "arousal must be a number"),
    "unknown AU": (GENERATE + "--au AU99=1", "'AU99'"),
    "AU garbage": (GENERATE + "--au garbage", "AU12=3,AU06=2", "'garbage'"),
    "AU too strong": (GENERATE + "--au AU12=9", "AU12 must be 0..5"),
    "AU by words": (GENERATE + "--au AU12=x", "'x' is not a number"),
    "empty AU": (GENERATE + "--au AU12=", "not a number"),
    "missing timeline": (GENERATE + "--timeline @no.yaml", "no.yaml"),
    "empty timeline": (GENERATE + "--timeline @empty.yaml", "empty"),
    "text as timeline": (GENERATE + "--timeline @text.yaml", "text.yaml"),
    "broken timeline": (GENERATE + "--timeline @broken.yaml", "broken.yaml is not a YAML file"),
    "timeline of rage": (GENERATE + "--timeline @rage.yaml", "entry 1", "'rage'"),
    "timeline is a folder": (GENERATE + "--timeline @folder", "folder"),
    "picture as timeline": (GENERATE + "--timeline @me.png", "me.png"),
    # numbers
    "size 10": ("generate @me.png @speech.wav -o %o.mp4 --size 10", "--size must be 64 to 4096"),
    "size 100000": ("generate @me.png @speech.wav -o %o.mp4 --size 100000", "--size"),
    "fps 0": (GENERATE + "--fps 0", "--fps must be 1 to 120, got 0"),
    "fps nan": (GENERATE + "--fps nan", "--fps"),
    "no steps": (GENERATE + "--steps 0", "--steps must be 1 to 1000"),
    "huge seed": (GENERATE + "--seed 99999999999999999999999", "--seed must be"),
    "negative seed": (GENERATE + "--seed -1", "--seed must be"),
    # outputs
    "missing output folder": ("generate @me.png @speech.wav -o %no/o.mp4", "there is no folder"),
    "output is a folder": ("generate @me.png @speech.wav -o @folder", "folder"),
    "output ending": ("generate @me.png @speech.wav -o %o.avi", "'o.avi' must end in .mp4"),
    "no output ending": ("generate @me.png @speech.wav -o %o", "must end in .mp4"),
    "motion ending": (GENERATE + "--motion-out %m.bvh", "must end in .csv or .npz"),
    "motion folder": (GENERATE + "--motion-out %no/m.csv", "there is no folder"),
    # animate
    "missing motion": ("animate @me.png @no.csv -o %o.mp4", "no.csv"),
    "empty motion": ("animate @me.png @empty.csv -o %o.mp4", "empty"),
    "text as motion": ("animate @me.png @text.csv -o %o.mp4", "text.csv"),
    "text as npz": ("animate @me.png @text.npz -o %o.mp4", "text.npz is not a motion file"),
    "motion by words": ("animate @me.png @wide.csv -o %o.mp4", "line 3", "'wide'"),
    "time falls": ("animate @me.png @back.csv -o %o.mp4", "'time' must rise"),
    "jaw of seven": ("animate @me.png @loud.csv -o %o.mp4", "blendshapes must be 0..1"),
    "motion without a face": ("animate @me.png @gone.csv -o %o.mp4", "no frame"),
    "motion too slow": ("animate @me.png @slow.csv -o %o.mp4", "frame rate"),
    "sound as motion": ("animate @me.png @speech.wav -o %o.mp4", "neither a motion file"),
    "text as driving video": ("animate @me.png @text.mp4 -o %o.mp4", "text.mp4"),
    "driving video, no face": ("animate @me.png @mute.mp4 -o %o.mp4", "no face"),
    "animate plain": ("animate @plain.png @m.csv -o %o.mp4", "no face"),
    "animate cut": ("animate @cut.png @m.csv -o %o.mp4", "cut.png"),
    "animate fps 0": ("animate @me.png @m.csv -o %o.mp4 --fps 0", "--fps"),
    "animate ending": ("animate @me.png @m.csv -o %o.mov", "must end in .mp4"),
    # recognize
    "recognize text": ("recognize @text.mp4 -o %o.csv", "text.mp4"),
    "recognize text as picture": ("recognize @text.png -o %o.csv", "text.png"),
    "recognize plain": ("recognize @plain.png -o %o.csv", "no face was found in plain.png"),
    "recognize faceless video": ("recognize @mute.mp4 -o %o.csv --json %o.json", "no face"),
    "recognize missing": ("recognize @no.png", "no.png"),
    "recognize a folder": ("recognize @folder", "folder"),
    "recognize cut": ("recognize @cut.png", "cut.png"),
    "recognize 0 faces": ("recognize @me.png --faces 0", "--faces must be 1 to 20"),
    "recognize ending": ("recognize @me.png -o %o.txt", "must end in .csv"),
    "recognize sound": ("recognize @speech.wav", "speech.wav"),
    # export
    "export text": ("export @text.csv -o %o.json", "text.csv"),
    "export ending": ("export @m.csv -o %o.fbx", "must end in"),
    "live link ending": ("export @m.csv -o %o.json --livelink", "--livelink writes a .csv"),
    "export without a face": ("export @gone.csv -o %o.csv --livelink", "no frame"),
    "export missing": ("export @no.npz -o %o.csv", "no.npz"),
    # training tools
    "train on nothing": ("train motion --config @no.yaml --data @folder -o %run", "no.yaml"),
    "bench on nothing": ("bench control @no.png", "no.png"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input(run, tmp_path, case):
    line, *words = BAD[case]
    refused(run(line), *words)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_leaves_an_older_output_alone(run, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"precious")
    refused(run("generate @plain.png @speech.wav -o %o.mp4"), "no face")
    assert (tmp_path / "o.mp4").read_bytes() == b"precious"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser writes anywhere"
)
def test_closed_folder(run, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    refused(run("generate @me.png @speech.wav -o %closed/o.mp4"), "permission denied")


@pytest.mark.parametrize(
    "line", ["generate", "generate @me.png", "generate @me.png @speech.wav", "unknown",
             "animate @me.png @m.csv -o %o.mp4 --size big"]
)  # fmt: skip
def test_wrong_usage(run, tmp_path, line):
    result = run(line)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_bad_input_in_a_process_of_its_own(files, tmp_path):
    """Native libraries write to the real standard error, which the runner does not see."""
    for arguments in (
        ["recognize", files / "plain.png", "-o", tmp_path / "o.csv"],
        ["animate", files / "noise.png", files / "m.csv", "-o", tmp_path / "o.mp4"],
        ["generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "o.mp4",
         "--model", files / "folder"],
    ):  # fmt: skip
        done = facewright(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("facewright: ")
        assert list(tmp_path.iterdir()) == []


def test_interruption(run, tmp_path, monkeypatch):
    from gen.renderers.mesh import MeshRenderer

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(MeshRenderer, "render", stop)
    result = run("animate @me.png @m.csv -o %o.mp4 --size 64")
    assert result.exit_code == 130
    assert result.stderr == "facewright: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def check_clip(path, frames, fps=25, size=(64, 64)):
    about = probe(path)
    assert (about.width, about.height) == size
    assert about.fps == pytest.approx(fps, rel=1e-3)
    pictures = list(iter_frames(path))
    assert len(pictures) == frames
    return pictures


@pytest.mark.parametrize("kind", ["L", "RGBA", "P", "exif", "jpeg called png", "I;16", "small"])
def test_odd_portraits(run, files, tmp_path, kind):
    image = Image.open(files / "me.png").convert("RGB")
    source, options = tmp_path / "odd.png", {}
    if kind == "RGBA":
        image.putalpha(255)
    elif kind == "exif":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise
        image, options = image.rotate(90, expand=True), {"exif": exif}
    elif kind == "jpeg called png":
        options = {"format": "jpeg"}
    elif kind == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif kind == "small":
        image = image.resize((90, 90))
    else:
        image = image.convert(kind)
    image.save(source, **options)
    succeeded(run("animate %odd.png @m.csv -o %o.mp4 --size 64"))
    pictures = check_clip(tmp_path / "o.mp4", 5)
    upright = np.asarray(Image.open(files / "me.png").convert("L").resize((16, 16)), float)
    shown = np.asarray(Image.fromarray(pictures[0]).convert("L").resize((16, 16)), float)
    assert np.corrcoef(upright.ravel(), shown.ravel())[0, 1] > 0.6


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


def test_full_frame(run, files, tmp_path):
    wide = Image.new("RGB", (400, 256), (128, 128, 128))
    wide.paste(Image.open(files / "me.png").convert("RGB"), (72, 0))
    wide.save(tmp_path / "wide.png")
    succeeded(run("animate %wide.png @m.csv -o %o.mp4 --size 100 --full-frame"))
    check_clip(tmp_path / "o.mp4", 5, size=(100, 64))


def test_driven_by_a_video(run, tmp_path):
    succeeded(run("animate @me.png @talk.mp4 -o %o.mp4 --size 64 --motion-out %m.csv"))
    check_clip(tmp_path / "o.mp4", 5)
    assert probe(tmp_path / "o.mp4").has_audio
    track = MotionTrack.load(tmp_path / "m.csv")
    assert track["jawOpen"].argmax() == 2
    assert track["headYaw"].argmax() == 2
    assert np.median(track.pose, axis=0) == pytest.approx(0, abs=0.2)


def test_animate_at_another_rate(run, tmp_path):
    succeeded(run("animate @me.png @m.npz -o %o.mp4 --size 64 --fps 50"))
    check_clip(tmp_path / "o.mp4", 10, 50)


def test_recognize_a_video(run, tmp_path):
    result = succeeded(run("recognize @talk.mp4 -o %o.csv --json %o.json"))
    assert "seen in 5 of 5 frames" in result.stdout
    rows = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 4]
    assert float(rows[1]["timestamp"]) == pytest.approx(0.04)
    assert set(ARKIT_NAMES) < set(rows[0])
    jaw = [float(row["jawOpen"]) for row in rows]
    yaw = [float(row["pose_Ry"]) for row in rows]  # radians, as in OpenFace
    assert int(np.argmax(jaw)) == int(np.argmax(yaw)) == 2
    assert np.deg2rad(6) < yaw[2] - yaw[0] < np.deg2rad(20)
    about = json.loads((tmp_path / "o.json").read_text())
    assert about["frames"] == 5
    assert about["faces"][0]["frames_seen"] == 5
    assert about["faces"][0]["blendshapes"]["jawOpen"] == pytest.approx(np.mean(jaw), abs=1e-3)


def test_exports(run, tmp_path):
    for name in ("o.json", "o.npz", "o.csv"):
        succeeded(run(f"export @m.csv -o %{name}"))
    assert json.loads((tmp_path / "o.json").read_text())["fps"] == 25
    for name in ("o.npz", "o.csv"):
        assert MotionTrack.load(tmp_path / name)["jawOpen"][2] == pytest.approx(0.4)
    succeeded(run("export @m.npz -o %l.csv --livelink"))
    assert (tmp_path / "l.csv").read_text().startswith("Timecode,")


def test_doctor(run):
    text = succeeded(run("doctor")).stdout
    for line in ("face landmarker", "face model", "ffmpeg", "speech encoder", "motion model"):
        assert line in text


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
