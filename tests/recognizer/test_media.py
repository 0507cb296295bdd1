"""Files are made with Pillow, the standard library and ffmpeg's own generators."""

import os
import struct
import subprocess
import wave
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from recognizer import image_file, media
from recognizer.image_file import read_image
from recognizer.media import iter_frames, probe, read_audio


def ffmpeg(*arguments):
    subprocess.run(
        [media.ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)],
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def write_wave(path, samples, rate=16000):
    """samples: float [N] or [N, C]."""
    samples = np.asarray(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def png_header(width, height):
    """A grey PNG that promises so many pixels and holds none."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def tone(seconds, rate=16000, hertz=440.0, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """2 s, 64x48, 25 fps; the picture grows lighter by 4 a frame; a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    grey = "geq=lum='16+4*N':cb=128:cr=128"
    ffmpeg(
        "-f", "lavfi", "-i", f"color=black:s=64x48:r=25:d=2,{grey}",
        "-f", "lavfi", "-i", "sine=440:r=44100:d=2",
        "-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p", "-c:a", "aac", path,
    )  # fmt: skip
    return path


class TestReadImage:
    def test_modes_give_the_same_colour(self, tmp_path):
        grey = Image.new("L", (7, 5), 100)
        deep = Image.fromarray(np.full((5, 7), 100 * 257, np.uint16))
        real = Image.fromarray(np.full((5, 7), 100 / 255, np.float32))
        cmyk = Image.new("CMYK", (7, 5), (155, 155, 155, 0))
        for name, image in {
            "l.png": grey, "rgb.bmp": grey.convert("RGB"), "p.png": grey.convert("P"),
            "p.gif": grey.convert("P"), "i16.png": deep, "f.tiff": real, "cmyk.jpg": cmyk,
            "la.png": grey.convert("LA"), "webp.webp": grey.convert("RGB"),
        }.items():  # fmt: skip
            image.save(tmp_path / name)
            pixels = read_image(tmp_path / name)
            assert pixels.shape == (5, 7, 3), name
            assert pixels.dtype == np.uint8
            assert np.abs(pixels.astype(int) - 100).max() <= 2, name

    def test_transparency_shows_the_backdrop(self, tmp_path):
        image = Image.new("RGBA", (4, 1), (200, 0, 0, 255))
        image.putpixel((1, 0), (200, 0, 0, 0))
        image.putpixel((2, 0), (0, 0, 0, 128))
        image.save(tmp_path / "a.png")
        pixels = read_image(tmp_path / "a.png")[0]
        assert tuple(pixels[0]) == (200, 0, 0)
        assert tuple(pixels[1]) == image_file.BACKDROP
        assert np.allclose(pixels[2], np.array(image_file.BACKDROP) * 127 / 255, atol=1)
        palette = Image.new("P", (2, 1), 1)
        palette.putpalette([9, 9, 9, 50, 60, 70])
        palette.putpixel((0, 0), 0)
        palette.save(tmp_path / "p.png", transparency=0)
        assert read_image(tmp_path / "p.png")[0].tolist() == [
            list(image_file.BACKDROP),
            [50, 60, 70],
        ]

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, tmp_path, orientation):
        upright = np.zeros((20, 30, 3), np.uint8)
        upright[:10, :15] = (255, 0, 0)
        upright[:10, 15:] = (0, 255, 0)
        # How a camera stores the upright picture, by the EXIF standard's table of orientations.
        stored = {
            1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
            5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1),
            7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
        }[orientation]  # fmt: skip
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "o.png", exif=exif)
        assert np.array_equal(read_image(tmp_path / "o.png"), upright)

    def test_colour_profile_is_applied(self, tmp_path):
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        Image.new("RGB", (3, 3), (10, 120, 230)).save(tmp_path / "s.png", icc_profile=lab.tobytes())
        assert np.abs(read_image(tmp_path / "s.png").astype(int) - (10, 120, 230)).max() <= 1
        Image.new("RGB", (3, 3), (10, 120, 230)).save(tmp_path / "bad.png", icc_profile=b"no")
        assert tuple(read_image(tmp_path / "bad.png")[0, 0]) == (10, 120, 230)

    def test_large_and_too_large(self, tmp_path):
        Image.new("L", (6000, 4000), 7).save(tmp_path / "big.jpg")
        assert read_image(tmp_path / "big.jpg").shape == (4000, 6000, 3)
        before = Image.MAX_IMAGE_PIXELS
        (tmp_path / "bomb.png").write_bytes(png_header(20000, 10001))
        with pytest.raises(ValueError, match=r"bomb\.png is too large: more than 200 megapixels"):
            read_image(tmp_path / "bomb.png")
        assert before == Image.MAX_IMAGE_PIXELS

    def test_bad_files(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.png"):
            read_image(tmp_path / "none.png")
        with pytest.raises(ValueError, match="is not a file"):
            read_image(tmp_path)
        (tmp_path / "empty.jpg").touch()
        with pytest.raises(ValueError, match=r"empty\.jpg is empty"):
            read_image(tmp_path / "empty.jpg")
        (tmp_path / "text.jpg").write_text("no picture")
        with pytest.raises(ValueError, match=r"text\.jpg is not a picture"):
            read_image(tmp_path / "text.jpg")
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        for name in ("cut.jpg", "cut.png"):
            Image.fromarray(noise).save(tmp_path / name)
            data = (tmp_path / name).read_bytes()
            (tmp_path / name).write_bytes(data[: len(data) // 2])
            with pytest.raises(ValueError, match=f"{name} is a broken picture") as caught:
                read_image(tmp_path / name)
            assert "\n" not in str(caught.value)


class TestProbe:
    def test_clip(self, clip):
        info = probe(clip)
        assert (info.width, info.height, info.has_video, info.has_audio) == (64, 48, True, True)
        assert info.fps == 25
        assert info.duration == pytest.approx(2, abs=0.05)

    def test_rotation_and_pixel_shape(self, clip, tmp_path):
        ffmpeg("-display_rotation", 90, "-i", clip, "-c", "copy", tmp_path / "turned.mp4")
        assert (probe(tmp_path / "turned.mp4").width, probe(tmp_path / "turned.mp4").height) == (
            48, 64,
        )  # fmt: skip
        assert next(iter_frames(tmp_path / "turned.mp4")).shape == (64, 48, 3)
        ffmpeg("-i", clip, "-vf", "setsar=2", "-t", 0.2, tmp_path / "wide.mp4")
        assert next(iter_frames(tmp_path / "wide.mp4")).shape == (48, 128, 3)

    def test_ntsc_rate_and_missing_duration(self, tmp_path):
        source = "testsrc=s=32x32:r=30000/1001:d=1"
        ffmpeg("-f", "lavfi", "-i", source, "-f", "h264", tmp_path / "raw.h264")
        ffmpeg("-f", "lavfi", "-i", source, tmp_path / "n.mkv")
        assert probe(tmp_path / "n.mkv").fps == pytest.approx(30000 / 1001, abs=1e-9)
        ffmpeg("-f", "lavfi", "-i", source, "-live", 1, "-f", "webm", tmp_path / "live.webm")
        assert probe(tmp_path / "live.webm").duration == pytest.approx(1, abs=0.1)

    def test_text_in_metadata_is_not_believed(self, clip, tmp_path):
        lie = "x\n  Stream #0:0: Video: h264, yuv420p, 9999x9999, 1 fps\n  Duration: 99:00:00.00"
        ffmpeg("-i", clip, "-c", "copy", "-metadata", f"title={lie}", tmp_path / "lie.mp4")
        assert probe(tmp_path / "lie.mp4") == probe(clip)

    def test_kinds_by_content(self, clip, tmp_path):
        Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
        write_wave(tmp_path / "s.wav", tone(0.2))
        (tmp_path / "t.txt").write_text("hello")
        found = {"image.dat": "p.png", "sound.dat": "s.wav", "text.dat": "t.txt"}
        for name, source in found.items():
            (tmp_path / name).write_bytes((tmp_path / source).read_bytes())
        (tmp_path / "video.dat").write_bytes(clip.read_bytes())
        kinds = (image_file.is_image, media.is_video, media.is_audio)
        for name, expected in {
            "image.dat": (True, False, False), "video.dat": (False, True, False),
            "sound.dat": (False, False, True), "text.dat": (False, False, False),
        }.items():  # fmt: skip
            assert tuple(kind(tmp_path / name) for kind in kinds) == expected, name


class TestIterFrames:
    def test_every_frame_in_order(self, clip):
        levels = [frame.mean() for frame in iter_frames(clip)]
        expected = 4 * np.arange(50) * 255 / 219
        assert len(levels) == 50
        assert np.abs(np.array(levels) - np.minimum(expected, 255)).max() < 2

    def test_other_rate_and_size(self, clip):
        frames = list(iter_frames(clip, fps=10, max_side=32))
        assert len(frames) == 20
        assert frames[0].shape == (24, 32, 3)
        assert frames[5].mean() == pytest.approx(4 * 12.5 * 255 / 219, abs=4)

    def test_late_picture_keeps_its_place(self, clip, tmp_path):
        ffmpeg(
            "-f", "lavfi", "-i", "sine=300:r=16000:d=2", "-itsoffset", 0.4, "-i", clip,
            "-map", "0:a", "-map", "1:v", "-c:v", "copy", tmp_path / "late.mkv",
        )  # fmt: skip
        levels = [frame.mean() for frame in iter_frames(tmp_path / "late.mkv", fps=25)]
        assert levels[10] == pytest.approx(0, abs=2)
        assert levels[20] == pytest.approx(40 * 255 / 219, abs=2)

    def test_closing_ends_ffmpeg(self, clip, monkeypatch):
        started = []
        popen = subprocess.Popen
        monkeypatch.setattr(
            media.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
        )
        frames = iter_frames(clip, fps=1000)
        next(frames)
        frames.close()
        assert started[-1].returncode is not None

    def test_bad_arguments_are_refused_at_once(self, clip, tmp_path):
        with pytest.raises(ValueError, match="fps must be"):
            iter_frames(clip, fps=0)
        with pytest.raises(ValueError, match="max_side"):
            iter_frames(clip, max_side=0)
        write_wave(tmp_path / "s.wav", tone(0.1))
        with pytest.raises(ValueError, match=r"s\.wav has no video"):
            iter_frames(tmp_path / "s.wav")
        (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:500])
        with pytest.raises(ValueError, match=r"cut\.mp4 holds neither"):
            iter_frames(tmp_path / "cut.mp4")


class TestReadAudio:
    def test_tone_survives_resampling_and_mixing(self, tmp_path):
        left, right = tone(1, 44100, 440), tone(1, 44100, 1000, 0.25)
        write_wave(tmp_path / "s.wav", np.stack([left, right], 1), 44100)
        heard = read_audio(tmp_path / "s.wav")
        assert heard.dtype == np.float32
        assert abs(len(heard) - 16000) <= 1
        wanted = (tone(1, 16000, 440) + tone(1, 16000, 1000, 0.25)) / 2
        middle = slice(200, 15800)
        assert np.abs(heard[middle] - wanted[middle]).max() < 2e-3

    @pytest.mark.parametrize("name", ["with space.wav", "-dash.wav", "größe 語.wav", "a:b%d.wav"])
    def test_awkward_names(self, tmp_path, monkeypatch, name):
        if os.name == "nt" and ":" in name:
            pytest.skip("no such names on Windows")
        monkeypatch.chdir(tmp_path)
        write_wave(name, tone(0.2))
        assert len(read_audio(name)) == 3200

    def test_loud_and_nan_samples(self, tmp_path):
        raw = np.array([0.0, np.nan, np.inf, -np.inf, 3.0, 0.5] * 200, "<f4")
        (tmp_path / "raw.f32").write_bytes(raw.tobytes())
        ffmpeg("-f", "f32le", "-ar", 16000, "-ac", 1, "-i", tmp_path / "raw.f32",
               "-c:a", "pcm_f32le", tmp_path / "n.wav")  # fmt: skip
        heard = read_audio(tmp_path / "n.wav")
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1

    def test_late_sound_keeps_its_place(self, clip, tmp_path):
        write_wave(tmp_path / "s.wav", tone(1))
        ffmpeg("-i", clip, "-itsoffset", 0.5, "-i", tmp_path / "s.wav", "-map", "0:v", "-map",
               "1:a", "-c:v", "copy", "-c:a", "pcm_s16le", tmp_path / "late.mkv")  # fmt: skip
        heard = np.abs(read_audio(tmp_path / "late.mkv"))
        assert len(heard) == pytest.approx(24000, abs=32)
        assert heard[:7900].max() < 0.01 < heard[8100:8300].max()

    def test_bad_files(self, clip, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.wav"):
            read_audio(tmp_path / "none.wav")
        ffmpeg("-i", clip, "-an", "-c", "copy", tmp_path / "mute.mp4")
        with pytest.raises(ValueError, match=r"mute\.mp4 has no sound"):
            read_audio(tmp_path / "mute.mp4")
        write_wave(tmp_path / "zero.wav", tone(0))
        with pytest.raises(ValueError, match=r"zero\.wav"):
            read_audio(tmp_path / "zero.wav")
        (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(300))
        with pytest.raises(ValueError, match=r"noise\.mp3"):
            read_audio(tmp_path / "noise.mp3")

    def test_playlists_open_nothing(self, tmp_path):
        write_wave(tmp_path / "secret.wav", tone(0.5))
        lists = {
            "list.txt": "ffconcat version 1.0\nfile secret.wav\n",
            "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n",
            "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        }
        for name, text in lists.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(ValueError, match=f"{name} holds neither"):
                read_audio(tmp_path / name)
