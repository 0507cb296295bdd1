"""What a long benchmark has measured so far: it goes on where it stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gen.bench.trials import Shown
from gen.loop.controller import Errors
from gen.loop.report import LoopReport, Pass
from recognizer.evaluation import jobs
from recognizer.files import write_whole

#: Parts of the package on which no clip depends.
_ASIDE = ("bench", "train", "data", "export")


class Memory:
    """Remembers what was read of clips in a folder, by all that they depend on.

    Args:
        folder: made if it is not there; without one nothing is remembered.
        salt: what else they depend on.

    Raises:
        ValueError: ``folder`` is a file.
    """

    def __init__(self, folder: str | os.PathLike | None = None, salt: str = "") -> None:
        self._folder, self._salt = None if folder is None else Path(folder), salt
        if self._folder is not None:
            if self._folder.exists() and not self._folder.is_dir():
                raise ValueError(f"the cache {folder} is not a folder")
            self._folder.mkdir(parents=True, exist_ok=True)

    def recall(
        self, key: tuple, make: Callable[[], tuple[Shown, LoopReport]]
    ) -> tuple[Shown, LoopReport]:
        """What was kept for a key of arrays and JSON's values, otherwise what is made now."""
        if self._folder is None:
            return make()
        parts = [_digest(part) for part in key]
        name = hashlib.sha256("|".join([self._salt, _code(), *parts]).encode()).hexdigest()[:32]
        path = self._folder / f"{name}.json"
        if path.is_file():
            return _decoded(json.loads(path.read_text(encoding="utf-8")))
        shown, loop = make()
        write_whole(path, json.dumps({"shown": asdict(shown), "loop": asdict(loop)}))
        return shown, loop


def _decoded(kept: dict) -> tuple[Shown, LoopReport]:
    shown, loop = kept["shown"], kept["loop"]
    errors = {name: Errors(**shown[name]) for name in ("errors", "judge")}
    passes = [
        Pass(**one | {"errors": Errors(**one["errors"]), "changed": tuple(one["changed"])})
        for one in loop["passes"]
    ]
    report = LoopReport(tuple(passes), tuple(loop["kept"]), tuple(loop["told"]), loop["ended"])
    return Shown(**shown | errors), report


def _digest(part) -> str:
    if isinstance(part, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
    return json.dumps(part, sort_keys=True)


@functools.cache
def _code() -> str:
    """Digest of the code and weights of both packages."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(jobs.version().encode())
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if inside.parts[0] in _ASIDE or path.suffix not in (".py", ".yaml", ".safetensors"):
            continue
        digest.update(inside.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
