"""What the writer wrote is judged by ffmpeg's own account of both streams."""

import os
import re
import struct
import subprocess
import time
import wave

import numpy as np
import pytest

from gen import video
from gen.metadata import read_metadata
from gen.video import VideoWriter, rgb_to_yuv420
from recognizer.media import ffmpeg_exe, iter_frames, probe, read_audio

FLASHES = (12, 37, 60)


def ffmpeg_log(path, *arguments):
    command = [ffmpeg_exe(), "-nostdin", "-i", path, *arguments, "-f", "null", "-"]
    return subprocess.run(command, check=True, capture_output=True).stderr.decode()


def decoded_sound(path):
    command = [ffmpeg_exe(), "-v", "error", "-i", path, "-map", "0:a", "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")


def write(path, frames, **options):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def grey(level, height=32, width=32):
    return np.full((height, width, 3), level, np.uint8)


def tone(seconds, rate=48000):
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype("f4")


def write_wave(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize(("rate", "fps"), [(16000, 25), (44100, 30), (48000, 29.97)])
def test_clicks_and_flashes_coincide(tmp_path, rate, fps):
    count = 75
    sound = np.zeros(round(count / fps * rate), np.float32)
    for frame in FLASHES:
        start = round(frame / fps * rate)
        sound[start : start + rate // 100] = 0.8
    frames = [grey(255 if i in FLASHES else 0, 64, 64) for i in range(count)]
    path = write(tmp_path / "sync.mp4", frames, fps=fps, audio=(sound, rate))

    log = ffmpeg_log(path, "-map", "0:v", "-vf", "showinfo")
    pictures = re.findall(r" pts_time:(\S+) .*? mean:\[(\d+)", log)
    shown = np.array([float(time) for time, mean in pictures if int(mean) > 128])
    assert len(pictures) == count
    assert shown == pytest.approx(np.array(FLASHES) / fps, abs=1e-3)

    log = ffmpeg_log(path, "-map", "0:a", "-af", "ashowinfo")
    first = float(re.search(r" n:0 pts:\S+ pts_time:(\S+)", log)[1])
    loud = np.flatnonzero(np.abs(decoded_sound(path)) > 0.4)
    onsets = loud[np.insert(np.diff(loud) > 4800, 0, True)] / 48000 + first
    assert len(onsets) == len(shown)
    assert np.abs(onsets - shown).max() < 0.002


@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.7])
def test_sound_ends_with_the_picture(tmp_path, seconds):
    audio = write_wave(tmp_path / "s.wav", tone(seconds, 16000), 16000)
    path = write(tmp_path / "o.mp4", [grey(90)] * 25, audio=audio)
    heard = decoded_sound(path)
    assert len(heard) == pytest.approx(48000, abs=1024)
    level = np.abs(heard[48 * 520 : 48 * 900]).max()
    assert (level < 0.01) == (seconds == 0.5)
    log = ffmpeg_log(path)
    assert "48000 Hz, mono" in log
    assert re.search(r"Duration: 00:00:01\.0[0-4]", log)


def test_channels_are_kept_or_mixed(tmp_path):
    left, right = tone(1), np.zeros(48000, "f4")
    for channels, layout in ((2, "stereo"), (6, "stereo")):
        audio = np.stack([left, right, *[right] * (channels - 2)], axis=1)
        path = write(tmp_path / "o.mp4", [grey(90)] * 25, audio=(audio, 48000))
        assert f"48000 Hz, {layout}" in ffmpeg_log(path)
        heard = decoded_sound(path).reshape(-1, 2)[4800:-4800]
        assert np.abs(heard[:, 0]).max() > 0.1 > 10 * np.abs(heard[:, 1]).max()


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (200, 120, 90), (9, 60, 180)]
)
def test_flat_colours(tmp_path, colour):
    frames = [np.broadcast_to(np.uint8(colour), (48, 64, 3))] * 3
    path = write(tmp_path / "c.mp4", frames)
    assert "yuv420p(tv, bt709" in ffmpeg_log(path)
    for frame in iter_frames(path):
        assert np.abs(frame.astype(int) - colour).max() <= 3


def test_yuv_against_the_standard():
    """ITU-R BT.709-6, items 3.2 to 3.4, for 8 bits."""
    rgb = np.random.default_rng(0).integers(0, 256, 3)
    r, g, b = rgb / 255
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    expected = (219 * y + 16, 224 * (b - y) / 1.8556 + 128, 224 * (r - y) / 1.5748 + 128)
    planes = rgb_to_yuv420(np.broadcast_to(np.uint8(rgb), (4, 6, 3)))
    assert planes.shape == (36,)
    for plane, value in zip((planes[:24], planes[24:30], planes[30:]), expected, strict=True):
        assert np.abs(plane - value).max() <= 0.51


def test_odd_sizes_repeat_the_edge(tmp_path):
    frame = np.zeros((33, 47, 3), np.uint8)
    frame[:, 24:] = 255
    path = write(tmp_path / "o.mp4", [frame] * 2, crf=1)
    decoded = next(iter_frames(path))
    assert decoded.shape == (34, 48, 3)
    assert decoded[:, 30:].min() > 240
    assert decoded[:, :18].max() < 15


def test_metadata_survives(tmp_path):
    texts = {
        "title": "größe; a=b # \\ end", "comment": "two\nlines", "software": "facewright",
        "facewright_provenance": '{"generator": "x", "seed": [1, 2]}',
    }  # fmt: skip
    path = write(tmp_path / "m.mp4", [grey(1)], metadata=texts)
    assert read_metadata(path).items() >= texts.items()
    path = write(tmp_path / "t.mp4", [grey(1)], metadata={"title": "plain"})
    assert read_metadata(path)["title"] == "plain"
    for key in ("a=b", "", "encoder"):
        with pytest.raises(ValueError, match="metadata"):
            VideoWriter(tmp_path / "n.mp4", 32, 32, metadata={key: "c"})


def test_same_frames_same_bytes_and_index_first(tmp_path):
    frames = [grey(i * 9) for i in range(20)]
    first = write(tmp_path / "a.mp4", frames, audio=(tone(1), 48000)).read_bytes()
    assert write(tmp_path / "b.mp4", frames, audio=(tone(1), 48000)).read_bytes() == first
    boxes, at = [], 0
    while at < len(first):
        size, kind = struct.unpack(">I4s", first[at : at + 8])
        boxes.append(kind)
        at += size
    assert boxes.index(b"moov") < boxes.index(b"mdat")


def test_frames_are_copied_on_writing(tmp_path):
    frame = grey(0)
    with VideoWriter(tmp_path / "o.mp4", 32, 32) as writer:
        for level in range(0, 250, 10):
            frame[:] = level
            writer.write(frame)
    levels = [f.mean() for f in iter_frames(tmp_path / "o.mp4")]
    assert np.abs(np.array(levels) - np.arange(0, 250, 10)).max() < 3


class TestNothingHalfWritten:
    def test_an_exception_keeps_the_old_file(self, tmp_path):
        path = tmp_path / "o.mp4"
        path.write_bytes(b"old")
        for error in (RuntimeError, KeyboardInterrupt):
            with pytest.raises(error), VideoWriter(path, 32, 32) as writer:
                writer.write(grey(3))
                raise error
            assert os.listdir(tmp_path) == ["o.mp4"]
            assert path.read_bytes() == b"old"

    def test_ffmpeg_dying_surfaces(self, tmp_path):
        writer = VideoWriter(tmp_path / "o.mp4", 256, 256)
        writer._process.kill()
        with pytest.raises(OSError, match=r"o\.mp4 could not be written"):
            for _ in range(200):
                writer.write(grey(0, 256, 256))
                time.sleep(0.001)
        assert os.listdir(tmp_path) == []

    def test_joining_fails(self, tmp_path, monkeypatch):
        monkeypatch.setattr(video, "SOUND_RATE", -1)
        with (
            pytest.raises(OSError, match=r"o\.mp4 could not be written: \S"),
            VideoWriter(tmp_path / "o.mp4", 32, 32, audio=(tone(1), 48000)) as writer,
        ):
            writer.write(grey(0))
        assert os.listdir(tmp_path) == []

    def test_conversion_errors_surface(self, tmp_path, monkeypatch):
        def broken(frame):
            raise MemoryError("no room")

        monkeypatch.setattr(video, "rgb_to_yuv420", broken)
        with (
            pytest.raises(MemoryError, match="no room"),
            VideoWriter(tmp_path / "o.mp4", 32, 32) as writer,
        ):
            writer.write(grey(0))
        assert os.listdir(tmp_path) == []

    def test_length_is_checked(self, tmp_path):
        with (
            pytest.raises(ValueError, match="has no frames"),
            VideoWriter(tmp_path / "o.mp4", 32, 32),
        ):
            pass
        with pytest.raises(ValueError, match="10 frames at 25 fps do not last 2 s"):
            write(tmp_path / "o.mp4", [grey(0)] * 10, duration=2.0)
        write(tmp_path / "o.mp4", [grey(0)] * 10, duration=0.42)
        assert os.listdir(tmp_path) == ["o.mp4"]


def test_bad_arguments(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "text.wav").write_text("no sound")
    silent = write(tmp_path / "mute.mp4", [grey(0)])
    for wrong, message in (
        ({"path": tmp_path / "none" / "o.mp4"}, "cannot write into the folder"),
        ({"path": tmp_path / "file" / "o.mp4"}, "cannot write into the folder"),
        ({"path": tmp_path / "o.avi"}, r"written as \.mp4, not '\.avi'"),
        ({"width": 1}, "2 to 16384 pixels"),
        ({"fps": 0}, "fps must be"),
        ({"crf": 52}, "crf"),
        ({"preset": "warp"}, "preset"),
        ({"audio": (np.zeros((0,)), 16000)}, "not empty"),
        ({"audio": (np.zeros((2, 16000)), 16000)}, "channels"),
        ({"audio": (np.array([np.nan]), 16000)}, "NaN"),
        ({"audio": (np.zeros(9), 0)}, "samples a second"),
        ({"audio": tmp_path / "text.wav"}, r"text\.wav"),
        ({"audio": silent}, r"mute\.mp4 has no sound"),
    ):
        with pytest.raises(ValueError, match=message):
            VideoWriter(**{"path": tmp_path / "o.mp4", "width": 32, "height": 32} | wrong)
    with pytest.raises(FileNotFoundError):
        VideoWriter(tmp_path / "o.mp4", 32, 32, audio=tmp_path / "none.wav")
    with VideoWriter(tmp_path / "o.mp4", 32, 32) as writer:
        writer.write(grey(0))
        with pytest.raises(ValueError, match=r"uint8 \[32, 32, 3\], got uint8 \[32, 33, 3\]"):
            writer.write(grey(0, 32, 33))
        with pytest.raises(ValueError, match="got float64"):
            writer.write(np.zeros((32, 32, 3)))
    with pytest.raises(ValueError, match="already closed"):
        writer.write(grey(0))
    assert sorted(os.listdir(tmp_path)) == ["file", "mute.mp4", "o.mp4", "text.wav"]


def test_sound_of_a_long_name(tmp_path):
    name = "-weird ü name.wav"
    write_wave(tmp_path / name, tone(1, 44100), 44100)
    path = write(tmp_path / "-o ü.mp4", [grey(0)] * 25, audio=tmp_path / name)
    assert probe(path).has_audio
    assert len(read_audio(path)) == pytest.approx(16000, abs=350)
