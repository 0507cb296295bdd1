"""Train the motion denoiser on folders of records."""

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
from diffusers import DDIMScheduler
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gen.audio import AudioEncoder, load_encoder
from gen.bench.motion import lagged_correlation, lip_opening
from gen.data.dataset import CorpusConfig, MotionWindows, aligned_waveform, load_corpus
from gen.data.records import MotionRecord
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.train.motion_loss import MotionLoss, lip_geometry
from recognizer.config import read_config

#: The domain of filmed people.
_REAL = "real"


@dataclass
class TrainingConfig:
    """A training run; a YAML file has these keys.

    Attributes:
        corpora: :class:`gen.data.dataset.CorpusConfig` arguments by the name of the data folder.
        model: arguments of :class:`gen.models.motion.MotionDenoiser`.
        scheduler: arguments of ``diffusers.DDIMScheduler``.
        loss: arguments of :class:`gen.train.motion_loss.MotionLoss`.
        encoder: speech encoder, see :func:`gen.audio.load_encoder`.
        steps: optimiser steps.
        max_minutes: the learning rate ends by then even if ``steps`` are not reached.
        batch_size: windows a step and process.
        learning_rate, weight_decay, warmup: of AdamW; cosine decay after ``warmup`` steps.
        clip_norm: of the gradient.
        ema: decay of the averaged weights, the ones that are kept.
        drop_audio, drop_prefix, drop_domain: how often a condition is left out.
        prefix_noise: largest deviation of the noise on the prefix, which at inference is generated.
        speech_noise: largest deviation of the noise on standardised speech features.
        short_windows: share of batches with windows shorter than the model's.
        log_every, eval_every, save_every: steps.
        eval_clips: held-out clips a corpus.
        seed: of everything drawn.
    """

    corpora: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    encoder: str = "whisper"
    steps: int = 3000
    max_minutes: float | None = None
    batch_size: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    warmup: int = 100
    clip_norm: float = 1.0
    ema: float = 0.998
    drop_audio: float = 0.1
    drop_prefix: float = 0.15
    drop_domain: float = 0.1
    prefix_noise: float = 0.3
    speech_noise: float = 0.3
    short_windows: float = 0.2
    log_every: int = 20
    eval_every: int = 250
    save_every: int = 100
    eval_clips: int = 20
    seed: int = 0

    @classmethod
    def load(cls, source: Mapping | str | os.PathLike) -> TrainingConfig:
        """From a mapping or a YAML file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not a mapping, a key that is none, or no corpora.
        """
        config = read_config(cls, source)
        if not config.corpora:
            raise ValueError("the configuration names no corpora")
        return config


def train(
    config: TrainingConfig | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Train a motion model.

    Writes ``out_dir/log.jsonl`` (losses and held-out figures), ``out_dir/state.safetensors`` (to
    resume from) and ``out_dir/model`` (averaged weights, for
    :meth:`gen.motion.MotionGenerator.from_pretrained`).

    Args:
        config: the run, or its YAML file.
        out_dir: made if it is not there.
        data: folders of records, called as the configuration's corpora are.
        cache: folder for speech features, shared between runs.
        resume: go on from ``out_dir/state.safetensors`` if it is there.
        encoder: in place of the one that the configuration names.

    Returns:
        ``out_dir/model``.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: the configuration does not fit the data.
    """
    if not isinstance(config, TrainingConfig):
        config = TrainingConfig.load(config)
    out_dir = Path(out_dir)
    corpora = _read_corpora(config, data)
    encoder = encoder or load_encoder(config.encoder)
    windows = MotionWindows(
        [(train_part, options) for train_part, _, options in corpora],
        encoder.encode,
        cache,
        config.seed,
    )
    held_out = {
        Path(folder).name: [
            (encoder.encode(aligned_waveform(r)), r) for r in kept[: config.eval_clips]
        ]
        for folder, (_, kept, _) in zip(data, corpora, strict=True)
    }
    domains = sorted({options.domain for _, _, options in corpora})
    torch.manual_seed(config.seed)
    denoiser = MotionDenoiser(
        **{"audio_dim": encoder.dim, "domains": tuple(domains), **config.model}
    )
    statistics = windows.statistics()
    for name, value in (statistics | windows.linear_prior(statistics, _REAL)).items():
        getattr(denoiser, name).copy_(torch.from_numpy(value))
    trainer = _Trainer(config, denoiser, [options.domain for _, _, options in corpora], out_dir)
    if resume and trainer.state_path.is_file():
        trainer.load_state()
    trainer.run(windows, held_out)
    return trainer.model_path


def _read_corpora(
    config: TrainingConfig, data: Sequence[str | os.PathLike]
) -> list[tuple[list[MotionRecord], list[MotionRecord], CorpusConfig]]:
    """Training records, held-out records and configuration of each data folder."""
    names = [Path(folder).name for folder in data]
    if sorted(names) != sorted(config.corpora):
        raise ValueError(
            f"the configuration has corpora {', '.join(sorted(config.corpora))};"
            f" the data folders are {', '.join(sorted(names)) or 'none'}"
        )
    corpora = []
    for folder, name in zip(data, names, strict=True):
        options = CorpusConfig(**config.corpora[name])
        records = load_corpus(folder)
        if options.hold_out >= len(records):
            raise ValueError(f"{folder} has {len(records)} records, all of them held out")
        split = len(records) - options.hold_out
        corpora.append((records[:split], records[split:], options))
    return corpora


class _Trainer:
    """The loop: one optimiser step after the other, averaged, logged, saved."""

    def __init__(
        self, config: TrainingConfig, denoiser: MotionDenoiser, domains: list[str], out_dir: Path
    ) -> None:
        from accelerate import Accelerator

        self.config = config
        self.accelerator = Accelerator()
        self.scheduler = DDIMScheduler(
            **{
                "beta_schedule": "squaredcos_cap_v2",
                "prediction_type": "sample",
                "clip_sample": False,
                "timestep_spacing": "trailing",
                "rescale_betas_zero_snr": True,
                **config.scheduler,
            }
        )
        self.domain_of_corpus = torch.tensor([denoiser.domain_index(name) for name in domains])
        self.average = MotionDenoiser.from_config(denoiser.config)
        self.average.load_state_dict(denoiser.state_dict())
        self.average.to(self.accelerator.device).requires_grad_(False)
        optimizer = torch.optim.AdamW(
            denoiser.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.98),
        )
        self.loss = MotionLoss(*lip_geometry(), **config.loss).to(self.accelerator.device)
        self.model, self.optimizer = self.accelerator.prepare(denoiser, optimizer)
        self.denoiser: MotionDenoiser = self.accelerator.unwrap_model(self.model)
        self.step, self.elapsed = 0, 0.0
        self.out_dir = out_dir
        self.state_path = out_dir / "state.safetensors"
        self.model_path = out_dir / "model"

    def run(self, windows: MotionWindows, held_out: dict[str, list]) -> None:
        """Train until the steps or the minutes are used up."""
        config = self.config
        self.out_dir.mkdir(parents=True, exist_ok=True)
        sums: dict[str, float] = {}
        mark, began = time.monotonic(), self.elapsed
        while (progress := self._progress()) < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * self._rate(progress)
            terms = self._train_step(windows)
            self.step += 1
            self.elapsed = began + time.monotonic() - mark
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value
            last = self._progress() >= 1
            if self.step % config.log_every == 0 or last:
                count = (self.step - 1) % config.log_every + 1
                means = {name: round(value / count, 5) for name, value in sums.items()}
                sums.clear()
                self._log(lr=self.optimizer.param_groups[0]["lr"], **means)
            if self.step % config.eval_every == 0 or last:
                self._log(held_out=self._evaluate(held_out))
            if self.step % config.save_every == 0 or last:
                self.save_state()

    def _progress(self) -> float:
        done = self.step / self.config.steps
        if self.config.max_minutes:
            done = max(done, self.elapsed / 60 / self.config.max_minutes)
        return done

    def _rate(self, progress: float) -> float:
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup))
        return warm * max(0.01, 0.5 * (1 + math.cos(math.pi * progress)))

    def _train_step(self, windows: MotionWindows) -> dict[str, float]:
        """One step; all that is random in it follows from seed, step and process."""
        config, device = self.config, self.accelerator.device
        options = self.denoiser.config
        rng = np.random.default_rng([config.seed, self.step, self.accelerator.process_index])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        frames = options.window_frames
        if rng.random() < config.short_windows:
            frames = int(rng.integers(min(16, frames), frames + 1))
        batch = windows.batch(
            rng, config.batch_size, options.prefix_frames + frames, options.audio_context
        )
        motion = self.denoiser.normalize(torch.from_numpy(batch["motion"]).to(device))
        measured = torch.from_numpy(batch["measured"]).to(device)
        motion = torch.where(measured[:, None], motion, 0.0)
        prefix, clean = motion.split([options.prefix_frames, frames], dim=1)
        before = prefix[:, -1:]

        def random(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator).to(device)

        def normal(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=generator).to(device)

        size = config.batch_size
        prefix = prefix + normal(prefix) * config.prefix_noise * random(size, 1, 1)
        drop_prefix = random(size) < config.drop_prefix
        speech = torch.from_numpy(batch["speech"]).to(device)
        # Without a prefix, speech begins with the window: what lies before repeats its first frame.
        lead = options.prefix_frames + options.audio_context
        first = speech[:, lead : lead + 1].expand(-1, lead, -1)
        speech = torch.cat(
            [torch.where(drop_prefix[:, None, None], first, speech[:, :lead]), speech[:, lead:]], 1
        )
        noise = normal(speech) * config.speech_noise * random(size, 1, 1)
        speech = speech + noise * self.denoiser.audio_std

        corpus = torch.from_numpy(batch["corpus"])
        domain = self.domain_of_corpus[corpus].to(device)
        domain[random(size) < config.drop_domain] = self.denoiser.domain_index(None)
        timestep = torch.randint(
            self.scheduler.config.num_train_timesteps, (size,), generator=generator
        ).to(device)
        noisy = self.scheduler.add_noise(clean, normal(clean), timestep)
        made = self.model(
            noisy,
            timestep,
            self.denoiser.encode_audio(speech),
            prefix,
            domain,
            drop_audio=random(size) < config.drop_audio,
            drop_prefix=drop_prefix,
        ).sample
        loss, terms = self.loss(
            made, clean, before, measured, self.denoiser.motion_mean, self.denoiser.motion_std
        )
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        # The average must forget the untrained weights soon: a short memory at first.
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.denoiser.parameters(), strict=True)
        for kept, new in pairs:
            kept.lerp_(new.detach(), 1 - decay)
        values = {"loss": loss, **terms, "grad_norm": norm}
        return {name: float(value.detach()) for name, value in values.items()}

    def _evaluate(self, held_out: dict[str, list]) -> dict[str, float]:
        """Mean correlation of lip opening on held-out clips, for each corpus."""
        generator = MotionGenerator(self.average, self.scheduler)
        report = {}
        for index, (name, clips) in enumerate(held_out.items()):
            domain = int(self.domain_of_corpus[index])
            scores = []
            for features, record in clips:
                made = generator(
                    features,
                    domain=self.denoiser.config.domains[domain],
                    generator=torch.Generator().manual_seed(self.config.seed),
                )
                r, _, _ = lagged_correlation(lip_opening(made), lip_opening(record.motion), 0)
                if r is not None:
                    scores.append(r)
            if scores:
                report[f"{name}/lip_r"] = round(float(np.mean(scores)), 4)
        return report

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            row = {"step": self.step, "minutes": round(self.elapsed / 60, 2), **values}
            with open(self.out_dir / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def save_state(self) -> None:
        """Write the averaged model and all that resuming needs."""
        if not self.accelerator.is_main_process:
            return
        MotionGenerator(self.average, self.scheduler).save_pretrained(self.model_path)
        tensors = {f"model.{k}": v for k, v in self.denoiser.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        moments = self.optimizer.state_dict()["state"]
        for index, state in moments.items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
        metadata = {"progress": json.dumps({"step": self.step, "elapsed": self.elapsed})}
        partial = self.state_path.with_suffix(".partial")
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, partial, metadata)
        os.replace(partial, self.state_path)

    def load_state(self) -> None:
        """Read what :meth:`save_state` wrote.

        Raises:
            ValueError: it belongs to another model.
        """
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
        with safe_open(self.state_path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118
                part, name = key.split(".", 1)
                parts[part][name] = file.get_tensor(key)
        try:
            self.denoiser.load_state_dict(parts["model"])
            self.average.load_state_dict(parts["average"])
        except RuntimeError as error:
            raise ValueError(f"{self.state_path} is of another model: {error}") from error
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in parts["optimizer"].items():
            index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.elapsed = progress["step"], progress["elapsed"]
