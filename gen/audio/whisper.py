"""Speech features from the encoder of OpenAI's whisper-tiny.en (MIT), written out in torch.

The features are those of its second block of four. The blocks above it turn sound into words: a
linear map to lips that was fitted on one speaker carries over to others best from the second, and
half of the computing is saved.

Whisper hears windows, and what it makes of a sound depends on what surrounds it. Sound passes
through windows of a stretch of their own and seconds on both sides, so that little depends on where
a window began, and a long file needs no more memory than a short one. The log-mel floor is
whisper's own, 80 dB below the loudest point, of each window.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from gen.audio.logmel import log_mel
from gen.audio.timing import checked_waveform, frame_count, resample_features
from gen.audio.weights import load_whisper_weights
from recognizer.media import SAMPLE_RATE

TOKEN_RATE = 50
MAX_TOKENS = 1500
#: Blocks of whisper-tiny's four that are used.
BLOCKS = 2


@dataclass(frozen=True)
class Windows:
    """How sound is cut: each window is ``hop`` seconds of its own between ``past`` and ``future``.

    Raises:
        ValueError: ``hop`` is not positive, or a window is longer than whisper's 30 s.
    """

    past: float
    hop: float
    future: float

    def __post_init__(self) -> None:
        if self.hop <= 0 or min(self.past, self.future) < 0:
            raise ValueError(f"a window needs a hop above 0 and no negative context, got {self}")
        if self.past + self.hop + self.future > MAX_TOKENS / TOKEN_RATE:
            raise ValueError(f"whisper hears 30 s at most, got {self}")


#: For files: much context, little computing.
FILE = Windows(past=2.5, hop=10.0, future=2.5)


class WhisperBlock(nn.Module):
    """Pre-norm transformer block: ``[B, T, dim]`` to the same."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp_norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, 4 * dim)
        self.contract = nn.Linear(4 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(self.attention_norm(x))
        q, k, v = rearrange(qkv, "b t (three h d) -> three b h t d", three=3, h=self.heads)
        attended = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(rearrange(attended, "b h t d -> b t (h d)"))
        return x + self.contract(F.gelu(self.expand(self.mlp_norm(x))))


class WhisperNetwork(nn.Module):
    """The first blocks of whisper's encoder.

    Log-mel ``[B, 80, M]`` at 100 Hz to ``[B, ceil(M / 2), 384]`` at 50 Hz.

    Token ``j`` is centred on column ``2 j`` of the spectrogram, 20 ms times ``j``.
    """

    def __init__(self, bands: int = 80, dim: int = 384, heads: int = 6, blocks: int = BLOCKS):
        super().__init__()
        self.conv1 = nn.Conv1d(bands, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.register_buffer("positions", torch.zeros(MAX_TOKENS, dim))
        self.blocks = nn.ModuleList(WhisperBlock(dim, heads) for _ in range(blocks))

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel))))
        x = rearrange(x, "b d t -> b t d")
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return x


class WhisperEncoder:
    """Whisper's features at a video's frame rate.

    Args:
        network: with its weights.
        windows: how sound is cut.
    """

    name = "whisper"
    dim = 384

    def __init__(self, network: WhisperNetwork, windows: Windows = FILE):
        self.network = network.eval().requires_grad_(False)
        self.windows = windows

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike | None = None, windows: Windows = FILE
    ) -> WhisperEncoder:
        """With weights from ``source``, see :func:`gen.audio.weights.load_whisper_weights`.

        Raises:
            FileNotFoundError: there are none.
            ValueError: they do not fit whisper-tiny.en.
        """
        network = WhisperNetwork()
        weights = load_whisper_weights(source)
        expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
        for name in sorted(expected):
            found = weights[name].shape if name in weights else None
            if expected[name] != found:
                raise ValueError(
                    f"these are not whisper-tiny.en's weights: {name} has shape {found},"
                    f" expected {expected[name]}"
                )
        # A copy: the arrays that files are read into may not be written to.
        network.load_state_dict({name: torch.tensor(weights[name]) for name in expected})
        return cls(network, windows)

    def to(self, device: str | torch.device) -> WhisperEncoder:
        """Move the network."""
        self.network.to(device)
        return self

    def within(self, seconds: float) -> WhisperEncoder:
        """The same network on sound of so many seconds: one window, with nothing around it."""
        return WhisperEncoder(self.network, Windows(past=0.0, hop=seconds, future=0.0))

    @torch.inference_mode()
    def tokens(self, samples: np.ndarray) -> np.ndarray:
        """Whisper's own features, float32 ``[B, N // 320, 384]``, of samples ``[B, N]`` at 16 kHz.

        N is at most 30 s; token ``j`` is centred on ``j / 50`` seconds.
        """
        device = self.network.positions.device
        return self.network(log_mel(torch.from_numpy(samples).to(device))).cpu().numpy()

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        """Features float32 ``[T, 384]`` of a waveform float32 ``[N]`` at 16 kHz.

        A row depends on nothing further away than a window reaches. See
        :class:`gen.audio.encoder.AudioEncoder`.
        """
        return np.concatenate(list(self.stream(waveform, fps)))

    def stream(self, waveform: np.ndarray, fps: float = 25.0) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in blocks, each computed when it is asked for."""
        return self.encode_chunks([checked_waveform(waveform)], fps)

    def encode_chunks(
        self, chunks: Iterable[np.ndarray], fps: float = 25.0
    ) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in blocks float32 ``[n, 384]``, while the sound arrives.

        A window's rows follow once the sound after it, ``windows.future`` seconds, has arrived;
        the rest when ``chunks`` ends.

        Args:
            chunks: float32 ``[N]`` each, at 16 kHz, of any length above 0.
            fps: frames a second.

        Raises:
            ValueError: a chunk is not one non-empty row of finite numbers, or ``fps`` is not
                1 to 1000.
        """
        frame_count(0, fps)
        past, hop, future = (
            round(seconds * SAMPLE_RATE)
            for seconds in (self.windows.past, self.windows.hop, self.windows.future)
        )
        heard, total, window = np.zeros(past, np.float32), 0, 0
        for chunk in chunks:
            chunk = checked_waveform(chunk)
            heard = np.concatenate([heard, chunk])
            total += len(chunk)
            while len(heard) >= past + hop + future:
                yield self._rows(heard[: past + hop + future], window, math.inf, fps)
                heard, window = heard[hop:], window + 1
        frames = frame_count(total, fps) if total else 0
        while _frames_before(window * self.windows.hop, fps) < frames:
            rest = np.pad(heard, (0, future))[: past + hop + future]
            yield self._rows(rest, window, frames, fps)
            heard, window = heard[hop:], window + 1

    def _rows(self, samples: np.ndarray, window: int, frames: float, fps: float) -> np.ndarray:
        """The features of the frames whose centres lie in a window's own stretch."""
        begin = window * self.windows.hop
        first = _frames_before(begin, fps)
        stop = min(_frames_before(begin + self.windows.hop, fps), frames)
        times = (np.arange(first, stop) + 0.5) / fps - begin + self.windows.past
        whole = np.pad(samples, (0, -len(samples) % 320))
        return resample_features(self.tokens(whole[None])[0], TOKEN_RATE, times, fps)


def _frames_before(time: float, fps: float) -> int:
    """Frames whose centres lie before a time in seconds."""
    return max(0, math.ceil(time * fps - 0.5 - 1e-9))
