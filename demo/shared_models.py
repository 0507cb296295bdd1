"""The networks, loaded when they are first asked for, once for all visitors."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen.pipeline import TalkingHeadPipeline
    from recognizer.recognizer import Recognizer

_loading = threading.RLock()


def pipeline() -> TalkingHeadPipeline:
    """The packaged pipeline."""
    with _loading:
        return _pipeline()


def recognizer() -> Recognizer:
    """The packaged recognizer."""
    with _loading:
        return _recognizer()


@functools.cache
def _pipeline() -> TalkingHeadPipeline:
    from gen.pipeline import TalkingHeadPipeline

    return TalkingHeadPipeline.from_pretrained()


@functools.cache
def _recognizer() -> Recognizer:
    from recognizer.recognizer import Recognizer

    return Recognizer.from_pretrained()
