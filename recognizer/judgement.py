"""One clip by all that it offers: faces, a voice, words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.facs import AU_NAMES
from recognizer.fusion import Fused
from recognizer.tracker import FaceTrack
from recognizer.voice import VoiceTrack
from recognizer.words import Reading


@dataclass(frozen=True)
class Judgement:
    """One clip by all that it offers; what it does not is ``None`` or empty.

    Attributes:
        faces: every face, in order of appearance.
        largest: which of them counts.
        voice: what is heard.
        words: what is said.
        fused: that face, the voice and the words as one, over the whole clip.
        tracked: the faces' landmarks, one track each, for who draws over the picture.
    """

    faces: list[AffectTrack]
    largest: int | None
    voice: VoiceTrack | None
    words: Reading | None
    fused: Fused
    tracked: list[FaceTrack] = field(default_factory=list)

    @property
    def tracks(self) -> list[AffectTrack]:
        """The faces; without one, the voice (or the words) as a track without action units."""
        if self.faces:
            return self.faces
        return [track_of_voice(self.voice)] if self.voice else [track_of_words(self.words)]


def track_of_voice(voice: VoiceTrack) -> AffectTrack:
    """A voice as a track: no face, so no action units."""
    frames = len(voice)
    return AffectTrack(
        aus=np.full((frames, len(AU_NAMES)), np.nan),
        valence_arousal=voice.valence_arousal,
        emotion=voice.emotion,
        success=np.ones(frames, bool),
        confidence=voice.confidence,
        fps=voice.fps,
        valence_arousal_std=voice.std,
    )


def track_of_words(words: Reading) -> AffectTrack:
    """Words as a track of one frame."""
    return AffectTrack(
        aus=np.full((1, len(AU_NAMES)), np.nan),
        valence_arousal=np.array([[words.valence, words.arousal]]),
        emotion=words.emotion[None],
        success=np.ones(1, bool),
        confidence=np.array([words.confidence]),
        valence_arousal_std=np.array([[words.valence_std, words.arousal_std]]),
    )
