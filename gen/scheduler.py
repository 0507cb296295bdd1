"""The noise schedule of motion and patches."""

from __future__ import annotations

from typing import ClassVar

from recognizer.network import diffusers


class DDIMScheduler(diffusers.DDIMScheduler):
    """That of ``diffusers``, which reads no other scheduler's configuration: to know what they
    take, it would import thirty of them, and ``scipy.stats`` for one."""

    _compatibles: ClassVar[list[str]] = []


def make_scheduler(**changes) -> DDIMScheduler:
    """DDIM as the networks are trained: x0 is predicted, the last timestep is pure noise."""
    return DDIMScheduler(
        **{
            "beta_schedule": "squaredcos_cap_v2",
            "prediction_type": "sample",
            "clip_sample": False,
            "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True,
            **changes,
        }
    )
