"""``facewright bench renderer`` and ``bench motion``: what they write and what they refuse."""

import json
import shutil

import pytest
from cli_helpers import refused, succeeded

BAD = {
    "neither": ("bench renderer", "needs --clips or --portraits"),
    "missing folder": ("bench renderer --clips @no", "no is not a folder"),
    "no videos": ("bench renderer --clips @folder", "holds no video"),
    "no pictures": ("bench renderer --portraits @folder", "holds no picture"),
    "a file": ("bench renderer --portraits @me.png", "not a folder"),
    "json ending": ("bench renderer --clips @folder --json %o.txt", "must end in .json"),
    "too few frames": ("bench renderer --clips @folder --frames 3", "--frames must be 4"),
    "stride 0": ("bench renderer --clips @folder --stride 0", "--stride must be 1"),
    "size 10": ("bench renderer --clips @folder --size 10", "--size"),
    "faceless": ("bench renderer --clips %mute --json %o.json", "no face"),
    "motion of nothing": ("bench motion --clips @no", "no is not a folder"),
    "motion, empty": ("bench motion --clips @folder", "neither records nor videos"),
    "no speech": ("bench motion --clips %mute --speech @folder", "holds no sound"),
    "speech of a file": ("bench motion --clips %mute --speech @speech.wav", "not a folder"),
    "motion's portrait": ("bench motion --clips %mute --portrait @text.png", "not a picture"),
    "loop, no portrait": ("bench loop @no.png --speech @speech.wav", "no.png"),
    "loop, text": ("bench loop @text.png --speech @speech.wav", "not a picture"),
    "loop, no speech": ("bench loop @me.png --speech @no.wav", "no.wav"),
    "loop, passes": ("bench loop @me.png --speech @speech.wav --passes 0", "--passes must be 1"),
    "loop, judge": ("bench loop @me.png --speech @speech.wav --judge @folder", "reliability.json"),
    "motion, json ending": ("bench motion --clips %mute --json %o.csv", "must end in .json"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(run, files, tmp_path, case):
    (tmp_path / "mute").mkdir()
    shutil.copy(files / "mute.mp4", tmp_path / "mute")
    line, *words = BAD[case]
    refused(run(line), *words)
    assert [path.name for path in tmp_path.iterdir()] == ["mute"]


def test_a_folder_of_clips(run, files, tmp_path):
    (tmp_path / "clips").mkdir()
    shutil.copy(files / "talk.mp4", tmp_path / "clips")
    (tmp_path / "clips" / "notes.txt").write_text("not a video\n")
    line = "bench renderer --clips %clips --json %o.json --size 128"
    text = succeeded(run(line)).stdout
    assert "talk.mp4: keypoints, share of the still's: lips 0." in text
    figures = json.loads((tmp_path / "o.json").read_text())
    assert list(figures["clips"]) == ["talk.mp4"]
    assert figures["aggregate"]["misses"] == {} or "talk.mp4" in figures["aggregate"]["misses"]
    for name, reason in figures["unavailable"].items():
        assert f"{name} unavailable: {reason}" in text
        assert name not in figures["clips"]["talk.mp4"]


def test_asked_against_shown(run, files, tmp_path):
    (tmp_path / "said").mkdir()
    shutil.copy(files / "speech.wav", tmp_path / "said")
    line = "bench affect @me.png --speech %said --seconds 0.2 --size 96 --json %o.json"
    succeeded(run(line))
    figures = json.loads((tmp_path / "o.json").read_text())
    assert figures["clips"] == 22
    assert list(figures["alone"]["by_intensity"]) == ["0.33", "0.67", "1.00"]
    refused(run("bench affect @me.png --speech @folder"), "holds no sound")
    refused(run("bench affect @me.png --speech %said --seconds 0"), "--seconds")
