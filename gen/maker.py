"""What every mark of a made file says: how it came to be, and by which version of the tool."""

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
