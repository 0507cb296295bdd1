"""How the command's process begins and ends: without seconds that nobody uses."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from typing import NoReturn

import typer

#: With what the process ends, once that is known.
_status: int | None = None


def settle() -> None:
    """Settings of the process, to be made before anything large is imported.

    Threads that wait for one another sleep, and numpy's small products need none: on a machine that
    is busy otherwise, spinning makes small networks fifty times slower. The first million objects,
    which imports make, are not looked through for garbage again and again. Standard streams that
    came closed (a service's, ``>&-``) lead nowhere: their numbers would go to files, into which
    native code would print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the lowest number that is free: the stream's own.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    usual = gc.get_threshold()

    def as_usual(phase: str, _: dict) -> None:
        if phase == "stop":
            gc.set_threshold(*usual)
            gc.callbacks.remove(as_usual)

    gc.callbacks.append(as_usual)
    gc.set_threshold(1_000_000)
    atexit.register(_vanish)  # before all others, so that it is called after them


def leave(code: object) -> NoReturn:
    """End the process as ``sys.exit(code)`` does, but leave memory to the system after
    :func:`settle`: Python would take torch's modules apart one by one, for a second."""
    global _status
    _status = code if isinstance(code, int) else int(code is not None)
    sys.exit(code)


def _vanish() -> None:
    """What is called when all threads have ended and all else is tidied."""
    if _status is None:
        return
    logging.shutdown()  # its own call is older than this one
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


class Application(typer.Typer):
    """A command that ends its process when it is called as one."""

    def __call__(self, *args, **kwargs):
        """Run it with the process' own arguments."""
        try:
            return super().__call__(*args, **kwargs)
        except SystemExit as end:
            leave(end.code)
