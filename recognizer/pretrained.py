"""Networks to folders and back, as ``diffusers`` lays them out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch
    from diffusers import ConfigMixin, ModelMixin

CONFIG_NAME, WEIGHTS_NAME = "config.json", "diffusion_pytorch_model.safetensors"
Net = TypeVar("Net", bound="ModelMixin")
Configured = TypeVar("Configured", bound="ConfigMixin")


def load_network(kind: type[Net], path: str | os.PathLike | None, packaged: Path, name: str) -> Net:
    """A network in evaluation mode.

    Args:
        kind: its class.
        path: its folder; ``packaged`` if ``None``.
        packaged: folder of the weights that come with the package.
        name: what an error calls it, with its article.

    Raises:
        FileNotFoundError: no such folder, or it lacks a file.
        ValueError: see :func:`load_weights`.
    """
    folder = Path(path or packaged)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no folder of {name}")
    return load_weights(kind, folder).eval()


def load_weights(kind: type[Net], folder: str | os.PathLike) -> Net:
    """The network of a folder with ``config.json`` and weights.

    Weights are copied into the network's own float32 memory: arithmetic on a mapped file's
    unaligned rows can round otherwise than training did.

    Raises:
        FileNotFoundError: the folder lacks one of the files.
        ValueError: a file is damaged, or the weights do not fit the configuration.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / WEIGHTS_NAME
    net = load_config(kind, folder)
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged: {_line(error)}") from error
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(f"{path} does not fit its {CONFIG_NAME}") from error
    return net


def load_config(
    kind: type[Configured], folder: str | os.PathLike, name: str = CONFIG_NAME
) -> Configured:
    """What a configuration file describes: a scheduler, or a network without its weights.

    Raises:
        FileNotFoundError: the folder has no such file.
        ValueError: it is damaged, or of something else.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is no mapping")
        return kind.from_config(config)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, RecursionError) as error:
        raise ValueError(f"{path} is no configuration: {_line(error)}") from error


def save_weights(
    net: ModelMixin, folder: str | os.PathLike, dtype: torch.dtype | None = None
) -> None:
    """Write configuration and weights, in safetensors of ``dtype`` (float16 by default)."""
    import torch
    from safetensors.torch import save_file

    net.save_config(folder)
    dtype = dtype or torch.float16
    weights = {name: t.to(dtype).contiguous() for name, t in net.state_dict().items()}
    save_file(weights, Path(folder) / WEIGHTS_NAME, metadata={"format": "pt"})


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
