"""Pictures, films and sounds that pass as the files they are.

gradio would decode, convert or probe them with whatever ffmpeg the machine has; here the
recognizer's own readers do, and what they refuse they refuse in a line that can be read.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData


class PictureFile(gr.Image):
    """A picture by upload, camera or clipboard; its value is a path."""

    is_template = True  # drawn in the browser as its parent is

    def __init__(self, value: Path | None = None, label: str = "Picture", **options) -> None:
        super().__init__(
            value=None if value is None else str(value), label=label, type="filepath",
            sources=["upload", "webcam", "clipboard"], buttons=["fullscreen"], **options,
        )  # fmt: skip

    def get_config(self, cls=None) -> dict:
        """What the browser needs: all options of the parent, not this constructor's alone."""
        return super().get_config(gr.Image)

    def preprocess(self, payload) -> str | None:
        """The file's path."""
        return None if payload is None else payload.path


class SoundFile(gr.Audio):
    """A sound by upload or microphone; its value is a path."""

    is_template = True

    def __init__(self, value: Path | None = None, label: str = "Sound", **options) -> None:
        options = {"sources": ["upload", "microphone"], **options}
        super().__init__(
            value=None if value is None else str(value), label=label, type="filepath", buttons=[],
            **options,
        )  # fmt: skip

    def get_config(self, cls=None) -> dict:
        """What the browser needs: all options of the parent, not this constructor's alone."""
        return super().get_config(gr.Audio)

    def preprocess(self, payload) -> str | None:
        """The file's path."""
        return None if payload is None else payload.path

    def postprocess(self, value) -> FileData | None:
        """The file as it is."""
        return _as_it_is(value)


class FilmFile(gr.Video):
    """A film by upload or camera, or one to be seen; its value is a path."""

    is_template = True

    def __init__(self, label: str = "Film", **options) -> None:
        super().__init__(label=label, sources=["upload", "webcam"], **options)

    def get_config(self, cls=None) -> dict:
        """What the browser needs: all options of the parent, not this constructor's alone."""
        return super().get_config(gr.Video)

    def preprocess(self, payload) -> str | None:
        """The file's path."""
        return None if payload is None else payload.path

    def postprocess(self, value) -> FileData | None:
        """The file as it is: mp4 that any browser plays, where it was made here."""
        return _as_it_is(value)


def _as_it_is(value) -> FileData | None:
    if value is None:
        return None
    return FileData(path=str(value), orig_name=Path(value).name)
