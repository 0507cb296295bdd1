"""``facewright bench …``: figures, printed and as JSON."""

from __future__ import annotations

import json as jsonlib
import re
from pathlib import Path

import typer

from demo.checks import in_range, picture, readable, writable
from demo.progress import progress_bar
from recognizer.files import write_whole
from recognizer.media import SAMPLE_RATE

_PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.png"


def report(figures: dict, path: Path | None) -> None:
    """Write the figures, or print them; a list of numbers takes one line."""
    text = jsonlib.dumps(figures, indent=2) + "\n"
    text = re.sub(r"\[[^\[\]{}\"]+\]", lambda found: " ".join(found[0].split()), text)
    if path:
        write_whole(path, text)
    else:
        typer.echo(text, nl=False)


def control(portraits: list[Path], json: Path | None, size: int, units: bool) -> None:
    """See ``facewright bench control --help``."""
    in_range(size, 64, 4096, "--size")
    if json:
        writable(json, ".json")
    from recognizer.image_file import read_image

    images = {path.name: read_image(picture(path)) for path in portraits}
    if units:
        from gen.bench.units import unit_benchmark
        from recognizer.recognizer import Recognizer

        with progress_bar() as hook:
            figures = unit_benchmark(images, Recognizer.from_pretrained(), size, hook)
    else:
        from gen.bench.control import control_benchmark

        figures = control_benchmark(images, size)
    report(figures, json)


def affect(
    portraits: list[Path], speech: Path, seconds: float, intensity: list[float] | None,
    branch: Path | None, json: Path | None, size: int,
) -> None:  # fmt: skip
    """See ``facewright bench affect --help``."""
    in_range(size, 64, 4096, "--size")
    in_range(seconds, 0.2, 60, "--seconds")
    if json:
        writable(json, ".json")
    from gen.bench.affect import INTENSITIES, affect_figures, said, show_and_read
    from gen.pipeline import TalkingHeadPipeline
    from recognizer.image_file import read_image
    from recognizer.media import is_audio, read_audio
    from recognizer.recognizer import Recognizer

    images = {path.name: read_image(picture(path)) for path in portraits}
    pipeline = TalkingHeadPipeline.from_pretrained(expression="diffusion" if branch else None)
    if branch:
        from gen.models.affect_branch import AffectBranch
        from recognizer.pretrained import load_weights

        pipeline.motion.branch = load_weights(AffectBranch, branch).eval()
    spoken = {
        path.name: said(pipeline, read_audio(path)[: round(seconds * SAMPLE_RATE)])
        for path in _files(speech, is_audio, "sound")
    }
    with progress_bar() as hook:
        rows = show_and_read(
            images, spoken, Recognizer.from_pretrained(), intensity or INTENSITIES, size, hook
        )
    report(affect_figures(rows), json)


def loop(
    portraits: list[Path], speech: Path, seconds: float, passes: int, seeds: int,
    intensity: list[float] | None, guidance: float, judge: Path | None, cache: Path | None,
    json: Path | None, size: int,
) -> None:  # fmt: skip
    """See ``facewright bench loop --help``."""
    in_range(size, 64, 4096, "--size")
    in_range(seconds, 0.2, 60, "--seconds")
    in_range(passes, 1, 20, "--passes")
    in_range(seeds, 1, 100, "--seeds")
    in_range(guidance, 0, 10, "--guidance")
    if json:
        writable(json, ".json")
    readable(speech, "sound file")
    from dataclasses import replace

    from gen.bench.loop import INTENSITIES, try_loop
    from gen.bench.loop_figures import loop_figures
    from gen.bench.memory import Memory
    from gen.pipeline import TalkingHeadPipeline
    from recognizer.image_file import read_image
    from recognizer.media import read_audio
    from recognizer.recognizer import Recognizer

    images = {path.name: read_image(picture(path)) for path in portraits}
    beside = Recognizer.from_pretrained(judge) if judge else None
    waveform = read_audio(speech)[: round(seconds * SAMPLE_RATE)]
    others = {}
    if guidance:
        for way, scale in (("diffused", 0.0), ("guided", guidance)):
            others[way] = TalkingHeadPipeline.from_pretrained(expression="diffusion")
            others[way].sampling = replace(others[way].sampling, recognizer_guidance=scale)
    with progress_bar() as hook:
        trials = try_loop(
            TalkingHeadPipeline.from_pretrained(), images, waveform, passes, seeds,
            intensity or INTENSITIES, size, beside, others,
            Memory(cache, str(judge)), hook,
        )  # fmt: skip
    report(loop_figures(trials), json)


def renderer(
    clips: Path | None, portraits: Path | None, json: Path | None, size: int, frames: int,
    stride: int, refiner: Path | None,
) -> None:  # fmt: skip
    """See ``facewright bench renderer --help``."""
    in_range(size, 64, 4096, "--size")
    in_range(frames, 4, 100_000, "--frames")
    in_range(stride, 1, 1000, "--stride")
    if json:
        writable(json, ".json")
    if clips is None and portraits is None:
        raise ValueError("bench renderer needs --clips or --portraits")
    from recognizer.image_file import is_image, read_image
    from recognizer.media import is_video

    videos = _files(clips, is_video, "video") if clips else []
    pictures = _files(portraits, is_image, "picture") if portraits else []
    from gen.bench.control import control_table
    from gen.bench.renderer import renderer_benchmark

    sampler = None
    if refiner:
        from gen.refiner import PatchSampler

        sampler = PatchSampler.from_pretrained(refiner)
    figures: dict = {}
    with progress_bar() as hook:
        if videos:
            figures.update(renderer_benchmark(videos, size, frames, stride, hook, sampler))
        if pictures:
            images = {path.name: read_image(path) for path in pictures}
            figures["control"] = control_table(images, size, hook)
    report(figures, json)
    if json:
        for line in _renderer_summary(figures):
            typer.echo(line)


def _files(folder: Path, holds, what: str) -> list[Path]:
    """The files of a folder that hold something, by name.

    Raises:
        ValueError: it is no folder, or has none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.stat().st_size and holds(p))
    if not files:
        raise ValueError(f"{folder} holds no {what}")
    return files


def _renderer_summary(figures: dict):
    """The figures that decide, a line each."""
    for name, row in figures.get("clips", {}).items():
        shares = ", ".join(
            f"{group} {value['share']:.2f}" if value["share"] is not None else f"{group} -"
            for group, value in row["keypoints"].items()
        )
        face = row.get("stlpips", {}).get("face")
        lpips = f"; ST-LPIPS {face['rendered']:.3f} (still {face['still']:.3f})" if face else ""
        yield f"{name}: keypoints, share of the still's: {shares}{lpips}"
    for name, row in figures.get("control", {}).get("controls", {}).items():
        if row["r"] is None:
            yield f"{name}: never read back"
        else:
            cross = row["cross_talk"]
            yield (
                f"{name}: r {row['r']:.2f}, slope {row['slope']:.2f}; "
                f"most cross-talk {cross['control']} {cross['rise']:+.2f}"
            )
    for name, reason in figures.get("unavailable", {}).items():
        yield f"{name} unavailable: {reason}"


def tracker(clips: Path, json: Path | None) -> None:
    """See ``facewright bench tracker --help``."""
    if json:
        writable(json, ".json")
    if not clips.is_dir():
        raise ValueError(f"{clips} is not a folder")
    from gen.bench.tracker import tracker_benchmark

    with progress_bar() as hook:
        report(tracker_benchmark(clips, hook), json)


def motion(
    clips: list[Path], fit: Path | None, json: Path | None, model: Path | None, seed: int,
    last: int | None, speech: Path | None, english: list[str], portrait: Path | None,
) -> None:  # fmt: skip
    """See ``facewright bench motion --help``."""
    if json:
        writable(json, ".json")
    for folder in (*clips, *filter(None, (fit, speech))):
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
    drawn = picture(portrait or _PORTRAIT)
    from gen.bench.speech import motion_benchmark

    with progress_bar() as hook:
        figures = motion_benchmark(clips, fit, model, seed, last, hook, speech, english, drawn)
    report(figures, json)


def recognizer(
    ferplus: Path | None, emotions: Path | None, aus: Path | None, clips: Path | None,
    weights: Path | None, json: Path | None,
) -> None:  # fmt: skip
    """See ``facewright bench recognizer --help``."""
    if json:
        writable(json, ".json")
    folders = {"emotions": emotions, "action_units": aus, "clips": clips}
    for folder in folders.values():
        if folder and not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
    if not any((ferplus, *folders.values())):
        raise ValueError("nothing to measure: give --ferplus, --emotions, --aus or --clips")
    from recognizer.bench import pictures
    from recognizer.data.ferplus import FerPlus
    from recognizer.recognizer import Recognizer

    found = Recognizer.from_pretrained(weights)
    measures = {
        "emotions": pictures.emotion_folder_benchmark, "action_units": pictures.au_folder_benchmark,
        "clips": pictures.film_benchmark,
    }  # fmt: skip
    figures = {}
    if ferplus:
        faces = FerPlus.load(ferplus).faces("test", "majority")
        figures["ferplus"] = pictures.ferplus_benchmark(found, faces)
    with progress_bar() as hook:
        for name, folder in folders.items():
            if folder:
                figures[name] = measures[name](found, folder, hook)
    report(figures, json)
