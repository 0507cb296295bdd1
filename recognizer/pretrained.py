"""The folder of a trained network → the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from diffusers import ModelMixin

Net = TypeVar("Net", bound="ModelMixin")


def load_network(kind: type[Net], path: str | os.PathLike | None, packaged: Path, name: str) -> Net:
    """A network in evaluation mode.

    Args:
        kind: its class.
        path: its folder; ``packaged`` if ``None``.
        packaged: folder of the weights that come with the package.
        name: what an error calls it, with its article.

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = Path(path or packaged)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no folder of {name}")
    return kind.from_pretrained(folder).eval()
