"""Where skin folds: the lines by which action units are told, laid out on one portrait.

After the *Facial Action Coding System* (Ekman, Friesen and Hager 2002): wrinkles across the
forehead (AU 1, 2), furrows between the brows (AU 4), crow's feet and the furrow under the eye
(AU 6, 7), wrinkles on the root of the nose (AU 9), the nasolabial furrow, round with AU 12 and
squared with AU 9 and 10, the dimple (AU 14), the fold below the corner (AU 15) and above the
chin's boss (AU 17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # its packages load when they are asked for

from recognizer.facs import ARKIT_INDEX, sides


@dataclass(frozen=True)
class Crease:
    """A fold of the skin.

    Attributes:
        causes: coefficient → how much of the fold it makes.
        curve: ``[K, 2]`` along it, in pixels of the portrait.
        depth: share of the light that its bottom loses.
        width: in face widths.
        swell: share that the skin on the curve's right-hand side (seen along it, y down) gains,
            negative for its left-hand side.
        onset: of the causes' sum, up to which skin lies smooth.
        taper: shares of its length over which it fades where it begins and where it ends.
    """

    causes: Mapping[str, float]
    curve: np.ndarray
    depth: float
    width: float
    swell: float = 0.0
    onset: float = 0.0
    taper: tuple[float, float] = (0.35, 0.35)


#: Landmarks by side, the subject's right (image left) first: wing of the nose, corners of the lips
#: and of the eyes, middle of the lower lid, lower edge of the brow's head, brow from the temple in.
_WING, _CORNER = (129, 358), (61, 291)
_EYE = ((33, 133, 145), (263, 362, 374))
_BROW = ((63, 105, 66, 107), (293, 334, 296, 336))
_HEAD = (55, 285)
_GLABELLA, _TOP, _ROOT = 9, 10, (168, 6)
_LIP_BORDER, _CHIN = 18, 200
#: Brows that accompany speech lay the forehead in no folds.
_BROW_ONSET = 0.3
#: Nor do the lips' own movements in speech fold the skin around them.
_LIP_ONSET = 0.15


def creases(points: np.ndarray, basis: np.ndarray, head, scale: float) -> Iterator[Crease]:
    """The folds of one portrait.

    Args:
        points: ``[478, 3]`` landmarks in pixels.
        basis: ``[52, 478, 3]`` pixels by which the coefficients move them.
        head: ``[3, 3]`` rotation of the portrait's head.
        scale: pixels of a face width.
    """
    frame = np.asarray(head)[:2, :2] * scale
    for side, tag in enumerate(("Right", "Left")):
        half = _Half(points, basis, side, tag, frame)
        yield from half.cheek()
        yield from half.mouth()
        yield from half.eye()
        yield from half.brow()
    yield from _middle(points[:, :2], frame)


class _Half:
    """One side of a face, with its own axes."""

    def __init__(self, points, basis, side: int, tag: str, frame: np.ndarray) -> None:
        self._points, self._basis, self._side, self._tag = points, basis, side, tag
        self._out, self._down = frame[:, 0] * (-1, 1)[side], frame[:, 1]
        #: Swell on the side away from the middle of a line that runs down, in ``outward``.
        self._outside = (1, -1)[side]

    def _at(self, landmark: int, out: float = 0.0, down: float = 0.0) -> np.ndarray:
        return self._points[landmark, :2] + out * self._out + down * self._down

    def _by(self, causes: Mapping[str, float]) -> dict[str, float]:
        """Causes of this side, from stems."""
        return {
            (stem if stem in ARKIT_INDEX else stem + self._tag): share
            for stem, share in causes.items()
        }

    def cheek(self) -> Iterator[Crease]:
        """The nasolabial furrow: round under a smile, squared where the lip is raised."""
        wing, corner = _WING[self._side], _CORNER[self._side]
        smile = self._moved({"mouthSmile": 1.0})
        begin = smile[wing] - 0.03 * self._down
        end = smile[corner] + 0.07 * self._out + 0.03 * self._down
        bend = (begin + end) / 2 + 0.04 * self._out
        curve = self._back(smile, _bezier(begin, bend, end))
        causes = self._by({"mouthSmile": 1.0, "cheekSquint": 0.3})
        yield Crease(causes, curve, 0.18, 0.016, 0.05 * self._outside, taper=(0.2, 0.5))

        sneer = self._moved({"mouthUpperUp": 0.7, "noseSneer": 0.7})
        begin = sneer[wing] - 0.038 * self._down - 0.014 * self._out
        end = sneer[corner] + 0.045 * self._out + 0.01 * self._down
        bend = sneer[wing] + 0.055 * self._out - 0.012 * self._down
        curve = self._back(sneer, _bezier(begin, bend, end))
        causes = self._by({"noseSneer": 0.8, "mouthUpperUp": 0.75})
        yield Crease(causes, curve, 0.25, 0.018, 0.08 * self._outside, _LIP_ONSET, (0.1, 0.8))

    def mouth(self) -> Iterator[Crease]:
        """The dimple beside the corner and the fold below it."""
        corner = _CORNER[self._side]
        # Round the corner as it is drawn in, where a little smile may have taken it.
        drawn = self._moved({"mouthDimple": 1.0, "mouthSmile": 0.3})
        dimple = [
            drawn[corner] + out * self._out + down * self._down
            for out, down in ((0.004, -0.080), (0.034, -0.028), (0.038, 0.030), (0.010, 0.100))
        ]
        curve = self._back(drawn, _smooth(dimple))
        causes = self._by({"mouthDimple": 1.0})
        yield Crease(causes, curve, 0.25, 0.018, 0.10 * self._outside, _LIP_ONSET, (0.4, 0.5))
        fold = [
            self._at(corner, 0.012, 0.000), self._at(corner, 0.030, 0.045),
            self._at(corner, 0.040, 0.110),
        ]  # fmt: skip
        causes = self._by({"mouthFrown": 1.0, "mouthShrugLower": 0.2})
        yield Crease(
            causes, _smooth(fold), 0.2, 0.015, 0.06 * self._outside, _LIP_ONSET, (0.15, 0.6)
        )

    def eye(self) -> Iterator[Crease]:
        """Under the eye, and beside its outer corner."""
        outer, inner, under = _EYE[self._side]
        pouch = [
            self._at(inner, 0.01, 0.022),
            self._at(under, 0.0, 0.034),
            self._at(outer, 0, 0.03),
        ]
        causes = self._by({"eyeSquint": 0.8, "cheekSquint": 0.5, "noseSneer": 0.3})
        # A line that runs outwards swells on its upper side: the lid bulges.
        yield Crease(causes, _smooth(pouch), 0.16, 0.010, -0.05 * self._outside, 0.1)
        furrow = [self._at(inner, 0.0, 0.035), self._at(under, -0.02, 0.085),
                  self._at(under, 0.075, 0.105)]  # fmt: skip
        causes = self._by({"cheekSquint": 0.9, "noseSneer": 0.7})
        yield Crease(causes, _smooth(furrow), 0.16, 0.014, 0.05 * self._outside, 0.1, (0.25, 0.5))
        for slope, length in ((-0.55, 0.06), (-0.05, 0.075), (0.45, 0.07)):
            ray = [self._at(outer, 0.028 + t * length, slope * (0.02 + t * length) + 0.012 * t * t)
                   for t in (0.0, 0.5, 1.0)]  # fmt: skip
            causes = self._by({"cheekSquint": 1.0})
            yield Crease(causes, _smooth(ray), 0.15, 0.007, onset=0.15, taper=(0.3, 0.6))

    def brow(self) -> Iterator[Crease]:
        """Beside the middle line a brow's head pushes skin up; above its tail it lifts it."""
        head = _HEAD[self._side]
        middle = 0.5 * (self._points[_GLABELLA, :2] + self._points[head, :2])
        upright = [middle + 0.045 * self._down - 0.006 * self._out, middle,
                   middle - 0.06 * self._down + 0.004 * self._out]  # fmt: skip
        causes = self._by({"browDown": 1.0})
        yield Crease(causes, _smooth(upright), 0.2, 0.011, -0.06 * self._outside, taper=(0.4, 0.5))
        arch = self._points[list(_BROW[self._side]), :2]
        up = self._points[_TOP, :2] - self._points[_GLABELLA, :2]
        causes = self._by({"browOuterUp": 1.0, "browDown": -0.6})
        for height, depth in ((0.26, 0.13), (0.42, 0.17), (0.58, 0.12)):
            yield Crease(causes, _smooth(_flat(arch) + height * up), depth, 0.010, 0.0, _BROW_ONSET)
        # The nose's side, drawn up against its root.
        for row, down, depth in ((_ROOT[1], 0.008, 0.19), (197, 0.010, 0.17)):
            line = [self._at(row, 0.016, down + 0.012), self._at(row, 0.046, down),
                    self._at(row, 0.085, down - 0.026)]  # fmt: skip
            causes = self._by({"noseSneer": 1.0})
            yield Crease(causes, _smooth(line), depth, 0.011, 0.03 * self._outside, 0.1)

    def _moved(self, causes: Mapping[str, float]) -> np.ndarray:
        """The landmarks ``[478, 2]`` under an expression."""
        shift = sum(share * self._basis[ARKIT_INDEX[stem + self._tag]]
                    for stem, share in causes.items())  # fmt: skip
        return (self._points + shift)[:, :2]

    def _back(self, moved: np.ndarray, curve: np.ndarray) -> np.ndarray:
        """Where in the portrait the skin lies that an expression brings to a curve.

        A furrow is not a line of the skin: it is where the cheek comes to rest on a lip. It is laid
        out on the moved face and carried back to the portrait's.
        """
        shift = self._points[:468, :2] - moved[:468]
        spread = scipy.interpolate.RBFInterpolator(
            moved[:468], shift, neighbors=12, kernel="linear"
        )
        return curve + spread(curve)


def _middle(points: np.ndarray, frame: np.ndarray) -> Iterator[Crease]:
    """Folds that cross the middle line."""
    right, down = frame[:, 0], frame[:, 1]
    up = points[_TOP] - points[_GLABELLA]
    brows = points[[*_BROW[0][1:], *_BROW[1][:0:-1]]]
    for height, depth in ((0.24, 0.15), (0.40, 0.20), (0.56, 0.14)):
        line = _smooth(_flat(brows) + height * up)
        causes = {"browInnerUp": 1.0}
        yield Crease(causes, line, depth, 0.010, 0.0, _BROW_ONSET, (0.45, 0.45))
    wrinkled = {name: 0.5 for name in sides("noseSneer")}
    lowered = {name: 0.12 for name in sides("browDown")}
    for share, half, depth in ((-0.4, 0.06, 0.16), (0.35, 0.065, 0.2)):
        centre = points[_ROOT[0]] + share * (points[_ROOT[1]] - points[_ROOT[0]])
        line = [centre - half * right - 0.004 * down, centre + 0.004 * down,
                centre + half * right - 0.004 * down]  # fmt: skip
        yield Crease(wrinkled | lowered, _smooth(line), depth, 0.013, -0.03, 0.1, (0.45, 0.45))
    hollow = 0.6 * points[_LIP_BORDER] + 0.4 * points[_CHIN]
    line = [hollow - 0.12 * right + 0.05 * down, hollow - 0.06 * right + 0.008 * down, hollow,
            hollow + 0.06 * right + 0.008 * down, hollow + 0.12 * right + 0.05 * down]  # fmt: skip
    causes = {"mouthShrugLower": 1.0} | {name: 0.15 for name in sides("mouthFrown")}
    yield Crease(causes, _smooth(line), 0.24, 0.018, 0.06, _LIP_ONSET)


def _bezier(begin: np.ndarray, bend: np.ndarray, end: np.ndarray) -> np.ndarray:
    t = np.linspace(0, 1, 200)[:, None]
    return (1 - t) ** 2 * begin + 2 * t * (1 - t) * bend + t**2 * end


def _smooth(chain) -> np.ndarray:
    """A curve ``[200, 2]`` through points."""
    chain = np.asarray(chain)
    along = np.cumsum(np.r_[0, np.linalg.norm(np.diff(chain, axis=0), axis=1)])
    return scipy.interpolate.CubicSpline(along, chain)(np.linspace(0, along[-1], 200))


def _flat(chain: np.ndarray) -> np.ndarray:
    """A chain half-way to the straight line between its ends."""
    t = np.linspace(0, 1, len(chain))[:, None]
    return 0.5 * chain + 0.5 * ((1 - t) * chain[0] + t * chain[-1])
