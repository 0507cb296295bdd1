"""``facewright bench soak``: what many calls leave behind in the page and in the server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from demo.checks import in_range, picture, readable, writable
from demo.commands.bench import report
from demo.progress import progress_bar
from recognizer.media import SAMPLE_RATE

#: What the page makes, smallest first.
SIZES = (256, 384, 512, 768, 1024)
_EXAMPLES = Path(__file__).parents[1] / "examples"


def run(
    portraits: list[Path], speech: Path | None, calls: int, size: int, json: Path | None
) -> None:
    """See ``facewright bench soak --help``."""
    in_range(calls, 1, 100_000, "--calls")
    if size not in SIZES:
        raise ValueError(f"--size is one of {', '.join(map(str, SIZES))}, got {size}")
    if json:
        writable(json, ".json")
    portraits = [picture(path) for path in portraits]
    speech = readable(speech, "sound file") if speech else _EXAMPLES / "speech.wav"
    import fastapi  # noqa: F401 - both servers are started
    import gradio_client  # noqa: F401
    import psutil  # noqa: F401

    from demo.soak import soak_figures
    from gen.bench.speed import machine
    from recognizer.media import read_audio

    waveform = read_audio(speech)
    if len(waveform) < SAMPLE_RATE:
        raise ValueError(f"{speech.name} is too short: a second at least is needed")
    with tempfile.TemporaryDirectory() as folder, progress_bar() as hook:
        chosen = portraits or _variants(_EXAMPLES / "portrait.png", Path(folder))
        figures = soak_figures(chosen, waveform, calls, size, max(1, calls // 20), hook)
    figures = {"machine": machine(), "size": size, "portraits": len(chosen)} | figures
    _print(figures)
    if json:
        report(figures, json)


def _variants(portrait: Path, folder: Path) -> list[Path]:
    """The packaged portrait as four pictures of other kinds and sizes."""
    from PIL import Image, ImageOps

    with Image.open(portrait) as image:
        image = image.convert("RGB")
        looks = {
            "whole.png": image,
            "mirrored.jpg": ImageOps.mirror(image).resize((700, 700)),
            "dark.webp": image.point(lambda value: value * 0.6).resize((400, 400)),
            "grey.png": ImageOps.grayscale(image).resize((550, 550)),
        }
        for name, look in looks.items():
            look.save(folder / name)
    return [folder / name for name in looks]


def _print(figures: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for name in ("page", "talks"):
        found = figures[name]
        table = Table(
            "calls", "RSS MB", "PSS MB", "files", "threads", "children", "temporary", "MB",
            title=f"{name}: {found['calls']} calls, {found['failed']} failed, "
            f"{found['seconds']:.2f} s each",
        )  # fmt: skip
        rows = [row.values() for row in found["samples"]]
        more = found["growth"]
        rows.append(["a hundred more", more["rss_mb"], more["pss_mb"], more["files"],
                     more["threads"], "", more["temporary"], more["temporary_mb"]])  # fmt: skip
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)
        for reason in found["reasons"]:
            console.print(reason)
