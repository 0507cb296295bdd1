"""The appearance network: an aligned face crop → emotions, action units, valence and arousal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS
from recognizer.models.gaussian import bounded
from recognizer.network import BaseOutput, Network, register_to_config

HEADS = ("emotion", "au", "valence_arousal")


@dataclass
class AppearanceOutput(BaseOutput):
    """What the network sees; a head that it does not have is ``None``.

    Attributes:
        embedding: ``[B, E]``, what the heads read.
        logits: ``[B, 8]`` of the emotions, in the order of ``EMOTIONS``, before the temperature.
        emotion: ``[B, 8]`` their calibrated probabilities.
        au: ``[B, 24]`` intensities, 0 to 5.
        au_log_variance: ``[B, 24]``, of a Gaussian around ``au``.
        valence_arousal: ``[B, 2]``, -1 to 1.
    """

    embedding: Tensor
    logits: Tensor | None = None
    emotion: Tensor | None = None
    au: Tensor | None = None
    au_log_variance: Tensor | None = None
    valence_arousal: Tensor | None = None


class SqueezeExcitation(nn.Module):
    """Channels weighted by what the whole picture shows (Hu, Shen and Sun 2018)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and squeeze-excitation beside a skip connection.

    The last normalisation starts at zero, so that a fresh block passes its input on; a skip that
    halves the picture averages before its 1x1 convolution and loses no pixel (He et al. 2019).
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.attention = SqueezeExcitation(outputs)
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.skip = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.attention(self.norm2(self.conv2(y)))
        return F.relu(y + self.skip(x))


class AppearanceNet(Network):
    """A squeeze-excitation residual network for 48x48 grey faces.

    Why so: the pictures of FER+ have 48 pixels and no colour, so larger inputs buy nothing. The
    first convolution halves them at once: at full size a layer would cost as much as a whole
    stage later. Full 3x3 convolutions, not depthwise ones, because a CPU trains them at several
    times the arithmetic rate. The last map is pooled to a coarse grid instead of a single point,
    because on an aligned face it matters where something was seen; the grid also lets the network
    train on smaller pictures first. Every crop is standardised, so that exposure and contrast do
    not matter.

    Args:
        pixels: side of the crop that it is made for; any multiple of 2 to the number of stages
            works.
        channels: width of the stages, each at half the resolution of the one before.
        layers: residual blocks of each stage.
        embedding: length of the embedding.
        grid: side of the grid that the last map is pooled to.
        dropout: on the embedding, in training.
        heads: what it says: any of ``emotion``, ``au``, ``valence_arousal``.
    """

    @register_to_config
    def __init__(
        self,
        pixels: int = 48,
        channels: tuple[int, ...] = (64, 128, 256),
        layers: tuple[int, ...] = (1, 2, 2),
        embedding: int = 128,
        grid: int = 3,
        dropout: float = 0.2,
        heads: tuple[str, ...] = ("emotion",),
    ) -> None:
        super().__init__()
        if unknown := [name for name in heads if name not in HEADS]:
            raise ValueError(f"heads are of {', '.join(HEADS)}, not {', '.join(unknown)}")
        if len(channels) != len(layers):
            raise ValueError(f"{len(channels)} channels for {len(layers)} layers")
        stages: list[nn.Module] = [
            nn.Conv2d(1, channels[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        inputs = channels[0]
        for stage, (width, count) in enumerate(zip(channels, layers, strict=True)):
            for block in range(count):
                stages.append(ResidualBlock(inputs, width, 2 if stage and not block else 1))
                inputs = width
        self.features = nn.Sequential(*stages)
        self.project = nn.Sequential(
            nn.Linear(inputs * grid**2, embedding, bias=False), nn.BatchNorm1d(embedding), nn.ReLU()
        )
        self.drop = nn.Dropout(dropout)
        sizes = {"emotion": len(EMOTIONS), "au": 2 * len(AU_NAMES), "valence_arousal": 2}
        self.readouts = nn.ModuleDict({name: nn.Linear(embedding, sizes[name]) for name in heads})
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, crops: Tensor, return_dict: bool = True) -> AppearanceOutput | tuple:
        """See a batch of faces.

        Args:
            crops: ``[B, 1, S, S]`` grey, 0 to 1, framed by :func:`recognizer.crop.face_crop`.
            return_dict: false for a plain tuple of what there is.

        Raises:
            ValueError: another shape.
        """
        step = 2 ** len(self.config.channels)
        if crops.ndim != 4 or crops.shape[1] != 1 or crops.shape[2] % step or crops.shape[3] % step:
            raise ValueError(
                f"the appearance network takes crops [B, 1, S, S] with S a multiple of {step}, "
                f"got {list(crops.shape)}"
            )
        grid = self.config.grid
        maps = self.features(standardize(crops))
        embedding = self.project(F.adaptive_avg_pool2d(maps, grid).flatten(1))
        dropped = self.drop(embedding)
        out = AppearanceOutput(embedding=embedding)
        if "emotion" in self.readouts:
            out.logits = self.readouts["emotion"](dropped)
            out.emotion = (out.logits / self.temperature).softmax(-1)
        if "au" in self.readouts:
            au, spread = self.readouts["au"](dropped).chunk(2, -1)
            out.au, out.au_log_variance = AU_MAX * torch.sigmoid(au), bounded(spread)
        if "valence_arousal" in self.readouts:
            out.valence_arousal = torch.tanh(self.readouts["valence_arousal"](dropped))
        return out if return_dict else out.to_tuple()

    @torch.no_grad()
    def logits(self, images: Tensor, mirror: bool = True, batch_size: int = 256) -> Tensor:
        """Emotion logits of many faces, on the CPU.

        Args:
            images: uint8 ``[N, S, S]`` crops.
            mirror: mean over each crop and its mirror image, which shows the same emotion.
            batch_size: crops at once.

        Returns:
            float32 ``[N, 8]``.
        """
        rows = []
        for crops in self._batches(images, batch_size):
            logits = self(crops).logits
            rows.append((logits + self(crops.flip(-1)).logits) / 2 if mirror else logits)
        return torch.cat(rows).float().cpu()

    @torch.no_grad()
    def units(self, images: Tensor, batch_size: int = 256) -> tuple[Tensor, Tensor]:
        """Action units of many faces and their standard deviations, float32 ``[N, 24]`` each;
        ``images`` are uint8 ``[N, S, S]``."""
        seen = [self(crops) for crops in self._batches(images, batch_size)]
        mean = torch.cat([out.au for out in seen]).float().cpu()
        return mean, torch.cat([(0.5 * out.au_log_variance).exp() for out in seen]).float().cpu()

    def _batches(self, images: Tensor, batch_size: int) -> Iterator[Tensor]:
        """``[B, 1, S, S]``, 0 to 1."""
        for part in images.split(batch_size):
            yield part[:, None].to(self.device, self.dtype) / 255


def standardize(crops: Tensor) -> Tensor:
    """Crops ``[B, 1, S, S]`` with mean 0 and deviation 1 each; a uniform crop becomes 0."""
    deviation, mean = torch.std_mean(crops, dim=(1, 2, 3), keepdim=True)
    return (crops - mean) / deviation.clamp_min(1e-2)
