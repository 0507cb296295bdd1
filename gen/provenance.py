"""Marks that say what a file is: made by a machine, by which tool and version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

#: IPTC's digital source type for pictures that a model made from a real one.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def tool_version() -> str:
    """The installed version of Facewright, or ``unknown`` in a bare checkout."""
    try:
        return version("facewright")
    except PackageNotFoundError:
        return "unknown"


def container_marks(title: str) -> dict[str, str]:
    """Metadata that tells any tool (and ``ffprobe``) that a clip is AI-generated."""
    return {
        "title": title,
        "comment": f"AI-generated talking head, made with Facewright {tool_version()}",
        "facewright_version": tool_version(),
        "digital_source_type": SOURCE_TYPE,
        "ai_generated": "true",
    }
