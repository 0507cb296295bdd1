"""What a correction is held against: pixels, edges, perception and the change between frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RefinerLoss(nn.Module):
    """A weighted sum of distances between corrected and true patches.

    Args:
        edges: weight of the distance of horizontal and vertical differences.
        perceptual: weight of ST-LPIPS (AlexNet); above 0 the extra ``eval`` is needed.
        temporal: weight of the distance of changes since the frame before.

    Raises:
        ValueError: ``perceptual`` is above 0 and stlpips-pytorch is not installed.
    """

    def __init__(self, edges: float = 1.0, perceptual: float = 0.0, temporal: float = 0.5) -> None:
        super().__init__()
        self.edges, self.perceptual, self.temporal = edges, perceptual, temporal
        self.network = _perceptual_network() if perceptual else None

    def forward(
        self,
        made: Tensor,
        true: Tensor,
        mask: Tensor,
        rendered: Tensor,
        made_before: Tensor,
        true_before: Tensor,
        has_before: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its terms.

        Args:
            made: ``[B, 3, S, S]`` correction, patches being -1..1.
            true: ``[B, 3, S, S]``, masked: what it should be.
            mask: ``[B, 1, S, S]``, by whose area errors are counted.
            rendered: ``[B, 3, S, S]`` what is corrected.
            made_before: ``[B, 3, S, S]`` corrected patch of the frame before.
            true_before: ``[B, 3, S, S]`` its truth.
            has_before: bool ``[B]``: there is one.
        """
        area = mask.mean().clamp(min=1e-3)
        error = made - true
        terms = {"pixels": error.abs().mean() / area}
        slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        terms["edges"] = slopes / area
        loss = terms["pixels"] + self.edges * terms["edges"]
        if self.temporal and has_before.any():
            jump = (rendered + made - made_before) - (rendered + true - true_before)
            jump = (jump * mask)[has_before]
            terms["temporal"] = jump.abs().mean() / area
            loss = loss + self.temporal * terms["temporal"]
        if self.network is not None:
            # A half of the batch: the network costs as much as the refiner.
            part = slice((len(made) + 1) // 2)
            terms["perceptual"] = self.network(
                (rendered + made)[part], (rendered + true)[part]
            ).mean()
            loss = loss + self.perceptual * terms["perceptual"]
        return loss, terms


def _perceptual_network() -> nn.Module:
    import warnings

    from recognizer.metrics.extras import UnavailableError, stlpips

    try:
        package = stlpips()
    except UnavailableError as error:
        raise ValueError(f"a perceptual loss cannot be had: {error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torchvision's old argument names
        network = package.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    return network.eval().requires_grad_(False)


def masked_correction(rendered: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """x0 of the diffusion, where patches are -1..1: zero outside the mask."""
    return (target - rendered) * mask


def step_weights(timesteps: int, first_share: float) -> Tensor:
    """How often each timestep is trained: the last, where sampling starts, most of all."""
    weights = torch.full((timesteps,), (1 - first_share) / timesteps)
    weights[-1] += first_share
    return weights
