"""What a training run needs to go on where it stopped, as one safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_state(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    progress: Mapping[str, float],
) -> None:
    """Write modules, the optimiser's moments, torch's random state and a few numbers; the file is
    replaced as a whole."""
    tensors = {f"{m}.{k}": v for m, module in modules.items() for k, v in _items(module)}
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items() if v is not None}
    partial = path.with_suffix(".partial")
    contiguous = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    save_file(contiguous, partial, {"progress": json.dumps(dict(progress))})
    os.replace(partial, path)


def load_state(
    path: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Read what :func:`save_state` wrote into the same modules and optimiser; torch's generators
    go on where they were (a file without their state leaves them alone).

    Returns:
        The numbers.

    Raises:
        ValueError: it is no such file, or one of another model.
    """
    parts: dict[str, dict[str, Tensor]] = {name: {} for name in (*modules, "optimizer", "rng")}
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118
                part, name = key.split(".", 1)
                parts[part][name] = file.get_tensor(key)
        for name, module in modules.items():
            module.load_state_dict(parts[name])
    except Exception as error:
        # safetensors raises its own kind, which is no ValueError.
        raise ValueError(f"{path} is of another model: {error}") from error
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in parts["optimizer"].items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    if "cpu" in parts["rng"]:
        torch.set_rng_state(parts["rng"]["cpu"])
    if "cuda" in parts["rng"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(parts["rng"]["cuda"])
    return progress


@torch.no_grad()
def average_into(average: nn.Module, module: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of parameters and buffers; whole numbers are copied.

    Early the memory is short: the untrained weights must be forgotten soon.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for (_, kept), (_, new) in zip(_items(average), _items(module), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _items(module: nn.Module):
    return module.state_dict().items()
