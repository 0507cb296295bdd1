"""The affect head: facial motion → action units, valence and arousal, emotions, and how sure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recognizer.facs import ARKIT_NAMES, AU_MAX, AU_NAMES, EMOTIONS
from recognizer.models.gaussian import bounded
from recognizer.network import BaseOutput, Network, register_to_config

#: Frames a second of the motion that the head is trained on.
HEAD_FPS = 25.0
_COEFFICIENTS = len(ARKIT_NAMES)


@dataclass
class AffectHeadOutput(BaseOutput):
    """What the head reads from each frame.

    Attributes:
        au: ``[B, T, 24]`` intensities, 0 to 5.
        au_log_variance: ``[B, T, 24]``, of a Gaussian around ``au``.
        valence_arousal: ``[B, T, 2]``, -1 to 1.
        valence_arousal_log_variance: ``[B, T, 2]``.
        logits: ``[B, T, 8]`` of the emotions, before the temperature.
        emotion: ``[B, T, 8]`` their calibrated probabilities.
    """

    au: Tensor
    au_log_variance: Tensor
    valence_arousal: Tensor
    valence_arousal_log_variance: Tensor
    logits: Tensor
    emotion: Tensor


class TemporalBlock(nn.Module):
    """What the frames beside it say (a depthwise dilated convolution over three), then a
    perceptron on each frame, both beside skip connections (as ConvNeXt, Liu et al. 2022)."""

    def __init__(self, width: int, dilation: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Parameter(torch.tensor([[0.0], [1.0], [0.0]]).repeat(1, width))
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        before, after = _shifted(y, self.dilation)
        y = before * self.taps[0] + y * self.taps[1] + after * self.taps[2]
        return x + self.drop(self.contract(F.silu(self.expand(y))))


class AffectHead(Network):
    """A small temporal network over ARKit coefficients.

    Why so: action units are nearly functions of a frame's coefficients, so most of the work is a
    perceptron on each frame; time tells a blink from shut eyes and speech from expression, for
    which a second to either side is enough. Beyond its ends a window repeats its first and last
    frame, so that a single frame is a face that holds still. Only the head's rotation is read:
    where it is says nothing about affect.

    A face at rest may look as if it smiled or frowned. Where the person's coefficients at rest are
    known, the head sees the difference to them too; it is trained with and without.

    Args:
        width: channels.
        dilations: one temporal block each, with this distance between the frames it looks at.
        expansion: hidden channels of the perceptrons in widths.
        dropout: in training.
    """

    @register_to_config
    def __init__(
        self,
        width: int = 96,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        expansion: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        inputs = 2 * _COEFFICIENTS + 1 + 3
        self.embed = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            TemporalBlock(width, dilation, expansion, dropout) for dilation in dilations
        )
        self.norm = nn.LayerNorm(width)
        self.sizes = (len(AU_NAMES), len(AU_NAMES), 2, 2, len(EMOTIONS))
        self.readout = nn.Linear(width, sum(self.sizes))
        self.register_buffer("mean", torch.zeros(_COEFFICIENTS))
        self.register_buffer("scale", torch.ones(_COEFFICIENTS))
        self.register_buffer("temperature", torch.ones(()))

    def forward(
        self, motion: Tensor, rest: Tensor | None = None, return_dict: bool = True
    ) -> AffectHeadOutput | tuple:
        """Read a batch of windows at 25 frames a second.

        Args:
            motion: ``[B, T, 58]``, T ≥ 1: 52 coefficients 0..1 and the head's pose, as of
                :meth:`recognizer.motion.MotionTrack.to_vectors`.
            rest: ``[B, 52]`` the persons' coefficients at rest, or ``None``. Rows of NaN stand for
                persons of whom they are not known.
            return_dict: false for a plain tuple.

        Raises:
            ValueError: another shape.
        """
        if motion.ndim != 3 or motion.shape[1] < 1 or motion.shape[2] != _COEFFICIENTS + 6:
            raise ValueError(f"the affect head takes motion [B, T, 58], got {list(motion.shape)}")
        if rest is None:
            rest = motion.new_full((len(motion), _COEFFICIENTS), float("nan"))
        if rest.shape != (len(motion), _COEFFICIENTS):
            raise ValueError(f"rest must be [{len(motion)}, 52], got {list(rest.shape)}")
        coefficients, angles = motion[..., :_COEFFICIENTS], motion[..., _COEFFICIENTS:][..., :3]
        known = rest.isfinite().all(-1)[:, None, None]
        change = (coefficients - torch.where(known[:, 0], rest, 0.0)[:, None]) * known
        flag = known.expand(-1, motion.shape[1], -1).to(motion.dtype)
        x = torch.cat(
            [(coefficients - self.mean) / self.scale, change / self.scale, flag, angles / 30], -1
        )
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        au, au_spread, place, place_spread, logits = self.readout(self.norm(x)).split(
            self.sizes, -1
        )
        out = AffectHeadOutput(
            au=AU_MAX * torch.sigmoid(au),
            au_log_variance=bounded(au_spread),
            valence_arousal=torch.tanh(place),
            valence_arousal_log_variance=bounded(place_spread - 2),
            logits=logits,
            emotion=(logits / self.temperature).softmax(-1),
        )
        return out if return_dict else out.to_tuple()


def _shifted(x: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """``[B, T, C]`` as seen ``by`` frames earlier and later; ends are repeated."""
    by = min(by, x.shape[1])
    first, last = x[:, :1].expand(-1, by, -1), x[:, -1:].expand(-1, by, -1)
    return torch.cat([first, x[:, :-by]], 1), torch.cat([x[:, by:], last], 1)
