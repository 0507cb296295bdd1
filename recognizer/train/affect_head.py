"""Train the affect head on what a tracker read from rendered heads and from judged faces.

Every step sees windows of rendered heads, whose action units are known, and single pictures of
people, whose emotion many judged, as they are and with a rendered head's speech laid on top. Action
units, valence and arousal are fitted with their variance by a β-weighted Gaussian likelihood
(Seitzer et al. 2022): the plain one lets a network excuse what it finds hard. The emotion is fitted
to the judges' distribution. The averaged weights are kept, and a temperature is fitted to the
judged validation faces in the end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recognizer.bench.affect_head import judged_figures, rendered_figures
from recognizer.data.motion_samples import MotionSamples, concatenate
from recognizer.data.motion_windows import MotionWindows, WindowBatch
from recognizer.facs import ARKIT_NAMES
from recognizer.models.affect_head import AffectHead, AffectHeadOutput
from recognizer.models.gaussian import beta_nll
from recognizer.train.judged_faces import StillFaces, TalkingFaces
from recognizer.train.loop import LoopOptions, TrainingLoop
from recognizer.train.objectives import fit_temperature, repeat_factors
from recognizer.train.schedule import one_cycle


@dataclass
class AffectHeadTraining(LoopOptions):
    """A training run; a YAML file has these keys, and those of
    :class:`recognizer.train.loop.LoopOptions`.

    Attributes:
        reads: what :func:`recognizer.train.affect.train_affect` tells such a file by.
        model: arguments of :class:`recognizer.models.affect_head.AffectHead`.
        windows: arguments of :class:`recognizer.data.motion_windows.MotionWindows`.
        faces: arguments of :class:`recognizer.train.judged_faces.StillFaces`.
        loss: weights of ``au``, ``least_au``, ``valence_arousal`` and ``emotion``, and of what
            judged faces say on action units (``faces_au``) and rendered ones on emotion
            (``windows_emotion``), and so on for ``windows``, ``faces`` and ``talking``.
        beta: of the likelihood: 0 is the plain one, 1 weighs all errors alike.
        steps: optimiser steps.
        window_batch, face_batch, talk_batch: windows of rendered heads, single faces, and windows
            of faces that talk, a step.
        frames: length of a window.
        repeat_below: an emotion with a smaller share of the judged faces is drawn more often, by
            the root of the ratio.
        learning_rate: the highest, reached after the share ``warmup`` of the run; to zero after.
        weight_decay: of AdamW.
        valid_every: steps.
    """

    reads: str = "motion"
    model: dict[str, Any] = field(default_factory=dict)
    windows: dict[str, float] = field(default_factory=dict)
    faces: dict[str, float] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    beta: float = 0.5
    steps: int = 6000
    window_batch: int = 48
    face_batch: int = 256
    talk_batch: int = 32
    frames: int = 25
    repeat_below: float = 0.05
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 1e-2
    valid_every: int = 1000


def train(
    config: AffectHeadTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train an affect head; see :mod:`recognizer.train.loop` for what all trainers share.

    Args:
        config, out_dir, resume: as of every trainer.
        data: files of :class:`recognizer.data.motion_samples.MotionSamples`.

    Returns:
        ``out_dir/model``, for ``AffectHead.from_pretrained``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense, or the loss is no number any more.
    """
    config = AffectHeadTraining.load(config)
    samples = concatenate([MotionSamples.load(path) for path in data])
    torch.manual_seed(config.seed)
    recipe = _Recipe(config, samples, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.finish()


class _Recipe:
    """What the head sees, what its answers cost, and what it is measured by."""

    def __init__(self, config: AffectHeadTraining, samples: MotionSamples, out_dir: Path) -> None:
        self.config = config
        train, self.kept = samples.of("train"), samples.of("valid")
        self.windows = MotionWindows(train, **config.windows)
        factors = repeat_factors(train.emotion, config.repeat_below)
        self.faces = StillFaces(train, factors, **config.faces)
        self.talking = TalkingFaces(self.faces, train)
        if not len(self.windows) and not len(self.faces):
            raise ValueError("the data has no training faces")
        net = AffectHead(**config.model)
        coefficients = torch.from_numpy(train.motion[:, : len(ARKIT_NAMES)])
        deviation, mean = torch.std_mean(coefficients, 0)
        net.mean.copy_(mean)
        # A coefficient that hardly moves is mostly noise: it is not blown up.
        net.scale.copy_(deviation.clamp_min(0.05))
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.loop = TrainingLoop(
            config,
            out_dir,
            net,
            optimizer,
            steps=config.steps,
            eval_every=config.valid_every,
            schedule=one_cycle(config.warmup),
            losses=self.losses,
            evaluate=self.evaluate,
        )

    def losses(self) -> dict[str, Tensor]:
        """The weighted sum over all sources, and each of its terms."""
        config, loop = self.config, self.loop
        rng = loop.rng()
        torch.manual_seed(int(rng.integers(2**62)))
        loss, terms = torch.zeros((), device=loop.device), {}
        for source, batch in self._batches(rng):
            output = loop.net(batch.motion.to(loop.device), batch.rest.to(loop.device))
            for name, value in head_losses(output, batch, config.beta).items():
                weight = config.loss.get(name, 1.0) * config.loss.get(f"{source}_{name}", 1.0)
                loss = loss + weight * value
                terms[f"{source}_{name}"] = value
        return {"loss": loss, **terms}

    def _batches(self, rng: np.random.Generator):
        config = self.config
        if len(self.windows):
            yield "windows", self.windows.draw(rng, config.window_batch, config.frames)
        if len(self.faces):
            yield "faces", self.faces.draw(rng, config.face_batch)
        if len(self.talking):
            yield "talking", self.talking.draw(rng, config.talk_batch, config.frames)

    def evaluate(self) -> dict[str, Any]:
        """Figures of the averaged head on validation faces."""
        report: dict[str, Any] = {}
        head = self.loop.average
        if len(MotionWindows(self.kept)):
            figures = rendered_figures(head, self.kept, count=256)
            report |= {name: figures[name]["mean_icc"] for name in ("rest_known", "rest_unknown")}
        if figures := judged_figures(head, self.kept):
            report |= {k: figures[k] for k in ("accuracy", "macro_f1", "cross_entropy")}
        return {"valid": report}

    def finish(self) -> Path:
        """Fit the temperature on the judged validation faces and write the averaged head."""
        head, folder = self.loop.average.cpu(), self.loop.out_dir / "model"
        alone = np.bincount(self.kept.take)[self.kept.take] == 1
        judged = self.kept[alone & np.isfinite(self.kept.emotion[:, 0])]
        if len(judged):
            with torch.no_grad():
                logits = head(torch.from_numpy(judged.motion)[:, None]).logits[:, 0]
            head.temperature.fill_(fit_temperature(logits, judged.emotion))
        if self.loop.is_main:
            head.save_pretrained(folder)
        return folder


def head_losses(
    output: AffectHeadOutput, batch: WindowBatch, beta: float = 0.5
) -> dict[str, Tensor]:
    """Mean loss of what the batch has labels for; NaN does not count.

    Action units, valence and arousal: :func:`recognizer.models.gaussian.beta_nll`. Least
    intensities: half the square of what is missing. Emotion: cross-entropy to the distribution.
    """
    losses = {}
    for name in ("au", "valence_arousal"):
        truth = getattr(batch, name).to(output.au.device)
        if truth.isfinite().any():
            guess, log_variance = getattr(output, name), getattr(output, f"{name}_log_variance")
            losses[name] = beta_nll(guess, log_variance, truth, beta=beta)
    least = batch.least_au.to(output.au.device)
    if (known := least.isfinite()).any():
        missing = (least.nan_to_num() - output.au).clamp_min(0) * known
        losses["least_au"] = 0.5 * missing.square().sum() / known.sum()
    emotion = batch.emotion.to(output.au.device)
    known = emotion.isfinite().all(-1)
    if known.any():
        cross = -(emotion.nan_to_num() * output.logits.log_softmax(-1)).sum(-1)
        losses["emotion"] = (cross * known).sum() / known.sum()
    return losses
