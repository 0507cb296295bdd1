"""What matters in the motion model: short runs of equal length that differ in one thing each.

``python -m gen.train.ablation --data corpus_grid --runs runs -o docs/figures/ablation.json`` trains
the variants of :data:`VARIANTS` one after the other, from the shipped configurations, and measures
each on held-out clips. A run that is already there is not repeated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from gen.audio import AudioEncoder, load_encoder
from gen.bench.clips import Clip, load_clips, load_records
from gen.bench.expression import diffused, expression_benchmark
from gen.bench.motion import lip_sync_benchmark
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from gen.train.motion import train
from recognizer.affect_reader import load_head

#: Name → the configuration it starts from, and what it has otherwise.
VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "speech: whisper": ("motion", {"encoder": "whisper"}),
    "speech: mel": ("motion", {"encoder": "mel"}),
    "affect: residual": ("affect_branch", {}),
    "affect: plain": ("affect_branch", {"model": {"residual": False}}),
    "affect: residual, no recognizer loss": ("affect_branch", {"recognizer": 0.0}),
    "affect: residual, recognizer against the performance": (
        "affect_branch",
        {"recognizer_against": "performance"},
    ),
}


def ablation(
    data: Path,
    runs: Path,
    configs: Path,
    steps: int,
    cache: Path | None = None,
    clips: Path | None = None,
    held_out: int = 58,
    base: str | None = None,
) -> dict:
    """Train and measure all variants.

    Args:
        data: the folder of records that the configurations name.
        runs: where runs are kept, a folder each.
        configs: folder of ``motion.yaml`` and ``affect_branch.yaml``.
        steps: optimiser steps of each run.
        cache: folder for speech features.
        clips: folder of other people's clips, for lips (:func:`gen.bench.clips.load_clips`).
        held_out: how many records that training does not see are measured.
        base: folder of the neutral model that branches are trained on; the packaged one without.

    Returns:
        ``steps`` and, by variant, ``minutes``, ``parameters`` and what was measured: ``lip_r`` and
        ``strangers_lip_r`` (best lag within 240 ms) of neutral models, the figures of
        :func:`gen.bench.expression.expression_benchmark` of branches.
    """
    strangers = load_clips(clips, None, lambda *_: None) if clips else []
    table = {}
    for name, (kind, changes) in VARIANTS.items():
        config = _config(configs / f"{kind}.yaml", steps, changes)
        if kind == "affect_branch" and base:
            config["base"] = base
        folder = runs / name.replace(": ", "-").replace(", ", "-").replace(" ", "_")
        model = folder / "model"
        if not _finished(folder, steps):
            model = train(config, folder, [data], cache, resume=True)
        kept = config["corpora"][data.name]["hold_out"]
        records = load_records(sorted(data.glob("*.npz"))[-kept:][:held_out])
        encoder = load_encoder(config["encoder"])
        if kind == "motion":
            row = _lips(model, encoder, records, strangers)
        else:
            row = _expression(model, config, encoder, records)
        row["minutes"] = _rows(folder)[-1]["minutes"]
        table[name] = row
    return {"steps": steps, "variants": table}


def _config(path: Path, steps: int, changes: Mapping[str, Any]) -> dict:
    """The shipped configuration, shortened and changed."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config |= {"steps": steps, "eval_every": steps, "eval_clips": 1}
    for corpus in config["corpora"].values():
        corpus["variants"] = 2
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, Mapping) else value
    return config


def _rows(folder: Path) -> list[dict]:
    log = folder / "log.jsonl"
    return [json.loads(line) for line in log.open(encoding="utf-8")] if log.is_file() else []


def _finished(folder: Path, steps: int) -> bool:
    rows = _rows(folder)
    return bool(rows) and rows[-1]["step"] >= steps


def _size(model: Path) -> int:
    from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
    from safetensors import safe_open

    with safe_open(model / SAFETENSORS_WEIGHTS_NAME, framework="pt") as file:
        return sum(file.get_tensor(key).numel() for key in file.keys())  # noqa: SIM118


def _lips(
    model: Path, encoder: AudioEncoder, records: Sequence[Clip], strangers: Sequence[Clip]
) -> dict:
    motion, sampling = MotionGenerator.from_pretrained(model), Sampling(steps=8)

    def generate(features):
        return motion(features, sampling, generator=torch.Generator().manual_seed(0))

    row: dict[str, Any] = {"parameters": _size(model)}
    for name, key, clips in (("lip_r", "r", records), ("strangers_lip_r", "r_shifted", strangers)):
        if clips:
            pairs = [(clip.name, clip.waveform, clip.opening) for clip in clips]
            found = lip_sync_benchmark(generate, pairs, encoder.encode)[key]
            row[name] = {**found, "mean": round(found["mean"], 4)}
    return row


def _expression(
    model: Path, config: Mapping, encoder: AudioEncoder, records: Sequence[Clip]
) -> dict:
    base = None if config["base"] == "packaged" else config["base"]
    motion = MotionGenerator.from_pretrained(base, model)
    pairs = [(encoder.encode(clip.waveform), clip.motion) for clip in records]
    perform = diffused(motion, Sampling(**config["sampling"]))
    return {"parameters": _size(model), **expression_benchmark(pairs, perform, load_head())}


def main() -> None:
    """The command of the module's documentation."""
    parser = argparse.ArgumentParser(
        prog="python -m gen.train.ablation", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of records")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--configs", type=Path, default=Path("configs"))
    parser.add_argument("--clips", type=Path, help="folder of other people's clips")
    parser.add_argument("--cache", type=Path, help="folder for speech features")
    parser.add_argument("--base", help="folder of a neutral motion model")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file")
    options = parser.parse_args()
    for folder in (options.data, options.configs):
        if not folder.is_dir():
            parser.error(f"there is no folder {folder}")
    table = ablation(
        options.data, options.runs, options.configs, options.steps, options.cache, options.clips,
        base=options.base,
    )  # fmt: skip
    options.output.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
