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

from demo.components.stages import note_html
from demo.errors import EXTRAS

EXAMPLES = Path(__file__).parents[1] / "examples"
PORTRAIT, SPEECH = EXAMPLES / "portrait.png", EXAMPLES / "speech.wav"
#: Options of events that answer at once, and of those that compute at length: these wait for one
#: another in one queue. Neither is offered to programs.
AT_ONCE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
QUEUED = {"concurrency_id": "models", "show_progress": "hidden", "api_visibility": "private"}
_log = logging.getLogger(__name__)


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


def start_and_stop(go, stop, work, inputs, outputs, idle) -> None:
    """A button that starts work and one that ends it; ``idle`` is what :func:`ended` puts right."""
    run = go.click(work, inputs, outputs, **QUEUED)
    run.failure(ended, None, idle, **AT_ONCE)
    stop.click(ended, None, idle, cancels=[run], **AT_ONCE)


def for_programs(name: str, work, inputs, outputs) -> None:
    """The same for ``gradio_client``: no page to keep up to date."""
    public = {"api_name": name, "api_visibility": "public"}
    gr.Button(visible=False).click(work, inputs, outputs, **QUEUED | public)


def ended():
    """After a stop or an error: a note in place of the stages, to be started, not to be stopped."""
    note = note_html("Stopped before it was done.")
    return note, gr.update(interactive=True), gr.update(interactive=False)
