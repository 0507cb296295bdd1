"""Work in a thread of its own, whose progress is read while it runs and which can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from gen.clip import ProgressHook

T = TypeVar("T")


class Progress(NamedTuple):
    """What is being done, how many of it are done, and of how many (None: not known)."""

    stage: str
    done: int = 0
    total: int | None = None


class Stopped(Exception):
    """The work was stopped; nobody waits for what it would have made."""


class Job(Generic[T]):
    """Runs ``work(hook)``; use it as a context manager, which waits for the thread to end.

    Args:
        work: calls its hook often: there it can be stopped.
    """

    def __init__(self, work: Callable[[ProgressHook], T]) -> None:
        self._work = work
        self._stop, self._changed = threading.Event(), threading.Event()
        self._latest = Progress("starting")
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)

    def __enter__(self) -> Job[T]:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def progress(self, every: float = 0.25) -> Iterator[Progress]:
        """What is being done, whenever that changes, at most once in ``every`` seconds."""
        while self._thread.is_alive():
            if self._changed.wait(every):
                self._changed.clear()
                yield self._latest
                time.sleep(every)

    def result(self) -> T:
        """What the work returned, when it has ended.

        Raises:
            Exception: whatever the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work(self._hook)
        except BaseException as error:  # handed to whoever asks for the result
            self._error = error
        finally:
            self._changed.set()

    def _hook(self, stage: str, done: int, total: int | None) -> None:
        if self._stop.is_set():
            raise Stopped
        self._latest = Progress(stage, done, total)
        self._changed.set()
