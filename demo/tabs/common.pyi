"""What the tabs share: files as inputs, errors as messages, a place to write to."""

from __future__ import annotations

import functools
import inspect
import logging
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path

import gradio as gr

from demo.errors import EXTRAS

EXAMPLES = Path(__file__).parents[1] / "examples"
PORTRAIT, SPEECH = EXAMPLES / "portrait.png", EXAMPLES / "speech.wav"
#: One queue for all that computes at length.
QUEUE = "models"
_log = logging.getLogger(__name__)

class PictureFile(gr.Image):
    """A picture that is handed on as the file it is: the pipeline reads it, not gradio."""

    is_template = True  # drawn in the browser as its parent is

    def preprocess(self, payload) -> str | None:
        """The file's path."""
        return None if payload is None else payload.path
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

def picture_input(label: str, value: Path | None = None, **options) -> PictureFile:
    """A picture by upload, camera or clipboard."""
    return PictureFile(
        value=None if value is None else str(value), label=label, type="filepath",
        sources=["upload", "webcam", "clipboard"], buttons=["fullscreen"], **options,
    )  # fmt: skip

def said(function: Callable) -> Callable:
    """Decorate an event's function, plain or generator: what a visitor can mend is said to them.

    Anything else is logged here and told without its particulars.
    """
    if inspect.isgeneratorfunction(function):
        @functools.wraps(function)
        def stepwise(*args, **kwargs):
            try:
                yield from function(*args, **kwargs)
            except Exception as error:
                raise _message(error) from error

        return stepwise

    @functools.wraps(function)
    def whole(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise _message(error) from error

    return whole

def _message(error: Exception) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    missing = (getattr(error, "name", None) or "").split(".")[0]
    if isinstance(error, ModuleNotFoundError) and missing in EXTRAS:
        text = f"This needs {missing}: pip install 'facewright[{EXTRAS[missing]}]'"
    elif isinstance(error, FileNotFoundError | ValueError):
        text = " ".join(str(error).split())
        text = text[:1].upper() + text[1:]
    else:
        _log.exception("a job failed", exc_info=error)
        text = "Something went wrong here; the server's log says what."
    return gr.Error(
        escape(text, quote=False), duration=None, title="Not done", print_exception=False
    )

def scratch() -> tempfile.TemporaryDirectory:
    """A folder for what an event writes; gradio copies from it what it returns."""
    return tempfile.TemporaryDirectory(prefix="facewright-")

def framed(page: str) -> str:
    """A whole HTML page inside this one, unable to run anything or to reach out."""
    return f'<iframe class="report" sandbox="" title="Report" srcdoc="{escape(page)}"></iframe>'
