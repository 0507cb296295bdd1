"""``facewright doctor``: what is here, what is not, and why."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import typer

from demo.errors import EXTRAS

_CORE = (
    "torch", "diffusers", "numpy", "scipy", "numba", "mediapipe", "opencv-contrib-python",
    "imageio-ffmpeg", "librosa", "scikit-learn", "vaderSentiment",
)  # fmt: skip


def run() -> None:
    """See ``facewright doctor --help``."""
    from gen.maker import tool_version

    typer.echo(f"facewright {tool_version()}, Python {platform.python_version()}, {sys.platform}")
    typer.echo("\nPackages")
    for name in _CORE:
        _line(name, lambda name=name: version(name))
    typer.echo("\nWeights")
    _line("face landmarker", _landmarker)
    _line("face model", _face_model)
    _line("speech encoder", _speech_encoder)
    _line("motion model", _motion_model)
    _line("recognizer", _recognizer)
    typer.echo("\nTools and devices")
    _line("ffmpeg", _ffmpeg)
    _line("GPU", _gpu)
    typer.echo("\nExtras")
    for module, extra in sorted(EXTRAS.items(), key=lambda item: item[1]):
        _line(f"{extra}: {module}", lambda m=module, e=extra: _extra(m, e))


def _line(name: str, check: Callable[[], str]) -> None:
    try:
        typer.echo(f"  ok           {name}: {check()}")
    except (PackageNotFoundError, ImportError) as error:
        typer.echo(f"  unavailable  {name}: {error}")
    except (OSError, ValueError, RuntimeError) as error:
        typer.echo(f"  unavailable  {name}: {' '.join(str(error).split())}")


def _landmarker() -> str:
    import numpy as np

    from recognizer.landmarks import FaceLandmarker, model_path

    with FaceLandmarker() as landmarker:
        landmarker.detect(np.zeros((64, 64, 3), np.uint8))
    return str(model_path())


def _face_model() -> str:
    from recognizer.face_model import ASSET, FaceModel

    return f"{len(FaceModel.load().vertices)} vertices, {ASSET.stat().st_size / 1e6:.1f} MB"


def _speech_encoder() -> str:
    from gen.audio.encoder import load_encoder

    encoder = load_encoder("whisper")
    return f"whisper-tiny.en, {encoder.dim} features"


def _motion_model() -> str:
    from gen.motion import MotionGenerator

    denoiser = MotionGenerator.from_pretrained().denoiser
    return f"{sum(p.numel() for p in denoiser.parameters()) / 1e6:.1f} M parameters"


def _recognizer() -> str:
    from recognizer.recognizer import Recognizer

    found = Recognizer.from_pretrained()
    sizes = (sum(p.numel() for p in n.parameters()) / 1e6 for n in (found.head, found.appearance))
    return "motion {:.1f} M, appearance {:.1f} M parameters".format(*sizes)


def _ffmpeg() -> str:
    from recognizer.media import ffmpeg_exe

    return ffmpeg_exe()


def _gpu() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    raise RuntimeError("torch sees none; everything runs on the CPU")


def _extra(module: str, extra: str) -> str:
    if importlib.util.find_spec(module) is None:
        raise ImportError(f"pip install 'facewright[{extra}]'")
    return "installed"
