"""Contact sheets: frames of a clip over time, the worst moments marked."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import frames_at

#: Frames spread over a clip, longer side at which they are read, and that of a picture.
_SPREAD, _SIDE, _PIXELS = 8, 640, 144
#: Side of what is shown of a frame, in sizes of the face.
_AROUND = 1.7


def strip(
    path: Path, measures: ClipMeasures, anchor: str, marks: Mapping[int, str], last: bool = False
) -> str:
    """Frames spread over a film and those with marks, each cut out around the face, as HTML.

    Args:
        path: the film.
        measures: of it.
        anchor: begins the ids of frames.
        marks: frame → what is wrong there.
        last: marked frames follow the others, so that strips of several films stand in columns.
    """
    spread = np.linspace(0, len(measures) - 1, min(_SPREAD, len(measures))).round().astype(int)
    chosen = sorted({*spread.tolist(), *marks})
    pictures = dict(zip(chosen, frames_at(path, chosen, _SIDE), strict=False))
    order = list(dict.fromkeys([*spread.tolist(), *sorted(marks)])) if last else chosen
    figures = []
    for i in order:
        if i in pictures:
            bad = ' class="bad"' if i in marks else ""
            text = f"{i / measures.fps:.2f} s{f'<br>{escape(marks[i])}' if i in marks else ''}"
            picture = jpeg_data(_face(pictures[i], measures, i))
            figures.append(
                f'<figure{bad} id="{anchor}frame{i}"><img alt="frame {i}" src="{picture}">'
                f"<figcaption>{text}</figcaption></figure>"
            )
    return f'<div class="sheet{" columns" if last else ""}">{"".join(figures)}</div>'


def sheet(clip: EvaluatedClip, anchor: str, last: bool = False) -> str:
    """:func:`strip` of a clip, its worst moments marked."""
    marks: dict[int, str] = {}
    for one in clip.worst:
        marks[one["frame"]] = ", ".join(filter(None, (marks.get(one["frame"]), one["what"])))
    return strip(clip.request.clip, clip.measures, anchor, marks, last)


def _face(frame: np.ndarray, measures: ClipMeasures, i: int) -> np.ndarray:
    """A square around the face, or around the middle of the picture."""
    height, width = frame.shape[:2]
    near = np.flatnonzero(measures.success)
    box = measures.boxes[near[np.abs(near - i).argmin()]] * (width / measures.size[0])
    middle = (box[:2] + box[2:]) / 2
    side = int(min(_AROUND * (box[2:] - box[:2]).max(), height, width))
    left, top = (
        int(np.clip(m - side / 2, 0, extent - side))
        for m, extent in zip(middle, (width, height), strict=True)
    )
    return frame[top : top + side, left : left + side]


def jpeg_data(picture: np.ndarray) -> str:
    """A small square picture as a data URI."""
    from PIL import Image

    image = Image.fromarray(picture).resize((_PIXELS, _PIXELS), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
