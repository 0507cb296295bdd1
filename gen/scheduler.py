"""The noise schedule of motion and patches."""

from __future__ import annotations

from typing import ClassVar

from recognizer.network import diffusers


class DDIMScheduler(diffusers.DDIMScheduler):
    """That of ``diffusers``, which reads no other scheduler's configuration: to know what they
    take, it would import thirty of them, and ``scipy.stats`` for one."""

    _compatibles: ClassVar[list[str]] = []
