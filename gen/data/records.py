"""Training records: one utterance with the motion that goes with it, one ``.npz`` a record."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recognizer.files import arrays_of
from recognizer.motion import MotionTrack


@dataclass
class MotionRecord:
    """Speech and facial motion of one utterance.

    Attributes:
        name: file stem, unique in its corpus.
        motion: the track, at 25 fps.
        waveform: float32 ``[N]`` in -1..1, 16 kHz mono, starting with the motion's first frame.
        speaker: who speaks (a voice's name for synthetic speech).
        measured: bool ``[58]``: which columns of ``motion.to_vectors()`` carry information; the
            others are unknown, not zero, and take no part in a training loss.
    """

    name: str
    motion: MotionTrack
    waveform: np.ndarray
    speaker: str
    measured: np.ndarray = field(default_factory=lambda: np.ones(58, bool))

    def save(self, folder: str | os.PathLike) -> Path:
        """Write ``folder/NAME.npz`` and return its path."""
        path = Path(folder) / f"{self.name}.npz"
        np.savez_compressed(
            path,
            vectors=self.motion.to_vectors().astype(np.float16),
            fps=np.float64(self.motion.fps),
            waveform=np.round(np.clip(self.waveform, -1, 1) * 32767).astype(np.int16),
            speaker=np.array(self.speaker),
            measured=self.measured,
        )
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> MotionRecord:
        """Read one record.

        Raises:
            ValueError: the file is no record.
        """
        with arrays_of(path, "is not a motion record") as arrays:
            return cls(
                name=Path(path).stem,
                motion=MotionTrack.from_vectors(arrays["vectors"], float(arrays["fps"])),
                waveform=arrays["waveform"].astype(np.float32) / 32767,
                speaker=str(arrays["speaker"]),
                measured=arrays["measured"],
            )


def iter_records(folder: str | os.PathLike):
    """The records of a folder, sorted by name."""
    for path in sorted(Path(folder).glob("*.npz")):
        yield MotionRecord.load(path)
