"""SyncNet with weights that the user brings: embeddings of lips and sound.

Chung and Zisserman, *Out of Time: Automated Lip Sync in the Wild*, ACCV-W 2016. Weights:
``syncnet_v2.model``, linked from github.com/joonson/syncnet_python; nothing of them is shipped and
nothing is downloaded. That file is a pickle, which could run anything: it is converted once, by
torch's restricted reader (:data:`CONVERSION`), and safetensors alone are read here.

The network and what goes into it follow that repository:
:func:`recognizer.metrics.sync.syncnet_scores` turns the embeddings into LSE-D and LSE-C. Papers
find the face with S3FD; boxes from another detector crop a little otherwise, so name it beside the
score.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.fft import dct
from scipy.ndimage import median_filter

#: How the published file becomes one that is read here.
CONVERSION = (
    'python -c "import torch, safetensors.torch as s; '
    "w = torch.load('syncnet_v2.model', map_location='cpu', weights_only=True); "
    "s.save_file({k: v.contiguous() for k, v in w.items()}, 'syncnet_v2.safetensors')\""
)
#: Frames a second, samples a second, and side of the face's picture that the network takes.
FPS, RATE, SIDE = 25, 16000, 224
_CONTEXT, _STEPS_A_FRAME = 5, 4
_CHUNK = 20
#: Reach of the crop beyond half the face's box, and grey outside of the picture.
_REACH, _GREY = 0.40, 110


def mfcc(waveform: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients as SyncNet was trained on: 13 at 100 a second.

    The defaults of python_speech_features: emphasis by 0.97, windows of 25 ms each 10 ms without
    taper, 26 triangles over 0-8 kHz on a spectrum of 512, an orthonormal DCT lifted by 22, and the
    logarithm of the energy as the first.

    Args:
        waveform: ``[N]`` at 16 kHz, -1..1.

    Returns:
        float64 ``[T, 13]``.

    Raises:
        ValueError: there is no sound.
    """
    sound = np.round(np.asarray(waveform, np.float64) * 32768).clip(-32768, 32767)
    if sound.ndim != 1 or len(sound) == 0:
        raise ValueError(f"a waveform [N] is needed, got {list(sound.shape)}")
    sound = np.append(sound[0], sound[1:] - 0.97 * sound[:-1])
    width, step = 400, 160
    count = 1 + max(0, -(-(len(sound) - width) // step))
    sound = np.pad(sound, (0, max(0, (count - 1) * step + width - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, width)[::step][:count]
    power = np.abs(np.fft.rfft(frames, 512)) ** 2 / 512
    least = np.finfo(float).eps
    energy = power.sum(axis=1)
    bands = power @ _triangles().T
    bands, energy = (np.where(x == 0, least, x) for x in (bands, energy))
    cepstra = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :13]
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstra[:, 0] = np.log(energy)
    return cepstra


@functools.cache
def _triangles() -> np.ndarray:
    """Mel filters ``[26, 257]``, their corners rounded down to bins of the spectrum."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 28)
    corners = np.floor(513 * 700 * (10 ** (mel / 2595) - 1) / RATE)
    left, middle, right = (corners[i : i + 26, None] for i in range(3))
    bins = np.arange(257)
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    filters = np.where(bins < middle, rising, falling)
    return np.where((bins >= left) & (bins < right), filters, 0.0)


def syncnet_crops(frames: Iterable[np.ndarray], boxes: np.ndarray) -> np.ndarray:
    """Pictures of a face as SyncNet takes them: uint8 ``[T, 224, 224, 3]``.

    Boxes are smoothed in time by a median of 13 frames. From their middle, half the longer side of
    a box is taken above, 1.8 of it below, and 1.4 to either side; beyond the picture is grey.

    Args:
        frames: T pictures uint8 ``[H, W, 3]``, RGB, at 25 a second.
        boxes: ``[T, 4]``: left, top, right, bottom of the face in pixels, no NaN.

    Raises:
        ValueError: the numbers differ, or boxes are not finite.
    """
    import cv2

    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"finite boxes [T, 4] are needed, got {list(boxes.shape)}")
    size = boxes[:, 2:] - boxes[:, :2]
    smooth = [
        # SciPy's medfilt, which they use, takes what lies beyond the ends for zeros.
        median_filter(x, size=13, mode="constant", cval=0.0)
        for x in (size.max(axis=1) / 2, boxes[:, [0, 2]].mean(1), boxes[:, [1, 3]].mean(1))
    ]
    crops = []
    for frame, half, x, y in zip(frames, *smooth, strict=True):
        edge = int(half * (1 + 2 * _REACH))
        padded = np.pad(frame, ((edge, edge), (edge, edge), (0, 0)), constant_values=_GREY)
        x, y, side = x + edge, y + edge, half * (1 + _REACH)
        bottom = int(y + half * (1 + 2 * _REACH))
        face = padded[int(y - half) : bottom, int(x - side) : int(x + side)]
        if face.size == 0:
            raise ValueError(f"the face's box of frame {len(crops)} is empty")
        crops.append(cv2.resize(face, (SIDE, SIDE)))
    return np.stack(crops)


def _network():
    """The two towers; layers are numbered as in the published weights."""
    from torch import nn

    def flat(into: int, out: int, pool: tuple | None = None, kernel=(3, 3), padding=(1, 1)):
        layers = [nn.Conv2d(into, out, kernel, padding=padding), nn.BatchNorm2d(out), nn.ReLU()]
        return layers + ([nn.MaxPool2d((3, 3), pool)] if pool else [])

    def deep(into: int, out: int, kernel, stride=1, padding=0, pool: tuple | None = None):
        layers = [
            nn.Conv3d(into, out, kernel, stride, padding),
            nn.BatchNorm3d(out),
            nn.ReLU(),
        ]
        return layers + ([nn.MaxPool3d((1, 3, 3), (1, 2, 2), pool)] if pool else [])

    def head():
        return nn.Sequential(
            nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)
        )

    sound = nn.Sequential(
        *flat(1, 64),
        nn.Identity(),  # a pooling of one by one
        *flat(64, 192, pool=(1, 2)),
        *flat(192, 384),
        *flat(384, 256),
        *flat(256, 256, pool=(2, 2)),
        *flat(256, 512, kernel=(5, 4), padding=(0, 0)),
    )
    lips = nn.Sequential(
        *deep(3, 96, (5, 7, 7), (1, 2, 2), pool=(0, 0, 0)),
        *deep(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1), pool=(0, 1, 1)),
        *deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
        *deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
        *deep(256, 256, (1, 3, 3), padding=(0, 1, 1), pool=(0, 0, 0)),
        *deep(256, 512, (1, 6, 6)),
    )
    return nn.ModuleDict(
        {"netcnnaud": sound, "netfcaud": head(), "netfclip": head(), "netcnnlip": lips}
    )


class SyncNet:
    """The published network.

    Args:
        path: the published weights as ``.safetensors`` (:data:`CONVERSION`).
        device: of torch.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not hold SyncNet's weights.
    """

    def __init__(self, path: str | os.PathLike, device: str = "cpu") -> None:
        self.device = device
        network = _network()
        name = Path(path).name
        try:
            network.load_state_dict(_tensors(Path(path)))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{name} does not hold SyncNet's weights: {reason}") from error
        self._network = network.eval().requires_grad_(False).to(device)

    def __call__(self, faces: np.ndarray, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the lips and of the sound, one pair a frame.

        Args:
            faces: uint8 ``[T, 224, 224, 3]``, RGB, at 25 a second (:func:`syncnet_crops`).
            waveform: ``[N]`` at 16 kHz, -1..1.

        Returns:
            float32 ``[T - 5, 1024]`` twice; frame t sees pictures t to t + 4 and 0.2 s of sound
            from t on. T is cut to the length of the sound.

        Raises:
            ValueError: another shape, or fewer than six frames.
        """
        import torch

        faces = np.asarray(faces)
        if faces.shape[1:] != (SIDE, SIDE, 3) or faces.dtype != np.uint8:
            raise ValueError(
                f"faces must be uint8 [T, {SIDE}, {SIDE}, 3], got {faces.dtype} {list(faces.shape)}"
            )
        # As many as theirs: the last whole window is left out.
        count = min(len(faces), len(waveform) // (RATE // FPS)) - _CONTEXT
        if count < 1:
            raise ValueError("SyncNet needs more than five frames of picture and sound")
        sound = torch.from_numpy(mfcc(waveform).T).float()
        starts = range(0, count, _CHUNK)
        lips, voice = [], []
        with torch.inference_mode():
            for start in starts:
                end = min(start + _CHUNK, count)
                window = faces[start : end + _CONTEXT - 1, ..., ::-1]  # the network takes BGR
                pixels = torch.from_numpy(window.transpose(3, 0, 1, 2).astype(np.float32))
                seen = self._network["netcnnlip"](pixels[None].to(self.device))
                lips.append(self._network["netfclip"](seen[0, :, :, 0, 0].T).cpu())
                cuts = [
                    sound[:, t * _STEPS_A_FRAME :][:, : _CONTEXT * _STEPS_A_FRAME]
                    for t in range(start, end)
                ]
                heard = self._network["netcnnaud"](torch.stack(cuts)[:, None].to(self.device))
                voice.append(self._network["netfcaud"](heard.flatten(1)).cpu())
        return torch.cat(lips).numpy(), torch.cat(voice).numpy()


def _tensors(path: Path) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} is not a safetensors file; the published weights become one by: "
            f"{CONVERSION}"
        ) from error
