"""One door to the affect networks' training: a configuration says what its network reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml


def train_affect(
    config: str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train the network that a YAML file describes: with the key ``reads: motion`` the affect head
    (:mod:`recognizer.train.affect_head`), without it the appearance network
    (:mod:`recognizer.train.appearance`).

    Returns:
        The folder of the model.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense.
    """
    try:
        options = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{config} is not YAML: {error}") from error
    reads = options.get("reads") if isinstance(options, dict) else None
    if reads == "motion":
        from recognizer.train.affect_head import train
    elif reads is None:
        from recognizer.train.appearance import train
    else:
        raise ValueError(f"{config}: a network reads motion, or appearance without this key")
    return train(config, out_dir, data, resume=resume)
