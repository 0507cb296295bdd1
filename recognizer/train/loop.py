"""The loop that every trainer of a network runs: a recipe gives losses, the loop does the rest.

A recipe builds a network and an optimiser, says what a step's losses are and what is measured every
so often, and composes a :class:`TrainingLoop` of them. The loop owns progress (steps or minutes),
the learning rate, backward and clipping, averaged weights, the log, and saving and resuming. It
runs on what `accelerate` finds: the CPU, one GPU, or several processes; in full precision.

All trainers are a function ``train(config, out_dir, data, resume=False)``. ``config`` is the run's
:class:`LoopOptions`, a mapping of them, or their YAML file. ``out_dir`` is made if it is not there;
it gets the averaged weights, ``model``, beside what the loop writes. With ``resume`` the run goes
on from where the last one in ``out_dir`` was saved, if there was one.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
import torch
from diffusers import ModelMixin
from torch import Tensor

from recognizer.config import read_config
from recognizer.train.schedule import Schedule
from recognizer.train.state import average_into, load_state, save_state

Net = TypeVar("Net", bound=ModelMixin)
_logger = logging.getLogger(__name__)


@dataclass
class LoopOptions:
    """What configurations of all trainers have in common.

    Attributes:
        max_minutes: the run ends by then, learning rate and all, even if its steps are not done.
        clip_norm: largest norm of the gradient.
        ema: decay of the averaged weights, the ones that are kept.
        log_every: steps.
        save_every, save_minutes: steps, and minutes, between states to resume from; ``None``: not
            by these.
        seed: of everything drawn.
    """

    max_minutes: float | None = None
    clip_norm: float = 1.0
    ema: float = 0.998
    log_every: int = 100
    save_every: int | None = None
    save_minutes: float | None = 3.0
    seed: int = 0

    @classmethod
    def load(cls, source: Self | Mapping | str | os.PathLike) -> Self:
        """See :func:`recognizer.config.read_config`.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not a mapping, a key that is none, or a value that makes no sense.
        """
        return read_config(cls, source)


def processes() -> int:
    """How many processes train together."""
    from accelerate import PartialState

    return PartialState().num_processes


class TrainingLoop(Generic[Net]):
    """One optimiser step after the other, averaged, logged, saved.

    Writes into ``out_dir``: ``log.jsonl``, a row of mean losses every ``log_every`` steps and the
    rows of ``evaluate``, each with ``step`` and ``minutes``; and ``state.safetensors``, all that
    resuming needs. Several processes each draw a batch of their own and share the mean gradient;
    the first one evaluates, logs and saves.

    Args:
        options: see :class:`LoopOptions`.
        out_dir: made when the run begins.
        net: what is trained; moved to :attr:`device`.
        optimizer: of its parameters. A group's learning rate is its highest one. A group may have
            an ``lr_scale``, which losses may change: a factor on its learning rate.
        steps: optimiser steps.
        eval_every: steps between evaluations; the last step is followed by one in any case.
        schedule: the learning rate's course (see :mod:`recognizer.train.schedule`).
        losses: the losses of this step by name, of which ``loss`` is minimised; numbers beside them
            are logged. What it draws must follow from :meth:`rng`, or from torch's own generator.
        evaluate: a row for the log; empty for none.
        save_model: called before a state is written.
        after_backward: called when gradients are there and not yet clipped.

    Attributes:
        net, average: what is trained, and its averaged weights, always in evaluation mode.
        step: optimiser steps done.
        elapsed: seconds of training, with those of the runs that were resumed.

    Raises:
        ValueError: fewer than one step, or something is to be done every 0 steps.
    """

    def __init__(
        self,
        options: LoopOptions,
        out_dir: str | os.PathLike,
        net: Net,
        optimizer: torch.optim.Optimizer,
        *,
        steps: float,
        eval_every: int,
        schedule: Schedule,
        losses: Callable[[], Mapping[str, Tensor | float]],
        evaluate: Callable[[], Mapping[str, Any]],
        save_model: Callable[[], object] | None = None,
        after_backward: Callable[[], None] | None = None,
    ) -> None:
        from accelerate import Accelerator

        every = {"log_every": options.log_every, "eval_every": eval_every}
        if options.save_every is not None:
            every["save_every"] = options.save_every
        for name, value in {"steps": steps, **every}.items():
            if value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}")
        self.options, self.steps, self.eval_every = options, steps, eval_every
        self.out_dir = Path(out_dir)
        self.state_path = self.out_dir / "state.safetensors"
        self._schedule, self._losses, self._evaluate = schedule, losses, evaluate
        self._save_model, self._after_backward = save_model, after_backward
        self.accelerator = Accelerator(mixed_precision="no")
        if self.accelerator.num_processes > 1:
            # A process that ends with its group open may abort when threads of it still run.
            atexit.register(_leave_group)
        self.device = self.accelerator.device
        self.average: Net = type(net).from_config(net.config)
        self.average.load_state_dict(net.state_dict())
        self.average.to(self.device).eval().requires_grad_(False)
        # Not wrapped for several processes: a recipe may call any of its methods, any number of
        # times a step, and these networks are small enough to share gradients after backward.
        self.net: Net = net.to(self.device)
        self.optimizer = self.accelerator.prepare(optimizer)
        self._highest = [group["lr"] for group in self.optimizer.param_groups]
        self.step, self.elapsed = 0, 0.0
        self._sums: dict[str, list[float]] = {}

    @property
    def progress(self) -> float:
        """How much of the run is done: 1, or above, at its end."""
        done = self.step / self.steps
        if self.options.max_minutes:
            done = max(done, self.elapsed / 60 / self.options.max_minutes)
        return done

    @property
    def process(self) -> int:
        """Which of the :func:`processes` this is."""
        return self.accelerator.process_index

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.accelerator.is_main_process

    def rng(self, *salt: int) -> np.random.Generator:
        """Numbers that follow from seed, salt, step and process alone."""
        return np.random.default_rng([self.options.seed, *salt, self.step, self.process])

    def agreed(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean over processes of numbers that must be the same in all of them."""
        if processes() == 1:
            return dict(values)
        row = torch.tensor(list(values.values()), device=self.device)
        return dict(zip(values, self.accelerator.reduce(row, "mean").tolist(), strict=True))

    def run(self, resume: bool = False) -> None:
        """Train to the end.

        Args:
            resume: go on from the state in ``out_dir`` if there is one.

        Raises:
            ValueError: the state belongs to another model, or the loss is no number any more.
        """
        if resume and self.state_path.is_file():
            self.load_state()
        self.out_dir.mkdir(parents=True, exist_ok=True)
        options = self.options
        begun = time.monotonic() - self.elapsed
        saved = time.monotonic()
        while self.progress < 1:
            self.advance()
            self.elapsed = self._same_time(time.monotonic() - begun)
            last = self.progress >= 1
            if self.step % options.log_every == 0 or last:
                means = {name: round(float(np.mean(v)), 5) for name, v in self._sums.items()}
                self._sums.clear()
                self._log(lr=float(f"{self.optimizer.param_groups[0]['lr']:.6g}"), **means)
            wanted = self.step % self.eval_every == 0 or last
            if wanted and self.is_main and (row := self._evaluate()):
                self._log(**row)
            due = options.save_every is not None and self.step % options.save_every == 0
            if options.save_minutes is not None:
                due |= time.monotonic() - saved > 60 * options.save_minutes
            if due or last:
                self.save_state()
                saved = time.monotonic()

    def advance(self) -> None:
        """One optimiser step.

        Raises:
            ValueError: the loss or its gradient is no number; the weights are as before.
        """
        self.net.train()
        losses = self._losses()
        values = {
            name: float(value.detach() if isinstance(value, Tensor) else value)
            for name, value in losses.items()
        }
        self._check("loss", values["loss"], values)
        self.accelerator.backward(losses["loss"])
        if self._after_backward is not None:
            self._after_backward()
        self._share_gradients()
        norm = self.accelerator.clip_grad_norm_(self.net.parameters(), self.options.clip_norm)
        self._check("gradient", float(norm), values)
        rate = self._schedule(self.progress, self.step)
        for group, highest in zip(self.optimizer.param_groups, self._highest, strict=True):
            group["lr"] = highest * rate * group.get("lr_scale", 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        average_into(self.average, self.net, self.step, self.options.ema)
        for name, value in (values | {"grad_norm": float(norm)}).items():
            self._sums.setdefault(name, []).append(value)
        self.step += 1

    def save_state(self) -> None:
        """Write the model as it is, and all that resuming needs."""
        if not self.is_main:
            return
        if self._save_model is not None:
            self._save_model()
        progress = {"step": self.step, "elapsed": self.elapsed}
        save_state(self.state_path, self._modules, self.optimizer, progress)

    def load_state(self) -> None:
        """Read what :meth:`save_state` wrote.

        Raises:
            ValueError: it belongs to another model.
        """
        progress = load_state(self.state_path, self._modules, self.optimizer)
        self.step, self.elapsed = int(progress["step"]), progress["elapsed"]

    @property
    def _modules(self) -> dict[str, ModelMixin]:
        return {"model": self.net, "average": self.average}

    def _check(self, what: str, value: float, values: Mapping[str, float]) -> None:
        if math.isfinite(value):
            return
        terms = ", ".join(f"{name} {number:.4g}" for name, number in values.items())
        raise ValueError(
            f"step {self.step + 1}: the {what} is {value} ({terms}); the learning rate is too high"
            f" or the data holds such values. {self.state_path} is left as it was"
        )

    def _share_gradients(self) -> None:
        """Give every process the mean gradient."""
        if processes() == 1:
            return
        trained = [p for p in self.net.parameters() if p.requires_grad]
        for parameter in trained:
            # What a process had no labels for, another may have had.
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        whole = torch.cat([p.grad.reshape(-1) for p in trained])
        parts = self.accelerator.reduce(whole, "mean").split([p.numel() for p in trained])
        for parameter, part in zip(trained, parts, strict=True):
            parameter.grad.copy_(part.view(parameter.shape))

    def _same_time(self, seconds: float) -> float:
        """The first process's clock: all must see the end at the same step."""
        if processes() == 1:
            return seconds
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor(seconds, device=self.device)))

    def _log(self, **values: Any) -> None:
        if self.is_main:
            row = {"step": self.step, "minutes": round(self.elapsed / 60, 2), **values}
            with open(self.out_dir / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            told = ", ".join(f"{name} {value}" for name, value in row.items())
            _logger.info("%3.0f %%: %s", 100 * min(self.progress, 1), told)


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
