"""Distil a motion model: a student's few large steps land where its teacher's small ones do.

One stage of progressive distillation (Salimans and Ho 2022). From noisy real motion at one of the
student's timesteps the frozen teacher takes the DDIM steps to the next one; the student learns the
one clean motion whose single DDIM step ends there. Under the same noise the target is one motion,
not a mean of many: a student of it has no reason to move less than its teacher.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from gen.audio import AudioEncoder, load_encoder
from gen.bench.dynamics import REGIONS
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.train.chance import Chance
from gen.train.denoiser import Denoise, MotionRecipe, TrainingConfig, read_windows
from recognizer.metrics.dynamics import liveliness


@dataclass
class DistillConfig(TrainingConfig):
    """A student's training; a YAML file has these keys and those of
    :class:`gen.train.denoiser.TrainingConfig`, but ``model`` and ``scheduler`` are the teacher's.

    Attributes:
        teacher: folder of the motion model to distil, ``packaged`` for the packaged one.
        teacher_steps, student_steps: in which they sample; the former is a multiple of the latter.
        spread: weight of the loss that holds the deviation of the change from frame to frame, in
            each window and column, at the teacher's.
    """

    teacher: str = "packaged"
    teacher_steps: int = 20
    student_steps: int = 4
    spread: float = 1.0

    def __post_init__(self) -> None:
        """Raises a ValueError if one number of steps is no multiple of the other."""
        super().__post_init__()
        if not 1 <= self.student_steps <= self.teacher_steps:
            raise ValueError(f"student_steps must be 1..{self.teacher_steps}")
        if self.teacher_steps % self.student_steps:
            raise ValueError(
                f"teacher_steps {self.teacher_steps} is no multiple of student_steps "
                f"{self.student_steps}"
            )


def distill(
    config: DistillConfig | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Train a student; the arguments are those of :func:`gen.train.motion.train`.

    Returns:
        ``out_dir/model``, a motion model like its teacher.

    Raises:
        FileNotFoundError: the teacher or a data folder is missing.
        ValueError: the configuration does not fit the data.
    """
    config = DistillConfig.load(config)
    path = None if config.teacher == "packaged" else config.teacher
    teacher = MotionGenerator.from_pretrained(path)
    encoder = encoder or load_encoder(config.encoder)
    windows, held_out, domains = read_windows(config, data, encoder, cache)
    torch.manual_seed(config.seed)
    recipe = StudentRecipe(config, teacher, windows, held_out, domains, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.model_path


class StudentRecipe(MotionRecipe):
    """A student that begins as its teacher.

    Args:
        config: the run's.
        teacher: stays as it is.
        windows, held_out, domains: of :func:`gen.train.denoiser.read_windows`.
        out_dir: of the run.
    """

    def __init__(self, config: DistillConfig, teacher: MotionGenerator, *data: Any) -> None:
        self.teacher, self.config = teacher, config
        self.sampling = {"steps": config.student_steps}
        student = MotionDenoiser.from_config(teacher.denoiser.config)
        student.load_state_dict(teacher.denoiser.state_dict())
        super().__init__(config, student, *data)
        teacher.to(self.loop.device)
        self.signal = self.scheduler.alphas_cumprod.double()

    def schedule_of_noise(self) -> DDIMScheduler:
        """The teacher's."""
        return self.teacher.scheduler

    @torch.no_grad()
    def task(
        self, clean: Tensor, denoise: Denoise, chance: Chance
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy windows, the student's timesteps, and the clean motion that a step of the
        student's needs to end where the teacher does."""
        config, count = self.config, len(self.signal)
        large, small = count // config.student_steps, count // config.teacher_steps
        start = count - 1 - large * chance.timesteps(len(clean), config.student_steps)
        noisy = here = self.scheduler.add_noise(clean, chance.normal(clean), start)
        timestep = start
        for _ in range(config.teacher_steps // config.student_steps):
            made = denoise(self.teacher.denoiser, here, timestep)
            here = self._towards(here, made, timestep, timestep - small)
            timestep = timestep - small
        # here = a * x0 + b * noisy for the step of the student's that ends there.
        signal, end = self._signal(start), self._signal(timestep)
        kept = ((1 - end) / (1 - signal)).sqrt()
        target = (here - kept * noisy) / (end.sqrt() - kept * signal.sqrt())
        return noisy, start, target.to(clean.dtype)

    def judged(
        self, made: Tensor, target: Tensor, before: Tensor, measured: Tensor
    ) -> dict[str, Tensor]:
        """The losses of the motion, and that of how much it changes."""
        losses = super().judged(made, target, before, measured)
        ours, theirs = (motion.diff(dim=1).std(dim=1) for motion in (made, target))
        losses["spread"] = ((ours - theirs) * measured).square().mean()
        losses["loss"] = losses["loss"] + self.config.spread * losses["spread"]
        return losses

    def evaluate(self) -> dict[str, Any]:
        """What the motion model's training measures, and the student's motion beside the
        teacher's: VC-R and Std-R by region, for the same sound and noise."""
        student = MotionGenerator(self.loop.average, self.scheduler)
        made: list[list[np.ndarray]] = []
        for generator, steps in (
            (self.teacher, self.config.teacher_steps),
            (student, self.config.student_steps),
        ):
            made.append(
                [
                    generator(
                        features, steps=steps, generator=torch.Generator().manual_seed(i)
                    ).to_vectors()
                    for clips in self.held_out.values()
                    for i, (features, _) in enumerate(clips)
                ]
            )
        theirs, ours = made
        beside = {
            region: liveliness([v[:, columns] for v in ours], [v[:, columns] for v in theirs])
            for region, columns in REGIONS.items()
        }
        rounded = {
            region: {name: round(value, 3) for name, value in row.items()}
            for region, row in beside.items()
        }
        return super().evaluate() | {"of_teacher": rounded}

    def _signal(self, timestep: Tensor) -> Tensor:
        """Share of the signal ``[B, 1, 1]`` at timesteps, all of it below 0."""
        known = self.signal.to(timestep.device)[timestep.clamp(min=0)]
        return torch.where(timestep < 0, 1.0, known)[:, None, None].float()

    def _towards(self, noisy: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        """A DDIM step (Song et al. 2021, without noise of its own)."""
        signal, end = self._signal(now), self._signal(then)
        noise = (noisy - signal.sqrt() * clean) / (1 - signal).sqrt()
        return end.sqrt() * clean + (1 - end).sqrt() * noise
