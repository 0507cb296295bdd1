"""Many clips from a table: in several processes or on a cluster, and again where it stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gen.clip import ProgressHook, quiet
from gen.conditioning import Affect
from gen.maker import tool_version
from recognizer.pool import run_all
from recognizer.table import named_file, number, read_table

COLUMNS = (
    "portrait", "audio", "text", "output", "emotion", "intensity", "valence", "arousal",
    "timeline", "seed", "size", "fps",
)  # fmt: skip
#: What was made, one JSON object a line, beside the clips.
RECORD = "batch.jsonl"


@dataclass(frozen=True)
class BatchItem:
    """One clip to make; affect as in a timeline's entry or a timeline's file.

    Attributes:
        output: name of the clip, in the batch's folder.
        portrait: picture.
        audio: sound; None where ``text`` is spoken.
        text: words to say.
        emotion, intensity, valence, arousal, timeline: what is felt.
        seed: of the noise.
        size: longer side in pixels.
        fps: frames a second.
    """

    output: str
    portrait: Path
    audio: Path | None = None
    text: str | None = None
    emotion: str | None = None
    intensity: float | None = None
    valence: float | None = None
    arousal: float | None = None
    timeline: Path | None = None
    seed: int = 0
    size: int = 512
    fps: float = 25.0

    @property
    def affect(self) -> Affect | None:
        """What is felt; None if nothing is said of it."""
        if self.timeline is not None:
            return Affect.load(self.timeline)
        keys = ("emotion", "intensity", "valence", "arousal")
        told = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        return Affect.timeline([told | {"at": 0}]) if told else None

    @property
    def key(self) -> str:
        """Digest of everything that the clip depends on."""
        digest = hashlib.sha256(tool_version().encode())
        digest.update(json.dumps(asdict(self), default=str, sort_keys=True).encode())
        for path in (self.portrait, self.audio, self.timeline):
            if path is not None:
                with open(path, "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class BatchResult:
    """What came of an item.

    Attributes:
        output: name of the clip.
        key: :attr:`BatchItem.key` it was made for.
        seconds: length of the clip.
        took: seconds of work.
        error: why there is none.
    """

    output: str
    key: str
    seconds: float = 0.0
    took: float = 0.0
    error: str | None = None


def read_batch(path: str | os.PathLike) -> list[BatchItem]:
    """Read a CSV whose columns are some of :data:`COLUMNS`; paths are relative to its folder.

    Without ``output`` a clip is named after its portrait, its sound and its line.

    Raises:
        FileNotFoundError: the table or a file that it names is not there.
        ValueError: it is no such table; the message names the line and what is wrong.
    """
    path = Path(path)
    items, seen = [], set()
    for where, cells in read_table(path, COLUMNS, required=("portrait",)):
        item = _item(where, path.parent, cells)
        if item.output.lower() in seen:
            raise ValueError(f"{where}: {item.output} is made twice")
        seen.add(item.output.lower())
        items.append(item)
    if not items:
        raise ValueError(f"{path.name} lists no clip")
    return items


def _item(where: str, folder: Path, cells: dict[str, str]) -> BatchItem:
    if "portrait" not in cells:
        raise ValueError(f"{where}: the portrait is missing")
    if ("audio" in cells) == ("text" in cells):
        raise ValueError(f"{where}: give audio or text: one of them")
    options: dict = {
        name: named_file(where, name, folder, cells[name])
        for name in ("portrait", "audio", "timeline")
        if name in cells
    }
    options |= {name: cells[name] for name in ("text", "emotion") if name in cells}
    ranges = {"intensity": (0, 1), "valence": (-1, 1), "arousal": (-1, 1), "fps": (1, 120)}
    for name, (low, high) in ranges.items():
        if name in cells:
            options[name] = number(where, name, cells[name], low, high)
    for name, low, high in (("seed", 0, 2**53), ("size", 64, 4096)):
        if name in cells:
            value = number(where, name, cells[name], low, high)
            if value != int(value):
                raise ValueError(f"{where}: {name} must be a whole number, got {cells[name]}")
            options[name] = int(value)
    item = BatchItem(_output(where, cells), **options)
    if item.timeline is not None and item.emotion is not None:
        raise ValueError(f"{where}: give an emotion or a timeline, not both")
    try:
        item.affect  # noqa: B018 - read for what it raises
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {str(error).removeprefix('timeline entry 1: ')}") from error
    return item


def _output(where: str, cells: dict[str, str]) -> str:
    if "output" not in cells:
        line = where.rsplit(" ", 1)[-1]
        said = Path(cells["audio"]).stem if "audio" in cells else "text"
        name = f"{Path(cells['portrait']).stem}_{said}_{line}"
        return re.sub(r"[^\w.-]+", "_", name)[:120] + ".mp4"
    name = cells["output"]
    # Nothing is written outside of the batch's folder.
    if (
        Path(name).name != name
        or name.startswith(".")
        or not re.fullmatch(r"[^\x00-\x1f/\\:]+", name)
    ):
        raise ValueError(f"{where}: output must be a plain file name, got {name!r:.60}")
    if not name.lower().endswith(".mp4"):
        raise ValueError(f"{where}: output must end in .mp4, got {name!r:.60}")
    return name


def run_batch(
    items: Sequence[BatchItem],
    folder: str | os.PathLike,
    workers: int = 1,
    engine: str = "local",
    model: str | os.PathLike | None = None,
    progress: ProgressHook = quiet,
) -> list[BatchResult]:
    """Make clips; those that are there already, of the same inputs, stay.

    Args:
        items: what to make.
        folder: where to, with a record of what was made (:data:`RECORD`).
        workers: processes or tasks at once.
        engine: see :func:`recognizer.pool.run_all`.
        model: folder of a pipeline of one's own.
        progress: is told of every clip.

    Returns:
        One result an item, in their order; what failed says why.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    progress("reading", 0, len(items))
    keys = {item: item.key for item in items}
    made = _recorded(folder)
    results = {}
    for item in items:
        before = made.get(item.output)
        same = before is not None and before.error is None and before.key == keys[item]
        if same and (folder / item.output).is_file():
            results[item] = before
    progress("clips", len(results), len(items))
    todo = [item for item in items if item not in results]
    work = functools.partial(make, folder=folder.absolute(), model=model)
    with open(folder / RECORD, "a", encoding="utf-8") as record:
        for item, result in run_all(work, todo, workers, engine, _killed):
            record.write(json.dumps(asdict(result)) + "\n")
            record.flush()
            results[item] = result
            progress("clips", len(results), len(items))
    return [results[item] for item in items]


def make(item: BatchItem, folder: Path, model: str | os.PathLike | None = None) -> BatchResult:
    """Make one clip; what goes wrong is told in the result."""
    start, key = time.monotonic(), ""
    try:
        key = item.key
        seconds = _make(item, folder / item.output, _pipeline(model))
        return BatchResult(item.output, key, seconds, round(time.monotonic() - start, 2))
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
    except Exception as error:  # one strange file must not end the others' batch
        reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    return BatchResult(item.output, key, took=round(time.monotonic() - start, 2), error=reason)


def _make(item: BatchItem, path: Path, pipeline) -> float:
    import tempfile

    import torch

    affect, audio = item.affect, item.audio
    with tempfile.TemporaryDirectory() as folder:
        if item.text is not None:
            from gen.text import speak

            spoken = speak(item.text)
            audio, affect = spoken.save(Path(folder) / "speech.wav"), affect or spoken.affect
        clip = pipeline(
            item.portrait, audio, affect, size=item.size, fps=item.fps,
            generator=torch.Generator().manual_seed(item.seed),
        )  # fmt: skip
        clip.save(path)
    return round(clip.total / clip.fps, 3)


@functools.lru_cache(maxsize=1)
def _pipeline(model: str | os.PathLike | None):
    from gen.pipeline import TalkingHeadPipeline

    return TalkingHeadPipeline.from_pretrained(model)


def _killed(item: BatchItem) -> BatchResult:
    reason = "the process that made it was killed, perhaps for memory"
    return BatchResult(item.output, "", error=reason)


def _recorded(folder: Path) -> dict[str, BatchResult]:
    """The last result of every clip; lines that were cut off are passed over."""
    path = folder / RECORD
    found = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                result = BatchResult(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found[result.output] = result
    return found
