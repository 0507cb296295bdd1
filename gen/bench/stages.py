"""How long each stage of a run takes, and what memory it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from gen.clip import ProgressHook


class StageClock:
    """A progress hook that keeps the time of every stage, and passes the report on.

    Args:
        hook: the hook to pass on to.
    """

    def __init__(self, hook: ProgressHook) -> None:
        self._hook = hook
        self._stage: str | None = None
        self._since = 0.0
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report progress; a new name ends the stage before."""
        if stage != self._stage:
            self.stop()
            self._stage, self._since = stage, perf_counter()
        self._hook(stage, done, total)

    def stop(self) -> None:
        """End the stage that runs."""
        if self._stage is not None:
            spent = perf_counter() - self._since
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
        self._stage = None


def peak_memory(function: Callable, *arguments) -> float | None:
    """The most memory a call needs, in MB (see :func:`in_fresh_process`)."""
    return in_fresh_process(function, *arguments)[1]


def in_fresh_process(function: Callable, *arguments) -> tuple[Any, float | None]:
    """What a call returns, and the most memory in MB that it needs in a process of its own, the
    interpreter and imports among it; None where the system keeps no account of it (Windows).

    Args:
        function: importable by name, as its arguments must be picklable for the new process.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments).result()


def _with_peak(function: Callable, arguments: tuple) -> tuple[Any, float | None]:
    return function(*arguments), _peak()


def _peak() -> float | None:
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, where getrusage would count the parent's memory too
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here
