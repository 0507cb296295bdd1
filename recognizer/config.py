"""Options from a YAML file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml

Config = TypeVar("Config")


def read_config(kind: type[Config], source: Config | Mapping | str | os.PathLike) -> Config:
    """The dataclass ``kind`` from a mapping, or from a YAML file that holds one.

    Options that are given are taken as they are.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a mapping, or a key that is none.
    """
    if isinstance(source, kind):
        return source
    name = "the configuration"
    if not isinstance(source, Mapping):
        name = str(source)
        try:
            source = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{name} is not YAML: {error}") from error
        if not isinstance(source, Mapping):
            raise ValueError(f"{name} must map names to values")
    known = {f.name for f in dataclasses.fields(kind)}
    if unknown := sorted(set(source) - known, key=str):
        raise ValueError(f"{name}: unknown keys {', '.join(map(str, unknown))}")
    return kind(**source)
