"""How long each stage of a run takes, and what memory it needs."""

from __future__ import annotations

import sys
from time import perf_counter

from gen.pipeline import ProgressHook


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


def peak_memory() -> float | None:
    """The most memory that this process has held so far, in MB; None where the system keeps no
    account of it (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here
