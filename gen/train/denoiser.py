"""Train the motion denoiser on folders of records."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.audio import AudioEncoder, load_encoder
from gen.bench.motion import lagged_correlation, lip_opening
from gen.data.corpus import aligned_waveform, read_corpora
from gen.data.dataset import MotionWindows
from gen.models.motion import MotionDenoiser
from gen.motion import MotionGenerator
from gen.scheduler import DDIMScheduler, make_scheduler
from gen.train.chance import Chance
from gen.train.motion_loss import MotionLoss, lip_geometry
from gen.train.options import SpeechMotionOptions

#: A network's clean motion for noisy motion at timesteps ``[B]``.
Denoise = Callable[[MotionDenoiser, Tensor, Tensor], Tensor]
#: The domain of filmed people.
_REAL = "real"


@dataclass
class TrainingConfig(SpeechMotionOptions):
    """A training run of a :class:`gen.models.motion.MotionDenoiser` with a
    :class:`gen.train.motion_loss.MotionLoss`; a YAML file has these keys, and those of
    :class:`gen.train.options.SpeechMotionOptions`.

    Attributes:
        drop_audio, drop_domain, drop_style: how often a condition is left out.
    """

    encoder: str = "whisper"
    drop_audio: float = 0.1
    drop_domain: float = 0.1
    drop_style: float = 0.2


def train_denoiser(
    config: TrainingConfig | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    cache: str | os.PathLike | None = None,
    resume: bool = False,
    encoder: AudioEncoder | None = None,
) -> Path:
    """Train a motion model; arguments and errors are those of :func:`gen.train.motion.train`.

    Returns:
        ``out_dir/model``, for :meth:`gen.motion.MotionGenerator.from_pretrained`.
    """
    config = TrainingConfig.load(config)
    encoder = encoder or load_encoder(config.encoder)
    windows, held_out, domains = read_windows(config, data, encoder, cache)
    torch.manual_seed(config.seed)
    denoiser = MotionDenoiser(
        **{"audio_dim": encoder.dim, "domains": tuple(sorted(set(domains))), **config.model}
    )
    statistics = windows.statistics()
    if denoiser.config.style_dim:
        statistics |= windows.style_statistics()
    for name, value in (statistics | windows.linear_prior(statistics, _REAL)).items():
        getattr(denoiser, name).copy_(torch.from_numpy(value))
    recipe = MotionRecipe(config, denoiser, windows, held_out, domains, Path(out_dir))
    recipe.loop.run(resume)
    return recipe.model_path


def read_windows(
    config: TrainingConfig,
    data: Sequence[str | os.PathLike],
    encoder: AudioEncoder,
    cache: str | os.PathLike | None,
) -> tuple[MotionWindows, dict[str, list], list[str]]:
    """What a motion model is trained on and measured with.

    Returns:
        The windows; by folder the held-out clips, features and record of each; each folder's
        domain.

    Raises:
        FileNotFoundError, ValueError: see :func:`gen.data.corpus.read_corpora`.
    """
    corpora = read_corpora(config.corpora, data)
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
    return windows, held_out, [options.domain for _, _, options in corpora]


class MotionRecipe:
    """Which windows are denoised under which conditions, and how well lips follow in the end.

    Args:
        config: the run's.
        denoiser: what is trained.
        windows, held_out, domains: of :func:`read_windows`.
        out_dir: of the run.
    """

    #: Options of the evaluation's :class:`gen.sampling.Sampling`.
    sampling: Mapping[str, Any] = {}

    def __init__(
        self,
        config: TrainingConfig,
        denoiser: MotionDenoiser,
        windows: MotionWindows,
        held_out: dict[str, list],
        domains: list[str],
        out_dir: Path,
    ) -> None:
        self.config, self.windows, self.held_out = config, windows, held_out
        self.model_path = out_dir / "model"
        self.scheduler = self.schedule_of_noise()
        self.domain_of_corpus = torch.tensor([denoiser.domain_index(name) for name in domains])
        self.loop = config.loop(out_dir, denoiser, self, betas=(0.9, 0.98))
        self.loss = MotionLoss(*lip_geometry(), **config.loss).to(self.loop.device)

    def schedule_of_noise(self) -> DDIMScheduler:
        """The model's own, for training and sampling."""
        return make_scheduler(**self.config.scheduler)

    def task(
        self, clean: Tensor, denoise: Denoise, chance: Chance
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy windows, their timesteps ``[B]``, and what is to be made of them.

        Args:
            clean: ``[B, T, 58]``.
            denoise: a network's estimate under the conditions of these windows.
            chance: of this step.
        """
        count = self.scheduler.config.num_train_timesteps
        timestep = chance.timesteps(len(clean), count)
        return self.scheduler.add_noise(clean, chance.normal(clean), timestep), timestep, clean

    def losses(self) -> dict[str, Tensor]:
        """The loss of noisy windows, and its terms."""
        config, device = self.config, self.loop.device
        denoiser, rng = self.loop.net, self.loop.rng()
        options = denoiser.config
        chance = Chance.drawn(rng, device)
        frames = options.window_frames
        if rng.random() < config.short_windows:
            frames = int(rng.integers(min(16, frames), frames + 1))
        batch = self.windows.batch(
            rng,
            config.batch_size,
            options.prefix_frames + frames,
            options.audio_context,
            styles=bool(options.style_dim),
        )
        motion = denoiser.normalize(torch.from_numpy(batch["motion"]).to(device))
        measured = torch.from_numpy(batch["measured"]).to(device)
        motion = torch.where(measured[:, None], motion, 0.0)
        prefix, clean = motion.split([options.prefix_frames, frames], dim=1)
        before = prefix[:, -1:]

        size = config.batch_size
        prefix = prefix + chance.normal(prefix) * config.prefix_noise * chance.uniform(size, 1, 1)
        drop_prefix = chance.uniform(size) < config.drop_prefix
        speech = torch.from_numpy(batch["speech"]).to(device)
        # Without a prefix, speech begins with the window: what lies before repeats its first frame.
        lead = options.prefix_frames + options.audio_context
        first = speech[:, lead : lead + 1].expand(-1, lead, -1)
        speech = torch.cat(
            [torch.where(drop_prefix[:, None, None], first, speech[:, :lead]), speech[:, lead:]], 1
        )
        noise = chance.normal(speech) * config.speech_noise * chance.uniform(size, 1, 1)
        speech = speech + noise * denoiser.audio_std

        corpus = torch.from_numpy(batch["corpus"])
        domain = self.domain_of_corpus[corpus].to(device)
        domain[chance.uniform(size) < config.drop_domain] = denoiser.domain_index(None)
        style = torch.from_numpy(batch["style"]).to(device) if options.style_dim else None
        drops = {
            "drop_audio": chance.uniform(size) < config.drop_audio,
            "drop_prefix": drop_prefix,
            "drop_style": chance.uniform(size) < config.drop_style,
        }

        def denoise(net: MotionDenoiser, noisy: Tensor, timestep: Tensor) -> Tensor:
            heard = net.encode_audio(speech)
            return net(noisy, timestep, heard, prefix, domain, style, **drops).sample

        noisy, timestep, target = self.task(clean, denoise, chance)
        made = denoise(denoiser, noisy, timestep)
        return self.judged(made, target, before, measured)

    def judged(
        self, made: Tensor, target: Tensor, before: Tensor, measured: Tensor
    ) -> dict[str, Tensor]:
        """The loss, and its terms: the arguments are those of :class:`MotionLoss`."""
        net = self.loop.net
        loss, terms = self.loss(made, target, before, measured, net.motion_mean, net.motion_std)
        return {"loss": loss, **terms}

    def evaluate(self) -> dict[str, Any]:
        """Mean correlation of lip opening on held-out clips, for each corpus."""
        generator = MotionGenerator(self.loop.average, self.scheduler)
        report = {}
        for index, (name, clips) in enumerate(self.held_out.items()):
            domain = int(self.domain_of_corpus[index])
            scores = []
            for features, record in clips:
                made = generator(
                    features,
                    domain=self.loop.net.config.domains[domain],
                    **self.sampling,
                    generator=torch.Generator().manual_seed(self.config.seed),
                )
                r, _, _ = lagged_correlation(lip_opening(made), lip_opening(record.motion), 0)
                if r is not None:
                    scores.append(r)
            if scores:
                report[f"{name}/lip_r"] = round(float(np.mean(scores)), 4)
        return {"held_out": report}

    def save_model(self) -> None:
        """Write the averaged denoiser with its scheduler."""
        MotionGenerator(self.loop.average, self.scheduler).save_pretrained(self.model_path)
