"""What the recognizer reads, drawn over the film that it read: landmarks, bars, the circumplex."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np

from gen.clip import ProgressHook, quiet
from recognizer.affect import AffectTrack
from recognizer.facs import AU_INDEX, AU_MAX, AU_NAMES, AU_SENTENCES, EMOTIONS
from recognizer.image_file import read_image
from recognizer.media import iter_frames, probe
from recognizer.plots import COLOURS
from recognizer.tracker import FaceTrack

#: The picture fits into the upper part of this many pixels; below it stands the panel.
WIDTH, HEIGHT, PANEL = 640, 480, 236
_PAPER, _INK, _SOFT, _TRACK = (247, 248, 250), (43, 47, 54), (107, 115, 128), (226, 230, 236)
_BAR, _LINE, _DOT = (47, 128, 138), (94, 214, 200), (255, 255, 255)
#: Columns of the panel: left edge of names and of bars, width of bars.
_EMOTIONS, _UNITS = (16, 90, 84), (196, 344, 104)
_TOP, _ROW, _BAR_HEIGHT = 44, 23, 11
_CIRCLE, _RADIUS = (550, 130), 66
_SHOWN_UNITS = 8


class Overlay:
    """Draws the tracks of one film.

    Args:
        tracks: what each face feels.
        faces: where each face is; as many.
        chief: the face whose bars are drawn.
    """

    def __init__(
        self, tracks: Sequence[AffectTrack], faces: Sequence[FaceTrack], chief: int
    ) -> None:
        self._track, self._faces, self._chief = tracks[chief], faces, chief
        peaks = np.nan_to_num(self._track.aus).max(axis=0)
        self._units = [AU_NAMES[i] for i in np.argsort(-peaks, kind="stable")[:_SHOWN_UNITS]]
        self._panel = _empty_panel(self._units, len(faces))

    def draw(self, image: np.ndarray, frame: int) -> np.ndarray:
        """A frame uint8 ``[H, W, 3]`` of the film with all that is read in it.

        Returns:
            uint8 ``[H', 640, 3]``, of the same size for all frames of one film.
        """
        import cv2

        height, width = image.shape[:2]
        scale = min(WIDTH / width, HEIGHT / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = cv2.resize(image, inner, interpolation=how)
        for i, face in enumerate(self._faces):
            if face.success[frame]:
                _draw_face(picture, face.points[frame, :, :2] * scale, i == self._chief)
        out = np.full((inner[1] + PANEL, WIDTH, 3), _PAPER, np.uint8)
        left = (WIDTH - inner[0]) // 2
        out[: inner[1], left : left + inner[0]] = picture
        out[inner[1] :] = self._filled_panel(frame)
        return out

    def _filled_panel(self, frame: int) -> np.ndarray:
        import cv2

        panel, track = self._panel.copy(), self._track
        if not track.success[frame]:
            return panel
        for row, name in enumerate(EMOTIONS):
            _bar(panel, _EMOTIONS, row, track.emotion[frame, row], _rgb(COLOURS[name]))
        for row, au in enumerate(self._units):
            _bar(panel, _UNITS, row, track.aus[frame, AU_INDEX[au]] / AU_MAX, _BAR)
        place = track.valence_arousal[frame]
        if np.isfinite(place).all():
            centre = (_CIRCLE[0] + _RADIUS * place[0], _CIRCLE[1] - _RADIUS * place[1])
            cv2.circle(panel, tuple(round(float(x)) for x in centre), 7, _BAR, -1, cv2.LINE_AA)
        return panel


def overlay_video(
    media: str | os.PathLike,
    path: str | os.PathLike,
    tracks: Sequence[AffectTrack],
    faces: Sequence[FaceTrack],
    chief: int,
    progress: ProgressHook = quiet,
) -> None:
    """Write a film with what was read of it, its sound included.

    Args:
        media: the film; its frames are those of the tracks.
        path: an ``.mp4`` file.
        tracks, faces, chief: see :class:`Overlay`.
        progress: called as ``progress("drawing", done, total)``.
    """
    from gen.video import VideoWriter

    overlay, about = Overlay(tracks, faces, chief), probe(media)
    total = len(tracks[chief])
    writer = None
    try:
        for i, image in enumerate(iter_frames(media)):
            drawn = overlay.draw(image, min(i, total - 1))
            if writer is None:
                height, width = drawn.shape[:2]
                sound = media if about.has_audio else None
                writer = VideoWriter(path, width, height, about.fps, audio=sound)
            writer.write(drawn)
            progress("drawing", i + 1, total)
        writer.close()
    finally:
        if writer is not None:
            writer.abort()


def overlay_image(
    media: str | os.PathLike, tracks: Sequence[AffectTrack], faces: Sequence[FaceTrack], chief: int
) -> np.ndarray:
    """A picture with what was read of it, uint8 ``[H', 640, 3]``."""
    return Overlay(tracks, faces, chief).draw(read_image(media), 0)


def _draw_face(picture: np.ndarray, points: np.ndarray, chief: bool) -> None:
    import cv2

    at = np.round(points * 16).astype(np.int32)  # sixteenths of a pixel
    for start, end in _contours():
        cv2.line(picture, at[start].tolist(), at[end].tolist(), _LINE if chief else _DOT, 1,
                 cv2.LINE_AA, 4)  # fmt: skip
    for x, y in np.round(points).astype(int):
        if 0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]:
            picture[y, x] = _DOT


@functools.cache
def _contours() -> tuple[tuple[int, int], ...]:
    """Pairs of landmarks along brows, eyes, lips and the face's edge."""
    from mediapipe.tasks.python.vision import FaceLandmarksConnections

    lines = FaceLandmarksConnections.FACE_LANDMARKS_CONTOURS
    return tuple((line.start, line.end) for line in lines)


def _bar(panel: np.ndarray, column, row: int, share: float, colour) -> None:
    _, left, width = column
    top = _TOP + row * _ROW
    filled = round(width * min(1.0, max(0.0, float(np.nan_to_num(share)))))
    panel[top : top + _BAR_HEIGHT, left : left + filled] = colour


def _empty_panel(units: Sequence[str], faces: int) -> np.ndarray:
    """Names and empty bars, uint8 ``[PANEL, WIDTH, 3]``."""
    from PIL import Image, ImageDraw, ImageFont

    panel = Image.new("RGB", (WIDTH, PANEL), _PAPER)
    pen = ImageDraw.Draw(panel)
    font, heading = (ImageFont.load_default(size) for size in (12.5, 13.5))
    several = " (of the face in green)" if faces > 1 else ""
    for (left, *_), title in (
        (_EMOTIONS, f"Emotion{several}"), (_UNITS, "" if several else "Action units, 0 to 5"),
        ((_CIRCLE[0] - _RADIUS,), "Valence, arousal"),
    ):  # fmt: skip
        pen.text((left, 14), title, _INK, heading)
    units_names = [AU_SENTENCES[au].split(":")[0] for au in units]
    for column, names in ((_EMOTIONS, EMOTIONS), (_UNITS, units_names)):
        name_left, left, width = column
        for row, name in enumerate(names):
            top = _TOP + row * _ROW
            pen.text((name_left, top - 2), name, _SOFT, font)
            pen.rectangle((left, top, left + width - 1, top + _BAR_HEIGHT - 1), _TRACK)
    (x, y), r = _CIRCLE, _RADIUS
    pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255), outline=_TRACK, width=2)
    pen.line((x - r, y, x + r, y), _TRACK)
    pen.line((x, y - r, x, y + r), _TRACK)
    return np.array(panel)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
