"""The parts of the web page, without a browser."""

import json
import sys
import threading
import time
import types

import numpy as np
import pytest
from cli_helpers import refused, write_wave
from PIL import Image
from typer.testing import CliRunner

from demo import limits
from demo.cli import app
from demo.jobs import Job, Progress, Stopped
from demo.live import LiveAffect, LiveSession, Resampler
from demo.overlay import PANEL, WIDTH, Overlay, overlay_video
from gen.conditioning import Affect
from recognizer.affect import AffectTrack
from recognizer.facs import AU_INDEX, AU_MAX, AU_NAMES, EMOTIONS
from recognizer.media import SAMPLE_RATE, iter_frames, probe

gr = pytest.importorskip("gradio", reason="pip install 'facewright[demo]'")


def test_the_demo_says_what_it_lacks(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("gradio", "demo")]:
        if name != "demo.cli" and (name.startswith("gradio") or name == "demo.app"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gradio", None)
    result = CliRunner().invoke(app, ["demo", "--port", "7999"])
    assert result.exit_code == 2
    assert "pip install 'facewright[demo]'" in result.stderr
    refused(CliRunner().invoke(app, ["demo", "--port", "70000"]), "--port")


def test_a_job_is_watched_and_stopped():
    def counts(hook):
        for i in range(5):
            hook("counting", i + 1, 5)
            time.sleep(0.02)
        return "done"

    with Job(counts) as job:
        seen = list(job.progress(every=0.01))
        assert job.result() == "done"
    assert seen[-1] == Progress("counting", 5, 5)

    started, error = threading.Event(), []

    def endless(hook):
        while True:
            started.set()
            try:
                hook("for ever", 0, None)
            except Stopped as stopped:
                error.append(stopped)
                raise
            time.sleep(0.005)

    with Job(endless):
        assert started.wait(5)
    assert len(error) == 1

    with Job(lambda hook: 1 / 0) as job, pytest.raises(ZeroDivisionError):
        job.result()


def test_limits(tmp_path):
    Image.new("1", (9000, 6000)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match="more than 50 megapixels"):
        limits.checked_picture(tmp_path / "large.png")
    with pytest.raises(ValueError, match="no portrait yet"):
        limits.checked_picture(None)
    write_wave(tmp_path / "long.wav", limits.MAX_SPEECH + 2, rate=4000)
    with pytest.raises(ValueError, match="at most 120 s"):
        limits.checked_sound(tmp_path / "long.wav")
    with pytest.raises(ValueError, match="no moving picture"):
        limits.checked_film(tmp_path / "long.wav")


@pytest.fixture(scope="module")
def feelings():
    from demo.tabs import feelings

    return feelings


def aus_of(affect):
    return affect.curves(np.array([1.0])).aus[0].max(axis=1)


def test_controls_ask_for_what_they_show(feelings):
    timeline = {"seconds": 3.0, "keys": [{"at": 1.0, "emotion": "fear", "intensity": 0.5}]}
    rest = ("anger", 0.6, (0.5, -0.2), timeline)
    cases = {
        feelings.EMOTION: Affect.emotion("anger", 0.6),
        feelings.PAD: Affect.valence_arousal(0.5, -0.2),
        feelings.TIMELINE: Affect.emotion("fear", 0.5),
    }
    for mode, wanted in cases.items():
        assert aus_of(feelings.affect_of(mode, *rest, {})) == pytest.approx(aus_of(wanted))
        assert feelings.named(mode, *rest, {"AU12": 2.0}).endswith("AU12=2")
    more = feelings.affect_of(feelings.EMOTION, *rest, {"AU12": 2.0})
    assert aus_of(more)[AU_INDEX["AU12"]] == pytest.approx(2.0)
    assert feelings.affect_of(feelings.WORDS, *rest, {}) is None
    with pytest.raises(ValueError, match="empty"):
        feelings.affect_of(feelings.TIMELINE, "anger", 1, (0, 0), {"keys": []}, {})
    with pytest.raises(ValueError, match="unknown emotion"):
        feelings.affect_of(feelings.EMOTION, "rage", 1, (0, 0), timeline, {})


def test_components_check_what_they_are_sent():
    from demo.components.au_board import AUBoard
    from demo.components.timeline import MAX_KEYS, Timeline
    from demo.components.va_pad import VAPad

    assert VAPad().preprocess([2, -0.3]) == (1.0, -0.3)
    assert AUBoard().preprocess({"AU12": 3, "AU01": 0}) == {"AU12": 3.0}
    board = AUBoard().html_template
    assert [au for au in AU_NAMES if f'data-au="{au}"' not in board] == []
    late, soon = {"at": 2.0, "emotion": "fear"}, {"at": 0.5, "emotion": "anger"}
    assert Timeline().preprocess([late, soon]) == {"seconds": 2.0, "keys": [soon, late]}
    for component, wrong in (
        (VAPad(), "up"), (VAPad(), [1]), (AUBoard(), [3]), (Timeline(), {"keys": 3}),
        (Timeline(), [{"emotion": "fear"}]), (Timeline(), [soon] * (MAX_KEYS + 1)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"expected|needs|at most"):
            component.preprocess(wrong)


def test_no_file_is_written_beside_the_components():
    from pathlib import Path

    import demo.tabs.common

    assert not list(Path(demo.tabs.common.__file__).parents[1].rglob("*.pyi"))


def test_errors_are_messages(caplog):
    from demo.tabs.common import said

    def raises(error):
        @said
        def event():
            raise error

        with pytest.raises(gr.Error) as caught:
            event()
        return caught.value.message

    assert raises(ValueError("no face in\n<b>.png")) == "No face in &lt;b&gt;.png"
    missing = ModuleNotFoundError("No module named 'piper'", name="piper")
    assert "facewright[tts]" in raises(missing)
    assert "secret" not in raises(RuntimeError("secret path"))
    assert "secret path" in caplog.text


def test_curves_of_a_plan():
    from demo.components.curves import curves_svg

    html = curves_svg(Affect.emotion("surprise"), 4.0)
    for name in ("AU01", "AU02", "AU05", "AU26", "valence", "4.0 s"):
        assert name in html
    assert "AU12" not in html


@pytest.fixture(scope="module")
def faces(picture, tracker):
    return tracker.image(picture)


def track(**given) -> AffectTrack:
    aus = np.zeros((1, len(AU_NAMES)), np.float32)
    for name, value in given.get("aus", {}).items():
        aus[0, AU_INDEX[name]] = value
    emotion = np.eye(len(EMOTIONS), dtype=np.float32)[[EMOTIONS.index(given["emotion"])]]
    place = np.array([given.get("place", (0.0, 0.0))])
    return AffectTrack(aus, place, emotion, np.ones(1, bool), np.ones(1))


def test_overlay_bars_are_as_long_as_what_is_read(picture, faces):
    def bars(**given):
        drawn = Overlay([track(**given)], faces, 0).draw(picture, 0)
        assert drawn.shape[1] == WIDTH and drawn.dtype == np.uint8
        return drawn[-PANEL:].astype(int)

    empty = bars(emotion="anger")
    half = bars(emotion="anger", aus={"AU12": AU_MAX / 2})
    full = bars(emotion="anger", aus={"AU12": AU_MAX})
    changed = [(np.abs(one - empty).sum(axis=2) > 30) for one in (half, full)]
    # The names stand in the order of strength: the strongest bar is the first one.
    lengths = [one[44:55, 344:448].any(axis=0).sum() for one in changed]
    assert lengths == [52, 104]
    # The face is drawn on, and nothing around it.
    one = [track(emotion="anger")]
    drawn, bare = (Overlay(one, some, 0).draw(picture, 0)[:-PANEL] for some in (faces, []))
    rows, columns = np.nonzero((drawn != bare).any(axis=2))
    points = faces[0].points[0] * drawn.shape[0] / len(picture)
    left = (WIDTH - drawn.shape[0]) // 2
    assert len(rows) > 500
    assert rows.min() >= points[:, 1].min() - 2 and rows.max() <= points[:, 1].max() + 2
    assert columns.min() >= left + points[:, 0].min() - 2


def test_overlay_of_a_film(files, tmp_path, picture, faces):
    from dataclasses import replace

    one = track(emotion="fear")
    rows = {name: np.repeat(getattr(one, name), 5, axis=0)
            for name in ("aus", "valence_arousal", "emotion", "success", "confidence")}  # fmt: skip
    face = replace(faces[0], points=np.repeat(faces[0].points / 4, 5, axis=0))
    seen = []
    overlay_video(files / "talk.mp4", tmp_path / "o.mp4", [replace(one, **rows)], [face], 0,
                  lambda *report: seen.append(report))  # fmt: skip
    assert len(list(iter_frames(tmp_path / "o.mp4"))) == 5
    assert probe(tmp_path / "o.mp4").has_audio
    assert seen[-1] == ("drawing", 5, 5)


def test_a_live_feeling_goes_where_it_is_told():
    live = LiveAffect(Affect())
    assert live.curves(np.array([0.0, 0.2])).emotion[:, 0] == pytest.approx(1)
    live.target = Affect.emotion("happiness", 1.0)
    happy = EMOTIONS.index("happiness")
    first = live.curves(np.linspace(0.2, 0.4, 6)).emotion[:, happy]
    assert (np.diff(first) > 0).all() and 0 < first[-1] < 0.9
    later = live.curves(np.linspace(0.42, 3, 60)).emotion[:, happy]
    assert later[0] > first[-1] and later[-1] > 0.99


def test_live_sound_is_resampled_without_seams():
    time_ = np.arange(48_000) / 48_000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time_).astype(np.float32)[:, None]
    resample = Resampler(48_000)
    parts = np.concatenate([resample(tone[i : i + 4321]) for i in range(0, len(tone), 4321)])
    want = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(parts)) / SAMPLE_RATE)
    assert len(parts) > 0.97 * SAMPLE_RATE
    assert parts[500:-500] == pytest.approx(want[500:-500], abs=0.01)


def test_a_live_talk(tiny_pipeline, files):
    session = LiveSession(tiny_pipeline, files / "me.png", Affect(), 64, seconds=1.0)
    deadline = time.monotonic() + 90
    while not session.ready and time.monotonic() < deadline:
        time.sleep(0.02)
    sound = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1
    for start in range(0, SAMPLE_RATE, 4000):
        session.hear(sound[start : start + 4000])
    with pytest.raises(ValueError, match="time for one talk"):
        session.hear(sound[:100])
    session.close(timeout=90)
    frames = session.frames()
    assert len(frames) == 25
    assert frames[0].shape == (64, 64, 3)

    failed = LiveSession(tiny_pipeline, files / "plain.png", Affect(), 64, seconds=1.0)
    failed.close(timeout=90)
    with pytest.raises(ValueError, match="face"):
        failed.hear(sound)


def test_parcels_of_frames():
    from demo.components.frame_player import FramePlayer, packed

    parcel = packed([np.full((8, 8, 3), 200, np.uint8)] * 2, 7)
    assert parcel["number"] == 7 and len(parcel["frames"]) == 2
    json.dumps(FramePlayer().postprocess(parcel))


def test_words_choose_the_feeling(monkeypatch, tiny_pipeline, files, tmp_path):
    import demo.making
    from gen.text import Spoken

    sad = Affect.emotion("sadness")
    said = Spoken(np.zeros(2205, np.float32), 22_050, sad)
    monkeypatch.setattr(demo.making, "speak", lambda text: said)
    monkeypatch.setattr(demo.making, "pipeline", lambda: tiny_pipeline)
    wish = demo.making.Wish(files / "me.png", None, "Oh.", None, "what the words say", size=64)
    made = demo.making.make_clip(wish, tmp_path, lambda *_: None)
    assert made.affect is sad
    assert probe(made.clip).fps == 25
    assert made.motion.stat().st_size > 0
    with pytest.raises(ValueError, match="the size"):
        demo.making.Wish(files / "me.png", None, "Oh.", None, "", size=5000)


def test_a_summary_says_what_was_asked_and_shown():
    from demo.tabs.summary import summary_html
    from recognizer.evaluate import Asked

    asked = Asked(np.zeros((1, len(AU_NAMES))), np.array([[-0.6, 0.4]]),
                  np.eye(len(EMOTIONS))[[4]], name="<anger>")  # fmt: skip
    measures = types.SimpleNamespace(
        success=np.ones(3, bool), emotion=np.tile(np.eye(len(EMOTIONS))[6], (3, 1)),
        valence_arousal=np.tile([-0.5, 0.25], (3, 1)),
    )  # fmt: skip
    clip = types.SimpleNamespace(measures=measures, asked=asked, reasons={"face_found": "why"},
                                 metrics={"identity_similarity": (0.81, 3)})  # fmt: skip
    html = summary_html(types.SimpleNamespace(clips=[clip]))
    for part in ("&lt;anger&gt;", "fear", "−0.50", "asked −0.60", "0.81", "Not measured: why"):
        assert part in html
