"""What the tests of the command line share."""

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from gen.video import VideoWriter
from recognizer.media import iter_frames, probe

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


def facewright(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "demo.cli", *map(str, arguments)], cwd=ROOT, capture_output=True,
        text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def check_clip(path, frames, fps=25, size=(64, 64)):
    about = probe(path)
    assert (about.width, about.height) == size
    assert about.fps == pytest.approx(fps, rel=1e-3)
    pictures = list(iter_frames(path))
    assert len(pictures) == frames
    return pictures


GENERATE = "generate @me.png @speech.wav -o %o.mp4 --size 64 "
