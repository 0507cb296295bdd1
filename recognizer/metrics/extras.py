"""Optional packages of the measures, imported when asked for, with what ails them cured."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from types import ModuleType

_INSTALL = "pip install 'facewright[eval]'"


class UnavailableError(RuntimeError):
    """A measure cannot be taken here; the message is the reason, in one line."""


def optional(name: str) -> ModuleType:
    """Import a package of the extra ``eval``.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if (error.name or "").split(".")[0] != package:
            raise
        raise UnavailableError(f"{package} is not installed: {_INSTALL}") from error


def torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not match a CPU build of torch.

    Importing it then fails on two operators that are declared nowhere; nothing here calls them.

    Raises:
        UnavailableError: it is not installed.
    """
    _cure_torchvision()
    return optional("torchvision")


def torchmetrics() -> ModuleType:
    """``torchmetrics``, which imports torchvision where that is installed.

    Raises:
        UnavailableError: it is not installed.
    """
    _cure_torchvision()
    return optional("torchmetrics")


def torchmetrics_image() -> ModuleType:
    """``torchmetrics.functional.image``, which imports torchvision where that is installed.

    Raises:
        UnavailableError: it is not installed.
    """
    _cure_torchvision()
    return optional("torchmetrics.functional.image")


_DECLARED: list = []


def _cure_torchvision() -> None:
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision"):
        import torch

        for name in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, name):
                _declare(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _declare(schema: str) -> None:
    import torch

    # "FRAGMENT" adds to what torchvision itself may define; the declaration lives with the object.
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(schema)
    _DECLARED.append(library)


def stlpips() -> ModuleType:
    """``stlpips_pytorch.stlpips``, which imports two packages that it never uses.

    Raises:
        UnavailableError: it is not installed.
    """
    torchvision()
    unused = {"IPython": "embed", "torchsummary": "summary"}
    lacking = [name for name in unused if importlib.util.find_spec(name) is None]
    for name in lacking:
        sys.modules[name] = types.ModuleType(name)
        setattr(sys.modules[name], unused[name], None)
    try:
        return optional("stlpips_pytorch.stlpips")
    finally:
        for name in lacking:
            del sys.modules[name]
