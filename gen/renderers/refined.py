"""A renderer whose patches are repainted by the refiner."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from gen.renderers.base import Renderer
from gen.renderers.patch import PATCH_KINDS, PatchPlace, PatchView, soft_mask
from gen.renderers.portrait import Portrait

if TYPE_CHECKING:
    from gen.refiner import PatchSampler

#: Movement of the lips (mean, face widths) from which on the refiner has its full say: where they
#: are as in the portrait, the portrait knows best.
_FULL_MOVE = 0.012


class RefinedRenderer:
    """Repaints a patch of another renderer's frames (see :class:`gen.renderers.base.Renderer`).

    Frames depend on the frames before them, for steadiness; :meth:`reset` forgets those, and two
    fresh renderers with the same seed give the same frames. The noise is the same for all frames:
    what is invented stays where it was.

    Args:
        renderer: draws the frames.
        portrait: what ``renderer`` was made for.
        sampler: the refiner.
        steps: denoising steps a frame.
        seed: of the noise.

    Raises:
        ValueError: the refiner is of an unknown kind of patch.
    """

    def __init__(
        self,
        renderer: Renderer,
        portrait: Portrait,
        sampler: PatchSampler,
        steps: int = 1,
        seed: int = 0,
    ) -> None:
        import torch

        options = sampler.refiner.config
        if options.kind not in PATCH_KINDS:
            raise ValueError(f"the refiner is of {options.kind!r}, not of {', '.join(PATCH_KINDS)}")
        self._renderer = renderer
        self.size = renderer.size
        self.expression = renderer.expression
        self._view = PatchView(portrait, PATCH_KINDS[options.kind], options.pixels)
        self._sampler = sampler
        self._steps = steps
        generator = torch.Generator().manual_seed(seed)
        self._noise = torch.randn(1, 3, options.pixels, options.pixels, generator=generator)
        rest = self._view.place(portrait.expression, np.zeros(6))
        self._reference = self._picture(self._view.cut(portrait.image, rest))
        self._reference_geometry = _planes(rest.geometry)
        self.reset()

    def reset(self) -> None:
        """Forget the frames before: the next one is the first."""
        self._previous = None

    def fresh(self) -> RefinedRenderer:
        """Another one for the same portrait, with no frame behind it."""
        twin = copy.copy(self)
        twin.reset()
        return twin

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """One frame uint8 ``[H, W, 3]``; see :class:`gen.renderers.base.Renderer`."""
        frame = self._renderer.render(blendshapes, pose)
        place = self._view.place(blendshapes, pose)
        share = min(place.moved / _FULL_MOVE, 1.0)
        if share < 0.02:
            self.reset()
            return frame
        change = self._change(frame, place) * share
        self._view.add(frame, place, change)
        return frame

    def _change(self, frame: np.ndarray, place: PatchPlace) -> np.ndarray:
        """The correction float32 ``[S, S, 3]`` of a frame's patch, 0 outside its soft mask."""
        from gen.models.refiner import stack_condition

        rendered = self._picture(self._view.cut(frame, place))
        condition = stack_condition(
            rendered,
            _planes(place.geometry),
            self._reference,
            self._reference_geometry,
            self._previous,
        )
        device = self._sampler.refiner.device
        made = self._sampler(condition.to(device), self._noise.to(device), self._steps).cpu()
        self._previous = rendered + made
        # Corrections fade out by themselves; beyond the mask there must be none at all.
        support = np.minimum(8 * soft_mask(place.geometry), 1)[..., None]
        return made[0].permute(1, 2, 0).numpy() * 127.5 * support

    @staticmethod
    def _picture(patch: np.ndarray):
        """0..255 ``[S, S, 3]`` → tensor ``[1, 3, S, S]``, -1..1."""
        return _planes(patch / np.float32(127.5) - 1)


def _planes(patch: np.ndarray):
    import torch

    return torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1)))[None]
