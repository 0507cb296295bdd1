"""Train the affect head on what a tracker read from rendered heads and from judged faces.

Every step sees windows of rendered heads, whose action units are known, and single pictures of
people, whose emotion many judged, as they are and with a rendered head's speech laid on top. Action
units, valence and arousal are fitted with their variance by a β-weighted Gaussian likelihood
(Seitzer et al. 2022): the plain one lets a network excuse what it finds hard. The emotion is fitted
to the judges' distribution. The averaged weights are kept, and a temperature is fitted to the
judged validation faces in the end.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recognizer.bench.affect_head import judged_figures, rendered_figures
from recognizer.config import read_config
from recognizer.data.motion_samples import MotionSamples, concatenate
from recognizer.facs import ARKIT_NAMES
from recognizer.models.affect_head import AffectHead, AffectHeadOutput
from recognizer.train.judged_faces import StillFaces, TalkingFaces
from recognizer.train.motion_windows import MotionWindows, WindowBatch
from recognizer.train.objectives import fit_temperature, repeat_factors
from recognizer.train.state import average_into, load_state, save_state


@dataclass
class AffectHeadTraining:
    """A training run; a YAML file has these keys.

    Attributes:
        reads: what :func:`recognizer.train.affect.train_affect` tells such a file by.
        model: arguments of :class:`recognizer.models.affect_head.AffectHead`.
        windows: arguments of :class:`recognizer.train.motion_windows.MotionWindows`.
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
        weight_decay, clip_norm: of AdamW.
        ema: decay of the averaged weights, the ones that are kept.
        log_every, valid_every: steps.
        save_minutes: between states to resume from.
        seed: of everything drawn.
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
    clip_norm: float = 1.0
    ema: float = 0.998
    log_every: int = 100
    valid_every: int = 1000
    save_minutes: float = 3.0
    seed: int = 0


def train(
    config: AffectHeadTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
) -> Path:
    """Train an affect head.

    Writes ``out_dir/log.jsonl`` (losses, and figures on the validation faces),
    ``out_dir/state.safetensors`` (to resume from) and ``out_dir/model`` (averaged weights, for
    ``AffectHead.from_pretrained``).

    Args:
        config: the run, or its YAML file.
        out_dir: made if it is not there.
        data: files of :class:`recognizer.data.motion_samples.MotionSamples`.
        resume: go on from ``out_dir/state.safetensors`` if it is there.

    Returns:
        ``out_dir/model``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the configuration makes no sense.
    """
    if not isinstance(config, AffectHeadTraining):
        config = read_config(AffectHeadTraining, config)
    samples = concatenate([MotionSamples.load(path) for path in data])
    torch.manual_seed(config.seed)
    trainer = _Trainer(config, samples, Path(out_dir))
    if resume and trainer.state_path.is_file():
        trainer.load_state()
    trainer.run()
    return trainer.finish()


class _Trainer:
    """The loop: one optimiser step after the other, averaged, logged, saved."""

    def __init__(self, config: AffectHeadTraining, samples: MotionSamples, out_dir: Path) -> None:
        self.config, self.out_dir = config, out_dir
        self.state_path = out_dir / "state.safetensors"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        train, self.kept = samples.of("train"), samples.of("valid")
        self.windows = MotionWindows(train, **config.windows)
        factors = repeat_factors(train.emotion, config.repeat_below)
        self.faces = StillFaces(train, factors, **config.faces)
        self.talking = TalkingFaces(self.faces, train)
        if not len(self.windows) and not len(self.faces):
            raise ValueError("the data has no training faces")
        self.net = AffectHead(**config.model)
        coefficients = torch.from_numpy(train.motion[:, : len(ARKIT_NAMES)])
        deviation, mean = torch.std_mean(coefficients, 0)
        self.net.mean.copy_(mean)
        # A coefficient that hardly moves is mostly noise: it is not blown up.
        self.net.scale.copy_(deviation.clamp_min(0.05))
        self.net.to(self.device)
        self.average = AffectHead.from_config(self.net.config)
        self.average.load_state_dict(self.net.state_dict())
        self.average.to(self.device).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step, self.elapsed = 0, 0.0

    def run(self) -> None:
        """Train until the steps are done."""
        config = self.config
        self.out_dir.mkdir(parents=True, exist_ok=True)
        sums: dict[str, list[float]] = {}
        mark, began, saved = time.monotonic(), self.elapsed, time.monotonic()
        while self.step < config.steps:
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * self._rate(self.step / config.steps)
            for name, value in self._train_step().items():
                sums.setdefault(name, []).append(value)
            self.step += 1
            self.elapsed = began + time.monotonic() - mark
            last = self.step == config.steps
            if self.step % config.log_every == 0 or last:
                means = {name: round(float(np.mean(values)), 5) for name, values in sums.items()}
                sums.clear()
                self._log(lr=round(self.optimizer.param_groups[0]["lr"], 6), **means)
            if self.step % config.valid_every == 0 or last:
                self._log(valid=self._evaluate())
            if time.monotonic() - saved > 60 * config.save_minutes or last:
                self.save_state()
                saved = time.monotonic()

    def _rate(self, progress: float) -> float:
        """One cycle: a line up, half a cosine down."""
        warmup = self.config.warmup
        if progress < warmup:
            return max(0.01, progress / warmup)
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))

    def _train_step(self) -> dict[str, float]:
        """One step; all that is random in it follows from seed and step."""
        config, weights = self.config, self.config.loss
        rng = np.random.default_rng([config.seed, self.step])
        torch.manual_seed(int(rng.integers(2**62)))
        self.net.train()
        loss, values = torch.zeros((), device=self.device), {}
        for source, batch in self._batches(rng):
            for name, value in head_losses(self._read(self.net, batch), batch, config.beta).items():
                weight = weights.get(name, 1.0) * weights.get(f"{source}_{name}", 1.0)
                loss = loss + weight * value
                values[f"{source}_{name}"] = float(value.detach())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        average_into(self.average, self.net, self.step, config.ema)
        return {"loss": float(loss.detach()), **values, "grad_norm": float(norm)}

    def _batches(self, rng: np.random.Generator):
        config = self.config
        if len(self.windows):
            yield "windows", self.windows.draw(rng, config.window_batch, config.frames)
        if len(self.faces):
            yield "faces", self.faces.draw(rng, config.face_batch)
        if len(self.talking):
            yield "talking", self.talking.draw(rng, config.talk_batch, config.frames)

    def _read(self, net: AffectHead, batch: WindowBatch) -> AffectHeadOutput:
        return net(batch.motion.to(self.device), batch.rest.to(self.device))

    def _evaluate(self) -> dict[str, Any]:
        """Figures of the averaged head on validation faces."""
        report: dict[str, Any] = {}
        head = self.average
        if len(MotionWindows(self.kept)):
            figures = rendered_figures(head, self.kept, count=256)
            report |= {name: figures[name]["mean_icc"] for name in ("rest_known", "rest_unknown")}
        if figures := judged_figures(head, self.kept):
            report |= {k: figures[k] for k in ("accuracy", "macro_f1", "cross_entropy")}
        return report

    def _log(self, **values: Any) -> None:
        row = {"step": self.step, "minutes": round(self.elapsed / 60, 2), **values}
        with open(self.out_dir / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def finish(self) -> Path:
        """Fit the temperature on the judged validation faces and write the averaged head."""
        alone = np.bincount(self.kept.take)[self.kept.take] == 1
        judged = self.kept[alone & np.isfinite(self.kept.emotion[:, 0])]
        if len(judged):
            with torch.no_grad():
                logits = self.average(torch.from_numpy(judged.motion)[:, None].to(self.device))
            temperature = fit_temperature(logits.logits[:, 0].cpu(), judged.emotion)
            self.average.temperature.fill_(temperature)
        self.average.cpu().save_pretrained(self.out_dir / "model")
        return self.out_dir / "model"

    def save_state(self) -> None:
        """Write all that resuming needs."""
        progress = {"step": self.step, "elapsed": self.elapsed}
        modules = {"model": self.net, "average": self.average}
        save_state(self.state_path, modules, self.optimizer, progress)

    def load_state(self) -> None:
        """Read what :meth:`save_state` wrote.

        Raises:
            ValueError: it belongs to another model.
        """
        modules = {"model": self.net, "average": self.average}
        progress = load_state(self.state_path, modules, self.optimizer)
        self.step, self.elapsed = int(progress["step"]), progress["elapsed"]


def head_losses(
    output: AffectHeadOutput, batch: WindowBatch, beta: float = 0.5
) -> dict[str, Tensor]:
    """Mean loss of what the batch has labels for; NaN does not count.

    Action units, valence and arousal: β-NLL, ``σ^2β (½ log σ² + (y − μ)² / 2σ²)`` with the first
    factor held constant. Least intensities: half the square of what is missing. Emotion:
    cross-entropy to the distribution.
    """
    losses = {}
    for name in ("au", "valence_arousal"):
        truth = getattr(batch, name).to(output.au.device)
        known = truth.isfinite()
        if known.any():
            guess, log_variance = getattr(output, name), getattr(output, f"{name}_log_variance")
            error = (guess - truth.nan_to_num()) ** 2
            nll = 0.5 * (log_variance + error * torch.exp(-log_variance))
            weighted = torch.exp(beta * log_variance.detach()) * nll
            losses[name] = (weighted * known).sum() / known.sum()
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
