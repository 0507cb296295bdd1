"""Speech features from the encoder of OpenAI's whisper-tiny.en (MIT), written out in torch.

Whisper adds its positions to what it hears and never forgets them: the features of one sound at
two places within its 30 s have a cosine similarity of about 0.5, and a linear map to lips that was
fitted on the first seconds of sentences loses much of its correlation further on. So sound passes
through short windows, each of a second of its own and half a second on both sides, faded into one
another: every sound is heard at one of the same few positions, in training and in use, in a short
file and in a long one. The log-mel floor is whisper's own, 80 dB below the loudest point, of each
window.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from gen.audio.encoder import SAMPLE_RATE, checked_waveform, frame_count, resample_features
from gen.audio.logmel import log_mel
from gen.audio.weights import load_whisper_weights

TOKEN_RATE = 50
MAX_TOKENS = 1500
#: Samples of a window's own, and of what it hears before and after them.
HOP = SAMPLE_RATE
CONTEXT = SAMPLE_RATE // 2
#: Seconds around a seam in which one window's features give way to the next one's.
FADE = 0.5
_BATCH = 8


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
    """Whisper's encoder: log-mel ``[B, 80, M]`` at 100 Hz to ``[B, ceil(M / 2), 384]`` at 50 Hz.

    Token ``j`` is centred on column ``2 j`` of the spectrogram, 20 ms times ``j``.
    """

    def __init__(self, bands: int = 80, dim: int = 384, heads: int = 6, layers: int = 4):
        super().__init__()
        self.conv1 = nn.Conv1d(bands, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.register_buffer("positions", torch.zeros(MAX_TOKENS, dim))
        self.blocks = nn.ModuleList(WhisperBlock(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel))))
        x = rearrange(x, "b d t -> b t d")
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class WhisperEncoder:
    """Whisper's features at a video's frame rate.

    Args:
        network: with its weights.
    """

    name = "whisper"
    dim = 384

    def __init__(self, network: WhisperNetwork):
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike | None = None) -> WhisperEncoder:
        """With weights from ``source``, see :func:`gen.audio.weights.load_whisper_weights`.

        Raises:
            FileNotFoundError: there are none.
            ValueError: they do not fit whisper-tiny.en.
        """
        network = WhisperNetwork()
        weights = load_whisper_weights(source)
        expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
        found = {name: w.shape for name, w in weights.items()}
        for name in sorted(expected | found):
            if expected.get(name) != found.get(name):
                raise ValueError(
                    f"these are not whisper-tiny.en's weights: {name} has shape"
                    f" {found.get(name)}, expected {expected.get(name)}"
                )
        # A copy: the arrays that files are read into may not be written to.
        network.load_state_dict({n: torch.tensor(w) for n, w in weights.items()})
        return cls(network)

    def to(self, device: str | torch.device) -> WhisperEncoder:
        """Move the network."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def tokens(self, samples: np.ndarray) -> np.ndarray:
        """Whisper's own features, float32 ``[B, N // 320, 384]``, of samples ``[B, N]`` at 16 kHz.

        N is at most 30 s; token ``j`` is centred on ``j / 50`` seconds.
        """
        device = self.network.positions.device
        return self.network(log_mel(torch.from_numpy(samples).to(device))).cpu().numpy()

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        """Features float32 ``[T, 384]`` of a waveform float32 ``[N]`` at 16 kHz.

        A row depends on nothing further away than 1.5 s. See
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

        A row follows 0.75 to 1.75 s after the sound that it describes; the rest comes when
        ``chunks`` ends.

        Args:
            chunks: float32 ``[N]`` each, at 16 kHz, of any length above 0.
            fps: frames a second.

        Raises:
            ValueError: a chunk is not one non-empty row of finite numbers, or ``fps`` is not
                1 to 1000.
        """
        fading = np.empty((0, self.dim), np.float32)
        for window, tokens, frames in self._windows(chunks, fps):
            first = _frames_before(window - FADE / 2, fps)
            done = min(_frames_before(window + 1 - FADE / 2, fps), frames)
            stop = min(_frames_before(window + 1 + FADE / 2, fps), frames)
            times = (np.arange(first, stop) + 0.5) / fps - window
            rows = resample_features(tokens, TOKEN_RATE, times + CONTEXT / SAMPLE_RATE, fps)
            fading = fading[: len(rows)]
            share = np.clip(times[: len(fading), None] / FADE + 0.5, 0.0, 1.0).astype(np.float32)
            rows[: len(fading)] = share * rows[: len(fading)] + (1 - share) * fading
            fading = rows[done - first :]
            yield rows[: done - first]
        if len(fading):
            yield fading

    def _windows(
        self, chunks: Iterable[np.ndarray], fps: float
    ) -> Iterator[tuple[int, np.ndarray, float]]:
        """``(second, tokens [100, 384], frames)``; frames in all, infinite while sound arrives."""
        frame_count(0, fps)
        # What is heard begins half a second before the next window's own second.
        heard, total, window = np.zeros(CONTEXT, np.float32), 0, 0
        for chunk in chunks:
            chunk = checked_waveform(chunk)
            heard = np.concatenate([heard, chunk])
            total += len(chunk)
            complete = max(0, (len(heard) - 2 * CONTEXT) // HOP)
            for tokens in self._tokens_of(heard, complete):
                yield window, tokens, math.inf
                window += 1
            heard = heard[complete * HOP :]
        if total:
            frames = frame_count(total, fps)
            rest = math.floor((frames - 0.5) / fps * SAMPLE_RATE / HOP) + 1 - window
            heard = np.pad(heard, (0, max(0, rest * HOP + 2 * CONTEXT - len(heard))))
            for tokens in self._tokens_of(heard, rest):
                yield window, tokens, frames
                window += 1

    def _tokens_of(self, heard: np.ndarray, windows: int) -> Iterator[np.ndarray]:
        for begin in range(0, windows, _BATCH):
            starts = range(begin * HOP, min(begin + _BATCH, windows) * HOP, HOP)
            yield from self.tokens(np.stack([heard[s : s + HOP + 2 * CONTEXT] for s in starts]))


def _frames_before(time: float, fps: float) -> int:
    """Frames whose centres lie before a time in seconds."""
    return max(0, math.ceil(time * fps - 0.5))
