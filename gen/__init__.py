"""Facewright's generating half: portraits, speech and intentions become clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import recognizer as _recognizer  # noqa: F401 - says where compiled kernels are kept

if TYPE_CHECKING:
    from gen.conditioning import Affect
    from gen.pipeline import TalkingHeadPipeline

__all__ = ["Affect", "TalkingHeadPipeline"]


def __getattr__(name: str):
    """Import on first use: the command line must not wait for torch."""
    if name == "TalkingHeadPipeline":
        from gen.pipeline import TalkingHeadPipeline

        return TalkingHeadPipeline
    if name == "Affect":
        from gen.conditioning import Affect

        return Affect
    raise AttributeError(f"module 'gen' has no attribute {name!r}")
