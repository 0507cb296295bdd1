"""The recognizer as a teacher: how far motion is from what was asked for, as it would be read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recognizer.facs import AU_INDEX, AU_MAX
from recognizer.models.affect_head import AffectHead, AffectHeadOutput

#: Action units that count, by how well the head reads them (ICC with the person at rest known, from
#: its model card). Those of parted and rounded lips and of blinks are speech's and chance's.
_READABLE = {
    "AU01": 0.55, "AU02": 0.58, "AU04": 0.81, "AU05": 0.45, "AU06": 0.12, "AU07": 0.25,
    "AU09": 0.26, "AU10": 0.25, "AU12": 0.76, "AU14": 0.41, "AU15": 0.51, "AU17": 0.10,
    "AU20": 0.42,
}  # fmt: skip
#: Weight of valence and arousal, in their own units, beside action units as shares of their range.
_PLACE = 0.25
#: Of speech, this quantile of each coefficient stands for the face at rest.
_REST_QUANTILE = 0.4


class AffectError(nn.Module):
    """Mean squared error of what the affect head reads, differentiable by the motion.

    Args:
        head: frozen here.
    """

    def __init__(self, head: AffectHead) -> None:
        super().__init__()
        self.head = head.eval().requires_grad_(False)
        weights = torch.zeros(len(AU_INDEX))
        for name, icc in _READABLE.items():
            weights[AU_INDEX[name]] = icc
        self.register_buffer("weights", weights / weights.sum())

    def forward(
        self, motion: Tensor, neutral: Tensor, aus: Tensor, place: Tensor, known: Tensor
    ) -> Tensor:
        """The error of each window, ``[B]``.

        Args:
            motion: ``[B, T, 58]`` in its own units; coefficients beyond 0..1 are read as they are.
            neutral: ``[B, T, 58]`` the same without affect: who speaks, at rest.
            aus: ``[B, T, 48]`` asked for, 0-5, left and right; the head reads the stronger side.
            place: ``[B, T, 2]`` valence and arousal asked for.
            known: bool ``[B, 3]``: whether action units, place and emotion are asked for.
        """
        read = self._read(motion, neutral)
        wanted = aus.unflatten(-1, (-1, 2)).amax(-1)
        units, places = self._errors(read, wanted, place)
        return known[:, 0] * units + _PLACE * known[:, 1] * places

    def between(self, motion: Tensor, other: Tensor, neutral: Tensor) -> Tensor:
        """The same of two motions ``[B, T, 58]`` as they are read, ``[B]``.

        The head has learnt from tracked faces, which move less than they were told to: what it
        reads of commanded motion is off, but alike for both.
        """
        with torch.no_grad():
            wanted = self._read(other, neutral)
        units, places = self._errors(self._read(motion, neutral), wanted.au, wanted.valence_arousal)
        return units + _PLACE * places

    def _read(self, motion: Tensor, neutral: Tensor) -> AffectHeadOutput:
        rest = neutral[..., :52].quantile(_REST_QUANTILE, dim=1)
        return self.head(motion, rest.detach())

    def _errors(self, read: AffectHeadOutput, aus: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        units = (((read.au - aus) / AU_MAX) ** 2 @ self.weights).mean(1)
        return units, ((read.valence_arousal - place) ** 2).sum(-1).mean(1)
