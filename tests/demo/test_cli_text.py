"""``facewright generate --text``: words instead of a recording."""

import numpy as np
import pytest
from cli_helpers import check_clip, refused, succeeded

import demo.commands.generate
from gen.conditioning import Affect
from gen.text import Spoken
from recognizer.motion import MotionTrack


@pytest.fixture
def voice(monkeypatch):
    """A voice that hums 0.4 s, whatever it is given, and finds everything sad."""
    hum = 0.3 * np.sin(np.arange(8820) / 10).astype(np.float32)
    spoken = Spoken(hum, 22_050, Affect.action_units({"AU15": 5}))
    monkeypatch.setattr(demo.commands.generate, "speak", lambda text: spoken)


def test_words_are_said_and_felt(run, voice, tmp_path):
    line = "generate @me.png -o %o.mp4 --size 64 --motion-out %m.csv --text hello"
    succeeded(run(line))
    check_clip(tmp_path / "o.mp4", 10)
    felt = MotionTrack.load(tmp_path / "m.csv")["mouthFrownLeft"].mean()
    succeeded(run(line + " --emotion neutral"))
    told = MotionTrack.load(tmp_path / "m.csv")["mouthFrownLeft"].mean()
    assert felt > told + 0.3


def test_one_of_both(run, tmp_path):
    refused(run("generate @me.png -o %o.mp4"), "--text")
    refused(run("generate @me.png @speech.wav -o %o.mp4 --text hello"), "--text")
    refused(run(["generate", "@me.png", "-o", "%o.mp4", "--text", "你好"]), "English")
    assert not list(tmp_path.iterdir())
