"""Who is in the picture and what is behind: a soft matte of the person and a filled background.

The matte comes from GrabCut (Rother et al. 2004), started from the fitted head, on a small copy of
the picture, and is refined by a guided filter (He et al. 2013).  The colours are split so that
laying the person over the background again gives the portrait exactly: what the matte misses, such
as single hairs, then travels with the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gen.renderers.portrait import Portrait
from recognizer.face_model import FACE_BOTTOM, FaceModel
from recognizer.raster import rasterize

#: Longer side of the picture that GrabCut sees, and its rounds.
_WORK_SIZE, _ROUNDS = 144, 3
#: Pixels of person and of background without which there is nothing to tell apart.
_FEWEST = 50
#: Face widths: hair that is likely, and the farthest that is possible, outside the fitted head.
_LIKELY_HAIR, _FARTHEST_HAIR = 0.2, 0.75
#: Face widths inside the fitted head's outline from which on there is no doubt.
_CERTAIN = 0.06
#: Face widths: how far outside the matte hair may stand; the farther the plainer the background
#: is: the share of it that can be guessed from farther away, to within so many levels.
_STRAY, _STRAY_FAR, _PLAIN, _PLAIN_SHARE = 0.09, 0.30, 8.0, (0.3, 0.5)
#: From the ears down to the chin that becomes less: shoulders are guessed for background.
_STRAY_DOWN = (-0.35, -0.1), (1.0, 0.3)
#: Face widths from what keeps still within which a person is left standing in the background.
_SEAM = 0.08
#: Longer side of the picture on which the background is continued.
_FILL_SIZE = 144
#: What a guessed background is given of the known one's grain: at most so many levels.
_GRAIN = 6.0


@dataclass(frozen=True)
class Layers:
    """A portrait split in two.

    Attributes:
        person: uint8 ``[H, W, 4]``: colours multiplied by the matte, and the matte.
        background: uint8 ``[H, W, 3]``, filled where the person hides it.

    ``person[..., :3] + (1 - person[..., 3:] / 255) * background`` is the portrait.
    """

    person: np.ndarray
    background: np.ndarray


def split_layers(portrait: Portrait, moving: np.ndarray) -> Layers:
    """Split a portrait into the person and the background.

    Args:
        portrait: the framed picture.
        moving: float32 ``[H, W]``, 0..1: 0 where the person keeps still and so may be background.
    """
    image, unit = portrait.image, portrait.pose.scale
    person = person_matte(portrait)
    matte = person * np.clip(3 * moving, 0, 1)
    solid = (matte > 0.5).astype(np.uint8)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5) / unit
    near = moving > 0.2
    # How far the guess is asked depends on how good it is thereabouts.
    wide = fill(image, (outside >= _STRAY_FAR) | ~near)
    ring = ((outside > _STRAY) & (outside < _STRAY_FAR) & near).astype(np.float32)
    plain = (np.abs(wide - image).max(-1) < _PLAIN) * ring  # what differs may be hair
    spread = 0.25 * unit
    plain = _blur(plain, spread) / np.maximum(_blur(ring, spread), 1e-3)
    below, _ = bust_coordinates(portrait, image.shape[1::-1], 1.0)
    reach = np.interp(plain, _PLAIN_SHARE, (_STRAY, _STRAY_FAR)) * np.interp(below, *_STRAY_DOWN)
    guess = np.clip(3 - 3 * outside / reach, 0, 1) * np.clip(3 * moving - 1, 0, 1)
    # Where what moves hangs on to what keeps still, a seam would open.
    still = (person > 0.5) & (moving < 0.4)
    away = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5) / unit
    guess *= np.clip(2 * away / _SEAM - 1, 0, 1)
    # Behind a neck lies what lies beside it, not what the shoulders wear.
    known = guess <= 0
    apart = known & (cv2.dilate(person, np.ones((5, 5))) < 0.02)
    filled = fill(image, apart if apart.any() else known)
    behind = np.round(image + guess[..., None] * (filled - image)).astype(np.uint8)
    # The least opacity with which some colour over this background gives the portrait's.
    colour, under = image.astype(np.float32), behind.astype(np.float32)
    least = 1 - np.minimum((colour + 0.5) / (under + 0.5), (255.5 - colour) / (255.5 - under)).min(
        -1
    )
    opacity = np.ceil(np.clip(np.maximum(matte, least), 0, 1) * 255) / 255
    weighted = np.round(colour - (1 - opacity[..., None]) * under)
    layer = np.dstack([weighted, opacity * 255]).clip(0, 255).astype(np.uint8)
    return Layers(layer, behind)


def person_matte(portrait: Portrait) -> np.ndarray:
    """Head, hair and shoulders float32 ``[H, W]``, 0..1; all 1 where no background is seen."""
    height, width = portrait.image.shape[:2]
    factor = _WORK_SIZE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(portrait.image, size, interpolation=cv2.INTER_AREA)
    mask, inner = _prior(portrait, size, factor)
    behind = np.isin(mask, (cv2.GC_BGD, cv2.GC_PR_BGD)).sum()
    if min(behind, mask.size - behind) < _FEWEST:  # a face that fills the picture
        return np.ones((height, width), np.float32)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(small, mask, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = _one_piece(person)
    coarse = cv2.resize(person.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    reach = max(2, round(0.6 / factor + 0.01 * portrait.pose.scale))
    fine = cv2.ximgproc.guidedFilter(portrait.image, coarse, reach, (0.03 * 255) ** 2)
    inner = cv2.resize(inner, (width, height)) / _CERTAIN
    return np.maximum(np.clip((fine - 0.15) / 0.7, 0, 1), np.clip(2 * inner - 1, 0, 1))


def _prior(portrait: Portrait, size: tuple[int, int], factor: float):
    """GrabCut's labels from the fitted head and a bust below it, and the depth in the head."""
    model = FaceModel.load()
    head = model.vertices + np.tensordot(portrait.identity, model.identity, 1)
    points = (portrait.pose.project(head) * factor).astype(np.float32)
    index, _, _ = rasterize(points, model.triangles, size[1], size[0])
    inside = (index >= 0).astype(np.uint8)
    unit = portrait.pose.scale * factor
    outer = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / unit
    inner = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / unit
    below, aside = bust_coordinates(portrait, size, factor)
    aside = np.abs(aside)
    bust = np.interp(below, [0.2, 0.4, 0.7], [0.6, 1.0, 1.6])
    mask = np.full(inside.shape, cv2.GC_PR_BGD, np.uint8)
    mask[(outer < _LIKELY_HAIR) | ((below > -0.3) & (aside < bust))] = cv2.GC_PR_FGD
    neck = (below > -0.05) & (aside < 0.16)
    chest = (below > 0.75) & (aside < 0.55)
    mask[(inner > _CERTAIN) | neck | chest] = cv2.GC_FGD
    mask[(below < 0.1) & ((outer > _FARTHEST_HAIR) | (aside > 1.35))] = cv2.GC_BGD
    return mask, inner


def bust_coordinates(portrait: Portrait, size: tuple[int, int], factor: float):
    """Face widths below the chin and to its right, along the head's own axes: two ``[h, w]``."""
    ys, xs = np.mgrid[: size[1], : size[0]].astype(np.float32) / factor
    down = portrait.pose.rotation[:2, 1] / np.linalg.norm(portrait.pose.rotation[:2, 1])
    x, y = portrait.landmarks[FACE_BOTTOM, :2]
    x, y = (xs - x) / portrait.pose.scale, (ys - y) / portrait.pose.scale
    return x * down[0] + y * down[1], x * down[1] - y * down[0]


def _blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian blur, on a small copy."""
    step = max(1, int(sigma / 3))
    small = cv2.resize(field, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return cv2.resize(small, field.shape[::-1])


def _one_piece(person: np.ndarray) -> np.ndarray:
    """The largest piece without its holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(person, connectivity=4)
    largest = labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~largest).astype(np.uint8))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.01 * person.size)
    return (largest | np.isin(holes, small)).astype(np.uint8)


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue a picture into its hidden part.

    Shades are carried on from the nearest known ones (Telea 2004) on a small copy; grain is
    mirrored at the nearest known pixel.

    Args:
        image: uint8 ``[H, W, 3]``.
        known: bool ``[H, W]``.

    Returns:
        float32 ``[H, W, 3]``; the picture itself where it is known.
    """
    if known.all() or not known.any():
        return image.astype(np.float32)
    height, width = known.shape
    smooth = _continued(image, known)
    soft = cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.float32)
    grain = np.clip(image - soft, -_GRAIN, _GRAIN)
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(known)
    place = np.zeros((labels.max() + 1, 2), np.float32)
    place[labels[known]] = np.stack([columns, rows], axis=1)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    mirror = np.round(2 * place[labels] - np.stack([xs, ys], axis=-1))
    texture = cv2.remap(grain, mirror, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
    return np.where(known[..., None], image, smooth + texture).clip(0, 255).astype(np.float32)


def _continued(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Shades carried on into the hidden part, on a small copy: float32 ``[H, W, 3]``."""
    height, width = known.shape
    factor = min(1.0, _FILL_SIZE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # A pixel of the copy is known where all of it is, and a little around: hair is not.
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    hidden = cv2.dilate((share < 0.999).astype(np.uint8), np.ones((3, 3), np.uint8))
    if hidden.all():
        hidden = (share < 0.999).astype(np.uint8)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    filled = cv2.inpaint(small, hidden, 4, cv2.INPAINT_TELEA)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
