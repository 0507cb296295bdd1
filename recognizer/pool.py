"""The same work on many items: in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T, R = TypeVar("T"), TypeVar("R")

ENGINES = ("local", "ray")


def require_engine(engine: str) -> None:
    """Find out before anything is done whether an engine is there.

    Raises:
        ModuleNotFoundError: Ray is wanted and is not installed.
        ValueError: an unknown engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if engine == "ray":
        import ray  # noqa: F401


def run_all(
    function: Callable[[T], R],
    items: Sequence[T],
    workers: int = 1,
    engine: str = "local",
    died: Callable[[T], R] | None = None,
) -> Iterator[tuple[T, R]]:
    """Pairs of item and result, as they come.

    Args:
        function: importable by name, and so are its arguments' types; raises nothing.
        items: hashable.
        workers: processes, or Ray tasks, at once; 1 works in this process (not with Ray).
        engine: one of :data:`ENGINES`. Ray's cluster is the one that ``RAY_ADDRESS`` names, else
            one on this machine; files must be in reach of all of its nodes.
        died: what counts as the result where the process was killed, as it is for memory.

    Raises:
        ModuleNotFoundError: Ray is wanted and is not installed.
        ValueError: an unknown engine.
    """
    require_engine(engine)
    if engine == "ray":
        yield from _on_ray(function, items, workers, died)
    elif workers > 1 and len(items) > 1:
        yield from _in_processes(function, items, min(workers, len(items)), died)
    else:
        for item in items:
            yield item, function(item)


def _in_processes(function, items, workers: int, died) -> Iterator[tuple]:
    lost = []
    with _pool(workers) as pool:
        futures = {pool.submit(function, item): item for item in items}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
    # One item took the others down with it: alone, each shows which it was.
    for item in lost:
        with _pool(1) as pool:
            try:
                yield item, pool.submit(function, item).result()
            except BrokenProcessPool:
                if died is None:
                    raise
                yield item, died(item)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Landmarker and networks have threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=one_thread)


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def one_thread() -> None:
    """Processes side by side do not share cores well: one thread each."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _on_ray(function, items, workers: int, died) -> Iterator[tuple]:
    import ray

    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        task = ray.remote(num_cpus=1, max_retries=1)(_single_threaded)
        waiting, running = list(reversed(items)), {}
        while waiting or running:
            while waiting and len(running) < workers:
                item = waiting.pop()
                running[task.remote(function, item, os.getcwd())] = item
            done, _ = ray.wait(list(running))
            for future in done:
                item = running.pop(future)
                try:
                    yield item, ray.get(future)
                except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                    if died is None:
                        raise
                    yield item, died(item)
    finally:
        if started:
            ray.shutdown()


def _single_threaded(function, item, folder: str):
    """A task of Ray's; paths are relative to where it was asked for."""
    os.chdir(folder)
    one_thread()
    return function(item)
