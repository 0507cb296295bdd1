"""What the page and the server leave behind: their process watched over many calls."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gen.clip import ProgressHook, quiet
from recognizer.facs import EMOTIONS
from recognizer.media import SAMPLE_RATE

#: Calls that fill caches and memory pools; growth is what comes after them.
WARM = 40
#: Seconds in which a server has to be up, and an answer has to come.
_START, _ANSWER = 300, 300


@dataclass(frozen=True)
class Sample:
    """A server's process at rest between two calls.

    Attributes:
        calls: so many were answered.
        rss_mb: memory of the process; of what it shares with others, ``pss_mb`` (Linux alone)
            counts its part.
        files: open files and sockets (handles on Windows).
        threads: all that run.
        children: processes that it started and that are still there.
        temporary: files in its temporary folder, and in ``temporary_mb`` what they take.
    """

    calls: int
    rss_mb: float
    pss_mb: float | None
    files: int
    threads: int
    children: int
    temporary: int
    temporary_mb: float


def soak_figures(
    portraits: Sequence[Path],
    waveform: np.ndarray,
    calls: int,
    size: int = 256,
    every: int = 10,
    progress: ProgressHook = quiet,
) -> dict:
    """Call both servers many times.

    Args:
        portraits: taken in turn.
        waveform: ``[N]`` at 16 kHz, at least a second: each call says another 0.6 to 1 s of it.
        calls: to each server.
        size: longer side of the frames in pixels.
        every: calls between two samples.

    Returns:
        ``page`` (clips by ``gradio_client``) and ``talks`` (sessions over the WebSocket), each with
        ``failed`` calls and their ``reasons``, ``seconds`` a call, ``samples``
        (:class:`Sample`), and ``growth`` a hundred calls after the first :data:`WARM`, a line
        fitted to the samples, of every quantity.
    """
    figures = {}
    for name, command, talker in (("page", "demo", _page), ("talks", "serve", _talks)):
        with (
            tempfile.TemporaryDirectory(prefix="soak-") as folder,
            _served(command, Path(folder)) as (process, port),
            talker(port, size) as ask,
        ):
            figures[name] = _watched(
                process, Path(folder), ask, portraits, waveform, calls, every,
                lambda done, name=name: progress(name, done, calls),
            )  # fmt: skip
    return figures


def growth(samples: Sequence[Sample]) -> dict[str, float | None]:
    """What is more after a hundred further calls, by a line through the samples after the first
    :data:`WARM` calls; None where fewer than three are left."""
    late = [asdict(sample) for sample in samples if sample.calls >= WARM]
    out = {}
    for name in ("rss_mb", "pss_mb", "files", "threads", "temporary", "temporary_mb"):
        points = [(row["calls"], row[name]) for row in late if row[name] is not None]
        out[name] = None
        if len(points) > 2:
            out[name] = round(float(np.polyfit(*np.array(points, float).T, 1)[0]) * 100, 2)
    return out


def _watched(
    process: subprocess.Popen, folder: Path, ask: Callable, portraits: Sequence[Path],
    waveform: np.ndarray, calls: int, every: int, report: Callable[[int], None],
) -> dict:  # fmt: skip
    samples, reasons = [], []
    spent = 0.0
    for call in range(calls):
        report(call)
        length = round(SAMPLE_RATE * (0.6 + 0.1 * (call % 5)))
        begin = call * 3571 % max(1, len(waveform) - length)
        start = time.monotonic()
        try:
            ask(portraits[call % len(portraits)], waveform[begin : begin + length], call)
        except Exception as error:  # counted: one that fails must not end the others' watch
            reasons.append(f"call {call}: {' '.join(str(error).split())[:200]}")
        spent += time.monotonic() - start
        if (call + 1) % every == 0:
            samples.append(_sample(process.pid, folder, call + 1))
    return {
        "calls": calls,
        "failed": len(reasons),
        "reasons": reasons[:10],
        "seconds": round(spent / max(calls, 1), 3),
        "growth": growth(samples),
        "samples": [asdict(sample) for sample in samples],
    }


def _sample(pid: int, folder: Path, calls: int) -> Sample:
    import psutil

    time.sleep(0.3)  # what the last call used is given back after its answer
    process = psutil.Process(pid)
    memory = process.memory_full_info()
    handles = process.num_fds if hasattr(process, "num_fds") else process.num_handles
    left = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Sample(
        calls, round(memory.rss / 1e6, 1),
        round(memory.pss / 1e6, 1) if hasattr(memory, "pss") else None,
        handles(), process.num_threads(), len(process.children(recursive=True)),
        len(left), round(sum(left) / 1e6, 2),
    )  # fmt: skip


@contextmanager
def _served(command: str, folder: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """``facewright demo`` or ``serve`` as a process of its own, with a temporary folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.cli", command, "--port", str(port)],
            env=os.environ | places, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + _START
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    lines = log.read().decode("utf-8", "replace").split("\n")
                    last = next((line for line in reversed(lines) if line.strip()), "no word")
                    raise ValueError(f"facewright {command} did not start: {last.strip()}")
                time.sleep(0.2)
            yield process, port
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _page(port: int, size: int) -> Iterator[Callable]:
    import soundfile
    from gradio_client import Client, handle_file

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        client = Client(
            f"http://127.0.0.1:{port}", verbose=False, analytics_enabled=False,
            download_files=folder / "made",
        )  # fmt: skip

        def ask(portrait: Path, samples: np.ndarray, call: int) -> None:
            sound = folder / "said.wav"
            soundfile.write(sound, samples, SAMPLE_RATE)
            client.submit(
                portrait=handle_file(portrait), recording=handle_file(sound), feeling="Emotion",
                emotion=EMOTIONS[call % len(EMOTIONS)], size=size, seed=call, measure=False,
                api_name="/generate",
            ).result(_ANSWER)  # fmt: skip

        try:
            yield ask
        finally:
            client.close()


@contextmanager
def _talks(port: int, size: int) -> Iterator[Callable]:
    from websockets.sync.client import connect

    def ask(portrait: Path, samples: np.ndarray, call: int) -> None:
        emotion = EMOTIONS[call % len(EMOTIONS)]
        start = {"type": "start", "size": size, "seed": call, "emotion": emotion}
        with connect(f"ws://127.0.0.1:{port}/talk", max_size=None, close_timeout=20) as talk:
            talk.send(json.dumps(start))
            talk.send(portrait.read_bytes())
            talk.send((samples * 32767).astype("<i2").tobytes())
            talk.send(json.dumps({"type": "end"}))
            while isinstance(message := talk.recv(_ANSWER), bytes) or (
                message := json.loads(message)
            )["type"] not in ("end", "error"):
                pass
        if message["type"] == "error":
            raise ValueError(message["message"])

    yield ask
