"""Lip shapes that depend on a person's own lips: opened, funnelled and pressed.

A displacement of a mean head fits a mean mouth. How far a lip's red narrows when it is pressed, or
the corners come in when it is funnelled, is a share of that person's lips.
"""

from __future__ import annotations

import numpy as np

from gen.renderers.topology import Topology
from recognizer.facs import ARKIT_INDEX

#: How much of the way from the head model's opening to a parabola the lower lip goes.
_ROUND = 0.7
_JAW = ARKIT_INDEX["jawOpen"]
_SMILES = [ARKIT_INDEX["mouthSmileRight"], ARKIT_INDEX["mouthSmileLeft"]]
#: A jaw that drops takes the corners along by so much (a share of the opening) more than the head
#: model's, over so much of the mouth's width; a smile of so much holds them.
_CORNERS, _CORNER_REACH, _HELD = 0.15, 0.3, 0.5
#: Corners of closed lips that smile lie higher above their middle than that (mouth widths), by so
#: much for a smile of 1. So much of it is lost where the jaw is open so far.
_LEVEL, _SMILE, _RELAXED, _SPEAKING = -0.02, 0.145, 0.5, 0.25
#: Funnel (AU 22): the mouth narrows by this share, and its lips rise and drop by these shares of
#: its width; the head model's own opens as a lozenge.
_NARROW, _RISE, _DROP = 0.40, 0.09, 0.14
#: The red turns outwards: its border moves this much farther than the inner lip.
_EVERT = 1.3
#: Press (AU 24): the red narrows by this share. The head model's own press is a smile's half
#: brother: these shares of what it does sideways and upwards are left.
_THIN, _WIDEN, _LIFT = 0.6, 0.5, 0.2
#: Dimple (AU 14): towards the corner that is tightened, the red narrows by this share.
_TIGHTEN = 0.5


def shape_lips(basis: np.ndarray, rest: np.ndarray, topology: Topology, rotation) -> None:
    """Correct how ``jawOpen``, ``mouthFunnel``, ``mouthPress`` and ``mouthDimple`` move, in place.

    Args:
        basis: float32 ``[52, M, 3]``, pixels.
        rest: ``[M, 3]`` mesh vertices of the portrait in pixels.
        topology: the mesh.
        rotation: ``[3, 3]`` of the portrait's head.
    """
    lips = _LipPlane(rest, topology, rotation)
    lips.round_opening(basis[ARKIT_INDEX["jawOpen"]], topology.lower_lip)
    lips.funnel(basis[ARKIT_INDEX["mouthFunnel"]])
    for side, tag in ((-1, "Right"), (1, "Left")):
        lips.press(basis[ARKIT_INDEX["mouthPress" + tag]], side)
        lips.tighten(basis[ARKIT_INDEX["mouthDimple" + tag]], side)


class Corners:
    """How a mouth's corners come down with the jaw, farther than the head model's do.

    Corners that stay up make a laugh of every vowel. Those of a portrait that smiles with closed
    lips relax as it speaks; but those that are told to smile are held.

    Args:
        field: ``[M, 3]`` pixels by which ``jawOpen`` moves the mesh.
        rest: ``[M, 3]`` mesh vertices of the portrait in pixels.
        topology: the mesh.
        rotation: ``[3, 3]`` of the portrait's head.
        worn: ``[52]``: the portrait's own expression.
    """

    def __init__(self, field, rest: np.ndarray, topology: Topology, rotation, worn) -> None:
        lips, down = _LipPlane(rest, topology, rotation), rotation.T[1]
        upper, lower = (c[len(c) // 2] for c in (topology.upper_lip, topology.lower_lip))
        self._opening = _CORNERS * float((field[lower] - field[upper]) @ down)
        middle = (rest[upper] + rest[lower]) / 2
        raised = (middle - rest[topology.outer_upper_lip[[0, -1]]]) @ down / lips.width
        smile = np.clip(raised - _LEVEL - _SMILE * worn[_SMILES], 0, None)
        self._smile = _RELAXED * smile * lips.width
        near = np.stack([lips.near_corner(side) for side in (-1, 1)])
        self._members = np.flatnonzero(near.max(0) > 0.02)
        self._field = near[:, self._members, None] * down
        self._worn = self._dropped(worn)

    def drop(self, space: np.ndarray, wanted: np.ndarray) -> None:
        """Lower the corners of mesh vertices ``[M, 3]`` in place for an expression ``[52]``."""
        change = self._dropped(wanted) - self._worn
        space[self._members] += np.tensordot(change, self._field, 1)

    def _dropped(self, expression: np.ndarray) -> np.ndarray:
        """By how many pixels both corners come down, the subject's right first: ``[2]``."""
        jaw = expression[_JAW] * (1 - np.clip(expression[_SMILES] / _HELD, 0, 1))
        return jaw * self._opening + np.clip(jaw / _SPEAKING, 0, 1) * self._smile


class _LipPlane:
    """The mesh as seen from the mouth: across, up and down from the seam between the lips."""

    def __init__(self, rest: np.ndarray, topology: Topology, rotation) -> None:
        self._right, self._down, self._forward = rotation.T
        corners = rest[topology.outer_upper_lip[[0, -1]]]
        #: Of the mouth, pixels.
        self.width = float((corners[1] - corners[0]) @ self._right)
        self._x = x = (rest - corners.mean(0)) @ self._right
        y = (rest - corners.mean(0)) @ self._down

        def contour(chain):
            order = np.argsort(x[chain])
            return np.interp(x, x[chain][order], y[chain][order])

        seam = (contour(topology.upper_lip) + contour(topology.lower_lip)) / 2
        self._height = y - seam
        self._lower = self._height > 0
        self._lower[topology.upper_lip] = False
        self._lower[topology.lower_lip[1:-1]] = True
        top, bottom = contour(topology.outer_upper_lip), contour(topology.outer_lower_lip)
        red = np.where(self._lower, bottom - seam, seam - top)
        self._red = np.maximum(red, 0.02 * self.width)
        #: 0 in the seam, 1 on the border of the red.
        self._outward = np.clip(np.abs(self._height) / self._red, 0, 1)
        self._past_red = np.clip(np.abs(self._height) - self._red, 0, None) / self.width
        self._past_corner = np.clip(np.abs(x) / (self.width / 2) - 1, 0, None)

    def near_corner(self, side: int) -> np.ndarray:
        """How near the vertices are to a corner (-1 image left, 1 right): ``[M]``, 0..1."""
        away = np.hypot(self._x - side * self.width / 2, self._height) / self.width
        return np.exp(-((away / _CORNER_REACH) ** 2))

    def round_opening(self, field: np.ndarray, chain: np.ndarray) -> None:
        """Bring a lower lip's movement ``[M, 3]`` towards a parabola; the model's has a point."""
        half = np.ptp(self._x[chain]) / 2
        across = np.clip((self._x[chain] - self._x[chain].mean()) / half, -1, 1)
        moved = field[chain] @ self._down
        ends = (moved[0] + moved[-1]) / 2
        change = _ROUND * ((moved[len(chain) // 2] - ends) * (1 - across**2) + ends - moved)
        order = np.argsort(self._x[chain])
        share = (1 - self._outward) * (self._past_corner == 0) * self._lower
        change = np.interp(self._x, self._x[chain][order], change[order]) * share
        field += change[:, None] * self._down

    def funnel(self, field: np.ndarray) -> None:
        """Replace a funnel's movement ``[M, 3]`` in the picture; it protrudes as it did."""
        # The border of the red is curved already: it moves more evenly than the straight seam.
        across = np.clip(np.abs(2 * self._x / self.width), 0, 1)
        arch = 1 - across ** (2 + 2 * self._outward)
        rise = np.where(self._lower, _DROP, -_RISE) * self.width * arch
        rise *= 1 + (_EVERT - 1) * self._outward
        wanted = (-_NARROW * self._x)[:, None] * self._right + rise[:, None] * self._down
        share = np.exp(-((self._past_red / 0.3) ** 2) - (self._past_corner / 0.5) ** 2)[:, None]
        protruding = (field @ self._forward)[:, None] * self._forward
        field += share * (wanted + protruding - field)

    def tighten(self, field: np.ndarray, side: int) -> None:
        """Thin the red towards one corner (-1 image left, 1 right) in a dimple's movement."""
        own = np.clip(2 * side * self._x / self.width, 0, 1)
        field += _TIGHTEN * own[:, None] * self._thinner()

    def press(self, field: np.ndarray, side: int) -> None:
        """Thin the red of one half (-1 image left, 1 right) in a press's movement ``[M, 3]``."""
        own = 1 / (1 + np.exp(-side * self._x / (0.06 * self.width)))
        field *= _WIDEN
        field += ((_LIFT / _WIDEN - 1) * (field @ self._down))[:, None] * self._down
        field += _THIN * own[:, None] * self._thinner()

    def _thinner(self) -> np.ndarray:
        """The movement ``[M, 3]`` that takes the red to the seam; the skin next to it follows."""
        inside = np.minimum(np.abs(self._height), self._red)
        share = np.exp(-((self._past_red / 0.18) ** 2) - (self._past_corner / 0.35) ** 2)
        toward = np.where(self._lower, -1.0, 1.0)
        return (toward * inside * share)[:, None] * self._down
