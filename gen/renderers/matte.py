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
import scipy  # its packages load when they are asked for

from gen.renderers.inpaint import fill
from gen.renderers.portrait import Portrait
from recognizer.face_model import FACE_BOTTOM, FaceModel
from recognizer.raster import rasterize

#: Longer side of the picture that GrabCut sees, and its rounds.
_WORK_SIZE, _ROUNDS = 144, 3
#: Pixels of person and of background without which there is nothing to tell apart.
_FEWEST = 50
#: Face widths: hair that is likely, and the farthest that is possible, outside the fitted head.
_LIKELY_HAIR, _FARTHEST_HAIR = 0.2, 0.75
#: Colours that are enough to know a region's.
_SAMPLE = 1000
#: Colours (CIELAB) nearer than this look alike, and apart from this; colours of so small a share of
#: the background are none of its own. Above this (face widths below the chin) there is hair.
_ALIKE, _APART, _RARE, _BESIDE = 6.0, 12.0, 0.02, -0.3
#: Face widths inside the fitted head's outline from which on there is no doubt.
_CERTAIN = 0.06
#: Face widths: how far outside the matte hair may stand; the farther the plainer the background
#: is: the share of it that can be guessed from farther away, to within so many levels.
_STRAY, _STRAY_FAR, _PLAIN, _PLAIN_SHARE = 0.075, 0.30, 8.0, (0.3, 0.5)
#: Single hairs are thinner than this and stand out by so many levels, no farther outside than this
#: (face widths).
_STRAND, _STANDS_OUT, _STRANDS_FAR = 0.03, (6.0, 16.0), 0.14
#: From the ears down to the chin that becomes less: shoulders are guessed for background.
_STRAY_DOWN = (-0.35, -0.1), (1.0, 0.3)
#: What the guess misses but is coloured as the background elsewhere is no hair, if it is broader
#: and longer than strands are and begins so near to where nobody is (face widths). So near to the
#: person it is mixed with hair. A colour that is nearest to this share of the background's is one
#: of them. A face is so many pixels wide where this is looked for.
_BROAD, _LONG, _NEXT, _MIXED, _COMMON, _COARSE = 0.05, 0.3, 0.12, 0.04, 0.005, 80
#: Face widths from what keeps still, and below the chin, within which a person is left standing in
#: the background, if not so near to the outline.
_SEAM, _THROAT, _OUTLINE = 0.08, 0.1, 0.06


@dataclass(frozen=True)
class Layers:
    """A portrait split in two.

    Attributes:
        person: uint8 ``[H, W, 4]``: colours multiplied by the matte, and the matte.
        background: uint8 ``[H, W, 3]``, filled where the person hides it.
        whole: float32 ``[H, W]``, 0..1: the matte of all of the person, moving or still.

    ``person[..., :3] + (1 - person[..., 3:] / 255) * background`` is the portrait.
    """

    person: np.ndarray
    background: np.ndarray
    whole: np.ndarray


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
    below, _ = bust_coordinates(portrait, image.shape[1::-1], 1.0)
    upward = np.interp(below, *_STRAY_DOWN)
    bald = _without_strands(image, person, outside / upward, unit)
    # How far the guess is asked depends on how good it is thereabouts.
    wide = fill(bald, (outside >= _STRAY_FAR) | ~near)
    ring = ((outside > _STRAY) & (outside < _STRAY_FAR) & near).astype(np.float32)
    plain = (np.abs(wide - image).max(-1) < _PLAIN) * ring  # what differs may be hair
    spread = 0.25 * unit
    plain = _blur(plain, spread) / np.maximum(_blur(ring, spread), 1e-3)
    reach = np.interp(plain, _PLAIN_SHARE, (_STRAY, _STRAY_FAR)) * upward
    guess = np.clip(2 - 2 * outside / reach, 0, 1) * np.clip(3 * moving - 1, 0, 1)
    missed = (np.abs(wide - image).max(-1) > _PLAIN) & (outside > _MIXED)
    guess *= 1 - _seen_behind(image, person, missed, (outside >= _STRAY_FAR) | ~near, unit)
    # Where what moves hangs on to what keeps still, a seam would open; below the chin skin moves
    # over skin: there the person is left standing, but not where the outline moves away from it.
    still = (person > 0.5) & (moving < 0.4)
    away = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5) / unit
    inside = cv2.distanceTransform((person > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / unit
    left = np.clip(np.maximum(2 - 2 * away / _SEAM, below / _THROAT), 0, 1)
    guess *= 1 - left * np.clip(inside / _OUTLINE - 1, 0, 1)
    # Behind a neck lies what lies beside it, not what the shoulders wear.
    known = guess <= 0
    apart = known & (cv2.dilate(person, np.ones((5, 5))) < 0.02)
    filled = fill(bald, apart if apart.any() else known)
    bald = np.where(near[..., None], bald, image)
    behind = np.round(bald + guess[..., None] * (filled - bald)).astype(np.uint8)
    # The least opacity with which some colour over this background gives the portrait's.
    colour, under = image.astype(np.float32), behind.astype(np.float32)
    least = np.minimum((colour + 0.5) / (under + 0.5), (255.5 - colour) / (255.5 - under)).min(-1)
    # More will do, too; a pixel's noise must not be its opacity's.
    least = cv2.morphologyEx(1 - least, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    opacity = np.ceil(np.clip(np.maximum(matte, least), 0, 1) * 255) / 255
    weighted = np.round(colour - (1 - opacity[..., None]) * under)
    layer = np.dstack([weighted, opacity * 255]).clip(0, 255).astype(np.uint8)
    return Layers(layer, behind, person)


def _seen_behind(image, person, missed, sure, unit: float) -> np.ndarray:
    """Where something behind, as a door's edge, runs up to a head: float32 ``[H, W]``, 0..1.

    Args:
        image: uint8 ``[H, W, 3]``.
        person: float32 ``[H, W]``, the person's matte.
        missed: bool ``[H, W]``: where the background is not as guessed, or it is hair.
        sure: bool ``[H, W]``: where no hair is.
        unit: pixels of a face width.
    """
    step = max(1, int(unit / _COARSE))
    size, unit = missed.shape[::-1], unit / step
    image, person, missed, sure = (a[::step, ::step] for a in (image, person, missed, sure))
    colours = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    behind, own = colours[sure & (person < 0.02)], colours[~sure & (person > 0.9)]
    missed = missed & ~sure
    if min(len(behind), len(own), missed.sum()) < _FEWEST:
        return np.zeros(size[::-1], np.float32)
    values = colours[missed]
    from_behind, from_own = (_away(values, palette, _COMMON) for palette in (behind, own))
    like, very = np.zeros((2, *missed.shape), np.uint8)
    like[missed] = (from_behind < _ALIKE) & (from_behind < from_own)
    very[missed] = like[missed] & (from_behind < _ALIKE / 3)
    width = 2 * max(1, round(_BROAD / 2 * unit)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    seen = cv2.morphologyEx(like, cv2.MORPH_OPEN, disc)
    # It is long and comes from where no hair is; next to that, every guess is good.
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(seen)
    long = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1) > _LONG * unit
    near = cv2.distanceTransform(1 - sure.astype(np.uint8), cv2.DIST_L2, 5) < _NEXT * unit
    seen &= long[pieces] & np.isin(pieces, pieces[near])
    for _ in range(round(_LONG * unit)):  # and may run on, narrower
        seen = cv2.dilate(seen, np.ones((3, 3), np.uint8)) & (seen | very)
    seen = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, disc).astype(np.float32)
    return cv2.resize(cv2.GaussianBlur(seen, (0, 0), _BROAD / 6 * unit), size)


def _away(values: np.ndarray, palette: np.ndarray, share: float) -> np.ndarray:
    """Distances ``[N]`` to the nearest colours that are no rarer than that in a palette."""
    palette = palette[:: len(palette) // _SAMPLE + 1]
    rank = max(5, int(share * len(palette)))
    return scipy.spatial.cKDTree(palette).query(values, k=[rank])[0][:, 0]


def _without_strands(image: np.ndarray, person: np.ndarray, outside, unit: float) -> np.ndarray:
    """The picture uint8 ``[H, W, 3]`` without the single hairs that leave a person's outline.

    A median takes out what is thin and leaves edges; where it changes little it is not asked.
    """
    size = 2 * max(1, round(_STRAND * unit)) + 1
    smooth = cv2.medianBlur(image, size)
    stands_out = cv2.absdiff(smooth, image).max(-1)
    thin = (stands_out > _STANDS_OUT[0]) & (outside < _STRANDS_FAR)
    _, pieces = cv2.connectedComponents((thin | (outside * unit < 2)).astype(np.uint8))
    own = np.isin(pieces, np.unique(pieces[outside == 0]))
    share = np.interp(stands_out, _STANDS_OUT, (0.0, 1.0)) * (thin & own & (person < 0.5))
    share = cv2.dilate(share.astype(np.float32), np.ones((3, 3), np.uint8))
    share = cv2.GaussianBlur(share, (0, 0), 0.8)[..., None]
    return np.round(image + share * (smooth - image.astype(np.float32))).astype(np.uint8)


def person_matte(portrait: Portrait) -> np.ndarray:
    """Head, hair and shoulders float32 ``[H, W]``, 0..1; all 1 where no background is seen."""
    height, width = portrait.image.shape[:2]
    factor = _WORK_SIZE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(portrait.image, size, interpolation=cv2.INTER_AREA)
    mask, inner = _prior(portrait, size, factor)
    below, _ = bust_coordinates(portrait, size, factor)
    mask[_like_hair(small, mask, below < _BESIDE)] = cv2.GC_PR_FGD
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


def _like_hair(image: np.ndarray, mask: np.ndarray, head: np.ndarray) -> np.ndarray:
    """What GrabCut's labels take for background, though it looks like hair and like nothing behind.

    Left there, long hair would be a part of the background's colours, and so become background.

    Args:
        image: uint8 ``[h, w, 3]``.
        mask: uint8 ``[h, w]``, GrabCut's labels.
        head: bool ``[h, w]``: where what is likely the person is head and hair, no shoulders.

    Returns:
        bool ``[h, w]``.
    """
    colours = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    behind, asked = colours[mask == cv2.GC_BGD], mask == cv2.GC_PR_BGD
    out = np.zeros(mask.shape, bool)
    hair = colours[(mask == cv2.GC_PR_FGD) & head]
    if min(len(behind), len(hair), asked.sum()) < _FEWEST:
        return out

    # A few pixels of hair may be taken for certain background as well.
    hair = hair[_away(hair, behind, _RARE) > _APART]
    if len(hair) >= _FEWEST:
        values = colours[asked]
        out[asked] = (_away(values, hair, 0) < _ALIKE) & (_away(values, behind, _RARE) > _APART)
    return out


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
