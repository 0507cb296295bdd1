"""``facewright evaluate``: clips in, figures and a report out."""

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import refused, succeeded

from demo.clip_requests import asked_emotion, asked_timeline, requests_of
from recognizer.facs import AU_INDEX, EMOTION_TO_AU, EMOTIONS


@pytest.fixture(scope="module")
def evaluated(files, tmp_path_factory):
    """The command over a good and a broken clip, by a manifest."""
    from typer.testing import CliRunner

    from demo.cli import app

    folder = tmp_path_factory.mktemp("evaluated")
    (files / "clips.csv").write_text(
        "clip,reference,portrait,emotion,intensity\n"
        "talk.mp4,talk.mp4,me.png,happiness,0.5\n"
        "text.mp4,,,,\n"
    )
    line = ["evaluate", files / "clips.csv", "-o", folder / "r.html", "--json", folder / "r.json",
            "--workers", "1", "--cache", folder / "cache"]  # fmt: skip
    return CliRunner().invoke(app, [str(part) for part in line]), folder


def test_figures_and_failures(evaluated):
    result, folder = evaluated
    succeeded(result)
    assert "1 clips, 1 real clips, 1 files failed" in result.stdout
    assert "text.mp4" in result.stderr
    about = json.loads((folder / "r.json").read_text())
    assert set(about) == {
        "clips", "aggregate", "radar", "rest", "unavailable", "failed", "references",
    }  # fmt: skip
    assert about["rest"] == {"known": 1}  # the portrait
    (failed,) = about["failed"]
    assert failed["file"].endswith("text.mp4") and "neither video nor sound" in failed["reason"]
    (clip,) = about["clips"]
    assert clip["clip"] == "talk.mp4" and clip["asked"] == "happiness:0.5"
    assert clip["frames"] == 5
    for table in (about["aggregate"], clip["metrics"]):
        for row in table.values():
            assert {"value", "n", "ci95", "backend"} <= set(row)
            assert isinstance(row["value"], float | int) and row["n"] >= 1
    figures = {name: row["value"] for name, row in about["aggregate"].items()}
    assert figures["ssim"] == 1 and figures["psnr"] == 60 and figures["aue_l"] == 0
    assert figures["face_found"] == 1
    if "identity_similarity" in figures:
        assert figures["identity_similarity"] > 0.6
    else:  # it needs an extra
        assert about["unavailable"]["identity_similarity"]
    assert figures["e_fid"] == pytest.approx(0, abs=1e-6)
    assert figures["emotion_accuracy"] in (0, 1)
    assert "SyncNet" in about["unavailable"]["lse_c"]
    assert not set(figures) & set(about["unavailable"])


def test_the_report_needs_nothing_else(evaluated):
    _, folder = evaluated
    page = (folder / "r.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<script|<link|<iframe|@import|url\(", page)
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert sources and all(one.startswith(("data:image/", "#")) for one in sources)
    assert "text.mp4" in page and "neither video nor sound" in page
    targets = re.findall(r'href="#([^"]+)"', page)
    assert targets and all(f'id="{one}"' in page for one in targets)
    assert "SyncNet" in page and "happiness:0.5" in page


def test_strangers_are_pointed_out(evaluated, run):
    assert "strangers" not in evaluated[0].stderr
    told = succeeded(run("evaluate @talk.mp4 --workers 1"))
    assert told.stderr.startswith("1 of 1 clips show strangers: --portrait or --rest")
    assert "not measured, there are no reference clips: e_fid, e_kid, " in told.stdout


def test_what_was_measured_is_remembered(evaluated, run, tmp_path, monkeypatch):
    from recognizer.evaluation import jobs

    _, folder = evaluated
    monkeypatch.setattr(jobs, "_KINDS", {})  # whatever is measured anew fails
    cache = str(folder / "cache")
    succeeded(run(["evaluate", "@clips.csv", "--json", "%r.json", "--cache", cache]))
    again, first = (
        json.loads(path.read_text())["aggregate"]
        for path in (tmp_path / "r.json", folder / "r.json")
    )
    assert again == first


def test_an_engine_that_is_not_installed_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refused(run("evaluate @talk.mp4 --engine ray"), "pip install 'facewright[ray]'")


def test_the_engine_does_the_work(evaluated, run, tmp_path, monkeypatch):
    """With Ray itself: tests/recognizer/test_pool.py."""
    from recognizer.evaluation import jobs

    _, folder = evaluated
    asked = []

    def run_all(function, items, workers, engine, died):
        asked.append((engine, workers))
        return ((item, function(item)) for item in items)

    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
    monkeypatch.setattr(jobs, "run_all", run_all)
    cache = ["--cache", str(folder / "cache"), "--workers", "300"]
    succeeded(run(["evaluate", "@talk.mp4", "--json", "%r.json", "--engine", "ray", *cache]))
    assert set(asked) == {("ray", 300)}


def test_systems_side_by_side(evaluated, files, run, tmp_path, monkeypatch):
    from recognizer.evaluation import jobs

    _, folder = evaluated
    monkeypatch.setattr(jobs, "_KINDS", {})  # all is remembered
    systems = [f"ours={files / 'talk.mp4'}", f"theirs={files}/t*k.mp4"]
    result = run(
        ["evaluate", "--system", systems[0], "--system", systems[1], "--reference", "@talk.mp4",
         "--portrait", "@me.png", "-o", "%r.html", "--json", "%r.json", "--cache",
         str(folder / "cache")]
    )  # fmt: skip
    succeeded(result)
    assert "ours 1 clips, theirs 1 clips, 1 real clips, 0 files failed" in result.stdout
    about = json.loads((tmp_path / "r.json").read_text())
    assert list(about["systems"]) == ["ours", "theirs"] and about["best"] == {}
    (pair,) = about["pairs"]
    assert (pair["a"], pair["b"], pair["clips"]) == ("ours", "theirs", 1)
    assert pair["metrics"]["speed"]["difference"] == 0 and pair["metrics"]["speed"]["n"] == 1
    assert about["real"]["aggregate"]["face_found"]["value"] == 1
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<iframe|@import|url\(", page)
    targets = re.findall(r'href="#([^"]+)"', page)
    assert all(f'id="{one}"' in page for one in targets)
    assert page.count("clip0system1frame") >= 5 and page.count("clip0realframe") == 5


def test_what_belongs_together(files, tmp_path):
    for name in ("a.mp4", "b.mp4", "real/a.mp4", "real/c.mp4", "plans/b.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((files / "plan.yaml").read_bytes())
    a, b = requests_of([tmp_path], None, None, None, tmp_path / "plans", [tmp_path / "real"])
    assert (a.clip.name, a.reference, a.asked) == ("a.mp4", tmp_path / "real/a.mp4", None)
    assert b.reference is None and b.asked.name == "b.yaml"
    (one,) = requests_of([tmp_path / "b.mp4"], None, None, "fear", None, [tmp_path / "a.mp4"])
    assert one.reference == tmp_path / "a.mp4" and one.asked.name == "fear"
    a, b = requests_of([tmp_path], None, None, None, None, [tmp_path / "real/a.mp4"])
    assert (a.reference, b.reference) == (None, None)


def test_what_is_asked(files, tmp_path):
    asked = asked_emotion("happiness:0.5")
    assert asked.emotion[0].tolist() == pytest.approx([0.5, 0.5, 0, 0, 0, 0, 0, 0])
    assert asked.valence_arousal[0] == pytest.approx([0.38, 0.24])
    stronger = EMOTION_TO_AU["contempt"]["AU12L"]
    assert asked_emotion("contempt").aus[0, AU_INDEX["AU12"]] == pytest.approx(stronger)
    plan = asked_timeline(files / "plan.yaml")
    labels = plan.at(np.array([0.0, 0.5, 9.0])).emotion_labels()
    assert [EMOTIONS[i] for i in labels] == ["neutral", "anger", "anger"]
    units = tmp_path / "units.yaml"
    units.write_text("- {at: 0, aus: {AU04: 3}}\n")
    asked = asked_timeline(units)
    assert asked.aus[0, AU_INDEX["AU04"]] == 3
    assert np.isnan(asked.valence_arousal).all() and np.isnan(asked.emotion).all()


@pytest.mark.parametrize(
    "line, words",
    [
        ("evaluate", "name clips"),
        ("evaluate --selftest -o %r.html", "name clips"),
        ("evaluate @gone.mp4", "no such clip"),
        ("evaluate @folder", "no clip found in"),
        ("evaluate @talk.mp4 -o %r.txt", "must end in .html"),
        ("evaluate @talk.mp4 --json %gone/r.json", "there is no folder"),
        ("evaluate @talk.mp4 --emotion rage", "unknown emotion 'rage'"),
        ("evaluate @talk.mp4 --emotion fear:2", "intensity must be 0..1"),
        ("evaluate @talk.mp4 --emotion fear --timeline @plan.yaml", "not both"),
        ("evaluate @talk.mp4 --timeline @text.yaml", "text.yaml"),
        ("evaluate @talk.mp4 --audio @folder", "no audio found in"),
        ("evaluate @talk.mp4 --reference @gone.mp4", "no such reference"),
        ("evaluate @talk.mp4 --workers 0", "--workers must be 1 to 256"),
        ("evaluate @talk.mp4 --engine slurm", "unknown engine 'slurm': choose one of local, ray"),
        ("evaluate @talk.mp4 --cache @me.png", "is not a folder"),
        ("evaluate @text.csv", "text.csv has an unknown column"),
        ("evaluate @empty.csv", "is empty"),
        ("evaluate @text.csv --emotion fear", "a manifest stands alone"),
        ("evaluate @text.mp4 -o %r.html", "no clip could be measured"),
        ("evaluate @plain.png", "still picture"),
        ("evaluate @talk.mp4 --system a=@talk.mp4", "not both"),
        ("evaluate --system a=@talk.mp4", "two systems or more"),
        ("evaluate --system @talk.mp4", "write NAME=FOLDER"),
        ("evaluate --system a=@talk.mp4 --system a=@mute.mp4", "a is given twice"),
        ("evaluate --system a=%none*.mp4 --system b=@talk.mp4", "nothing is named like"),
        ("evaluate --system a=@gone --system b=@talk.mp4", "no such clip"),
        ("evaluate @talk.mp4 --syncnet @text.mp4", "published weights become one by"),
        ("evaluate @talk.mp4 --syncnet @gone.safetensors", "there is no file"),
        ("evaluate @talk.mp4 --coefficients :exp", "write NAME or NAME:KEY"),
        ("evaluate @talk.mp4 --rest @gone.png", "no such rest"),
        ("evaluate @mute.mp4 --json %r.json", "no face was found in mute.mp4"),
    ],
)
def test_bad_requests(run, files, tmp_path, line, words):
    line = line.replace("=@", f"={files}/").replace("=%", f"={tmp_path}/")
    refused(run(line), words)
    assert list(Path(tmp_path).iterdir()) == []


def test_controls_that_fail_are_told(run, monkeypatch):
    from demo.commands import evaluate
    from recognizer.evaluation.selftest import Control

    outcomes = [Control("good", "clips", True, "1"), Control("bad", "clips", False, "0")]
    monkeypatch.setattr(evaluate, "selftest", lambda subjects: outcomes)
    result = run("evaluate --selftest")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["PASS  good (clips): 1", "FAIL  bad (clips): 0"]
    monkeypatch.setattr(evaluate, "selftest", lambda subjects: outcomes[:1])
    succeeded(run("evaluate --selftest"))
