"""One door to the training of motion: a configuration says which part of the model it is for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from gen.audio import AudioEncoder
from gen.train.affect_branch import train_branch
from gen.train.affect_reward import tune_branch
from gen.train.denoiser import train_denoiser
from gen.train.distill import distill
from gen.train.options import SpeechMotionOptions

#: Trainers by the key that their configurations alone have. A branch's fine-tuning may name its
#: ``base``, too.
_BY_KEY = {"branch": tune_branch, "base": train_branch, "teacher": distill}


def train(
    config: SpeechMotionOptions | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Train a motion model; see :mod:`recognizer.train.loop` for what all trainers share.

    A configuration with the key ``branch`` is one of the fine-tuning of an affect branch
    (:func:`gen.train.affect_reward.tune_branch`), another one with the key ``base`` that of an
    affect branch (:func:`gen.train.affect_branch.train_branch`), one with the key ``teacher`` that
    of a student (:func:`gen.train.distill.distill`).

    Args:
        config, out_dir, resume: as of every trainer.
        data: folders of records, called as the configuration's corpora are.
        cache: folder for speech features, shared between runs.
        encoder: in place of the one that the configuration names.

    Returns:
        ``out_dir/model``, for :meth:`gen.motion.MotionGenerator.from_pretrained`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: the configuration does not fit the data, or the loss is no number any more.
    """
    keys = _keys(config)
    train_part = next((_BY_KEY[key] for key in _BY_KEY if key in keys), train_denoiser)
    return train_part(config, out_dir, data, cache, resume, encoder)


def _keys(config: SpeechMotionOptions | Mapping | str | os.PathLike) -> frozenset:
    """Those of a configuration, given or in a YAML file."""
    if isinstance(config, SpeechMotionOptions):
        return frozenset(vars(config))
    if not isinstance(config, Mapping):
        try:
            config = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            config = None  # what is wrong with it is said where it is read
    return frozenset(config) if isinstance(config, Mapping) else frozenset()
