"""How the command's process begins and ends: without seconds that nobody uses."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

import typer


def settle() -> None:
    """Settings of the process, to be made before anything large is imported.

    Threads that wait for one another sleep, and numpy's small products need none: on a machine that
    is busy otherwise, spinning makes small networks fifty times slower. The first million objects,
    which imports make, are not looked through for garbage again and again.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    usual = gc.get_threshold()

    def as_usual(phase: str, _: dict) -> None:
        if phase == "stop":
            gc.set_threshold(*usual)
            gc.callbacks.remove(as_usual)

    gc.callbacks.append(as_usual)
    gc.set_threshold(1_000_000)


def leave(code: object) -> NoReturn:
    """End the process as ``sys.exit(code)`` does, but leave memory to the system: Python would take
    torch's modules apart one by one, for a second."""
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # waits for other threads, and pools' for theirs
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


class Application(typer.Typer):
    """A command that ends its process when it is called as one."""

    def __call__(self, *args, **kwargs):
        """Run it with the process' own arguments."""
        try:
            return super().__call__(*args, **kwargs)
        except SystemExit as end:
            if "torch" not in sys.modules:
                raise
            leave(end.code)
