"""Distance of pictures to the pictures they should be: PSNR, SSIM, LPIPS, ST-LPIPS.

All take uint8 ``[N, H, W, 3]`` (or one picture ``[H, W, 3]``) twice and give float64 ``[N]``.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from recognizer.metrics.extras import (
    UnavailableError,
    optional,
    stlpips,
    torchmetrics_image,
    torchvision,
)

#: dB given to pictures that are the same; 8-bit rounding alone leaves 59 dB.
PSNR_MAX = 60.0
#: The shortest side that the perceptual networks take, in pixels.
_SMALLEST = 64


def _pair(images: np.ndarray, target: np.ndarray):
    """Two stacks as float tensors ``[N, 3, H, W]``, 0..255.

    Raises:
        ValueError: shape or type are others.
    """
    import torch

    images, target = (np.asarray(x)[None] if np.ndim(x) == 3 else np.asarray(x)
                      for x in (images, target))  # fmt: skip
    if images.shape != target.shape or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"two stacks of pictures [N, H, W, 3] are compared, got {list(images.shape)} and "
            f"{list(target.shape)}"
        )
    if images.dtype != np.uint8 or target.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8, got {images.dtype} and {target.dtype}")
    return tuple(
        torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).float()
        for x in (images, target)
    )


def psnr(images: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio ``10 log10(255² / MSE)`` in dB, at most :data:`PSNR_MAX`.

    Raises:
        UnavailableError: torchmetrics is not installed.
        ValueError: the stacks do not match.
    """
    functional = torchmetrics_image()
    a, b = _pair(images, target)
    values = functional.peak_signal_noise_ratio(
        a, b, data_range=255.0, reduction="none", dim=(1, 2, 3)
    )
    return np.minimum(values.double().numpy(), PSNR_MAX)


def ssim(images: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), Gaussian window of 11 pixels; 1 is the same.

    Raises:
        UnavailableError: torchmetrics is not installed.
        ValueError: the stacks do not match.
    """
    functional = torchmetrics_image()
    a, b = _pair(images, target)
    # One by one: the windows of a picture of 512 pixels a side take 0.2 GB.
    return np.array(
        [
            functional.structural_similarity_index_measure(
                a[i : i + 1], b[i : i + 1], data_range=255.0
            ).item()
            for i in range(len(a))
        ]
    )


class PerceptualDistance:
    """Distance in the features of a network, weighted to agree with people; 0 is the same.

    ``lpips``: Zhang et al. 2018, AlexNet, v0.1. ``stlpips``: Ghildyal and Liu 2022, the same made
    tolerant of shifts too small to be seen (AlexNet, its own weights).

    Args:
        kind: ``"lpips"`` or ``"stlpips"``.

    Raises:
        UnavailableError: the package is not installed, or weights that it would download are not
            at hand.
        ValueError: another kind.
    """

    def __init__(self, kind: str = "stlpips") -> None:
        if kind not in ("lpips", "stlpips"):
            raise ValueError(f"kind must be 'lpips' or 'stlpips', got {kind!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torchvision's old argument names
            if kind == "stlpips":
                network = stlpips().LPIPS(net="alex", variant="shift_tolerant", verbose=False)
            else:
                network = _lpips()
        self.kind = kind
        self._network = network.eval().requires_grad_(False)

    def __call__(self, images: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Distances ``[N]``; pictures smaller than 64 pixels a side are enlarged first.

        Raises:
            ValueError: the stacks do not match.
        """
        import torch

        a, b = (x / 127.5 - 1 for x in _pair(images, target))
        factor = _SMALLEST / min(a.shape[2:])
        if factor > 1:
            a, b = (
                torch.nn.functional.interpolate(x, scale_factor=factor, mode="bilinear")
                for x in (a, b)
            )
        with torch.no_grad():
            values = [self._network(a[i : i + 1], b[i : i + 1]) for i in range(len(a))]
        return torch.cat(values).double().numpy().reshape(-1)


def _lpips():
    """LPIPS with the backbone that torchvision keeps in torch's cache; nothing is downloaded."""
    vision, package = torchvision(), optional("lpips")
    import torch

    name = vision.models.AlexNet_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not cached.is_file():
        raise UnavailableError(
            f"AlexNet's weights are not at hand: put https://download.pytorch.org/models/{name} "
            f"into torch's cache (checkpoints/ in torch.hub.get_dir())"
        )
    return package.LPIPS(net="alex", version="0.1", verbose=False)
