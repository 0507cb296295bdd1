"""Warping error: what changes in a clip besides what moves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recognizer.metrics.metric import ClipMetric

#: Sundaram et al. 2010's constants, as Lai et al. 2018 use them.
_CONSISTENT, _BOUNDARY = (0.01, 0.5), (0.01, 0.002)


def optical_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where each pixel goes, float32 ``[H, W, 2]`` (x, y): OpenCV's DIS flow (Kroeger et al. 2016),
    preset "medium".

    Args:
        first, second: uint8 ``[H, W, 3]``, RGB, at least 16 pixels a side.
    """
    import cv2

    grey = [cv2.cvtColor(np.ascontiguousarray(x), cv2.COLOR_RGB2GRAY) for x in (first, second)]
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)


def warped(image: np.ndarray, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture read at the places that a flow leads to, and which of them lie inside it.

    ``out[y, x] = image[y + flow_y, x + flow_x]``, bilinear.

    Args:
        image: ``[H, W, C]``.
        flow: ``[H, W, 2]``.

    Returns:
        float32 ``[H, W, C]`` and bool ``[H, W]``.
    """
    import cv2

    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    out = cv2.remap(
        np.asarray(image, np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return out, inside


def occlusion(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Pixels of the first picture that the second does not show, and edges of motion.

    Where going there and back does not lead home, ``‖w₁ + w₂‖² > 0.01 (‖w₁‖² + ‖w₂‖²) + 0.5``, or
    the flow jumps, ``‖∇u‖² + ‖∇v‖² > 0.01 ‖w₁‖² + 0.002`` (Sundaram, Brox and Keutzer 2010).

    Args:
        forward, backward: flows ``[H, W, 2]`` between the two pictures.

    Returns:
        bool ``[H, W]``.
    """
    back, inside = warped(backward, forward)
    size, back_size = (forward**2).sum(-1), (back**2).sum(-1)
    lost = ((forward + back) ** 2).sum(-1) > _CONSISTENT[0] * (size + back_size) + _CONSISTENT[1]
    jump = np.zeros(size.shape, np.float32)
    jump[:, :-1] += (np.diff(forward, axis=1) ** 2).sum(-1)
    jump[:-1] += (np.diff(forward, axis=0) ** 2).sum(-1)
    return lost | (jump > _BOUNDARY[0] * size + _BOUNDARY[1]) | ~inside


def warping_error(frames: Iterable[np.ndarray]) -> float:
    """Mean squared difference between each frame and the next one moved back onto it.

    ``Σ_p M(p) ‖V[t](p) − V[t+1](p + w(p))‖² / (3 Σ_p M(p))`` averaged over time, with colours
    0..1: Lai et al., *Learning Blind Video Temporal Consistency*, 2018 (their code divides by
    channels too). ``w`` is the optical flow, ``M`` leaves out what is occluded. Differs from
    theirs: DIS flow of the clip itself instead of FlowNet2's of an input clip, and pixels that
    leave the picture are left out. A frozen clip scores 0: read it beside
    :func:`recognizer.metrics.dynamics.liveliness`. Real clips and re-encoded ones have an error of
    their own; compare at one size and one encoder.

    Args:
        frames: T pictures uint8 ``[H, W, 3]``, RGB, in order.

    Returns:
        0..1; NaN for fewer than two frames.

    Raises:
        ValueError: the pictures differ in size or are not uint8.
    """
    errors = []
    last = None
    for frame in frames:
        frame = np.asarray(frame)
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(f"frames must be uint8 [H, W, 3], got {frame.dtype} {frame.shape}")
        if last is not None:
            if frame.shape != last.shape:
                raise ValueError(f"frames differ in size: {last.shape} and {frame.shape}")
            errors.append(_step_error(last, frame))
        last = frame
    known = [error for error in errors if np.isfinite(error)]
    return float(np.mean(known)) if known else float("nan")


def _step_error(first: np.ndarray, second: np.ndarray) -> float:
    forward = optical_flow(first, second)
    seen = ~occlusion(forward, optical_flow(second, first))
    if not seen.any():
        return float("nan")
    difference = (warped(second, forward)[0] - first.astype(np.float32)) / 255
    return float((difference[seen] ** 2).mean())


class WarpingError(ClipMetric):
    """:func:`warping_error` averaged over clips.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    higher_is_better = False
    measure = staticmethod(warping_error)
