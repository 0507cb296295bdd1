"""One connection's talk: sound goes in, motion and frames come out, in a thread of its own."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.limits import few_pixels
from demo.live import LiveAffect
from gen.conditioning import Affect
from gen.maker import SOURCE_TYPE
from gen.pipeline import TalkingHeadPipeline
from gen.portraits import prepare_portrait
from gen.renderers.drawing import Drawing
from gen.watermark import Watermark
from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.image_file import is_image, read_image
from recognizer.media import SAMPLE_RATE
from recognizer.motion import MotionTrack

#: Samples that wait as one piece, and seconds of sound that may wait.
_PIECE, _BACKLOG = 1600, 4.0

#: Takes what is to be sent, JSON or bytes, and waits until there is room for it.
Emit = Callable[[dict | bytes], None]


class Gone(Exception):
    """Nobody listens any more."""


@dataclass(frozen=True)
class Request:
    """How the clip is wanted.

    Attributes:
        size: longer side of the frames in pixels, 64 to 1024.
        fps: frames a second, 5 to 60.
        seed: 0 and above.
        frames: JPEG pictures are sent; else only motion.
        quality: of the JPEGs, 1 to 100.
        affect: what is felt at first.

    Raises:
        ValueError: a value out of its range.
    """

    size: int = 512
    fps: float = 25.0
    seed: int = 0
    frames: bool = True
    quality: int = 85
    affect: Affect | None = None

    def __post_init__(self) -> None:
        ranges = {"size": (64, 1024), "fps": (5, 60), "seed": (0, 2**63 - 1), "quality": (1, 100)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            whole = isinstance(value, int) or (name == "fps" and isinstance(value, float))
            if isinstance(value, bool) or not whole or not low <= value <= high:
                raise ValueError(f"{name} must be {low} to {high}, got {value!r:.40}")

    @classmethod
    def from_message(cls, message: dict) -> Request:
        """Read a ``start`` message; what it does not say is as above."""
        names = {"size", "fps", "seed", "quality"} & message.keys()
        wanted = message.get("frames", "jpeg")
        if wanted not in ("jpeg", "none"):
            raise ValueError(f"frames must be 'jpeg' or 'none', got {wanted!r:.40}")
        options = {name: message[name] for name in names}
        return cls(**options, frames=wanted == "jpeg", affect=feeling(message))


def feeling(message: dict) -> Affect:
    """The intention of a message: a timeline's entry without its ``at``.

    Raises:
        ValueError: it is none.
    """
    keys = ("emotion", "intensity", "valence", "arousal", "aus")
    told = {key: message[key] for key in keys if key in message}
    try:
        return Affect.timeline([told | {"at": 0}]) if told else Affect()
    except ValueError as error:
        raise ValueError(str(error).removeprefix("timeline entry 1: ")) from error


class Talk:
    """Runs until the sound ends or nobody listens.

    Args:
        pipeline: shared by all talks.
        portrait: a picture file's bytes.
        request: see :class:`Request`.
        emit: called in the talk's thread; raises :class:`Gone` to end it.
    """

    def __init__(
        self,
        pipeline: TalkingHeadPipeline,
        portrait: bytes,
        request: Request,
        emit: Emit,
    ) -> None:
        self.affect = LiveAffect(request.affect)
        self._pipeline, self._portrait, self._request, self._emit = (
            pipeline, portrait, request, emit,
        )  # fmt: skip
        self._sound: queue.Queue[np.ndarray | None] = queue.Queue()
        self._room = threading.Semaphore(round(_BACKLOG * SAMPLE_RATE / _PIECE))
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)
        self._thread.start()

    def hear(self, data: bytes, timeout: float | None = None) -> bool:
        """Take sound: 16-bit little-endian mono at 16 kHz; waits while too much is waiting.

        Returns:
            False if there was no room for ``timeout`` seconds; then nothing of the rest is taken.

        Raises:
            ValueError: half a sample.
        """
        if len(data) % 2:
            raise ValueError("sound comes as 16-bit samples: an even number of bytes")
        samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
        for start in range(0, len(samples), _PIECE):
            if not self._room.acquire(timeout=timeout):
                return False
            self._sound.put(samples[start : start + _PIECE])
        return True

    def end(self) -> None:
        """No more sound: what is due is still made."""
        self._sound.put(None)

    def join(self) -> None:
        """Wait for the thread."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._speak()
        except Gone:
            pass
        except Exception as error:
            # What a visitor can mend is one line; anything else is the server's own business.
            told = " ".join(str(error).split()) if isinstance(error, ValueError) else "failed"
            self._tell_error(told)
            if not isinstance(error, ValueError):
                raise

    def _tell_error(self, message: str) -> None:
        with suppress(Gone):
            self._emit({"type": "error", "message": message})

    def _speak(self) -> None:
        renderer = prepare_portrait(_picture(self._portrait), self._request.size).renderer
        with Drawing(renderer) as drawing:
            for _ in drawing.frames(MotionTrack.zeros(2)):
                pass  # what first frames allocate need not be waited for later
            self._answer(drawing, renderer.size)

    def _answer(self, drawing: Drawing, size: tuple[int, int]) -> None:
        import torch

        request, (width, height) = self._request, size
        self._emit({
            "type": "ready", "width": width, "height": height, "fps": request.fps,
            "rate": SAMPLE_RATE,
            "names": [*ARKIT_NAMES, *POSE_NAMES], "digital_source_type": SOURCE_TYPE,
        })  # fmt: skip
        motion = self._pipeline.stream_motion(
            self._chunks(), self.affect, fps=request.fps,
            generator=torch.Generator().manual_seed(request.seed),
        )  # fmt: skip
        made, packed = 0, _Packing(size, request.quality)
        for track in motion:
            rows = np.round(track.to_vectors().astype(float), 4).tolist()
            self._emit({"type": "motion", "frame": made, "rows": rows})
            frames = drawing.frames(track) if request.frames else ()
            for number, frame in enumerate(frames, start=made):
                self._emit(number.to_bytes(4, "little") + packed(frame))
            made += len(track)
        self._emit({"type": "end", "frames": made})

    def _chunks(self) -> Iterator[np.ndarray]:
        while (piece := self._sound.get()) is not None:
            self._room.release()
            yield piece


class _Packing:
    """Frames to JPEG, marked."""

    def __init__(self, size: tuple[int, int], quality: int) -> None:
        import cv2

        self._watermark = Watermark(*size)
        self._options = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def __call__(self, frame: np.ndarray) -> bytes:
        import cv2

        marked = self._watermark.stamp(frame)
        return cv2.imencode(".jpg", marked[..., ::-1], self._options)[1].tobytes()


def _picture(data: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portrait"
        path.write_bytes(data)
        if is_image(path):
            few_pixels(path)
        return read_image(path)
