"""Texts in a video's container, such as its title: written and read by ffmpeg."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping

from recognizer.media import ffmpeg_command, input_arguments, probe

#: ffmpeg's ffmetadata syntax: "=", ";", "#", "\\" and line breaks stand behind a backslash.
_METADATA_LINE = re.compile(
    r"((?:\\[\s\S]|[^\\=\n\[])(?:\\[\s\S]|[^\\=\n])*)=((?:\\[\s\S]|[^\\\n])*)\n"
)
#: Keys that mp4 has atoms of its own for; any other needs QuickTime's free-form table.
_STANDARD_KEYS = frozenset({"title", "artist", "album", "comment", "date", "genre", "copyright"})


def metadata_arguments(metadata: Mapping[str, str]) -> list[str]:
    """ffmpeg's arguments that keep texts under their names and nothing else.

    Raises:
        ValueError: a container cannot hold an entry of that name.
    """
    arguments = []
    for key, value in metadata.items():
        # ffmpeg drops an "encoder" that is not its own.
        if not key or key == "encoder" or "=" in key or "\0" in f"{key}{value}":
            raise ValueError(f"{key!r} cannot be the name of a container's metadata entry")
        arguments += ["-metadata", f"{key}={value}"]
    flags = "+faststart" if _STANDARD_KEYS.issuperset(metadata) else "+faststart+use_metadata_tags"
    # bitexact: the same frames give the same bytes.
    return ["-map_metadata", "-1", *arguments, "-movflags", flags, "-fflags", "+bitexact"]


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """The texts in a container's header, by their names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: ffmpeg cannot read it.
    """
    probe(path)
    command = [
        *ffmpeg_command(), *input_arguments(path),
        "-fflags", "+bitexact", "-f", "ffmetadata", "pipe:1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    text = done.stdout.decode("utf-8", "replace")
    entries, at = {}, text.find("\n") + 1
    while match := _METADATA_LINE.match(text, at):
        entries[_unescape(match[1])] = _unescape(match[2])
        at = match.end()
    return entries


def _unescape(text: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", text)
