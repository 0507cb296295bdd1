"""``facewright recognize``: faces, voices and words in; tables, figures and sentences out."""

import csv
import json

import cv2
import numpy as np
import pytest
from cli_helpers import refused, succeeded

from recognizer.affect_csv import COLUMNS
from recognizer.affect_csv_reader import read_csv
from recognizer.facs import EMOTIONS


def test_a_video(run, tmp_path):
    result = succeeded(run("recognize @talk.mp4 -o %o.csv --json %o.json --plot %o.png"))
    assert "face 0: seen in 5 of 5 frames; " in result.stdout
    assert "--rest" in result.stderr
    rows = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 4]
    assert float(rows[1]["timestamp"]) == pytest.approx(0.04)
    jaw = [float(row["jawOpen"]) for row in rows]
    yaw = [float(row["pose_Ry"]) for row in rows]  # radians, as in OpenFace
    assert int(np.argmax(jaw)) == int(np.argmax(yaw)) == 2
    assert np.deg2rad(6) < yaw[2] - yaw[0] < np.deg2rad(20)
    assert float(rows[2]["AU25_r"]) > float(rows[0]["AU25_r"])
    for row in rows:
        assert sum(float(row[name]) for name in EMOTIONS) == pytest.approx(1, abs=1e-3)
    (track,) = read_csv(tmp_path / "o.csv")
    assert len(track) == 5

    about = json.loads((tmp_path / "o.json").read_text())
    assert about["frames"] == 5 and about["largest"] == 0
    (face,) = about["faces"]
    assert face["frames_seen"] == 5
    assert face["blendshapes"]["jawOpen"] == pytest.approx(np.mean(jaw), abs=1e-3)
    assert face["aus_max"]["AU25"] >= face["aus"]["AU25"]
    assert sum(about["together"]["emotion"].values()) == pytest.approx(1, abs=1e-2)
    assert cv2.imread(str(tmp_path / "o.png")).shape[1] == 1500


def test_a_picture_explained(run):
    result = succeeded(run("recognize @me.png --explain"))
    said, chain = result.stdout.split("\n\n", 1)
    assert said.startswith("face 0: seen in 1 of 1 frames")
    assert len(chain.splitlines()) >= 2


def test_words_count(run, tmp_path):
    succeeded(run(["recognize", "@me.png", "--text", "I am so happy today!", "--json", "%o.json"]))
    about = json.loads((tmp_path / "o.json").read_text())
    assert about["words"]["valence"] > 0.3
    assert set(about["together"]["weights"]) == {"face", "words"}


def test_a_voice(run, tmp_path, speech_path):
    result = succeeded(run(["recognize", str(speech_path), "-o", "%o.csv", "--json", "%o.json"]))
    assert "together (voice): " in result.stdout
    rows = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert rows[5]["AU12_r"] == "NaN" and rows[5]["jawOpen"] == "NaN"
    assert -1 <= float(rows[5]["arousal"]) <= 1
    said = succeeded(run(["recognize", str(speech_path), "--explain", "--text", "I am so sad"]))
    _, heard, words, conclusion = said.stdout.split("\n\n")
    assert "- pitch: " in heard and "'sad': " in words and conclusion.startswith("Conclusion")
    about = json.loads((tmp_path / "o.json").read_text())
    assert about["faces"] == [] and about["voice"]["confidence"] > 0.2


def test_steadier_curves(run, tmp_path):
    succeeded(run("recognize @talk.mp4 -o %raw.csv"))
    succeeded(run("recognize @talk.mp4 -o %steady.csv --smooth"))

    def jaw(name):
        return read_csv(tmp_path / name)[0].motion["jawOpen"]

    assert np.ptp(jaw("steady.csv")) < np.ptp(jaw("raw.csv"))


def test_bad_requests(run):
    refused(run("recognize @me.png --plot %o.svg"), "must end in .png")
    refused(run(["recognize", "@me.png", "--text", "  "]), "no words")
    refused(run("recognize @speech.wav"), "no voice was found in speech.wav")
