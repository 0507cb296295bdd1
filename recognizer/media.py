"""Video and sound into arrays.

Both go through the ffmpeg binary that ``imageio-ffmpeg`` ships, as a child process with pipes and
no shell. ffmpeg may open the one file it was given and nothing else: demuxers that follow
references (playlists, ``concat``, numbered image sequences, scripts) are left out of the list it is
allowed to use.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.files import existing
from recognizer.image_file import is_image

MAX_SECONDS = 6 * 3600
#: Samples a second of all sound that is listened to.
SAMPLE_RATE = 16_000

_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,apng,asf,au,av1,avi,caf,dts,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4v,"
    "matroska,mjpeg,mov,mp3,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,tta,voc,w64,wav,webp_anim,wtv,"
    "wv,yuv4mpegpipe"
)
_STREAM = re.compile(r"^  Stream #0:\d+\S*: (Video|Audio): (.*)$")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_SIZE = re.compile(r", (\d+)x(\d+)(?=[ ,]|$)")
_SAR = re.compile(r"\bSAR (\d+):(\d+)")
_RATE = re.compile(r", ([\d.]+)(k?) (fps|tbr)\b")
_ROTATION = re.compile(r"^ +(?:displaymatrix|Display Matrix): rotation of (-?[\d.]+) degrees")
_TIME = re.compile(r"time=(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_NTSC = {round(n * 1000 / 1001, 2): n * 1000 / 1001 for n in (24, 30, 48, 60, 120)}


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds.

    Attributes:
        duration: seconds.
        fps: mean frames a second, 0 without video.
        width: pixels as shown (after rotation, square pixels), 0 without video.
        height: pixels as shown, 0 without video.
        has_video: there is a moving picture; the cover of a song does not count.
        has_audio: there is sound.
    """

    duration: float
    fps: float
    width: int
    height: int
    has_video: bool
    has_audio: bool


def probe(path: str | os.PathLike) -> MediaInfo:
    """What a video or sound file holds, from what ffmpeg says about it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: ffmpeg finds neither video nor sound in it.
    """
    path = existing(path)
    said = _run([*ffmpeg_command("info"), *input_arguments(path)])
    duration, rotation, sound, picture = None, 0.0, False, None
    for line in said.splitlines():
        if match := _DURATION.match(line):
            duration = _seconds(match)
        elif match := _STREAM.match(line):
            kind, about = match.groups()
            if kind == "Audio":
                # "0 channels" and the like: a header without decodable sound behind it.
                sound = sound or (" Hz" in about and ", 0 channels" not in about)
            elif picture is None and "(attached pic)" not in about:
                picture = about if _SIZE.search(about) else None
        elif picture is not None and (match := _ROTATION.match(line)):
            rotation = rotation or float(match.group(1))
    if picture is None and not sound:
        raise ValueError(f"{path.name} holds neither video nor sound that can be read")
    width = height = 0
    if picture is not None:
        width, height = _shown_size(picture, rotation)
    if duration is None:
        duration = _measured_duration(path)
    fps = _frame_rate(picture) if picture is not None else 0.0
    return MediaInfo(duration, fps, width, height, picture is not None, sound)


def iter_frames(
    path: str | os.PathLike, fps: float | None = None, max_side: int | None = None
) -> Iterator[np.ndarray]:
    """The frames of a video, one at a time, as uint8 ``[H, W, 3]`` RGB.

    The rate is constant: frame ``i`` is what is shown ``i / fps`` seconds after the file's
    beginning, as sample ``i / fps * rate`` of :func:`read_audio` is what is heard. Closing the
    generator ends ffmpeg.

    Args:
        path: any video that ffmpeg reads; rotation is applied, pixels are made square.
        fps: frames a second; None keeps the file's own mean rate.
        max_side: shrink so that neither side is longer than this many pixels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no video, ``fps`` or ``max_side`` is not positive; while iterating:
            it cannot be decoded.
    """
    path = existing(path)
    if fps is not None and not 0 < fps <= 1000:
        raise ValueError(f"fps must be above 0 and at most 1000, got {fps}")
    if max_side is not None and max_side < 1:
        raise ValueError(f"max_side must be at least 1, got {max_side}")
    info = probe(path)
    if not info.has_video:
        raise ValueError(f"{path.name} has no video")
    width, height = info.width, info.height
    if max_side is not None and max(width, height) > max_side:
        shrink = max_side / max(width, height)
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    return _decode_frames(path, fps or info.fps, width, height)


def read_audio(path: str | os.PathLike, rate: int = SAMPLE_RATE) -> np.ndarray:
    """The sound of a file as float32 ``[N]``, mono, -1..1, ``rate`` samples a second.

    Channels are mixed down; sound that starts later than the file's beginning is preceded by
    silence, so that sample 0 belongs to frame 0 of :func:`iter_frames`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no sound, cannot be decoded, or lasts longer than
            :data:`MAX_SECONDS`.
    """
    path = existing(path)
    if not probe(path).has_audio:
        raise ValueError(f"{path.name} has no sound")
    command = [
        *ffmpeg_command(), *input_arguments(path), "-map", "0:a:0", "-vn", "-sn", "-dn",
        "-af", f"aresample={int(rate)}:async=1:first_pts=0:out_chlayout=mono:rematrix_maxval=1",
        "-t", str(MAX_SECONDS + 1), "-f", "f32le", "pipe:1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], "<f4")
    if done.returncode != 0 or len(samples) == 0:
        reason = last_line(done.stderr) or "no sample could be decoded"
        raise ValueError(f"the sound of {path.name} cannot be decoded: {reason}")
    if len(samples) > MAX_SECONDS * rate:
        raise ValueError(f"{path.name} is longer than {MAX_SECONDS // 3600} hours")
    return np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0).astype(np.float32)


def is_video(path: str | os.PathLike) -> bool:
    """Whether a file's content is a moving picture, with or without sound.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return not is_image(path) and _holds(path, lambda info: info.has_video)


def is_audio(path: str | os.PathLike) -> bool:
    """Whether a file's content is sound without a moving picture.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return not is_image(path) and _holds(path, lambda info: info.has_audio and not info.has_video)


@functools.cache
def ffmpeg_exe() -> str:
    """Path of the ffmpeg binary (``IMAGEIO_FFMPEG_EXE`` overrides the packaged one).

    Raises:
        RuntimeError: there is none for this platform.
    """
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg_command(verbosity: str = "error") -> list[str]:
    """The beginning of an ffmpeg command line that asks nothing."""
    return [ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", verbosity]


def input_arguments(path: str | os.PathLike) -> list[str]:
    """ffmpeg's arguments to open ``path`` and nothing else."""
    # "file:" keeps names that begin with a dash or hold a colon from meaning anything.
    allowed = ["-protocol_whitelist", "file,pipe", "-format_whitelist", _DEMUXERS]
    return [*allowed, "-i", f"file:{os.fspath(path)}"]


def last_line(stderr: bytes) -> str:
    """The last thing ffmpeg said, without the address of the part that said it."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    lines = [re.sub(r"^(\[[^\]]*\] ?)+", "", line) for line in lines if line]
    return lines[-1] if lines else ""


def _decode_frames(path: Path, fps: float, width: int, height: int) -> Iterator[np.ndarray]:
    filters = (
        f"fps={fps:.9g}:start_time=0,"
        f"scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
    )
    command = [
        *ffmpeg_command(), *input_arguments(path),
        "-map", "0:V:0", "-an", "-sn", "-dn", "-vf", filters,
        "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    size = width * height * 3
    count = 0
    # stderr goes to a file: a full pipe that nobody reads would stop ffmpeg.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, bufsize=0
        )
        try:
            while (frame := _read_exactly(process.stdout, size)) is not None:
                count += 1
                yield frame.reshape(height, width, 3)
            if process.wait() != 0 or count == 0:
                log.seek(0)
                reason = last_line(log.read()) or "no frame could be decoded"
                raise ValueError(f"the video of {path.name} cannot be decoded: {reason}")
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _read_exactly(stream, size: int) -> np.ndarray | None:
    """uint8 ``[size]``, or None where the stream ends before."""
    data = np.empty(size, np.uint8)
    view = memoryview(data)
    while len(view):
        got = stream.readinto(view)
        if not got:
            return None
        view = view[got:]
    return data


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.stderr.decode("utf-8", "replace")


def _holds(path: str | os.PathLike, what) -> bool:
    try:
        return what(probe(path))
    except ValueError:
        return False


def _seconds(match: re.Match) -> float:
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _measured_duration(path: Path) -> float:
    """Recorders that stream write no duration: walk through the packets."""
    said = _run([*ffmpeg_command("info"), *input_arguments(path), "-c", "copy", "-f", "null", "-"])
    times = list(_TIME.finditer(said))
    return _seconds(times[-1]) if times else 0.0


def _shown_size(about: str, rotation: float) -> tuple[int, int]:
    width, height = map(int, _SIZE.search(about).groups())
    if match := _SAR.search(about):
        across, down = map(int, match.groups())
        if across > 0 and down > 0:
            width = max(1, round(width * across / down))
    return (height, width) if round(abs(rotation)) % 180 == 90 else (width, height)


def _frame_rate(about: str) -> float:
    """Mean rate; ``tbr`` where ffmpeg knows no mean. It prints two decimals: NTSC rates snap."""
    rates = {m[3]: float(m[1]) * (1000 if m[2] else 1) for m in _RATE.finditer(about)}
    rate = next((r for r in (rates.get("fps"), rates.get("tbr")) if r and r <= 1000), 25.0)
    return _NTSC.get(round(rate, 2), rate)
