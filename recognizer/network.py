"""The base of all networks, and what they take from ``diffusers``.

``diffusers`` would import torch's compiler for one decorator, with a thousand modules that nobody
needs who compiles nothing: a second and more at every start. It has a stand-in for a torch without
that compiler, which is taken here; ``torch.compile`` works as ever.
"""

from __future__ import annotations

import sys
from types import ModuleType

import torch


def _without_compiler() -> ModuleType:
    compiler = "torch._dynamo"
    kept_out = compiler not in sys.modules
    if kept_out:
        sys.modules[compiler] = None  # importing it raises ImportError
    try:
        import diffusers.utils.torch_utils
    finally:
        if kept_out:
            del sys.modules[compiler]
    return diffusers


diffusers = _without_compiler()
BaseOutput = diffusers.utils.BaseOutput
register_to_config = diffusers.configuration_utils.register_to_config


class Network(diffusers.ModelMixin, diffusers.ConfigMixin):
    """A network with its configuration (see :mod:`recognizer.pretrained` for its files)."""

    @property
    def device(self) -> torch.device:
        """Where its weights are; ``diffusers``' own property would import all its hooks."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return next(self.parameters()).dtype
