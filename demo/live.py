"""A portrait that speaks along with somebody: sound goes in, frames come out, live."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gen.affect_curves import AffectCurves
from gen.conditioning import Affect
from recognizer.media import SAMPLE_RATE

#: Seconds of sound that may wait; a machine that is slower than speech leaves out what is more.
_WAITING = 1.2
#: Seconds without any sound after which a talk is over.
_PATIENCE = 20.0
#: A feeling gets near to a new one in so many seconds.
_EASE = 0.35


class LiveAffect(Affect):
    """A feeling that is changed while it is shown; :attr:`target` may be set from any thread."""

    def __init__(self, target: Affect | None = None) -> None:
        super().__init__()
        self.target = target or Affect()
        self._now, self._reached = self.target.curves(np.zeros(1)), 0.0

    @property
    def known(self) -> tuple[bool, bool, bool]:
        """Of which it speaks: of all, since anything may come to be felt."""
        return True, True, True

    def curves(self, times: np.ndarray) -> AffectCurves:
        """What is felt at times ``[T]``: on the way from what was felt to :attr:`target`.

        The same moment may be asked for again: it is then taken for the present one.
        """
        goal, start = self.target.curves(np.zeros(1)), self._now
        left = np.exp(-np.clip(times - self._reached, 0, None) / _EASE)

        def between(name: str) -> np.ndarray:
            a, b = getattr(start, name)[0], getattr(goal, name)[0]
            share = left.reshape(-1, *([1] * a.ndim))
            return (b + share * (a - b)).astype(np.float32)

        found = AffectCurves(*map(between, ("aus", "valence_arousal", "emotion")))
        last = slice(len(times) - 1, None)
        self._now = AffectCurves(*(getattr(found, n)[last] for n in vars(found)))
        self._reached = float(times[-1])
        return found


class LiveSession:
    """One person who talks through one portrait, in a thread of its own.

    Args:
        pipeline: makes the frames.
        portrait: a picture file.
        affect: what is felt at first.
        size: longer side of the frames.
        seconds: so much sound is taken, then it ends.

    Attributes:
        late: some sound was left out, because frames take longer to make than to show.
    """

    def __init__(self, pipeline, portrait: Path, affect: Affect, size: int, seconds: float) -> None:
        self.affect = LiveAffect(affect)
        self._pipeline, self._portrait, self._size = pipeline, portrait, size
        self._sound: queue.Queue[np.ndarray | None] = queue.Queue()
        self._frames: deque[np.ndarray] = deque(maxlen=50)
        self._left = int(seconds * SAMPLE_RATE)
        self._waiting = 0
        self.late = False
        self._error: Exception | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """The portrait is fitted: frames come as soon as there is sound."""
        return self._ready.is_set()

    def hear(self, samples: np.ndarray) -> None:
        """Take sound, float32 ``[N]`` at 16 kHz. What comes before the portrait is fitted is lost.

        Raises:
            ValueError: the portrait cannot be used, or the time is over.
        """
        if self._error is not None:
            raise self._error
        if self._left <= 0:
            raise ValueError("the time for one talk is over: stop and start again")
        if not self.ready or len(samples) == 0:
            return
        if self._waiting > _WAITING * SAMPLE_RATE:
            self.late = True
            return
        self._left -= len(samples)
        self._waiting += len(samples)
        self._sound.put(np.asarray(samples, np.float32))

    def frames(self) -> list[np.ndarray]:
        """The frames since the last call, uint8 ``[H, W, 3]``."""
        out = []
        while self._frames:
            out.append(self._frames.popleft())
        return out

    def close(self, timeout: float = 10.0) -> None:
        """End it; frames that are due are still made."""
        self._sound.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            made = self._pipeline.stream(
                self._portrait, self._chunks(), self.affect, size=self._size
            )
            self._pipeline.warm_up()
            self._ready.set()
            for block in made:
                self._frames.extend(block)
        except Exception as error:  # told to whoever speaks next
            self._error = error

    def _chunks(self) -> Iterator[np.ndarray]:
        while True:
            try:
                chunk = self._sound.get(timeout=_PATIENCE)
            except queue.Empty:  # whoever spoke has gone
                return
            if chunk is None:
                return
            self._waiting -= len(chunk)
            yield chunk


class Resampler:
    """Sound of any rate, chunk by chunk → float32 at 16 kHz without seams."""

    def __init__(self, rate: int) -> None:
        import soxr

        self.rate = rate
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """float32 ``[N, channels]``, -1..1 → ``[N']``, mono; the last few come with the next."""
        return self._stream.resample_chunk(np.ascontiguousarray(samples.mean(axis=1)))
