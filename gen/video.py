"""Frames and sound into an mp4 file that appears only when it is complete.

The video is encoded while frames arrive, in a thread of its own; when the last one is in, the sound
is cut or padded to exactly the video's length and both are put together. Sound is encoded at
48 kHz: AAC delays by 1,024 samples, which the container's edit list takes back.
"""

from __future__ import annotations

import os
import queue
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from gen.metadata import metadata_arguments
from gen.watermark import Watermark
from recognizer.media import ffmpeg_command, input_arguments, last_line, probe

SOUND_RATE = 48000
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
_QUEUE = 4

#: BT.709 luma and colour differences in the limited range of video (16-235, 16-240).
_RGB_TO_YUV = np.array(
    [
        [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16.0],
        [-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.5 * 224 / 255, 128.0],
        [0.5 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255, 128.0],
    ],
    dtype=np.float32,
)


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) and AAC; use it as a context manager.

    Leaving the block by an exception removes what was written; leaving it normally puts the
    finished file in place of ``path`` at once.

    Args:
        path: an ``.mp4`` file.
        width: of the frames, in pixels; odd sizes are padded by one repeated column.
        height: of the frames, in pixels; odd sizes are padded by one repeated row.
        fps: frames a second.
        audio: a file with sound, or ``(waveform, rate)`` with a float array ``[N]`` or
            ``[N, channels]`` in -1..1; sample 0 sounds with frame 0. More than two channels are
            mixed to stereo. It is cut, or padded with silence, to the video's length.
        duration: seconds that the frames must last in the end; None takes what comes.
        metadata: texts kept in the container under their names.
        watermark: mark the pixels (:mod:`gen.watermark`).
        crf: x264's quality, 0 (lossless) to 51.
        preset: x264's effort.

    Raises:
        ValueError: a size, rate, ending, folder, sound or name above is unusable.
        FileNotFoundError: there is no such sound file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        width: int,
        height: int,
        fps: float = 25.0,
        audio: str | os.PathLike | tuple[np.ndarray, int] | None = None,
        duration: float | None = None,
        metadata: Mapping[str, str] | None = None,
        watermark: bool = False,
        crf: int = 18,
        preset: str = "veryfast",
    ):
        self.path = Path(path)
        self.width, self.height = int(width), int(height)
        if not (2 <= self.width <= 16384 and 2 <= self.height <= 16384):
            raise ValueError(f"a video has 2 to 16384 pixels a side, not {width}x{height}")
        if not 0 < fps <= 1000:
            raise ValueError(f"fps must be above 0 and at most 1000, got {fps}")
        if not 0 <= crf <= 51:
            raise ValueError(f"crf must be 0 to 51, got {crf}")
        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
        self.fps = Fraction(fps).limit_denominator(1001)
        self.duration = duration
        self.frames = 0
        self._sound_input, self._sound_bytes = _sound_input(audio)
        self._metadata = metadata_arguments(metadata or {})
        padded = self.width + self.width % 2, self.height + self.height % 2
        self._watermark = Watermark(*padded) if watermark else None
        self._picture = _reserve(self.path, "video")
        self._failure: BaseException | None = None
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUE)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as ffmpeg
        self._closed = False
        try:
            self._process = subprocess.Popen(
                self._encode_command(crf, preset),
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log,
            )  # fmt: skip
        except BaseException:
            self._log.close()
            self._picture.unlink(missing_ok=True)
            raise
        self._thread = threading.Thread(target=self._feed, name="video-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind, value, traceback) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 ``[height, width, 3]`` RGB. It is copied.

        Raises:
            ValueError: shape or type are others, or the writer is closed.
            OSError: ffmpeg failed; the message is its last line.
        """
        if self._closed:
            raise ValueError(f"{self.path.name} is already closed")
        expected = (self.height, self.width, 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise ValueError(
                f"a frame must be uint8 {list(expected)}, got {frame.dtype} {list(frame.shape)}"
            )
        if self._failure is not None:
            self._fail()
        self._queue.put(np.array(frame, order="C"))
        self.frames += 1

    def close(self) -> None:
        """Finish the file; a second call does nothing.

        Raises:
            ValueError: no frame was written, or not as many as ``duration`` asks for.
            OSError: ffmpeg failed; the message is its last line.
        """
        if self._closed:
            return
        finished = None
        try:
            self._queue.put(None)
            self._thread.join()
            if self._process.wait() != 0 or self._failure is not None:
                self._fail()
            self._check_length()
            finished = _reserve(self.path, "final")
            self._join(finished)
            os.replace(finished, self.path)
        finally:
            if finished is not None:
                finished.unlink(missing_ok=True)
            self.abort()

    def abort(self) -> None:
        """Stop and remove what was written; nothing happens to a finished file."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        if self._thread.is_alive():
            self._queue.put(None)
        self._thread.join()
        self._process.wait()
        self._log.close()
        self._picture.unlink(missing_ok=True)

    def _encode_command(self, crf: int, preset: str) -> list[str]:
        width, height = self.width + self.width % 2, self.height + self.height % 2
        return [
            *ffmpeg_command(), "-y",
            "-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{width}x{height}",
            "-framerate", str(self.fps), "-colorspace", "bt709", "-color_range", "tv",
            "-i", "pipe:0",
            "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
            "-color_range", "tv", "-f", "mp4", f"file:{self._picture}",
        ]  # fmt: skip

    def _feed(self) -> None:
        """Thread: convert and hand over. After a failure it goes on emptying the queue, so that
        ``write`` never waits for a place that nobody frees."""
        while (frame := self._queue.get()) is not None:
            if self._failure is None:
                try:
                    planes = rgb_to_yuv420(frame)
                    if self._watermark is not None:
                        self._watermark.mark(planes)
                    self._process.stdin.write(planes)
                except BaseException as error:  # handed to the caller's thread
                    self._failure = error
        try:
            self._process.stdin.close()
        except OSError as error:
            self._failure = self._failure or error

    def _fail(self) -> None:
        failure = self._failure
        if failure is None or isinstance(failure, OSError):
            # A broken pipe only says that ffmpeg is gone; why, it wrote itself.
            self._process.wait()
            self._log.seek(0)
            reason = last_line(self._log.read()) or str(failure or "ffmpeg stopped")
            failure = OSError(f"{self.path.name} could not be written: {reason}")
        self.abort()
        raise failure

    def _check_length(self) -> None:
        if self.frames == 0:
            raise ValueError(f"{self.path.name} was not written: it has no frames")
        if self.duration is not None and abs(self.frames - self.duration * self.fps) > 1:
            raise ValueError(
                f"{self.path.name} was not written: {self.frames} frames at {float(self.fps):g} fps"
                f" do not last {self.duration:g} s"
            )

    def _join(self, finished: Path) -> None:
        """Sound to the picture, cut to the sample, with the index at the file's beginning."""
        command = [
            *ffmpeg_command(), "-y",
            "-i", f"file:{self._picture}", *self._sound_input, "-map", "0:v:0", "-c:v", "copy",
        ]  # fmt: skip
        if self._sound_input:
            samples = round(self.frames / self.fps * SOUND_RATE)
            fit = (
                f"aresample={SOUND_RATE}:async=1:first_pts=0,aformat=channel_layouts=mono|stereo,"
                f"apad=whole_len={samples},atrim=end_sample={samples}"
            )
            command += ["-map", "1:a:0", "-af", fit, "-c:a", "aac", "-b:a", "160k"]
        command += [*self._metadata, "-f", "mp4", f"file:{finished}"]
        done = subprocess.run(command, input=self._sound_bytes, capture_output=True, check=False)
        if done.returncode != 0:
            reason = last_line(done.stderr) or "ffmpeg stopped"
            raise OSError(f"{self.path.name} could not be written: {reason}")


def rgb_to_yuv420(frame: np.ndarray) -> np.ndarray:
    """One frame uint8 ``[H, W, 3]`` as planar yuv420p, uint8 ``[H' * W' * 3 / 2]``, BT.709.

    H' and W' are the next even sizes. Faster here than in ffmpeg, and half the bytes to hand over.
    """
    import cv2

    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        height, width = frame.shape[:2]
    y, u, v = cv2.split(cv2.transform(frame, _RGB_TO_YUV))
    half = (width // 2, height // 2)
    planes = [y, *(cv2.resize(c, half, interpolation=cv2.INTER_AREA) for c in (u, v))]
    return np.concatenate([plane.ravel() for plane in planes])


def _sound_input(audio) -> tuple[list[str], bytes | None]:
    """ffmpeg's arguments for the sound, and what it will be fed on its standard input."""
    if audio is None:
        return [], None
    if not isinstance(audio, tuple):
        if not probe(audio).has_audio:
            raise ValueError(f"{Path(audio).name} has no sound")
        return input_arguments(audio), None
    waveform, rate = audio
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim not in (1, 2) or waveform.size == 0:
        raise ValueError(
            f"a waveform must be [N] or [N, channels] and not empty, got {list(waveform.shape)}"
        )
    channels = 1 if waveform.ndim == 1 else waveform.shape[1]
    if not 1 <= channels <= 8:
        raise ValueError(f"a waveform has 1 to 8 channels, not {channels}: is it [N, channels]?")
    if not 1000 <= rate <= 384000:
        raise ValueError(f"sound has 1000 to 384000 samples a second, not {rate}")
    if not np.isfinite(waveform).all():
        raise ValueError("the waveform holds NaN or infinite samples")
    layout = ["-f", "f32le", "-ar", str(int(rate)), "-ac", str(channels), "-i", "pipe:0"]
    return layout, waveform.astype("<f4").tobytes()


def _reserve(path: Path, part: str) -> Path:
    """A new empty file beside ``path``; so a folder that cannot be written shows at once."""
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"video is written as .mp4, not {path.suffix or path.name!r}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder")
    temporary = path.parent / f".{path.stem[:64]}.{secrets.token_hex(4)}.{part}.mp4"
    try:
        with open(temporary, "xb"):
            return temporary
    except OSError as error:
        raise ValueError(f"cannot write into the folder {path.parent}: {error.strerror}") from error
