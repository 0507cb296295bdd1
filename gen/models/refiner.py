"""The refiner: a small UNet that says how a rendered patch of a face should be corrected."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recognizer.network import BaseOutput, Network, register_to_config

#: Channels of each condition, in the order of :func:`stack_condition`.
CONDITION_CHANNELS = {
    "rendered": 3, "previous": 3, "geometry": 3, "reference": 3, "reference_geometry": 3,
}  # fmt: skip


@dataclass
class PatchRefinerOutput(BaseOutput):
    """What the refiner predicts.

    Attributes:
        sample: ``[B, 3, S, S]``, the clean correction x0, in units of ``correction_scale``.
    """

    sample: Tensor


class PatchRefiner(Network):
    """Predicts a clean correction from a noisy one and what is known of the patch.

    Diffusion is over the *correction*, true patch minus rendered patch, so that nothing learnt is
    nothing changed: the last layer starts at zero. Conditions are concatenated to the noisy
    correction. Pixels are folded into channels before the UNet (space to depth), which makes
    it several times cheaper at the same receptive field.

    Args:
        kind: which patch, a key of :data:`gen.renderers.patch.PATCH_KINDS`.
        pixels: side ``S`` of the patch; divisible by ``fold`` and by 2 for every level below.
        fold: side of the pixel blocks that become channels.
        channels: width of the UNet's levels.
        layers: residual blocks a level.
        norm_groups: of the group normalisation.
        head_dim: channels an attention head; attention is on the coarsest level alone.
        correction_scale: standard deviation of corrections where patches are -1..1.
    """

    @register_to_config
    def __init__(
        self,
        kind: str = "mouth",
        pixels: int = 64,
        fold: int = 2,
        channels: tuple[int, ...] = (40, 64, 96),
        layers: int = 1,
        norm_groups: int = 8,
        head_dim: int = 16,
        correction_scale: float = 0.15,
    ) -> None:
        super().__init__()
        if pixels % (fold * 2 ** (len(channels) - 1)):
            raise ValueError(f"pixels {pixels} cannot be folded by {fold} and halved at each level")
        known = sum(CONDITION_CHANNELS.values())
        self.unet = _unet_class()(
            sample_size=pixels // fold,
            in_channels=(3 + known) * fold**2,
            out_channels=3 * fold**2,
            block_out_channels=tuple(channels),
            down_block_types=("DownBlock2D",) * len(channels),
            up_block_types=("UpBlock2D",) * len(channels),
            layers_per_block=layers,
            norm_num_groups=norm_groups,
            attention_head_dim=head_dim,
        )
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)

    def forward(
        self, sample: Tensor, timestep: Tensor | int, condition: Tensor, return_dict: bool = True
    ) -> PatchRefinerOutput | tuple[Tensor]:
        """One denoising step.

        Args:
            sample: ``[B, 3, S, S]`` noisy correction.
            timestep: ``[B]`` or a number, 0 to 999.
            condition: ``[B, 15, S, S]`` of :func:`stack_condition`.
            return_dict: false for a plain tuple.

        Raises:
            ValueError: a side or the number of channels is another.
        """
        pixels, known = self.config.pixels, sum(CONDITION_CHANNELS.values())
        wanted = (len(sample), known, pixels, pixels)
        if tuple(condition.shape) != wanted or tuple(sample.shape[1:]) != (3, pixels, pixels):
            raise ValueError(
                f"the refiner takes a sample [B, 3, {pixels}, {pixels}] and a condition "
                f"[B, {known}, {pixels}, {pixels}], got {list(sample.shape)} and "
                f"{list(condition.shape)}"
            )
        folded = F.pixel_unshuffle(torch.cat([sample, condition], dim=1), self.config.fold)
        out = F.pixel_shuffle(self.unet(folded, timestep).sample, self.config.fold)
        return PatchRefinerOutput(sample=out) if return_dict else (out,)

    def use_xformers(self) -> None:
        """Attention by xformers; otherwise torch's scaled_dot_product_attention does it.

        Raises:
            ValueError: xformers is not installed, or the model is not on a GPU.
        """
        if importlib.util.find_spec("xformers") is None:
            raise ValueError("xformers is not installed: pip install 'facewright[xformers]'")
        if self.device.type != "cuda":
            raise ValueError(f"xformers needs the model on a GPU, it is on {self.device}")
        self.unet.enable_xformers_memory_efficient_attention()


def stack_condition(
    rendered: Tensor,
    geometry: Tensor,
    reference: Tensor,
    reference_geometry: Tensor,
    previous: Tensor | None = None,
) -> Tensor:
    """What the refiner is given, ``[B, 15, S, S]``.

    Args:
        rendered: ``[B, 3, S, S]``, -1..1: the patch as the renderer draws it.
        geometry: ``[B, 3, S, S]``, 0..1 (see :class:`gen.renderers.patch.PatchPlace`).
        reference: ``[B, 3, S, S]``, -1..1: the portrait's own patch.
        reference_geometry: ``[B, 3, S, S]``, 0..1.
        previous: ``[B, 3, S, S]``, -1..1: what was shown a frame earlier; without it the rendered
            patch stands in.
    """
    previous = rendered if previous is None else previous
    return torch.cat(
        [rendered, previous, geometry * 2 - 1, reference, reference_geometry * 2 - 1], dim=1
    )


def _unet_class():
    # diffusers' UNets import torchvision where it is installed.
    if importlib.util.find_spec("torchvision"):
        from recognizer.metrics.extras import torchvision

        torchvision()
    from diffusers import UNet2DModel

    return UNet2DModel
