"""Facewright's seeing half: faces, voices and words become action units, affect and emotion."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from platformdirs import user_cache_dir

# Beside the sources, compiled kernels would outlive an uninstalled package: pip does not know them,
# and the folders that it leaves would hide an editable installation.
os.environ.setdefault("NUMBA_CACHE_DIR", user_cache_dir("facewright"))
# Since 1.29 onnxruntime, which some extras bring and torchmetrics imports, tells its maker about
# whoever imports it, unless it is told not to before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from recognizer.affect import AffectTrack
    from recognizer.motion import MotionTrack
    from recognizer.recognizer import Recognizer

__all__ = ["AffectTrack", "MotionTrack", "Recognizer"]


def __getattr__(name: str):
    """Import on first use: the command line must not wait for torch."""
    if name == "Recognizer":
        from recognizer.recognizer import Recognizer

        return Recognizer
    if name == "AffectTrack":
        from recognizer.affect import AffectTrack

        return AffectTrack
    if name == "MotionTrack":
        from recognizer.motion import MotionTrack

        return MotionTrack
    raise AttributeError(f"module 'recognizer' has no attribute {name!r}")
