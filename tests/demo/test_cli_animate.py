"""``facewright animate``: portraits of all sorts, driven by files and videos."""

import numpy as np
import pytest
from cli_helpers import check_clip, succeeded
from PIL import Image

from recognizer.media import iter_frames, probe
from recognizer.motion import MotionTrack


@pytest.mark.parametrize("kind", ["L", "RGBA", "P", "exif", "jpeg called png", "I;16", "small"])
def test_odd_portraits(run, files, tmp_path, kind):
    image = Image.open(files / "me.png").convert("RGB")
    source, options = tmp_path / "odd.png", {}
    if kind == "RGBA":
        image.putalpha(255)
    elif kind == "exif":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise
        image, options = image.rotate(90, expand=True), {"exif": exif}
    elif kind == "jpeg called png":
        options = {"format": "jpeg"}
    elif kind == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif kind == "small":
        image = image.resize((90, 90))
    else:
        image = image.convert(kind)
    image.save(source, **options)
    succeeded(run("animate %odd.png @m.csv -o %o.mp4 --size 64"))
    pictures = check_clip(tmp_path / "o.mp4", 5)
    upright = np.asarray(Image.open(files / "me.png").convert("L").resize((16, 16)), float)
    shown = np.asarray(Image.fromarray(pictures[0]).convert("L").resize((16, 16)), float)
    assert np.corrcoef(upright.ravel(), shown.ravel())[0, 1] > 0.6


def test_full_frame(run, files, tmp_path):
    wide = Image.new("RGB", (400, 256), (128, 128, 128))
    wide.paste(Image.open(files / "me.png").convert("RGB"), (72, 0))
    wide.save(tmp_path / "wide.png")
    succeeded(run("animate %wide.png @m.csv -o %o.mp4 --size 100 --full-frame"))
    check_clip(tmp_path / "o.mp4", 5, size=(100, 64))


def test_driven_by_a_video(run, tmp_path):
    succeeded(run("animate @me.png @talk.mp4 -o %o.mp4 --size 64 --motion-out %m.csv"))
    check_clip(tmp_path / "o.mp4", 5)
    assert probe(tmp_path / "o.mp4").has_audio
    track = MotionTrack.load(tmp_path / "m.csv")
    assert track["jawOpen"].argmax() == 2
    assert track["headYaw"].argmax() == 2
    assert np.median(track.pose, axis=0) == pytest.approx(0, abs=0.2)


def test_driven_by_changes_since_the_first_frame(run, files, tmp_path):
    first = next(iter_frames(files / "talk.mp4"))
    Image.fromarray(first).save(tmp_path / "first.png")
    succeeded(run("animate %first.png @talk.mp4 -o %o.mp4 --size 256 --full-frame --relative"))
    shown = [
        np.asarray(frame, float) for frame in check_clip(tmp_path / "o.mp4", 5, size=(256, 256))
    ]
    # The first frame is the portrait; the film's third is its most open mouth, and so is this.
    assert np.abs(shown[0] - first).mean() < 2
    away = [np.abs(frame - first).mean() for frame in shown]
    assert int(np.argmax(away)) == 2


def test_animate_at_another_rate(run, tmp_path):
    succeeded(run("animate @me.png @m.npz -o %o.mp4 --size 64 --fps 50"))
    check_clip(tmp_path / "o.mp4", 10, 50)
