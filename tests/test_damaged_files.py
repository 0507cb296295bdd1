"""Damaged files of every kind that is read: each is read or refused in one line, by ValueError."""

import numpy as np
import pytest
from PIL import Image

from recognizer.motion import MotionTrack


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The same bytes, but flipped, cut, doubled, dropped or overwritten somewhere."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(out) + 1)) if rng.random() < 0.6 else int(rng.integers(64))
        at, length = min(at, len(out)), int(2 ** rng.integers(0, 12))
        kind = rng.integers(5)
        if kind == 0:
            for i in rng.integers(0, max(1, len(out)), 8):
                if i < len(out):
                    out[i] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del out[at:]
        elif kind == 2:
            out[at:at] = out[at : at + length]
        elif kind == 3:
            del out[at : at + length]
        else:
            out[at : at + length] = rng.integers(0, 256, length).astype(np.uint8).tobytes()
    return bytes(out)


def moving(frames=12):
    rng = np.random.default_rng(0)
    pose = np.column_stack([rng.normal(0, 5, (frames, 3)), rng.normal(0, 0.1, (frames, 3))])
    return MotionTrack(rng.uniform(0, 1, (frames, 52)), pose)


def picture(path, ending):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(path, ending)


def motion_file(path):
    moving().save(path)


def livelink(path):
    from gen.export.livelink import write_livelink

    write_livelink(path, moving())


def timeline(path):
    path.write_text(
        "- {at: 0, emotion: fear, intensity: 0.5}\n- {at: 1.5, aus: {AU12L: 3}}\n"
        "- {at: 2, valence: -0.3, arousal: 0.1}\n- {at: 3, blendshapes: {jawOpen: 0.2}}\n"
    )


def table(path):
    path.write_text("portrait,audio,emotion,output\na.png,b.wav,fear,c.mp4\n")


def record(path):
    from gen.data.records import MotionRecord

    wave = np.zeros(16_000, np.float32)
    MotionRecord(path.stem, moving(25), wave, "me", np.ones(58, bool)).save(path.parent)


def faces(path):
    from recognizer.data.face_files import save_faces
    from recognizer.data.faces import LabelledFaces

    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16)).astype(np.uint8)
    save_faces(path, {"train": LabelledFaces(images, np.tile(np.eye(8)[1], (6, 1)))})


def read_faces(path):
    from recognizer.data.face_files import load_faces

    return load_faces(path)


def read_motion(path):
    return MotionTrack.load(path)


def read_picture(path):
    from recognizer.image_file import read_image

    return read_image(path)


def read_timeline(path):
    from gen.conditioning import Affect

    return Affect.load(path)


def read_table(path):
    from gen.batch import read_batch

    return read_batch(path)


def read_record(path):
    from gen.data.records import MotionRecord

    return MotionRecord.load(path)


CASES = {
    "a.png": (lambda p: picture(p, "PNG"), read_picture, 60),
    "a.jpg": (lambda p: picture(p, "JPEG"), read_picture, 60),
    "a.webp": (lambda p: picture(p, "WEBP"), read_picture, 40),
    "a.gif": (lambda p: picture(p, "GIF"), read_picture, 40),
    "a.tiff": (lambda p: picture(p, "TIFF"), read_picture, 60),
    "a.csv": (motion_file, read_motion, 60),
    "a.npz": (motion_file, read_motion, 60),
    "livelink.csv": (livelink, read_motion, 60),
    "a.yaml": (timeline, read_timeline, 80),
    "batch.csv": (table, read_table, 40),
    "record.npz": (record, read_record, 40),
    "faces.npz": (faces, read_faces, 40),
}


@pytest.mark.filterwarnings("ignore")  # Pillow tells what it thinks of the files
@pytest.mark.parametrize("name", CASES)
def test_files_that_are_read_whole(name, tmp_path):
    write, read, count = CASES[name]
    path = tmp_path / name
    write(path)
    data, rng = path.read_bytes(), np.random.default_rng(7)
    for _ in range(count):
        path.write_bytes(damaged(data, rng))
        refused_in_one_line(read, path)


def test_films_and_sound(tmp_path):
    from gen.video import VideoWriter
    from recognizer.media import iter_frames, probe, read_audio

    path = tmp_path / "a.mp4"
    sound = np.sin(np.arange(4000) * 0.1).astype(np.float32)
    with VideoWriter(path, 64, 48, audio=(sound, 16_000), metadata={"title": "x"}) as writer:
        for value in range(6):
            writer.write(np.full((48, 64, 3), 40 * value, np.uint8))
    data, rng = path.read_bytes(), np.random.default_rng(3)
    for _ in range(12):
        path.write_bytes(damaged(data, rng))
        for read in (probe, lambda p: list(iter_frames(p)), read_audio):
            refused_in_one_line(read, path)


def test_networks(tmp_path):
    from recognizer.affect_reader import WEIGHTS, load_head

    folder = tmp_path / "head"
    folder.mkdir()
    files = {f.name: f.read_bytes() for f in WEIGHTS.iterdir() if f.suffix != ".md"}
    rng = np.random.default_rng(5)
    for name in files:
        for _ in range(8):
            for other, data in files.items():
                (folder / other).write_bytes(damaged(data, rng) if other == name else data)
            refused_in_one_line(load_head, folder)


def refused_in_one_line(read, path):
    try:
        read(path)
    except (ValueError, FileNotFoundError) as error:
        assert str(error).strip() and len(str(error).splitlines()) == 1, repr(error)
