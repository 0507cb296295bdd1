"""What affect adds to neutral motion: a small denoiser beside the frozen one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from gen.models.blocks import Trunk
from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS
from recognizer.network import BaseOutput, Network, register_to_config


@dataclass
class AffectConditions:
    """What is asked for, over the prefix and the window.

    Attributes:
        aus: ``[B, P + T, 48]``, 0-5: each action unit, left and right.
        valence_arousal: ``[B, P + T, 2]``, -1..1.
        emotion: ``[B, P + T, 8]`` weights of :data:`recognizer.facs.EMOTIONS`.
        known: bool ``[B, 3]``: which of the three are asked for at all; each of the others is its
            learned null token.
    """

    aus: Tensor
    valence_arousal: Tensor
    emotion: Tensor
    known: Tensor


@dataclass
class AffectBranchOutput(BaseOutput):
    """What the branch predicts.

    Attributes:
        sample: ``[B, T, 58]``, the clean residual, in units of ``residual_std``.
    """

    sample: Tensor


class AffectBranch(Trunk, Network):
    """Predicts the difference that affect makes to the clean motion that a neutral denoiser makes.

    Motion is ``neutral + residual``. Both are denoised in step: the frozen
    :class:`gen.models.motion.MotionDenoiser` sees the noisy neutral part alone, as in its own
    training; this network sees both, speech, what came before and what is asked for. So a strong
    expression never takes the neutral denoiser out of what it knows. The last layer begins at
    zero, and where nothing is asked for (all three conditions null) the residual is exactly zero.

    Args:
        motion_dim: columns of a motion vector.
        audio_dim: columns of a speech feature frame.
        dim, depth, heads, mlp_ratio, dropout: of the transformer.
        audio_context: frames of speech on either side that the token of a frame sees directly.
        prefix_frames, window_frames: as of the neutral denoiser.
        residual: false for a network that predicts the whole motion and sees no neutral one: what
            the residual is compared with.
    """

    @register_to_config
    def __init__(
        self,
        motion_dim: int = 58,
        audio_dim: int = 13,
        dim: int = 128,
        depth: int = 4,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        audio_context: int = 2,
        prefix_frames: int = 10,
        window_frames: int = 100,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.audio_in = nn.Conv1d(audio_dim, dim, 2 * audio_context + 1)
        self.motion_in = nn.Linear(2 * motion_dim, dim)
        self.prefix_in = nn.Linear(2 * motion_dim, dim)
        self.null_prefix = nn.Parameter(torch.randn(dim) * 0.02)
        widths = (2 * len(AU_NAMES), 2, len(EMOTIONS))
        self.affect_in = nn.ModuleList(nn.Linear(width, dim) for width in widths)
        self.null_affect = nn.Parameter(torch.randn(len(widths), dim) * 0.02)
        self.build_trunk(motion_dim, dim, depth, heads, mlp_ratio, dropout)

        self.register_buffer("residual_mean", torch.zeros(motion_dim))
        self.register_buffer("residual_std", torch.ones(motion_dim))
        self.register_buffer("audio_mean", torch.zeros(audio_dim))
        self.register_buffer("audio_std", torch.ones(audio_dim))

    def normalize(self, residual: Tensor) -> Tensor:
        """Residuals ``[..., 58]`` in their own units → in units of their deviation."""
        return (residual - self.residual_mean) / self.residual_std

    def denormalize(self, residual: Tensor) -> Tensor:
        """The inverse of :meth:`normalize`."""
        return residual * self.residual_std + self.residual_mean

    def target(self, neutral: Tensor, shown: Tensor) -> Tensor:
        """What the branch predicts, normalised, of motions ``[..., 58]`` in their own units."""
        return self.normalize(shown - neutral if self.config.residual else shown)

    def residual(self, made: Tensor, neutral: Tensor) -> Tensor:
        """What a prediction ``[..., 58]`` adds to neutral motion, in its own units."""
        made = self.denormalize(made)
        return made if self.config.residual else made - neutral

    def encode_audio(self, audio: Tensor) -> Tensor:
        """Speech features ``[B, P + T + 2 * audio_context, audio_dim]`` → ``[B, P + T, dim]``."""
        heard = rearrange((audio - self.audio_mean) / self.audio_std, "b t d -> b d t")
        return rearrange(self.audio_in(heard), "b d t -> b t d")

    def encode_affect(self, asked: AffectConditions) -> Tensor:
        """Conditions → tokens ``[B, P + T, dim]``; like speech, they are encoded once a window."""
        values = (asked.aus / AU_MAX, asked.valence_arousal, asked.emotion)
        tokens = 0
        for i, (layer, value) in enumerate(zip(self.affect_in, values, strict=True)):
            known = asked.known[:, i, None, None]
            tokens = tokens + torch.where(known, layer(value), self.null_affect[i])
        return tokens

    def forward(
        self,
        sample: Tensor,
        neutral: Tensor,
        timestep: Tensor | int,
        audio: Tensor,
        affect: Tensor,
        known: Tensor,
        prefix: Tensor | None = None,
        *,
        drop_prefix: Tensor | None = None,
        return_dict: bool = True,
    ) -> AffectBranchOutput | tuple[Tensor]:
        """One denoising step.

        Args:
            sample: ``[B, T, 58]`` noisy residual, normalised.
            neutral: ``[B, T, 58]`` noisy neutral motion, as the neutral denoiser sees it.
            timestep: ``[B]`` or a number, 0 to 999.
            audio: ``[B, P + T, dim]`` of :meth:`encode_audio`.
            affect: ``[B, P + T, dim]`` of :meth:`encode_affect`.
            known: bool ``[B, 3]`` of the same conditions.
            prefix: ``[B, P, 116]`` clean residual and neutral motion before the window, each
                normalised; ``None`` where there is none.
            drop_prefix: bool ``[B]``, true where there is no prefix.
            return_dict: false for a plain tuple.

        Raises:
            ValueError: the lengths of speech, affect and motion disagree.
        """
        batch, length = sample.shape[:2]
        before = self.config.prefix_frames
        if audio.shape[1] != before + length or affect.shape[1] != before + length:
            raise ValueError(
                f"speech has {audio.shape[1]} frames, affect {affect.shape[1]};"
                f" prefix and window {before + length}"
            )
        if not self.config.residual:
            neutral = torch.zeros_like(neutral)
        if prefix is None:
            past = self.null_prefix.expand(batch, before, -1)
        else:
            past = self.prefix_in(prefix)
            if drop_prefix is not None:
                past = torch.where(drop_prefix[:, None, None], self.null_prefix, past)
        tokens = torch.cat([past, self.motion_in(torch.cat([sample, neutral], dim=-1))], dim=1)
        tokens = tokens + audio + affect

        out = self.decoded(tokens, self.embedded(timestep, sample), before)
        if self.config.residual:
            out = out * known.any(1)[:, None, None]
        return AffectBranchOutput(sample=out) if return_dict else (out,)
