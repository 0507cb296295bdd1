"""A folder of good and bad files, and the command called on them."""

import numpy as np
import pytest
from cli_helpers import write_video, write_wave
from PIL import Image
from typer.testing import CliRunner

from demo.cli import app
from recognizer.facs import ARKIT_NAMES
from recognizer.motion import MotionTrack


@pytest.fixture(scope="session")
def files(tmp_path_factory, portrait_path, picture, renderer):
    """A folder of good and bad files."""
    folder = tmp_path_factory.mktemp("files")
    write_wave(folder / "speech.wav", 0.6)
    Image.open(portrait_path).resize((256, 256)).save(folder / "me.png")
    (folder / "folder").mkdir()
    for name in ("empty.png", "empty.wav", "empty.csv", "empty.yaml"):
        (folder / name).touch()
    for name in ("text.png", "text.wav", "text.mp4", "text.yaml", "text.csv", "text.npz"):
        (folder / name).write_text("This is only a text.\n" * 50)
    data = (folder / "me.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    Image.new("RGB", (200, 200), (90, 120, 160)).save(folder / "plain.png")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    write_video(folder / "mute.mp4", [np.full((64, 64, 3), v, np.uint8) for v in (50, 90, 130)])
    frames = []
    for value in (0.0, 0.3, 0.6, 0.3, 0.0):
        wanted = renderer.expression.copy()
        wanted[ARKIT_NAMES.index("jawOpen")] += value
        frames.append(renderer.render(wanted, np.array([0, 20 * value, 0, 0, 0, 0])))
    write_video(folder / "talk.mp4", frames, audio=folder / "speech.wav")
    track = MotionTrack.zeros(5)
    track["jawOpen"][:] = [0, 0.2, 0.4, 0.2, 0]
    track.save(folder / "m.csv")
    track.save(folder / "m.npz")
    (folder / "wide.csv").write_text("time,jawOpen\n0,0.5\n0.04,wide\n")
    (folder / "back.csv").write_text("time,jawOpen\n1,0.5\n0,0.5\n")
    (folder / "loud.csv").write_text("time,jawOpen\n0,7\n0.04,0\n")
    (folder / "gone.csv").write_text("time,jawOpen\n0,\n0.04,\n")
    (folder / "slow.csv").write_text("time,jawOpen\n0,0\n100,0\n")
    (folder / "typo.csv").write_text("time,jawOpem,jawOpen\n0,0,0\n0.04,0,0\n")
    (folder / "odd.yaml").write_text("- {at: 0, blendshapes: {browInerUp: 1}}\n")
    (folder / "rage.yaml").write_text("- {at: 0, emotion: rage}\n")
    (folder / "broken.yaml").write_text("- {at: 0, emotion\n")
    (folder / "plan.yaml").write_text("- {at: 0, emotion: neutral}\n- {at: 0.5, emotion: anger}\n")
    return folder


@pytest.fixture
def run(files, tmp_path, tiny_pipeline, monkeypatch):
    """Call the command in-process; ``@name`` is one of the files, ``%name`` a new one."""
    from gen.pipeline import TalkingHeadPipeline

    monkeypatch.setattr(
        TalkingHeadPipeline, "from_pretrained", lambda path=None, expression=None: tiny_pipeline
    )

    def call(line: str | list[str]):
        parts = line.split() if isinstance(line, str) else line
        arguments = [
            str(files / p[1:]) if p[:1] == "@" else str(tmp_path / p[1:]) if p[:1] == "%" else p
            for p in map(str, parts)
        ]
        return CliRunner().invoke(app, arguments)

    return call
