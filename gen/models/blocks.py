"""What the transformers over frames of motion are built of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class Block(nn.Module):
    """Self-attention and feed-forward, both modulated by the diffusion timestep.

    AdaLN, as in DiT (Peebles and Xie 2023); one projection for all blocks and a learned offset for
    each, as in PixArt-alpha (Chen et al. 2023).
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float, dropout: float) -> None:
        super().__init__()
        hidden = int(dim * mlp_ratio)
        self.heads = heads
        self.offset = nn.Parameter(torch.zeros(6, 1, 1, dim))
        self.norm_attention = nn.LayerNorm(dim, elementwise_affine=False)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.norm_mlp = nn.LayerNorm(dim, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, modulation: Tensor, rotation: Tensor) -> Tensor:
        """Tokens ``[B, T, dim]``, modulation ``[6, B, 1, dim]``, rotations of :func:`rotary`."""
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation + self.offset
        x = self.norm_attention(tokens) * (1 + scale1) + shift1
        q, k, v = rearrange(self.qkv(x), "b t (n h d) -> n b h t d", n=3, h=self.heads)
        x = F.scaled_dot_product_attention(_rotate(q, rotation), _rotate(k, rotation), v)
        x = self.attention_out(rearrange(x, "b h t d -> b t (h d)"))
        tokens = tokens + gate1 * self.dropout(x)
        x = self.norm_mlp(tokens) * (1 + scale2) + shift2
        return tokens + gate2 * self.dropout(self.mlp(x))


class Trunk:
    """What both denoisers of motion do with their tokens, as a mixin of a ``torch.nn.Module``: the
    timestep's embedding, :class:`Block` after block, and the way back to motion."""

    def build_trunk(
        self, motion_dim: int, dim: int, depth: int, heads: int, mlp_ratio: float, dropout: float
    ) -> None:
        """Add the layers; those that modulate and the last one begin at zero.

        Raises:
            ValueError: ``dim`` is not divisible by ``2 * heads``.
        """
        if dim % (2 * heads):
            raise ValueError(f"dim {dim} is not divisible by twice the number of heads, {heads}")
        self.time = nn.Sequential(nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.modulation = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(Block(dim, heads, mlp_ratio, dropout) for _ in range(depth))
        self.norm_out = nn.LayerNorm(dim, elementwise_affine=False)
        self.modulation_out = nn.Linear(dim, 2 * dim)
        self.motion_out = nn.Linear(dim, motion_dim)
        for layer in (self.modulation, self.modulation_out, self.motion_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def embedded(self, timestep: Tensor | int, sample: Tensor) -> Tensor:
        """Timesteps ``[B]``, or one of all samples ``[B, ...]`` → ``[B, dim]``."""
        timestep = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        return self.time(sinusoid(timestep, 256).to(sample.dtype))

    def decoded(self, tokens: Tensor, condition: Tensor, before: int) -> Tensor:
        """Motion ``[B, T, motion_dim]`` of tokens ``[B, before + T, dim]``.

        Args:
            tokens: the first ``before`` are only attended to.
            condition: ``[B, dim]``, by which all layers are modulated.
        """
        condition = F.silu(condition)
        modulation = rearrange(self.modulation(condition), "b (n d) -> n b 1 d", n=6)
        dim = tokens.shape[-1] // self.blocks[0].heads
        rotation = rotary(tokens.shape[1], dim, tokens)
        for block in self.blocks:
            tokens = block(tokens, modulation, rotation)
        shift, scale = self.modulation_out(condition)[:, None].chunk(2, dim=-1)
        return self.motion_out(self.norm_out(tokens[:, before:]) * (1 + scale) + shift)


def sinusoid(timestep: Tensor, dim: int) -> Tensor:
    """Timesteps ``[B]`` → ``[B, dim]`` (Vaswani et al. 2017)."""
    frequency = torch.exp(torch.arange(dim // 2, device=timestep.device) * (-9.21 / (dim // 2)))
    angle = timestep[:, None].float() * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def rotary(frames: int, dim: int, like: Tensor) -> Tensor:
    """Rotations ``[2, frames, dim]`` (cosines, sines) of RoFormer's position embedding."""
    # Wavelengths of 6 to some 600 frames: longer ones would never turn within a window.
    frequency = torch.logspace(0, -2, dim // 2, device=like.device, dtype=like.dtype)
    angle = torch.arange(frames, device=like.device, dtype=like.dtype)[:, None] * frequency
    angle = torch.cat([angle, angle], dim=-1)
    return torch.stack([angle.cos(), angle.sin()])


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * rotation[0] + turned * rotation[1]
