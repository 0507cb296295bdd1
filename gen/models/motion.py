"""The denoiser of facial motion: a small transformer over frames, conditioned on speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from gen.models.blocks import Trunk
from recognizer.network import BaseOutput, Network, register_to_config


@dataclass
class MotionDenoiserOutput(BaseOutput):
    """What the denoiser predicts.

    Attributes:
        sample: ``[B, T, 58]``, the clean motion x0 of the window, normalised.
    """

    sample: Tensor


class MotionDenoiser(Trunk, Network):
    """Predicts clean motion from noisy motion, speech and what came before.

    A sequence is ``P`` prefix frames, known and clean, and ``T`` frames to denoise. Each frame is
    one token: its motion, the speech around it and, at every block, attention to all other frames
    with rotary positions, so that only distances count and any length goes in. The diffusion
    timestep scales, shifts and gates each block (AdaLN, as in DiT; one projection for all blocks
    and a learned offset for each, as in PixArt-alpha).

    Four conditions can be left out, each for its own learned null embedding, which is what
    classifier-free guidance contrasts with: speech, prefix, domain and style, a few numbers that
    say how somebody moves (:meth:`gen.style.Style.token`).

    Args:
        motion_dim: columns of a motion vector.
        audio_dim: columns of a speech feature frame.
        dim: width of a token; divisible by ``2 * heads``.
        depth: number of blocks.
        heads: attention heads a block.
        mlp_ratio: hidden width of a block's feed-forward part, in ``dim``.
        audio_context: frames of speech on either side that the token of a frame sees directly;
            even, since two convolutions share it.
        prefix_frames: ``P``.
        window_frames: ``T`` of training; other lengths work.
        domains: names of the sorts of data a window may come from, a condition.
        style_dim: columns of a style; 0 for a model that knows none.
        dropout: after attention and feed-forward.
        fps: frames a second of motion and speech features.
    """

    @register_to_config
    def __init__(
        self,
        motion_dim: int = 58,
        audio_dim: int = 384,
        dim: int = 256,
        depth: int = 6,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        audio_context: int = 4,
        prefix_frames: int = 10,
        window_frames: int = 100,
        domains: tuple[str, ...] = ("real", "synthetic"),
        style_dim: int = 0,
        dropout: float = 0.0,
        fps: float = 25.0,
    ) -> None:
        super().__init__()
        if audio_context % 2:
            raise ValueError(f"audio_context must be even, got {audio_context}")
        self.audio_in = nn.Linear(audio_dim, dim)
        self.audio_conv = nn.Sequential(
            nn.Conv1d(dim, dim, audio_context + 1),
            nn.GELU(),
            nn.Conv1d(dim, dim, audio_context + 1),
        )
        self.motion_in = nn.Linear(motion_dim, dim)
        self.prefix_in = nn.Linear(motion_dim, dim)
        self.null_audio = nn.Parameter(torch.randn(dim) * 0.02)
        self.null_prefix = nn.Parameter(torch.randn(dim) * 0.02)
        self.domain = nn.Embedding(len(domains) + 1, dim)
        if style_dim:
            self.style_in = nn.Sequential(nn.Linear(style_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
            self.null_style = nn.Parameter(torch.randn(dim) * 0.02)
        self.build_trunk(motion_dim, dim, depth, heads, mlp_ratio, dropout)
        nn.init.normal_(self.domain.weight, std=0.02)

        self.register_buffer("motion_mean", torch.zeros(motion_dim))
        self.register_buffer("motion_std", torch.ones(motion_dim))
        self.register_buffer("audio_mean", torch.zeros(audio_dim))
        self.register_buffer("audio_std", torch.ones(audio_dim))
        if style_dim:
            self.register_buffer("style_mean", torch.zeros(style_dim))
            self.register_buffer("style_std", torch.ones(style_dim))
        self.register_buffer("prior_weight", torch.zeros(audio_dim, motion_dim))
        self.register_buffer("prior_bias", torch.zeros(motion_dim))

    def normalize(self, motion: Tensor) -> Tensor:
        """Motion vectors ``[..., 58]`` in their own units → zero mean, unit variance."""
        return (motion - self.motion_mean) / self.motion_std

    def denormalize(self, motion: Tensor) -> Tensor:
        """The inverse of :meth:`normalize`."""
        return motion * self.motion_std + self.motion_mean

    def prior(self, audio: Tensor) -> Tensor:
        """What a linear map expects of the motion, from speech features ``[..., audio_dim]``.

        Returns:
            ``[..., motion_dim]``, normalised; 0 in the columns that it says nothing of.
        """
        return ((audio - self.audio_mean) / self.audio_std) @ self.prior_weight + self.prior_bias

    def domain_index(self, name: str | None) -> int:
        """The number by which :meth:`forward` knows a domain; ``None`` is the null one.

        Raises:
            ValueError: the model was not trained with this domain.
        """
        names = list(self.config.domains)
        if name is None:
            return len(names)
        if name not in names:
            raise ValueError(f"no domain is called {name!r}; this model knows {', '.join(names)}")
        return names.index(name)

    def style_token(self, style: Sequence[float] | None) -> Tensor | None:
        """A style as :meth:`forward` takes it, ``[1, style_dim]``.

        Within what was trained on: no number further from the mean than 2.5 deviations.

        Raises:
            ValueError: it has another number of columns than this model knows.
        """
        if style is None:
            return None
        if len(style) != self.config.style_dim:
            raise ValueError(
                f"this model's styles have {self.config.style_dim} numbers, not {len(style)}"
            )
        token = torch.as_tensor(style, dtype=self.dtype, device=self.device)
        reach = 2.5 * self.style_std
        return token.clamp(self.style_mean - reach, self.style_mean + reach)[None]

    def encode_audio(self, audio: Tensor) -> Tensor:
        """Speech features ``[B, P + T + 2 * audio_context, 384]`` → tokens ``[B, P + T, dim]``.

        They do not depend on the timestep: a sampler computes them once.
        """
        tokens = self.audio_in((audio - self.audio_mean) / self.audio_std)
        near = rearrange(self.audio_conv(rearrange(tokens, "b t d -> b d t")), "b d t -> b t d")
        context = self.config.audio_context
        return near + tokens[:, context : tokens.shape[1] - context]

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        audio: Tensor,
        prefix: Tensor,
        domain: Tensor,
        style: Tensor | None = None,
        *,
        drop_audio: Tensor | None = None,
        drop_prefix: Tensor | None = None,
        drop_style: Tensor | None = None,
        return_dict: bool = True,
    ) -> MotionDenoiserOutput | tuple[Tensor]:
        """One denoising step.

        Args:
            sample: ``[B, T, 58]`` noisy motion, normalised.
            timestep: ``[B]`` or a number, 0 to 999.
            audio: ``[B, P + T, dim]`` from :meth:`encode_audio`.
            prefix: ``[B, P, 58]`` clean motion before the window, normalised.
            domain: int64 ``[B]`` of :meth:`domain_index`.
            style: ``[B, style_dim]``; ``None`` for none.
            drop_audio: bool ``[B]``, true where speech is left out.
            drop_prefix: bool ``[B]``, true where there is no prefix.
            drop_style: bool ``[B]``, true where style is left out.
            return_dict: false for a plain tuple.

        Raises:
            ValueError: the lengths of speech and motion disagree.
        """
        frames = prefix.shape[1] + sample.shape[1]
        if audio.shape[1] != frames:
            raise ValueError(f"audio has {audio.shape[1]} frames, prefix and window {frames}")
        before = self.prefix_in(prefix)
        if drop_prefix is not None:
            before = torch.where(drop_prefix[:, None, None], self.null_prefix, before)
        if drop_audio is not None:
            audio = torch.where(drop_audio[:, None, None], self.null_audio, audio)
        tokens = torch.cat([before, self.motion_in(sample)], dim=1) + audio

        condition = self.embedded(timestep, sample) + self.domain(domain)
        if self.config.style_dim:
            condition = condition + self._styled(style, drop_style)
        out = self.decoded(tokens, condition, prefix.shape[1])
        return MotionDenoiserOutput(sample=out) if return_dict else (out,)

    def _styled(self, style: Tensor | None, drop: Tensor | None) -> Tensor:
        """Embeddings ``[B, dim]`` of styles, the null one where there is none."""
        if style is None:
            return self.null_style
        found = self.style_in((style - self.style_mean) / self.style_std)
        return found if drop is None else torch.where(drop[:, None], self.null_style, found)
