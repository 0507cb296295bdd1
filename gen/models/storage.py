"""Networks to folders and back, as ``diffusers`` lays them out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import ModelMixin
from safetensors.torch import load_file, save_file

WEIGHTS_NAME = "diffusion_pytorch_model.safetensors"
Net = TypeVar("Net", bound=ModelMixin)


def load_weights(kind: type[Net], path: str | os.PathLike) -> Net:
    """The network of a folder with ``config.json`` and weights.

    Weights are copied into the network's own float32 memory: arithmetic on a mapped file's
    unaligned rows can round otherwise than training did.

    Raises:
        FileNotFoundError: the folder lacks one of the files.
        ValueError: the weights do not fit the configuration.
    """
    path = Path(path)
    for name in ("config.json", WEIGHTS_NAME):
        if not (path / name).is_file():
            raise FileNotFoundError(f"{path} has no {name}")
    net = kind.from_config(kind.load_config(path))
    try:
        net.load_state_dict(load_file(path / WEIGHTS_NAME))
    except RuntimeError as error:
        raise ValueError(f"{path / WEIGHTS_NAME} does not fit its config.json") from error
    return net


def save_weights(
    net: ModelMixin, path: str | os.PathLike, dtype: torch.dtype = torch.float16
) -> None:
    """Write configuration and weights, in safetensors of ``dtype``."""
    net.save_config(path)
    weights = {name: t.to(dtype).contiguous() for name, t in net.state_dict().items()}
    save_file(weights, Path(path) / WEIGHTS_NAME, metadata={"format": "pt"})
