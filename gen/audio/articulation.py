"""What the lips would do, heard: a few numbers a frame that carry over from voice to voice.

A network that sees all of whisper's 384 features and one filmed speaker learns that speaker's
voice. A ridge regression of the same data cannot, and follows strangers' lips better. So the
motion model hears through one: the regression maps speech to the principal movements of the
speaker's lips and to loudness, and only these go on (figures in ``gen/weights/motion/README.md``).
Beside them goes what any voice's *m*, *b* and *p* do to any lips, and where nobody speaks at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from gen.audio.closures import load_closures
from gen.audio.ridge import NeighbourRidge
from gen.audio.silence import SilenceDetector
from gen.audio.whisper import WhisperEncoder

PACKAGED = Path(__file__).parents[1] / "weights" / "articulation"
#: Rate at which the map was fitted, and at which it is applied.
FPS = 25.0


class ArticulationEncoder:
    """Speech to lip movements and loudness (see :class:`gen.audio.encoder.AudioEncoder`).

    Args:
        base: the encoder whose features are mapped.
        ridge: the map; its outputs have unit variance on the data that it was fitted to.
        closures: log-odds that the lips meet (see :mod:`gen.audio.closures`), one more column;
            ``None`` leaves it out. It sees as many neighbours as ``ridge``.
        silence: where nobody speaks (see :mod:`gen.audio.silence`), a pause is heard instead; how
            far the lips are to rest, and to part for a breath, 0..1, are the last columns. ``None``
            leaves all out.
    """

    name = "articulation"

    def __init__(
        self,
        base: WhisperEncoder,
        ridge: NeighbourRidge,
        closures: NeighbourRidge | None = None,
        silence: SilenceDetector | None = None,
    ):
        self.base = base
        self.ridge = ridge
        self.closures = closures
        self.silence = silence
        self._all = ridge if closures is None else ridge.joined(closures)
        self.dim = len(self._all.rest) + 2 * (silence is not None)
        self._before = self._after = self._all.reach
        if silence is not None:
            self._before = max(self._before, silence.before)
            self._after = max(self._after, silence.after)

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike | None = None,
        closures: bool = False,
        silence: bool = False,
    ) -> ArticulationEncoder:
        """With the map in a folder written by :meth:`save_pretrained`; the packaged by default.

        Args:
            path: the folder.
            closures: whether to hear closures too, by the packaged map.
            silence: whether to hear that nobody speaks, by the packaged detector.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file is not such a map.
        """
        ridge = NeighbourRidge.load(path or PACKAGED, "articulation map")
        return cls(
            WhisperEncoder.from_pretrained(),
            ridge,
            load_closures() if closures else None,
            SilenceDetector.load() if silence else None,
        )

    def save_pretrained(self, path: str | os.PathLike) -> None:
        """Write the map; the base encoder has its own weights."""
        self.ridge.save(path)

    def to(self, device) -> ArticulationEncoder:
        """Move the base encoder's network."""
        self.base.to(device)
        return self

    def within(self, seconds: float) -> ArticulationEncoder:
        """The same maps on sound of so many seconds, heard as one window."""
        base = self.base.within(seconds)
        return ArticulationEncoder(base, self.ridge, self.closures, self.silence)

    def encode(self, waveform: np.ndarray, fps: float = FPS) -> np.ndarray:
        """Float32 ``[T, dim]`` of a waveform float32 ``[N]`` at 16 kHz.

        Raises:
            ValueError: a bad waveform, or another rate than the map's own 25 frames a second.
        """
        return np.concatenate(list(self.stream(waveform, fps)))

    def stream(self, waveform: np.ndarray, fps: float = FPS) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in blocks, each computed when it is asked for."""
        if fps != FPS:
            raise ValueError(f"articulation is heard at {FPS:g} frames a second, not {fps}")
        return self._mapped(self.base.stream(waveform, fps))

    def encode_chunks(self, chunks: Iterable[np.ndarray], fps: float = FPS) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` while the sound arrives: some frames after the base's."""
        if fps != FPS:
            raise ValueError(f"articulation is heard at {FPS:g} frames a second, not {fps}")
        return self._mapped(self.base.encode_chunks(chunks, fps))

    def _mapped(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Map blocks of features; a row waits for its neighbours."""
        known, done = None, 0
        for block in blocks:
            known = block if known is None else np.concatenate([known, block])
            ready = len(known) - self._after
            if ready > done:
                yield self._rows(known)[done:ready]
                cut = max(0, ready - self._before)  # what the next rows still see
                known, done = known[cut:], ready - cut
        if known is not None and len(known) > done:
            yield self._rows(known)[done:]

    def _rows(self, features: np.ndarray) -> np.ndarray:
        rows = self._all(features)
        if self.silence is None:
            return rows
        beside = self.silence(features)
        share = beside[:, :1]
        heard = slice(0, len(self.ridge.rest))
        pause = self.silence.pause @ self.ridge.weights.sum(0) + self.ridge.rest
        rows[:, heard] += share * (pause - rows[:, heard])
        return np.concatenate([rows, beside], axis=1)
