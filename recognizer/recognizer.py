"""The recognizer: a picture, a video or a sound → what is felt, and how sure that is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.affect_reader import load_head, read_motion, resting_coefficients
from recognizer.appearance_reader import load_appearance, look_at_rest, read_crops
from recognizer.brow_reader import brow_intensities, brow_places, resting_brows, without_nose
from recognizer.emfacs_reader import EmfacsReader, RestingLevel, steadied, with_brows
from recognizer.facs import AU_INDEX
from recognizer.fusion import Opinion, fuse
from recognizer.judgement import Judgement, track_of_voice
from recognizer.media import read_audio
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet
from recognizer.talking import talking
from recognizer.tracked_files import Progress, has_picture, has_sound, track_faces
from recognizer.tracker import FaceTrack, NoFaceError, largest
from recognizer.unit_reader import (
    Calibration,
    UnitReading,
    fuse_units,
    load_unit_network,
    look_at_units,
    without_rest,
)
from recognizer.voice import VoiceTrack, read_voice
from recognizer.words import read_words

#: How far motion and appearance can be relied on (see :mod:`recognizer.train.reliability`).
RELIABILITY = Path(__file__).parent / "weights" / "reliability.json"
#: Moods outlast frames: so many pictures a second are looked at.
APPEARANCE_FPS = 12.5
#: In so many seconds of talk a person is at rest often enough for a guess at the resting face.
REST_SECONDS, _REST_QUANTILE = 60.0, 0.2
#: Hums, notes and noise have a confidence of 0.01 at most.
LEAST_VOICE = 0.05


@dataclass(frozen=True)
class Rest:
    """How a person looks at rest: what their face shows without expressing anything.

    Attributes:
        coefficients: ``[52]``.
        units: ``[24]`` intensities that their pictures seem to show; ``None``: not known.
        shift: ``[2, 8]``: see :func:`recognizer.appearance_reader.read_crops`; ``None``: not known.
        level: where the fused action units lie; ``None``: not known.
        brows: ``[20, 2]``: see :func:`recognizer.brow_reader.resting_brows`; ``None``: not known.
    """

    coefficients: np.ndarray
    units: np.ndarray | None = None
    shift: np.ndarray | None = None
    level: RestingLevel | None = None
    brows: np.ndarray | None = None


class Recognizer:
    """Reads affect from faces, voices and words.

    A face is read twice: by its motion (the coefficients of the tracker) and by its appearance
    (its pixels). The two are combined by :func:`recognizer.fusion.fuse` with calibrated
    reliabilities; so are its action units, by :func:`recognizer.unit_reader.fuse_units`. Of a
    person who is known at rest, emotions are what changes: by EMFACS from the action units, and by
    how the appearance differs from that at rest.

    Args:
        head: reads motion.
        appearance: looks at pictures for emotions; ``None`` leaves them out.
        reliability: ``"motion"`` and ``"appearance"`` → 0..1.
        units: looks at pictures for action units; ``None`` leaves them out.
        calibration: how far it and the motion can be relied on for each.
        neutral: ``[8]`` probabilities that ``appearance`` gives to neutral faces, by which faces
            that look otherwise at rest are put right; ``None`` leaves them as they are.
        emfacs: reads emotions of persons known at rest from their action units; ``None``: persons
            known at rest are read as strangers who look neutral then.

    Raises:
        ValueError: ``units`` without ``calibration``.
    """

    def __init__(
        self,
        head: AffectHead,
        appearance: AppearanceNet | None = None,
        reliability: Mapping[str, float] | None = None,
        units: AppearanceNet | None = None,
        calibration: Calibration | None = None,
        neutral: np.ndarray | None = None,
        emfacs: EmfacsReader | None = None,
    ) -> None:
        if units is not None and calibration is None:
            raise ValueError("a network for action units needs a calibration")
        self.head, self.appearance = head, appearance
        self.reliability = {"motion": 1.0, "appearance": 1.0} | dict(reliability or {})
        self.units, self.calibration = units, calibration
        self.neutral = None if neutral is None else np.asarray(neutral, np.float64)
        self.emfacs = emfacs

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike | None = None) -> Recognizer:
        """The packaged networks, or those of a folder of the same layout.

        Raises:
            FileNotFoundError: something is missing there.
            ValueError: it cannot be read.
        """
        folder = RELIABILITY.parent if folder is None else Path(folder)
        reliability = json.loads((folder / RELIABILITY.name).read_text(encoding="utf-8"))
        return cls(
            load_head(folder / "affect_motion"),
            load_appearance(folder / "affect_appearance"),
            reliability["reliability"],
            load_unit_network(folder / "au_appearance"),
            Calibration.load(folder / "unit_reliability.json"),
            reliability.get("neutral"),
            EmfacsReader.load(folder / "emfacs.json"),
        )

    def __call__(
        self,
        media: str | os.PathLike,
        progress: Progress | None = None,
        rest: Rest | None = None,
    ) -> AffectTrack:
        """The affect of the largest face of a picture or video, or of a voice.

        Args:
            media: picture, video or sound; the track of a sound has no action units and no motion.
            progress: see :data:`recognizer.tracked_files.Progress`.
            rest: how the person looks at rest (see :meth:`learn_rest`).

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is neither picture, video nor sound.
            NoFaceError: no face was found.
        """
        if has_picture(media):
            return self.read_face(largest(self._track(media, progress=progress)), rest)
        return track_of_voice(self.listen(media))

    def faces(
        self, media: str | os.PathLike, max_faces: int = 4, progress: Progress | None = None
    ) -> list[AffectTrack]:
        """The affect of every face of a picture or video, in order of appearance.

        Args:
            media: picture or video.
            max_faces: the most faces to follow.
            progress: see :data:`recognizer.tracked_files.Progress`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is neither picture nor video.
            NoFaceError: no face was found.
        """
        tracks = self._track(media, max_faces, progress)
        return [self.read_face(track) for track in tracks]

    def judge(
        self,
        media: str | os.PathLike,
        text: str | None = None,
        max_faces: int = 4,
        progress: Progress | None = None,
        rest: Rest | None = None,
    ) -> Judgement:
        """All that a clip and its transcript say.

        Args:
            media: picture, video or sound.
            text: what is said.
            max_faces: the most faces to follow.
            progress: see :data:`recognizer.tracked_files.Progress`.
            rest: how the person with the largest face looks at rest.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is neither picture, video nor sound, or ``text`` holds no words.
            NoFaceError: there is neither a face nor a voice nor words.
        """
        words = None if text is None else read_words(text)
        voice = self.listen(media) if has_sound(media) else None
        faces, tracks, first = [], [], None
        if has_picture(media):
            try:
                tracks = self._track(media, max_faces, progress)
            except NoFaceError:
                pass
            else:
                if progress:
                    progress("reading the face", 0, None)
                chief = largest(tracks)
                first = tracks.index(chief)
                faces = [self.read_face(t, rest if t is chief else None) for t in tracks]
        opinions = [
            *([] if first is None else [Opinion.from_track(faces[first]).averaged()]),
            *([] if voice is None else _averaged(voice)),
            *([] if words is None else [words.opinion()]),
        ]
        if not opinions:
            what = "voice" if voice is not None and not has_picture(media) else "face"
            also = " and no voice is heard" if voice is not None and what == "face" else ""
            raise NoFaceError(f"no {what} was found in {Path(media).name}{also}")
        return Judgement(faces, first, voice, words, fuse(opinions), tracks)

    def learn_rest(self, media: str | os.PathLike) -> Rest:
        """How the person with the largest face of a picture or video looks at rest.

        Args:
            media: a picture or film of the person who expresses nothing.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is neither picture nor video.
            NoFaceError: no face was found.
        """
        return self.at_rest(largest(self._track(media)))

    def at_rest(self, face: FaceTrack, quantile: float = 0.5) -> Rest:
        """How a person looks at rest.

        Args:
            face: of a picture or film of the person at rest, or, with a low quantile, of a long
                film in which they often are.
            quantile: of each value over time, 0..1.

        Raises:
            ValueError: no frame has a face.
        """
        units, shift = self._looked_at(face), None
        if units is not None:
            units = np.nanquantile(units.mean, quantile, axis=0)
        if self.appearance is not None and self.neutral is not None and face.crops is not None:
            looks = look_at_rest(face.crops, self.appearance, face.success)
            shift = np.log(self.neutral) - looks
        rest = Rest(resting_coefficients(face.motion, quantile), units, shift)
        if self.emfacs is None:
            return rest
        motion = read_motion(face.motion, self.head, rest.coefficients)
        fused = self._units(face, UnitReading(motion.aus, motion.aus_std), rest)
        rest = replace(rest, brows=resting_brows(brow_places(face.points), quantile))
        level = self.emfacs.level(fused.mean, face.motion, _brows(face, rest))
        return replace(rest, level=level)

    def read_face(self, face: FaceTrack, rest: Rest | None = None) -> AffectTrack:
        """The affect of a tracked face.

        Args:
            face: with its crops, if the recognizer looks at pictures.
            rest: how the person looks at rest. By default it is guessed in films of a minute or
                more and taken for unknown in others.
        """
        if rest is None and len(face.motion) >= REST_SECONDS * face.motion.fps:
            rest = self.at_rest(face, _REST_QUANTILE)
        motion = read_motion(face.motion, self.head, rest and rest.coefficients)
        units = self._units(face, UnitReading(motion.aus, motion.aus_std), rest)
        if self.emfacs is not None and rest is not None and rest.level is not None:
            return self._read_change(face, units, rest)
        experts = [
            Opinion(
                "motion",
                motion.valence_arousal,
                np.nan_to_num(motion.valence_arousal_std, nan=1.0) ** 2,
                motion.emotion,
                self.reliability["motion"],
            ),
            *self._appearance(face, rest and rest.shift),
        ]
        fused = fuse(experts)
        return AffectTrack.from_face(
            face,
            aus=units.mean,
            aus_std=units.std,
            valence_arousal=fused.valence_arousal,
            valence_arousal_std=np.sqrt(fused.variance),
            emotion=fused.emotion,
        )

    def _read_change(self, face: FaceTrack, units: UnitReading, rest: Rest) -> AffectTrack:
        """What has changed since a person was at rest."""
        changed = self.emfacs.intensities(units.mean, rest.level)
        brows = _brows(face, rest, nose=changed[:, AU_INDEX["AU09"]])
        felt = self.emfacs.read(units.mean, face.motion, talking(face.motion), rest.level, brows)
        looks = []
        if rest.shift is not None:
            # At rest appearance has no opinion: whether there is an emotion, action units say.
            looks = [
                replace(look, emotion=steadied(look.emotion, face.motion.fps))
                for look in self._appearance(face, rest.shift - np.log(self.neutral))
            ]
        place, variance = felt.placed(felt.emotion)
        variance = np.nan_to_num(variance, nan=1.0)
        emotion = fuse([Opinion("emfacs", place, variance, felt.emotion), *looks]).emotion
        place, variance = felt.placed(emotion)
        return AffectTrack.from_face(
            face,
            aus=with_brows(changed, brows),
            aus_std=units.std,
            valence_arousal=place,
            valence_arousal_std=np.sqrt(variance),
            emotion=emotion,
        )

    def _appearance(self, face: FaceTrack, shift: np.ndarray | None) -> list[Opinion]:
        """What the network for emotions sees; nothing without it or without pictures."""
        if self.appearance is None or face.crops is None:
            return []
        return [
            read_crops(
                face.crops,
                self.appearance,
                face.success,
                self.reliability["appearance"],
                talking(face.motion),
                max(1, round(face.motion.fps / APPEARANCE_FPS)),
                shift,
            )
        ]

    def _units(self, face: FaceTrack, moved: UnitReading, rest: Rest | None) -> UnitReading:
        """Action units of both experts."""
        seen = self._looked_at(face)
        if seen is None:
            return moved
        if rest is None or rest.units is None:
            return fuse_units(moved, seen, self.calibration.rest_unknown)
        known = self.calibration.rest_known
        return fuse_units(moved, without_rest(seen, rest.units, known), known)

    def _looked_at(self, face: FaceTrack) -> UnitReading | None:
        """Action units by the pictures' expert; ``None`` without it or without pictures."""
        if self.units is None or face.crops is None:
            return None
        return look_at_units(face.crops, self.units, face.success)

    def _track(
        self, media: str | os.PathLike, max_faces: int = 4, progress: Progress | None = None
    ) -> list[FaceTrack]:
        return track_faces(media, max_faces, bool(self.appearance or self.units), progress)

    def listen(self, media: str | os.PathLike) -> VoiceTrack:
        """What the voice of a sound or video says, 25 times a second.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds no sound.
        """
        return read_voice(read_audio(media))


def _averaged(voice: VoiceTrack) -> list[Opinion]:
    """A voice over the whole clip; none where there was nothing like speech."""
    heard = voice.confidence.max(initial=0.0) >= LEAST_VOICE
    return [voice.opinion().averaged()] if heard else []


def _brows(face: FaceTrack, rest: Rest, nose: np.ndarray | None = None) -> np.ndarray | None:
    """Intensities by the place of the brows, ``[T, 3]``, where it is known at rest; ``nose``:
    ``[T]`` intensities of AU9, which moves them too."""
    if rest.brows is None:
        return None
    places = brow_places(face.points)
    return brow_intensities(places if nose is None else without_nose(places, nose), rest.brows)
