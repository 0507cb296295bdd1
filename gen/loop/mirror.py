"""A portrait before a mirror: motion is drawn, tracked and read as any clip would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gen.loop.controller import Seen
from gen.renderers.base import Renderer, before_first_frame
from recognizer.affect import AffectTrack
from recognizer.face_model import FaceModel
from recognizer.metrics.agreement import pearson
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTrack, FaceTracker, NoFaceError, largest

#: Of a neutral clip in which the mouth talks, this quantile is the person at rest.
_REST_QUANTILE = 0.4
#: What commands do is tried in so many frames.
_TRIAL_FRAMES = 5


class Mirror:
    """Reads what a portrait shows, relative to the same portrait saying the same neutrally.

    Args:
        renderer: of the portrait.
        recognizer: reads the drawn frames.
        neutral: the motion without expression.

    Raises:
        NoFaceError: no face is found in the drawn frames.
    """

    def __init__(self, renderer: Renderer, recognizer: Recognizer, neutral: MotionTrack) -> None:
        self._renderer, self._recognizer = renderer, recognizer
        self._rest = recognizer.at_rest(self._tracked([neutral])[0], _REST_QUANTILE)

    def look(self, motion: MotionTrack, neutral: MotionTrack) -> tuple[AffectTrack, float]:
        """What a motion shows.

        Args:
            motion: with expression.
            neutral: the same words without it.

        Returns:
            what is read, and Pearson's r of the lips' opening, read back, with that of the neutral
            motion: 1 where expression leaves the words alone.
        """
        face = self._tracked([motion])[0]
        sync = pearson(_lips(face.motion.filled()), _lips(neutral))
        return self._recognizer.read_face(face, self._rest), sync

    def attempt(self, motion: MotionTrack, offsets: Sequence[np.ndarray]) -> list[Seen]:
        """What a motion would show with other coefficients.

        Args:
            motion: in a few of its frames it is tried.
            offsets: ``[52]`` each, added to its coefficients.
        """
        few = np.unique(np.linspace(0, len(motion) - 1, _TRIAL_FRAMES).round().astype(int))
        tried = [
            MotionTrack(
                np.clip(motion.blendshapes[few] + offset, 0, 1), motion.pose[few], motion.fps
            )
            for offset in offsets
        ]
        return [
            mean_of(self._recognizer.read_face(face, self._rest)) for face in self._tracked(tried)
        ]

    def _tracked(self, motions: Sequence[MotionTrack]) -> list[FaceTrack]:
        """The face in each motion's frames, drawn as one film, so that it is one person."""
        drawing = before_first_frame(self._renderer)
        rows = (row for m in motions for row in zip(m.blendshapes, m.pose, strict=True))
        with FaceTracker(crops=True) as tracker:
            faces = tracker.video((drawing.render(*row) for row in rows), motions[0].fps)
        face = largest(faces)
        ends = np.cumsum([len(motion) for motion in motions])
        found = [_part(face, end - len(m), end) for m, end in zip(motions, ends, strict=True)]
        if not all(part.success.any() for part in found):
            raise NoFaceError("no face was found in the drawn frames")
        return found


def mean_of(track: AffectTrack, weight: np.ndarray | None = None) -> Seen:
    """The mean of a track over the frames with a face.

    Args:
        track: what was read.
        weight: ``[T]``: how much each frame counts.
    """
    weight = track.success * (np.ones(len(track)) if weight is None else weight)
    weight = weight / max(weight.sum(), 1e-9)
    columns = (track.aus, track.valence_arousal, track.emotion)
    return Seen(*(weight @ np.nan_to_num(values) for values in columns))


def _lips(motion: MotionTrack) -> np.ndarray:
    return FaceModel.load().lip_opening(motion.blendshapes)


def _part(face: FaceTrack, start: int, stop: int) -> FaceTrack:
    rows = slice(start, stop)
    motion = MotionTrack(face.motion.blendshapes[rows], face.motion.pose[rows], face.motion.fps)
    return replace(
        face, points=face.points[rows], scores=face.scores[rows], motion=motion,
        gaze=face.gaze[rows], confidence=face.confidence[rows], crops=face.crops[rows],
    )  # fmt: skip
