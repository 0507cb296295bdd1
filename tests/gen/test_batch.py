"""Clips from a table."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gen import batch
from gen.batch import RECORD, make, read_batch, run_batch
from recognizer.media import probe


@pytest.fixture
def folder(tmp_path, portrait_path, speech_path):
    Image.open(portrait_path).resize((256, 256)).save(tmp_path / "me too.png")
    Image.new("RGB", (90, 90)).save(tmp_path / "nobody.png")
    shutil.copy(speech_path, tmp_path / "a.wav")
    (tmp_path / "t.yaml").write_text("- {at: 0, emotion: anger}\n")
    return tmp_path


@pytest.fixture
def tiny(monkeypatch, tiny_pipeline):
    """The random pipeline, which counts the clips that it is asked for."""
    asked = []

    def pipeline(portrait, *arguments, **options):
        asked.append(portrait.name)
        return tiny_pipeline(portrait, *arguments, **options)

    monkeypatch.setattr(batch, "_pipeline", lambda model: pipeline)
    return asked


def table(folder, text):
    (folder / "m.csv").write_text(text)
    return folder / "m.csv"


def recorded(folder):
    return [json.loads(line)["output"] for line in (folder / RECORD).read_text().splitlines()]


def test_a_table_is_read(folder):
    items = read_batch(
        table(
            folder,
            "portrait,audio,emotion,intensity,timeline,seed,size,output\n"
            "me too.png,a.wav,happiness,0.5,,7,128,\n\n"
            "me too.png,a.wav,,,t.yaml,,,x.mp4\n"
            "me too.png,a.wav,,,,,,\n",
        )
    )
    assert [item.output for item in items] == ["me_too_a_2.mp4", "x.mp4", "me_too_a_5.mp4"]
    assert (items[0].seed, items[0].size, items[1].size) == (7, 128, 512)
    happy = items[0].affect.curves(np.zeros(1))
    assert happy.emotion[0, 1] == pytest.approx(0.5)
    assert items[1].affect.curves(np.zeros(1)).emotion[0, 4] == pytest.approx(1)
    assert items[2].affect is None
    assert len({item.key for item in items}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio\na.wav\n", "no column 'portrait'"),
        ("portrait,audio,emotoin\n", "did you mean emotion"),
        ("portrait,audio\n", "lists no clip"),
        ("portrait,audio\nme too.png,\n", "line 2: give audio or text"),
        ("portrait,audio,text\nme too.png,a.wav,hello\n", "line 2: give audio or text"),
        ("portrait,audio\nme too.png,b.wav\n", "line 2: no such audio"),
        ("portrait,audio,emotion\nme too.png,a.wav,rage\n", "line 2: unknown emotion"),
        ("portrait,audio,intensity\nme too.png,a.wav,0.5\n", "line 2"),
        ("portrait,audio,valence\nme too.png,a.wav,2\n", r"valence must be -1\.\.1"),
        ("portrait,audio,size\nme too.png,a.wav,99.5\n", "size must be a whole number"),
        ("portrait,audio,size\nme too.png,a.wav,nan\n", "size must be 64"),
        ("portrait,audio,output\nme too.png,a.wav,../x.mp4\n", "plain file name"),
        ("portrait,audio,output\nme too.png,a.wav,/tmp/x.mp4\n", "plain file name"),
        ("portrait,audio,output\nme too.png,a.wav,..mp4\n", "plain file name"),
        ("portrait,audio,output\nme too.png,a.wav,x.avi\n", r"must end in \.mp4"),
        ("portrait,audio,output\nme too.png,a.wav,x.mp4\nme too.png,a.wav,X.mp4\n", "made twice"),
        ("portrait,audio,emotion,timeline\nme too.png,a.wav,fear,t.yaml\n", "not both"),
    ],
)
def test_a_bad_table_is_refused(folder, text, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_batch(table(folder, text))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=120))
def test_any_table_is_read_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "m.csv"
    path.write_text("portrait,audio,output\n" + text, encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError)) as raised:
        read_batch(path)
    assert "\n" not in str(raised.value)


def test_clips_are_made_once_and_failures_are_tried_again(folder, tiny):
    path = table(
        folder,
        "portrait,audio,size,output\nme too.png,a.wav,128,a b.mp4\nnobody.png,a.wav,128,no.mp4\n",
    )
    out = folder / "out"
    done, failed = run_batch(read_batch(path), out)
    assert done.error is None and probe(out / "a b.mp4").duration == pytest.approx(done.seconds)
    assert "face" in failed.error and not (out / "no.mp4").exists()
    assert recorded(out) == ["a b.mp4", "no.mp4"]

    again = run_batch(read_batch(path), out)
    assert [r.error for r in again] == [None, failed.error]
    assert tiny == ["me too.png", "nobody.png", "nobody.png"]

    with open(out / RECORD, "a") as record:
        record.write('{"output": "a b.m')  # the power went
    (folder / "a.wav").write_bytes((folder / "a.wav").read_bytes()[:40_000])
    changed = run_batch(read_batch(path)[:1], out)
    assert changed[0].error is None and changed[0].seconds < done.seconds
    (out / "a b.mp4").unlink()
    run_batch(read_batch(path)[:1], out)
    assert len(tiny) == 5


def test_what_nobody_foresaw_is_named(folder, monkeypatch):
    def falls(item, path, pipeline):
        raise RuntimeError("it fell\nover")

    monkeypatch.setattr(batch, "_make", falls)
    monkeypatch.setattr(batch, "_pipeline", lambda model: None)
    item = read_batch(table(folder, "portrait,audio\nme too.png,a.wav\n"))[0]
    assert make(item, folder).error == "unexpected RuntimeError: it fell over"
