"""Speech features from the encoder of OpenAI's whisper-tiny.en (MIT), written out in torch."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
_SAMPLES_PER_TOKEN = SAMPLE_RATE // TOKEN_RATE


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
        hop: seconds of features that one window contributes.
        context: seconds that a window hears before and after.
    """

    name = "whisper"
    dim = 384

    def __init__(self, network: WhisperNetwork, hop: float = 10.0, context: float = 2.5):
        self.network = network.eval().requires_grad_(False)
        self.hop = hop
        self.context = context

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike | None = None, **options) -> WhisperEncoder:
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
        return cls(network, **options)

    def to(self, device: str | torch.device) -> WhisperEncoder:
        """Move the network."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def tokens(self, samples: np.ndarray) -> np.ndarray:
        """Whisper's own features, float32 ``[ceil(N / 320), 384]``, of at most 30 s at 16 kHz.

        Row ``j`` is centred on ``j / 50`` seconds.
        """
        device = self.network.positions.device
        samples = torch.from_numpy(samples).to(device)
        samples = F.pad(samples, (0, -len(samples) % _SAMPLES_PER_TOKEN))
        return self.network(log_mel(samples)[None])[0].cpu().numpy()

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        """Features float32 ``[T, 384]`` of a waveform float32 ``[N]`` at 16 kHz.

        See :class:`gen.audio.encoder.AudioEncoder`.
        """
        return np.concatenate(list(self.stream(waveform, fps)))

    def stream(self, waveform: np.ndarray, fps: float = 25.0) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in blocks, one a window, each computed when it is asked for."""
        waveform = checked_waveform(waveform)
        centres = (np.arange(frame_count(len(waveform), fps)) + 0.5) / fps
        windows = (centres // self.hop).astype(int)
        for window in np.unique(windows):
            mine = windows == window
            begin = window * self.hop
            start = max(0.0, begin - self.context)
            stop = begin + self.hop + self.context
            heard = waveform[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]
            tokens = self.tokens(heard)
            yield resample_features(tokens, TOKEN_RATE, centres[mine] - start, fps)
