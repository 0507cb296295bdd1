"""What frames say beyond landmarks: flicker, warping, the person; and frames beside frames."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from recognizer.evaluation.measures import ClipMeasures
from recognizer.image_file import read_image
from recognizer.media import iter_frames
from recognizer.metrics.background import Background
from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.identity import FaceDescriptor
from recognizer.metrics.image import PerceptualDistance, psnr, ssim
from recognizer.metrics.temporal import Flicker
from recognizer.metrics.warping import warping_error
from recognizer.tracker import FaceTracker

#: Longer side in pixels of frames that are compared, and of those that flow is measured on.
_SIDE, _FLOW_SIDE = 512, 256
_DESCRIBED = 8
#: Frames of a pair that are compared as pictures.
COMPARED = 8
#: Pairs may differ in length by this many frames.
_SLACK = 2
#: Faces overlap by this much at least, and sides' ratios differ by less, where pictures show the
#: same place.
_SAME_PLACE, _SAME_SHAPE = 0.5, 0.02
_FLICKER = ("flicker", "flicker_background")
IMAGE_MEASURES = ("psnr", "ssim", "st_lpips", "lpips")


def add_frame_measures(measures: ClipMeasures, path: Path, points: np.ndarray) -> None:
    """Flicker, warping error and the person's descriptors of a film that was tracked.

    Args:
        measures: what was measured of it; figures are added.
        path: the film.
        points: ``[T, 478, 3]`` landmarks in pixels of ``measures.size``.
    """
    factor = min(1.0, _SIDE / max(measures.size))
    points = points * np.float32(factor)
    flicker, background = Flicker(), None
    wanted = set(_spread(np.flatnonzero(measures.success), _DESCRIBED).tolist())
    describe = _descriptor()
    described = []

    def small_frames():
        """Frames for the flow; on their way all else is measured, so that each is read once."""
        nonlocal background
        for i, frame in enumerate(iter_frames(path, max_side=_SIDE)):
            if background is None:
                background = Background(points, (frame.shape[1], frame.shape[0]))
            flicker.update(frame)
            background.update(frame)
            if i in wanted and not isinstance(describe, str):
                described.append(describe(frame, points[i]))
            yield shrunk_to(frame, _FLOW_SIDE)

    measures.put("warping_error", warping_error(small_frames()), "fewer than two frames")
    if described:
        measures.descriptors = np.array(described)
    if isinstance(describe, str):
        measures.reasons["identity_similarity"] = describe
    if len(measures) < 3:
        measures.reasons |= dict.fromkeys(_FLICKER, "fewer than three frames")
        return
    measures.put("flicker", flicker.compute(), "")
    mask = background.mask()
    if mask is None:
        measures.reasons["flicker_background"] = "no background is free of the head"
    else:
        measures.put("flicker_background", flicker.compute(mask), "")


def shrunk_to(frame: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longer side is at most ``side`` pixels."""
    import cv2

    factor = side / max(frame.shape[:2])
    if factor >= 1:
        return frame
    size = tuple(max(16, round(extent * factor)) for extent in (frame.shape[1], frame.shape[0]))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


@functools.cache
def _descriptor() -> FaceDescriptor | str:
    """The network, or why there is none."""
    try:
        return FaceDescriptor()
    except UnavailableError as error:
        return str(error)


def describe_portrait(path: Path) -> np.ndarray:
    """Descriptor ``[128]`` of the largest face of a picture; empty where no network is at hand.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no picture, or shows no face.
    """
    image = read_image(path)
    with FaceTracker() as tracker:
        faces = tracker.detect(image)
    if not faces:
        raise ValueError(f"no face was found in {path.name}")
    describe = _descriptor()
    return np.zeros(0) if isinstance(describe, str) else describe(image, faces[0].points)


def why_not_paired(clip: ClipMeasures, reference: ClipMeasures) -> str | None:
    """Why two films' frames do not belong to the same moments; None where they do."""
    if abs(clip.fps - reference.fps) > 0.01:
        return f"the reference has {reference.fps:g} frames a second, the clip {clip.fps:g}"
    if abs(len(clip) - len(reference)) > _SLACK:
        return f"the reference has {len(reference)} frames, the clip {len(clip)}"
    return None


def why_not_framed(clip: ClipMeasures, reference: ClipMeasures) -> str | None:
    """Why two films' pixels do not show the same place; None where they do."""
    shapes = [one.size[0] / one.size[1] for one in (clip, reference)]
    if abs(shapes[0] / shapes[1] - 1) > _SAME_SHAPE:
        return (
            f"the reference is {reference.size[0]}x{reference.size[1]}, the clip "
            f"{clip.size[0]}x{clip.size[1]}"
        )
    frames = min(len(clip), len(reference))
    both = clip.success[:frames] & reference.success[:frames]
    if not both.any():
        return "clip and reference show no face at the same time"
    boxes = [one.boxes[:frames][both] / np.tile(one.size, 2) for one in (clip, reference)]
    overlap = np.median(_overlap(*boxes))
    if overlap < _SAME_PLACE:
        return f"the reference is framed otherwise: the faces overlap by {overlap:.2f}"
    return None


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes ``[T, 4]``."""
    inner = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    inner = np.prod(np.maximum(inner, 0), axis=1)
    areas = sum(np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b))
    return inner / np.maximum(areas - inner, 1e-9)


def compare_pictures(
    clip: Path, reference: Path, frames: int
) -> tuple[dict[str, float], dict[str, str]]:
    """PSNR, SSIM and perceptual distances of frames of two films of one shape; the larger film is
    brought to the smaller one's size.

    Args:
        clip, reference: the films.
        frames: that both have.

    Returns:
        Means over up to 8 frames, evenly spread, and why others are lacking.
    """
    chosen = _spread(np.arange(frames), COMPARED)
    pairs = _of_one_size(*(list(frames_at(path, chosen, _SIDE)) for path in (clip, reference)))
    figures, reasons = {}, {}
    measures = {"psnr": psnr, "ssim": ssim}
    for name in IMAGE_MEASURES:
        try:
            measure = measures.get(name) or _perceptual(name)
            values = measure(*pairs)
        except UnavailableError as error:
            reasons[name] = str(error)
        else:
            figures[name] = float(np.mean(values))
    return figures, reasons


def _of_one_size(*films: list[np.ndarray]) -> list[np.ndarray]:
    import cv2

    height, width = (min(film[0].shape[axis] for film in films) for axis in (0, 1))
    sized = [
        [f if f.shape[:2] == (height, width) else cv2.resize(f, (width, height),
                                                             interpolation=cv2.INTER_AREA)
         for f in film]
        for film in films
    ]  # fmt: skip
    return [np.stack(film) for film in sized]


@functools.cache
def _perceptual(name: str) -> PerceptualDistance:
    return PerceptualDistance(name.replace("_", ""))


def frames_at(path: Path, chosen: Sequence[int], side: int) -> Iterator[np.ndarray]:
    """Frames of a film by their numbers, in rising order."""
    wanted = sorted({int(i) for i in chosen})
    if wanted:
        frames = iter_frames(path, max_side=side)
        for i, frame in enumerate(islice(frames, wanted[-1] + 1)):
            if i in wanted:
                yield frame
        frames.close()


def _spread(numbers: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly spread."""
    at = np.linspace(0, len(numbers) - 1, min(most, len(numbers)))
    return numbers[np.unique(at.astype(int))]
