"""How fast clips are made, and what memory that takes."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy

from gen.bench.live import live_figures
from gen.bench.stages import StageClock, in_fresh_process
from gen.clip import ProgressHook, quiet
from gen.portraits import prepared_beside
from recognizer.image_file import read_image
from recognizer.media import SAMPLE_RATE, ffmpeg_command, read_audio
from recognizer.pool import usable_cores

FPS = 25.0


@dataclass(frozen=True)
class Run:
    """One clip to time.

    Attributes:
        size: longer side in pixels.
        seconds: of speech; the given speech is repeated.
    """

    size: int
    seconds: float


def speed_figures(
    portrait: Path,
    speech: Path,
    runs: Sequence[Run],
    live_seconds: float,
    command: Sequence[str],
    progress: ProgressHook = quiet,
) -> dict:
    """Times of clips and of live frames on this machine.

    Args:
        portrait: a picture.
        speech: a file with sound.
        runs: what is made.
        live_seconds: how much speech is fed in real time; 0 for none.
        command: how ``facewright`` is called.

    Returns:
        ``machine``; ``clips``, a row each: ``wall``, the seconds from the call of
        ``facewright generate`` to its end, ``realtime`` (those a second of clip), ``cpu`` (seconds
        of computing in it, of all its processes; not on Windows); of the same clip made once more
        in a fresh process, the seconds of every stage, imports among them, and ``peak_mb``;
        ``still``, the time in which ffmpeg encodes the portrait as a still of the same length and
        size, with ``ratio`` to it, and the machine's ``load`` before; ``live``, see
        :func:`gen.bench.live.live_figures`.
    """
    total = len(runs) + (live_seconds > 0)
    rows = []
    for done, run in enumerate(runs):
        progress("clips", done, total)
        rows.append(_clip_row(portrait, speech, run, command))
    figures = {"machine": machine(), "clips": rows}
    if live_seconds > 0:
        progress("clips", len(runs), total)
        figures["live"] = live_figures(portrait, repeated(speech, live_seconds))
    progress("clips", total, total)
    return figures


def machine() -> dict:
    """What figures were measured on, and its load a minute before."""
    return {
        "cores": usable_cores(),
        "processor": platform.processor() or platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": _load(),
    }


def _load() -> float | None:
    """Processes that wanted a core in the last minute; None where nobody counts them."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _clip_row(portrait: Path, speech: Path, run: Run, command: Sequence[str]) -> dict:
    load = _load()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        scipy.io.wavfile.write(sound, SAMPLE_RATE, repeated(speech, run.seconds))
        wall, cpu = _generated([*command, "generate", portrait, sound], run.size)
        stages, peak = in_fresh_process(made_clip, portrait, sound, run.size)
    still = _still(portrait, run)
    return {
        "size": run.size,
        "seconds": run.seconds,
        "stages": {name: round(taken, 3) for name, taken in stages.items()},
        "wall": round(wall, 2),
        "realtime": round(wall / run.seconds, 3),
        "cpu": round(cpu, 2),
        "peak_mb": None if peak is None else round(peak),
        "still": round(still, 2),
        "ratio": round(wall / still, 2),
        "load": load,
    }


def _generated(command: list, size: int) -> tuple[float, float]:
    """The command's seconds by the clock, and of computing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*command, "-o", Path(folder) / "clip.mp4", "--size", str(size)]
        start, before = perf_counter(), os.times()
        subprocess.run(command, check=True, capture_output=True)
        wall, after = perf_counter() - start, os.times()
    return wall, sum(after[2:4]) - sum(before[2:4])


def made_clip(portrait: Path, speech: Path, size: int) -> dict[str, float]:
    """Make a clip as ``facewright generate`` does; returns the seconds of each stage."""
    clock = StageClock(quiet)
    clock("loading models", 0, None)
    with prepared_beside(portrait, size) as prepared, tempfile.TemporaryDirectory() as folder:
        import torch

        from gen.pipeline import TalkingHeadPipeline

        pipeline = TalkingHeadPipeline.from_pretrained()
        clip = pipeline(
            prepared(clock), speech, fps=FPS, generator=torch.Generator().manual_seed(0),
            progress=clock,
        )  # fmt: skip
        clip.save(Path(folder) / "clip.mp4")
    clock.stop()
    return clock.seconds


def repeated(speech: Path, seconds: float) -> np.ndarray:
    """A file's sound at 16 kHz, repeated or cut to a length."""
    waveform = read_audio(speech)
    return np.resize(waveform, int(seconds * SAMPLE_RATE))


def _still(portrait: Path, run: Run) -> float:
    """Seconds in which ffmpeg encodes the portrait as a film that stands still."""
    import cv2

    image = read_image(portrait)
    side = min(image.shape[:2])
    image = cv2.resize(image[:side, :side], (run.size, run.size))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "still.png"
        cv2.imwrite(str(path), image[..., ::-1])
        start = perf_counter()
        subprocess.run(
            [
                *ffmpeg_command(), "-y", "-loop", "1", "-framerate", str(FPS), "-i", str(path),
                "-t", str(run.seconds), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
                "-pix_fmt", "yuv420p", str(Path(folder) / "still.mp4"),
            ],
            check=True,
        )  # fmt: skip
        return perf_counter() - start
