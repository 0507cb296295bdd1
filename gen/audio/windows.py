"""Speech features cut for windows of motion: of a whole utterance, or of sound as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gen.audio.encoder import AudioEncoder
from gen.audio.timing import checked_waveform, frame_count
from recognizer.media import SAMPLE_RATE


@dataclass(frozen=True)
class SpeechWindow:
    """Speech for one window of motion.

    Attributes:
        features: float32 ``[lead + n + tail, D]``: for the prefix and what the network sees before
            it, ``n`` frames to sample, and what it sees after them.
        final: the first so many of the ``n`` frames are given out; what lies beyond them the next
            window samples again.
    """

    features: np.ndarray
    final: int


def speech_windows(
    blocks: Iterable[np.ndarray], lead: int, window: int, hop: int, tail: int
) -> Iterator[SpeechWindow]:
    """Cut a stream of feature blocks into windows of ``window`` frames, ``hop`` of them final.

    The last one takes what is left, from ``window - hop + tail`` frames to ``window + tail - 1``
    (fewer where there are no more), all final. What lies before the first frame and after the last
    repeats them.

    Raises:
        ValueError: there are no features.
    """
    buffer = None
    for block in blocks:
        buffer = np.repeat(block[:1], lead, axis=0) if buffer is None else buffer
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= lead + window + tail:
            yield SpeechWindow(buffer[: lead + window + tail], hop)
            buffer = buffer[hop:]
    if buffer is None:
        raise ValueError("there are no speech features to make motion for")
    buffer = np.concatenate([buffer, np.repeat(buffer[-1:], tail, axis=0)])
    if len(buffer) > lead + tail:
        yield SpeechWindow(buffer, len(buffer) - lead - tail)


@dataclass(frozen=True)
class Live:
    """How sound is heard as it arrives, in frames at the motion model's rate.

    Each ``hop`` frames are made once ``ahead`` frames of sound after them have arrived. The encoder
    hears ``past + hop + ahead`` frames each time, so that what is provisional about the last ones
    is heard again, better, the next time. The very first block may be shorter, of ``first`` frames:
    it comes sooner, and so do all blocks after it where sound arrives in larger pieces.

    Raises:
        ValueError: no hop, a negative context, or a first block that is empty or more than a hop.
    """

    past: int = 125
    hop: int = 5
    ahead: int = 6
    first: int | None = None

    def __post_init__(self) -> None:
        if self.hop < 1 or min(self.past, self.ahead) < 0:
            raise ValueError(f"live sound needs a hop above 0 and no negative context, got {self}")
        if not 1 <= self.begin <= self.hop:
            raise ValueError(f"the first block has 1 to {self.hop} frames, got {self.first}")

    @property
    def begin(self) -> int:
        """Frames of the first block."""
        return self.hop if self.first is None else self.first

    @property
    def frames(self) -> int:
        """Frames that are heard at once."""
        return self.past + self.hop + self.ahead


def live_encoder(encoder: AudioEncoder, seconds: float) -> AudioEncoder:
    """The encoder to hear arrays of ``seconds`` with.

    One that cuts sound into windows of its own has ``within(seconds)``, which hears them whole.
    """
    return encoder.within(seconds) if hasattr(encoder, "within") else encoder


def live_windows(
    encode: Callable[[np.ndarray, float], np.ndarray],
    chunks: Iterable[np.ndarray],
    live: Live,
    lead: int,
    tail: int,
    fps: float = 25.0,
) -> Iterator[SpeechWindow]:
    """Windows of speech while the sound arrives; they do not depend on how it is cut into chunks.

    Args:
        encode: waveform ``[N]`` → features of its ``N / 16000 * fps`` frames.
        chunks: float32 ``[N]`` each, at 16 kHz.
        live: how much is heard; ``ahead`` is at least ``tail``.
        lead: frames of features before a window, at most ``live.past``.
        tail: frames of features after it.
        fps: divides 16000.

    Raises:
        ValueError: a chunk is not one non-empty row of finite numbers, or the frames do not fit.
    """
    if live.past < lead or live.ahead < tail or SAMPLE_RATE % fps:
        raise ValueError(f"{live} does not leave {lead} frames before and {tail} after a window")
    frame = round(SAMPLE_RATE / fps)
    early = live.hop - live.begin  # frames of silence in place of the first block's others
    heard, total, made = np.zeros((live.past + early) * frame, np.float32), 0, 0

    def window(final: int) -> SpeechWindow:
        samples = heard[: live.frames * frame]
        samples = np.pad(samples, (0, live.frames * frame - len(samples)))
        skipped = live.past - lead + (0 if made else early)
        return SpeechWindow(encode(samples, fps)[skipped:], final)

    for chunk in chunks:
        chunk = checked_waveform(chunk)
        heard = np.concatenate([heard, chunk])
        total += len(chunk)
        while len(heard) >= live.frames * frame:
            due = live.hop if made else live.begin
            yield window(due)
            heard, made = heard[live.hop * frame :], made + due
    frames = frame_count(total, fps) if total else 0
    while made < frames:
        due = min(live.hop if made else live.begin, frames - made)
        yield window(due)
        heard, made = heard[live.hop * frame :], made + due
