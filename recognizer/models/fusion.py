"""A trainable fusion: :func:`recognizer.fusion.fuse` with learnt experts and reliabilities.

Each modality is an expert that speaks for itself, from a part of its features that all modalities
share and a part of its own (Y. Li, Y. Wang and Z. Cui, "Decoupled multimodal distilling for
emotion recognition", CVPR 2023). The experts combine as a product, like those of ``fuse``, but how
much each counts is read from all of them together, and a correction that begins at zero adds what
only their combination tells (a glad sentence in a bitter voice). An untrained network is therefore
the product of its experts, and training can only leave that where the data says so.

A missing modality is replaced by a learnt token that says so. Presence goes from 0 to 1 as the
reliability of an :class:`recognizer.fusion.Opinion` does, and every output is a continuous function
of it; what an absent modality's features are changes nothing.

Unlike the product of experts, it does not promise that leaving out a modality moves the result by
no more than its weight: the correction may change as well. No trained weights come with this
project, because no corpus of emotional speech and faces may be shipped with it: train your own by
:mod:`recognizer.train.fusion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recognizer.facs import EMOTIONS
from recognizer.fusion import Fused, Opinion, fuse
from recognizer.models.fusion_output import (
    OPINION_FEATURES,
    Expert,
    FusionOutput,
    opinion_features,
)
from recognizer.network import Network, register_to_config

#: Emotion logits, valence-arousal before tanh, their log-variances.
_SIZES = (len(EMOTIONS), 2, 2)
#: Standard deviations of valence and arousal stay within 0.05 and 1.65.
_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -6.0, 1.0
_NOTHING = 1e-12


class Encoder(nn.Module):
    """Features of one modality → an embedding, its private part, and how frames are weighed."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.embed = nn.Sequential(
            nn.Linear(features, width), nn.GELU(), nn.LayerNorm(width), nn.Dropout(dropout)
        )
        self.attend = nn.Linear(width, 1)
        self.private = _perceptron(width, width)

    def forward(self, x: Tensor, presence: Tensor, clip: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised features, embedding and presence; of whole clips if asked for."""
        x = (x - self.mean) / self.scale
        hidden = self.embed(x)
        if clip and x.ndim == 3:
            # Absent frames weigh nothing, and the rest as the reliabilities that they come with.
            score = self.attend(hidden)[..., 0]
            weight = presence * (score - score.amax(1, keepdim=True).detach()).exp()
            weight = (weight / weight.sum(1, keepdim=True).clamp_min(_NOTHING))[..., None]
            x, hidden = (weight.detach() * x).sum(1), (weight * hidden).sum(1)
            presence = (presence**2).sum(1) / presence.sum(1).clamp_min(_NOTHING)
        return x, hidden, presence


class FusionNet(Network):
    """Learnt experts, gates and a correction over one token a modality.

    Time is not modelled: frames are fused one by one, or pooled to a clip first.

    Args:
        features: modality → length of its feature vectors.
        opinions: the features are those of :func:`opinion_features`, and the experts begin with
            what these say: untrained, the network is the product of the recognizers' opinions.
        width: channels.
        layers: of the transformer over the tokens.
        heads: of its attention.
        dropout: in training.
    """

    @register_to_config
    def __init__(
        self,
        features: dict[str, int],
        opinions: bool = False,
        width: int = 48,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not features:
            raise ValueError("a fusion needs at least one modality")
        if opinions and (other := [m for m, d in features.items() if d != OPINION_FEATURES]):
            raise ValueError(f"the features of {', '.join(other)} are no opinions")
        # Saved configurations come back sorted by name, so that no other order would last.
        features = dict(sorted(features.items()))
        self.names = tuple(features)
        self.encoders = nn.ModuleDict({m: Encoder(d, width, dropout) for m, d in features.items()})
        self.shared = _perceptron(width, width)
        self.readouts = nn.ModuleDict({m: nn.Linear(2 * width, sum(_SIZES)) for m in features})
        self.decoders = nn.ModuleDict({m: nn.Linear(2 * width, d) for m, d in features.items()})
        self.tokens = nn.ModuleDict({m: nn.Linear(2 * width, width) for m in features})
        self.absent = nn.Parameter(0.02 * torch.randn(len(features), width))
        self.kind = nn.Parameter(0.02 * torch.randn(len(features) + 1, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 2 * width, dropout, F.gelu, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        # One gate for the emotions, one each for valence and arousal.
        self.gate = nn.Linear(width, 3)
        self.correction = nn.Linear(width, sum(_SIZES))
        for zeroed in (self.gate, self.correction, *(self.readouts.values() if opinions else ())):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("temperatures", torch.ones(len(features)))

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        presence: Mapping[str, Tensor] | None = None,
        clip: bool = False,
        return_dict: bool = True,
    ) -> FusionOutput | tuple:
        """Fuse a batch.

        Args:
            inputs: modality → ``[B, T, D]`` or ``[B, D]``, any subset; a vector without T holds for
                all frames. Frames with a value that is not finite are missing.
            presence: modality → ``[B]`` or ``[B, T]``, 0..1, of those that are not all there.
            clip: pool the frames first: one answer a row; T may then differ.
            return_dict: false for a plain tuple.

        Returns:
            Outputs of leading shape ``[B, T]``, or ``[B]`` if no modality has frames or ``clip``.

        Raises:
            ValueError: no modality, an unknown one, or shapes that disagree.
        """
        out = self.combine(self.experts(inputs, presence, clip))
        return out if return_dict else out.to_tuple()

    def experts(
        self,
        inputs: Mapping[str, Tensor],
        presence: Mapping[str, Tensor] | None = None,
        clip: bool = False,
    ) -> dict[str, Expert]:
        """What each modality says by itself; arguments and errors as of :meth:`forward`."""
        presence = presence or {}
        if not inputs:
            raise ValueError("there is no modality to fuse")
        if unknown := sorted({*inputs, *presence} - set(self.names)):
            raise ValueError(f"no such modality: {', '.join(unknown)}; {', '.join(self.names)}")
        found, sizes = {}, self.config.features
        for name in (n for n in self.names if n in inputs):
            x = inputs[name]
            if x.ndim not in (2, 3) or x.shape[-1] != sizes[name] or 0 in x.shape:
                raise ValueError(
                    f"{name} must be [B, T, {sizes[name]}] or [B, {sizes[name]}], "
                    f"got {list(x.shape)}"
                )
            there = x.isfinite().all(-1)
            trust = presence.get(name, torch.ones_like(there, dtype=x.dtype))
            if trust.shape == x.shape[:1]:
                trust = trust.reshape(-1, *[1] * (x.ndim - 2)).expand(x.shape[:-1])
            if trust.shape != there.shape:
                raise ValueError(f"presence of {name} must be {list(there.shape)}")
            trust = trust.to(x.dtype) * there
            x = x.where(trust[..., None] > 0, self.encoders[name].mean)
            found[name] = self._expert(name, *self.encoders[name](x, trust, clip))
        return found

    def _expert(self, name: str, standard: Tensor, hidden: Tensor, presence: Tensor) -> Expert:
        shared, private = self.shared(hidden), self.encoders[name].private(hidden)
        logits, place, spread = self.read(name, shared, private, standard)
        return Expert(
            logits=logits,
            emotion=(logits / self.temperatures[self.names.index(name)]).softmax(-1),
            valence_arousal=place,
            log_variance=spread,
            presence=presence,
            shared=shared,
            private=private,
            standard=standard,
            rebuilt=self.decoders[name](torch.cat([shared, private], -1)),
        )

    def read(
        self, name: str, shared: Tensor, private: Tensor, standard: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The unimodal head: both parts → logits, valence-arousal, its log-variance."""
        read = self.readouts[name](torch.cat([shared, private], -1))
        logits, place, spread = read.split(_SIZES, -1)
        if not self.config.opinions:
            return logits, torch.tanh(place), _bounded(spread - 2)
        said = standard * self.encoders[name].scale + self.encoders[name].mean
        belief, said_place, said_spread = said.split(_SIZES, -1)
        place = place + torch.atanh(said_place.clamp(-0.99, 0.99))
        return belief + logits, torch.tanh(place), said_spread + 3 * torch.tanh(spread / 3)

    def combine(self, experts: Mapping[str, Expert]) -> FusionOutput:
        """Fuse what :meth:`experts` said.

        Raises:
            ValueError: numbers of rows or frames disagree.
        """
        experts = _of_one_shape(experts)
        lead = next(iter(experts.values())).presence.shape
        tokens = []
        for name, absent in zip(self.names, self.absent, strict=True):
            token = absent.expand(*lead, -1)
            if name in experts:
                expert = experts[name]
                said = self.tokens[name](torch.cat([expert.shared, expert.private], -1))
                token = torch.lerp(token, said, expert.presence[..., None])
            tokens.append(token)
        x = torch.stack([*tokens, torch.zeros_like(tokens[0])], -2) + self.kind
        shape = x.shape
        x = x.reshape(-1, *shape[-2:])
        for block in self.blocks:
            x = block(x)
        x = x.reshape(shape)
        gates = 2 * torch.sigmoid(self.gate(x))
        logits, shift, widening = self.correction(x[..., -1, :]).split(_SIZES, -1)

        precision, pull = {}, torch.zeros_like(shift)
        for name, expert in experts.items():
            gate = gates[..., self.names.index(name), :] * expert.presence[..., None]
            logits = logits + gate[..., :1] * expert.logits
            precision[name] = gate[..., 1:] * (-expert.log_variance).exp()
            pull = pull + precision[name] * expert.valence_arousal
        total = sum(precision.values())
        spoken = total > 0
        total = total.clamp_min(_NOTHING)
        agreed = (pull / total).clamp(-0.999, 0.999)
        return FusionOutput(
            logits=logits,
            emotion=(logits / self.temperature).softmax(-1).where(spoken[..., :1], torch.nan),
            valence_arousal=torch.tanh(torch.atanh(agreed) + shift).where(spoken, torch.nan),
            log_variance=(widening - total.log()).where(spoken, torch.nan),
            weights={n: (p / total).where(spoken, torch.nan) for n, p in precision.items()},
            experts=experts,
        )

    @torch.no_grad()
    def fuse(self, opinions: Sequence[Opinion]) -> Fused:
        """In the place of :func:`recognizer.fusion.fuse`, for a network of ``opinions``.

        Sets the network to evaluation.

        Raises:
            ValueError: as ``fuse``; or the network was trained on other features, or without one of
                the modalities.
        """
        if not self.config.opinions:
            raise ValueError("this fusion was not trained on opinions")
        lead = fuse(opinions).valence_arousal.shape[:-1]
        inputs, presence = {}, {}
        for opinion in opinions:
            features, trust = opinion_features(opinion)
            features = np.broadcast_to(features, (*lead, OPINION_FEATURES))
            rows = torch.from_numpy(features.reshape(-1, OPINION_FEATURES).copy())
            inputs[opinion.modality] = rows.to(self.device, self.dtype)
            flat = torch.from_numpy(np.broadcast_to(trust, lead).reshape(-1).copy())
            presence[opinion.modality] = flat.to(self.device, self.dtype)
        return self.eval()(inputs, presence).fused(lead)


def _of_one_shape(experts: Mapping[str, Expert]) -> dict[str, Expert]:
    """What holds for a whole row is said of each of its frames."""
    frames = {e.presence.shape[1] for e in experts.values() if e.presence.ndim == 2}
    rows = {e.presence.shape[0] for e in experts.values()}
    if len(rows) > 1 or len(frames) > 1:
        raise ValueError("the modalities have different numbers of rows or frames")
    if not frames:
        return dict(experts)
    count = frames.pop()

    def spread(values: Tensor) -> Tensor:
        return values[:, None].expand(-1, count, *values.shape[1:])

    return {
        name: Expert(**{k: spread(v) for k, v in vars(e).items()}) if e.presence.ndim == 1 else e
        for name, e in experts.items()
    }


def _perceptron(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


def _bounded(log_variance: Tensor) -> Tensor:
    """Within the limits, without a dead gradient at either."""
    middle = (_MOST_LOG_VARIANCE + _LEAST_LOG_VARIANCE) / 2
    half = (_MOST_LOG_VARIANCE - _LEAST_LOG_VARIANCE) / 2
    return middle + half * torch.tanh((log_variance - middle) / half)
