"""The three marks of a clip, and what reads them."""

import shutil
import subprocess

import numpy as np
import pytest

from gen import credentials
from gen.maker import SOURCE_TYPE
from gen.provenance import inspect, marked_clip
from gen.video import VideoWriter
from gen.watermark import THRESHOLD, Watermark, watermark_score
from recognizer.media import ffmpeg_command, iter_frames

signed = pytest.mark.skipif(not credentials.available(), reason="pip install 'facewright[c2pa]'")


def scene(size=256, frames=30):
    """A smooth picture with edges and a moving part, and a little grain."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size] / size
    base = 90 + 70 * x + 40 * np.sin(9 * y) + 30 * (np.hypot(x - 0.5, y - 0.4) < 0.25)
    grain = rng.normal(0, 2, (size, size))
    for i in range(frames):
        disc = 40.0 * (np.hypot(x - 0.3 - 0.01 * i, y - 0.7) < 0.08)
        frame = np.clip(base + grain + disc, 0, 255).astype(np.uint8)
        yield np.stack([frame, frame, 255 - frame // 2], axis=-1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's configuration goes to a folder of the test."""
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *a, **k: str(tmp_path / "config"))
    return tmp_path


def write(path, size=256, frames=30, **options):
    with marked_clip(path, size, size, 25, None, **options) as writer:
        for frame in scene(size, frames):
            writer.write(frame)
    return path


def ffmpeg(*arguments):
    subprocess.run([*ffmpeg_command(), "-y", *map(str, arguments)], check=True)


def test_pixels_change_by_one_level_at_most():
    planes = np.random.default_rng(0).integers(0, 256, 3 * 64 * 48 // 2).astype(np.uint8)
    marked = planes.copy()
    Watermark(64, 48).mark(marked)
    change = marked.astype(int) - planes
    assert np.abs(change).max() == 1
    assert not change[64 * 48 :].any()
    assert np.abs(change[: 64 * 48]).mean() > 0.3


def test_the_watermark_survives_a_stronger_compression_and_a_remux(home):
    clip = write(home / "a.mp4", 512)
    ffmpeg("-i", clip, "-c:v", "libx264", "-crf", "28", home / "b.mp4")
    ffmpeg("-i", home / "b.mp4", "-c", "copy", home / "c.mkv")
    assert watermark_score(iter_frames(home / "c.mkv")) > 1.5 * THRESHOLD


def test_unmarked_clips_score_as_chance_does(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 256, 256) as writer:
        for frame in scene():
            writer.write(frame)
    assert abs(watermark_score(iter_frames(tmp_path / "a.mp4"))) < 4
    rng = np.random.default_rng(0)
    noise = [
        watermark_score([rng.integers(0, 256, (120, 150, 3)).astype(np.uint8)]) for _ in range(60)
    ]
    assert 0.7 < np.std(noise) < 1.3 and abs(np.mean(noise)) < 0.4


def test_nothing_to_see_scores_nothing():
    assert watermark_score([]) == 0
    assert abs(watermark_score([np.full((40, 40, 3), 99, np.uint8)])) < 4


def test_marks_are_read_back(home):
    found = inspect(write(home / "a.mp4", 512))
    assert found["metadata"]["digital_source_type"] == SOURCE_TYPE
    assert found["watermark"]["found"]
    remuxed = home / "b.mp4"
    ffmpeg("-i", home / "a.mp4", "-c", "copy", remuxed)
    assert "AI-generated" in inspect(remuxed)["metadata"]["comment"]


def test_no_mark_leaves_all_of_them_out(home):
    found = inspect(write(home / "a.mp4", mark=False))
    assert found["metadata"] is None
    assert not found["watermark"]["found"]
    assert found["credentials"] is None or "unavailable" in found["credentials"]
    assert not (home / "config").exists()


@signed
def test_the_signature_names_the_tool_and_sees_a_change(home):
    clip = write(home / "a b.mp4")
    found = inspect(clip)["credentials"]
    assert found["state"] == "Valid" and found["source_type"] == SOURCE_TYPE
    assert found["tool"].startswith("Facewright")
    assert sorted(p.name for p in home.iterdir()) == ["a b.mp4", "config"]
    data = bytearray(clip.read_bytes())
    data[-len(data) // 4] ^= 1
    clip.write_bytes(data)
    assert inspect(clip)["credentials"]["state"] == "Invalid"


@signed
def test_an_identity_is_made_once_and_kept_to_oneself(tmp_path):
    first = credentials.Identity.own(tmp_path / "id")
    assert credentials.Identity.own(tmp_path / "id") == first
    assert (tmp_path / "id" / "c2pa-key.pem").stat().st_mode & 0o077 == 0
    assert first.algorithm == "es256"


@signed
def test_identities_that_cannot_sign_are_refused(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    credentials.Identity.own(a)
    credentials.Identity.own(b)
    certificate, key = a / "c2pa-certificates.pem", a / "c2pa-key.pem"
    with pytest.raises(ValueError, match="is not the key of"):
        credentials.Identity.load(certificate, b / "c2pa-key.pem")
    with pytest.raises(ValueError, match="no PEM certificate"):
        credentials.Identity.load(key, key)
    with pytest.raises(ValueError, match="private key"):
        credentials.Identity.load(certificate, certificate)
    with pytest.raises(FileNotFoundError):
        credentials.Identity.load(tmp_path / "none.pem", key)


@signed
def test_a_clip_that_cannot_be_signed_is_not_left_behind(home, monkeypatch):
    import c2pa

    def refuse(*_):
        raise c2pa.C2paError("no")

    monkeypatch.setattr(c2pa.Builder, "sign_file", refuse)
    with pytest.raises(ValueError, match="could not be signed: no"):
        write(home / "a.mp4")
    assert [p.name for p in home.iterdir()] == ["config"]


def test_what_is_no_picture_or_video_is_refused(tmp_path):
    shutil.copy(__file__, tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"a\.mp4"):
        inspect(tmp_path / "a.mp4")


@signed
def test_a_full_disk_is_told_of_the_name_that_was_given(tmp_path, monkeypatch):
    def full(writer):
        writer.abort()
        raise OSError(f"{writer.path.name} could not be written: No space left on device")

    monkeypatch.setattr(VideoWriter, "close", full)
    with (
        pytest.raises(OSError, match=r"^me\.mp4 could not be written: No space"),
        marked_clip(tmp_path / "me.mp4", 64, 64, 25.0, None) as writer,
    ):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
