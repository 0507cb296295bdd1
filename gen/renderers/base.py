"""What a renderer is."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Renderer(Protocol):
    """Turns motion into pictures of one portrait.

    A renderer is made once per portrait; anything slow (detection, fitting, inpainting) belongs
    into its construction.

    Attributes:
        size: ``(width, height)`` of the pictures.
        expression: float32 ``[52]``: the expression that the portrait itself wears.
    """

    size: tuple[int, int]
    expression: np.ndarray

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """One frame.

        Args:
            blendshapes: ``[52]``, 0..1: the expression to show, 0 being a neutral face.
            pose: ``[6]``: pitch, yaw, roll in degrees and x, y, z in face widths, relative to the
                portrait's own pose.

        Returns:
            uint8 ``[H, W, 3]``.
        """
        ...


def before_first_frame(renderer: Renderer) -> Renderer:
    """The renderer as it is when no frame has been drawn.

    One that remembers frames has ``fresh()`` to give a copy with no memory; any other is the same.
    """
    return renderer.fresh() if hasattr(renderer, "fresh") else renderer
