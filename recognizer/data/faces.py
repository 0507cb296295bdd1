"""Aligned face crops with whatever labels they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS

SPLITS = ("train", "valid", "test")

#: What can be labelled: columns, lowest and highest value. A row of NaN is not labelled; of action
#: units single columns may be NaN too.
LABELS: dict[str, tuple[int, float, float]] = {
    "emotion": (len(EMOTIONS), 0.0, 1.0),
    "au": (len(AU_NAMES), 0.0, AU_MAX),
    "valence_arousal": (2, -1.0, 1.0),
    "au_most": (len(AU_NAMES), 0.0, AU_MAX),
}


@dataclass
class LabelledFaces:
    """Faces and their labels.

    Attributes:
        images: uint8 ``[N, S, S]`` grey, framed as :func:`recognizer.crop.face_crop` does.
        emotion: float32 ``[N, 8]``, probabilities in the order of ``EMOTIONS``.
        au: float32 ``[N, 24]``, intensities 0 to 5 in the order of ``AU_NAMES``.
        valence_arousal: float32 ``[N, 2]``, -1 to 1.
        au_most: float32 ``[N, 24]``: what is known may be an interval, from ``au`` to this; by
            default it is ``au`` itself.
    """

    images: np.ndarray
    emotion: np.ndarray | None = None
    au: np.ndarray | None = None
    valence_arousal: np.ndarray | None = None
    au_most: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Complete the labels.

        Raises:
            ValueError: shapes or ranges are not as said above.
        """
        shape = self.images.shape
        if len(shape) != 3 or shape[1] != shape[2] or self.images.dtype != np.uint8:
            raise ValueError(f"face crops are uint8 [N, S, S], got {self.images.dtype} {shape}")
        for name, (columns, low, high) in LABELS.items():
            values = getattr(self, name)
            if values is None:
                values = np.full((len(self), columns), np.nan, np.float32)
            values = np.asarray(values, np.float32)
            if values.shape != (len(self), columns):
                raise ValueError(
                    f"{name} of {len(self)} faces is [{len(self)}, {columns}], got {values.shape}"
                )
            if (values < low - 1e-4).any() or (values > high + 1e-4).any():
                raise ValueError(f"{name} goes from {low:g} to {high:g}")
            setattr(self, name, values)
        self.au_most = np.where(np.isnan(self.au_most), self.au, self.au_most)
        if (self.au_most < self.au).any():
            raise ValueError("au_most must not be below au")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows) -> LabelledFaces:
        """Some of the faces: a slice, an array of indices or a mask."""
        return LabelledFaces(self.images[rows], *(getattr(self, name)[rows] for name in LABELS))

    def with_images(self, images: np.ndarray) -> LabelledFaces:
        """The same labels on other pictures ``[N, S, S]``."""
        return LabelledFaces(images, *(getattr(self, name) for name in LABELS))

    def labelled(self, name: str) -> np.ndarray:
        """bool ``[N]``: faces with the label ``name``, at least in part."""
        return np.isfinite(getattr(self, name)).any(axis=1)


def concatenate(parts: Sequence[LabelledFaces]) -> LabelledFaces:
    """All faces of the parts in their order.

    Raises:
        ValueError: no parts, or crops of different size.
    """
    if not parts:
        raise ValueError("there are no faces")
    if len({part.images.shape[1] for part in parts}) > 1:
        raise ValueError("face crops of different sizes cannot be trained on together")
    arrays = (np.concatenate([getattr(p, name) for p in parts]) for name in ("images", *LABELS))
    return LabelledFaces(*arrays)
