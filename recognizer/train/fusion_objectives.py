"""What the trainable fusion is trained for: losses, and the balance between modalities.

With experts m of the modalities, each from a shared part ``s_m`` and a private part ``p_m``:

* ``task``: cross-entropy to the emotion's distribution, plus the β-weighted Gaussian likelihood of
  valence and arousal, β = 0.5 (Seitzer et al. 2022). Of the fused answer to all modalities
  (``fused``), of that to some of them (``dropped``), and of every expert alone (``unimodal``).
* ``orthogonality``: mean of ``cos²(s_m, p_m)``: the private part does not repeat the shared one.
* ``rebuilding``: squared error of the features rebuilt from both parts: together they forget
  nothing. (Decoupled multimodal distilling, DMD, adds a cycle through the private encoder; that is
  left out.)
* ``margin``: shared parts of one emotion in different modalities are closer than those of different
  emotions in one modality (DMD's margin loss, on means instead of triplets).
* ``distillation``: DMD lets modalities teach each other along the learnt edges of a graph. Here
  edges only lead from a set of modalities to its subsets: the answer to all of them teaches that to
  some and every expert. A calibrated teacher that sees all that its pupil sees, and more, is on
  average right about what the pupil could know, ``E[E[y | x, z] | x] = E[y | x]``; a peer that
  sees something else is not, and would teach noise. An edge weighs the share of the pupil's
  cross-entropy that the teacher saves, so that none leads from a teacher that knows no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recognizer.models.fusion_output import Expert

_BETA = 0.5
_MARGIN = 0.2


class Answer(Protocol):
    """An expert's, or the fused one."""

    logits: Tensor
    valence_arousal: Tensor
    log_variance: Tensor


def task_loss(
    answer: Answer, emotion: Tensor, place: Tensor, there: Tensor | None = None
) -> Tensor | None:
    """Mean loss of the rows that are labelled (not NaN) and ``there``; ``None`` without any.

    Args:
        answer: of leading shape ``[B]``.
        emotion: ``[B, 8]`` probabilities.
        place: ``[B, 2]`` valence and arousal.
        there: bool ``[B]``.
    """
    losses = []
    named, placed = emotion.isfinite().all(-1), place.isfinite()
    if there is not None:
        named, placed = named & there, placed & there[:, None]
    if named.any():
        losses.append(cross_entropy(answer.logits, emotion, named))
    if placed.any():
        error = (answer.valence_arousal - place)[placed] ** 2
        log_variance = answer.log_variance[placed]
        likelihood = 0.5 * (log_variance + error * (-log_variance).exp())
        losses.append(((_BETA * log_variance.detach()).exp() * likelihood).mean())
    return sum(losses) if losses else None


def cross_entropy(logits: Tensor, emotion: Tensor, rows: Tensor) -> Tensor:
    """Mean over the ``rows`` bool ``[B]``, in nats."""
    return -(emotion[rows] * logits[rows].log_softmax(-1)).sum(-1).mean()


def decoupling_losses(experts: Mapping[str, Expert], emotion: Tensor) -> dict[str, Tensor]:
    """``orthogonality``, ``rebuilding`` and, where labels allow it, ``margin``."""
    orthogonality, rebuilding = [], []
    for expert in experts.values():
        there = expert.presence > 0
        if there.any():
            alike = F.cosine_similarity(expert.shared[there], expert.private[there], dim=-1)
            orthogonality.append((alike**2).mean())
            rebuilding.append(F.mse_loss(expert.rebuilt[there], expert.standard[there]))
    losses = {
        "orthogonality": torch.stack(orthogonality).mean(),
        "rebuilding": torch.stack(rebuilding).mean(),
    }
    margin = _margin_loss(experts, emotion)
    return losses if margin is None else {**losses, "margin": margin}


def _margin_loss(experts: Mapping[str, Expert], emotion: Tensor) -> Tensor | None:
    shared = F.normalize(torch.cat([e.shared for e in experts.values()]), dim=-1)
    modality = torch.arange(len(experts), device=emotion.device).repeat_interleave(len(emotion))
    label = emotion.nan_to_num().argmax(-1).repeat(len(experts))
    there = torch.cat([e.presence > 0 for e in experts.values()])
    there = there & emotion.isfinite().all(-1).repeat(len(experts))
    both = there[:, None] & there
    same_label, same_modality = label[:, None] == label, modality[:, None] == modality
    near, far = both & same_label & ~same_modality, both & ~same_label & same_modality
    anchors = near.any(1) & far.any(1)
    if not anchors.any():
        return None
    alike = shared @ shared.T

    def mean(mask: Tensor) -> Tensor:
        return ((alike * mask).sum(1) / mask.sum(1).clamp_min(1))[anchors]

    return F.relu(_MARGIN - mean(near) + mean(far)).mean()


def distillation_loss(
    teacher: Answer, pupil: Answer, emotion: Tensor, there: Tensor
) -> Tensor | None:
    """Divergence from the teacher's emotions times the weight of the edge, of which the gradient
    flows to the pupil alone. Valence and arousal are not taught: on made data it cost concordance.

    Args:
        teacher, pupil: of leading shape ``[B]``.
        emotion: ``[B, 8]``, the truth, which the weight of the edge is measured with.
        there: bool ``[B]``: rows where the pupil has something to go by.

    Returns:
        ``None`` if no row is both labelled and ``there``.
    """
    rows = there & emotion.isfinite().all(-1)
    if not rows.any():
        return None
    spoken = pupil.logits[rows].log_softmax(-1)
    with torch.no_grad():
        belief = teacher.logits[rows].softmax(-1)
        loss = cross_entropy(pupil.logits, emotion, rows)
        edge = F.relu(1 - cross_entropy(teacher.logits, emotion, rows) / loss.clamp_min(1e-6))
    return edge * F.kl_div(spoken, belief, reduction="batchmean")


@torch.no_grad()
def modulation(experts: Mapping[str, Expert], emotion: Tensor, alpha: float) -> dict[str, float]:
    """How large a step each modality's encoder takes: on-the-fly gradient modulation.

    X. Peng and others, "Balanced multimodal learning via on-the-fly gradient modulation", CVPR
    2022: with ``c_m`` the mean probability that expert m gives the truth and ``ρ_m = c_m / mean of
    the others'``, ``k_m = 1 - tanh(α ρ_m)`` where ``ρ_m > 1``, else 1: the modality that is ahead
    steps back, so that it does not explain away what the others would have learnt. (The paper has
    two modalities; with two, this is its formula.)

    Returns:
        Modality → 0..1; 1 where it cannot be told.
    """
    scores = {}
    for name, expert in experts.items():
        rows = (expert.presence > 0) & emotion.isfinite().all(-1)
        if rows.any():
            hit = (expert.logits[rows].softmax(-1) * emotion[rows]).sum(-1)
            scores[name] = float(hit.mean())
    factors = dict.fromkeys(experts, 1.0)
    for name, score in scores.items():
        others = [other for peer, other in scores.items() if peer != name]
        ratio = score / max(sum(others) / len(others), 1e-6) if others else 0.0
        if ratio > 1:
            factors[name] = 1.0 - float(torch.tanh(torch.tensor(alpha * ratio)))
    return factors


@torch.no_grad()
def add_noise(module: nn.Module, strength: float) -> None:
    """Generalisation enhancement: Gaussian noise on the gradients of a modulated encoder.

    A smaller step also has less of the noise that makes stochastic gradient descent generalise;
    the paper puts it back. Like the authors' code, the noise of each weight matrix has the standard
    deviation of its gradient's entries, here times ``strength``.
    """
    for parameter in module.parameters():
        if parameter.grad is not None and parameter.ndim > 1:
            spread = strength * parameter.grad.std()
            parameter.grad.add_(spread * torch.randn_like(parameter))
