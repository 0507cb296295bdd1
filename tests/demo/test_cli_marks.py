"""``facewright inspect`` and the options that say how a clip is marked."""

import json

import pytest
from typer.testing import CliRunner

from demo.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    from recognizer.motion import MotionTrack

    path = tmp_path_factory.mktemp("marks") / "m.csv"
    MotionTrack.zeros(8).save(path)
    return path


def test_a_clip_says_what_it_is_and_no_mark_warns(tmp_path, motion, portrait_path):
    clip = tmp_path / "a.mp4"
    assert run("animate", portrait_path, motion, "-o", clip, "--size", 256).exit_code == 0
    told = run("inspect", clip)
    assert told.exit_code == 0 and "compositeWithTrainedAlgorithmicMedia" in told.output
    found = json.loads(run("inspect", clip, "--json").output)
    assert found["watermark"]["found"] and found["metadata"]["ai_generated"] == "true"

    bare = run("animate", portrait_path, motion, "-o", clip, "--size", 256, "--no-mark")
    assert bare.exit_code == 0 and "warning: without marks" in bare.output
    told = run("inspect", clip).output
    assert "says nothing of AI" in told and "watermark    none" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--certificate", "c.pem"], "go together"),
        (["--no-mark", "--certificate", "c.pem", "--key", "k.pem"], "has no use"),
        (["--certificate", "c.pem", "--key", "k.pem"], "c.pem|extra"),
    ],
)
def test_marks_that_cannot_be_made(tmp_path, motion, portrait_path, options, message):
    clip = tmp_path / "a.mp4"
    result = run("animate", portrait_path, motion, "-o", clip, *options)
    assert result.exit_code == 2
    assert any(part in result.output for part in message.split("|"))
    assert not clip.exists()


def test_inspect_refuses_what_it_cannot_read(tmp_path):
    (tmp_path / "a.txt").write_text("no clip")
    for path in (tmp_path / "a.txt", tmp_path / "none.mp4", tmp_path):
        result = run("inspect", path)
        assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1
