"""Motion as JSON, for web viewers."""

from __future__ import annotations

import json
import os

import numpy as np

from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.files import write_whole
from recognizer.motion import MotionTrack


def write_json(path: str | os.PathLike, track: MotionTrack) -> None:
    """``{"fps", "names", "frames": [[…]]}``: blendshapes, then pose; null where unseen."""
    rows = np.round(track.to_vectors().astype(float), 5)
    frames = [[None if np.isnan(v) else v for v in row] for row in rows.tolist()]
    document = {"fps": track.fps, "names": [*ARKIT_NAMES, *POSE_NAMES], "frames": frames}
    write_whole(path, json.dumps(document, separators=(",", ":")) + "\n")
