"""The web page in a headless Chromium: what a visitor does, what a program asks."""

import os
import shutil
import threading
from pathlib import Path

import pytest

import demo.shared_models
from recognizer.media import iter_frames, probe
from recognizer.motion import MotionTrack

pytest.importorskip("gradio", reason="pip install 'facewright[demo]'")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
#: The first things are slow on a busy machine.
PATIENCE = 60_000

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: apt-get install chromium (or name it in CHROMIUM)"
)


@pytest.fixture(scope="module")
def server(tiny_pipeline, tmp_path_factory):
    """The page's address; its clips move, but say nothing."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    patch.setattr(demo.shared_models, "_pipeline", lambda: tiny_pipeline)
    from demo.app import build_app, launch_options

    app = build_app()
    _, address, _ = app.launch(server_port=None, prevent_thread_lock=True, **launch_options())
    yield address
    app.close()
    patch.undo()


@pytest.fixture(scope="module")
def browser(files):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-device-for-media-stream",
                  "--use-fake-ui-for-media-stream", "--disable-gpu"],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser, server):
    """One visit for all tests, as wide as a desk's screen."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(server)
    page.wait_for_selector("#voice")
    yield page
    page.close()


def go_to(page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()


def test_nothing_comes_from_elsewhere(page, server):
    for tab in ("Recognize", "Evaluate", "Live", "Create"):
        go_to(page, tab)
    page.wait_for_timeout(300)
    here = [url for url in page.asked if url.startswith((server, "data:", "blob:"))]
    assert here and page.asked == here
    assert page.wrong == []


def test_a_phone_shows_all_of_it(browser, server):
    phone = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    phone.set_default_timeout(PATIENCE)
    phone.goto(server)
    phone.wait_for_selector("#voice")
    for tab in ("Create", "Recognize", "Evaluate", "Live"):
        go_to(phone, tab)
        phone.wait_for_timeout(200)
        wider = phone.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, tab
    # Whoever speaks into a phone sees the portrait: it stays above the buttons.
    phone.locator("#live-microphone").scroll_into_view_if_needed()
    player, microphone = (phone.locator(x).bounding_box() for x in ("#player", "#live-microphone"))
    assert (
        0 <= player["y"] < player["y"] + player["height"] <= microphone["y"] + microphone["height"]
    )
    phone.close()


def test_drag_the_pad_and_create(page, files, server):
    go_to(page, "Create")
    page.locator("#portrait").get_by_label("Remove Image").or_(
        page.locator("#portrait").get_by_label("Clear")
    ).first.click()
    page.locator("#portrait input[type=file]").set_input_files(files / "me.png")
    page.locator("#voice").get_by_label("Clear").first.click()
    page.locator("#voice input[type=file]").set_input_files(files / "speech.wav")
    page.get_by_text("Valence-arousal").first.click()
    pad = page.locator("#va-pad svg")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - box["width"] * 0.25, middle[1] - box["height"] * 0.1, steps=3)
    page.mouse.up()
    numbers = [float(x.replace("−", "-")) for x in page.locator("#va-pad b").all_inner_texts()]
    assert numbers == pytest.approx([-0.54, 0.22], abs=0.05)
    page.keyboard.press("ArrowUp")
    higher = page.locator("#va-pad b").last.inner_text()
    assert float(higher) == pytest.approx(numbers[1] + 0.05, abs=0.011)

    page.get_by_text("Settings").first.click()
    page.get_by_label("Longer side, pixels").first.click()
    page.get_by_role("option", name="256").click()
    page.get_by_label("Measure the clip when it is made").uncheck()
    page.locator("#create").last.click()
    video = page.locator("#clip video")
    video.wait_for()
    page.wait_for_function("() => document.querySelector('#clip video').readyState >= 2")
    size = video.evaluate("v => [v.videoWidth, v.videoHeight]")
    assert size == [256, 256]
    video.evaluate("v => { v.muted = true; return v.play(); }")
    page.wait_for_function("() => document.querySelector('#clip video').currentTime > 0.1")
    assert video.evaluate("v => v.duration") == pytest.approx(0.6, abs=0.05)
    with page.expect_download() as download:
        page.locator("#motion-csv").last.click()
    assert len(MotionTrack.load(Path(download.value.path()).rename(files / "d.csv"))) == 15


def test_the_timeline_is_edited(page):
    go_to(page, "Create")
    page.get_by_text("Over time").first.click()
    strip = page.locator("#timeline svg")
    strip.scroll_into_view_if_needed()
    before = page.locator("#timeline .tl-knob").count()
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] * 0.6, "y": 30})
    assert page.locator("#timeline .tl-knob").count() == before + 1
    page.locator("#timeline .tl-emotion").select_option("anger")
    curves = page.locator(".curves")
    curves.get_by_text("AU04").wait_for()
    page.locator("#timeline .tl-delete").click()
    assert page.locator("#timeline .tl-knob").count() == before


def test_an_error_is_a_message(page, files):
    go_to(page, "Recognize")
    tab = page.get_by_role("tabpanel").filter(has=page.locator("#recognize"))
    tab.get_by_label("Remove Image").or_(tab.get_by_label("Clear")).first.click()
    tab.locator("input[type=file]").first.set_input_files(files / "plain.png")
    tab.locator("#recognize").last.click()
    toast = page.locator(".toast-body")
    toast.wait_for()
    assert "No face was found in plain.png" in toast.inner_text()
    toast.get_by_role("button").last.click()
    page.locator("#recognize-stages").get_by_text("Stopped before").wait_for()
    assert tab.locator("#recognize").last.is_enabled()


def test_a_film_is_read(page, files):
    go_to(page, "Recognize")
    page.get_by_text("Video", exact=True).first.click()
    page.locator("#film input[type=file]").set_input_files(files / "talk.mp4")
    page.locator("#film video").wait_for()
    page.locator("#recognize").last.click()
    page.locator("#overlay-video video").wait_for()
    page.locator("#plot img").wait_for()
    text = page.locator("#explanation").inner_text()
    assert "seen in 5 of 5 frames" in text and "Conclusion" in text


def test_clips_are_evaluated_in_the_page(page, files):
    go_to(page, "Evaluate")
    page.locator("#clips input[type=file]").set_input_files(files / "talk.mp4")
    page.locator("#clips").get_by_text("talk").first.wait_for()
    page.locator("#evaluate").last.click()
    report = page.frame_locator("#evaluation iframe")
    report.get_by_text("Figures over all clips").wait_for()


def test_the_portrait_speaks_live(page):
    go_to(page, "Live")
    page.locator("#live-microphone").get_by_text("Record").click()
    shown = "() => (document.querySelector('#player img').src || '').length > 999"
    page.wait_for_function(shown, timeout=150_000)
    first = page.locator("#player img").get_attribute("src")
    page.wait_for_function(
        "first => document.querySelector('#player img').src !== first", arg=first
    )
    page.locator("#live-microphone").get_by_text("Stop").first.click()
    page.locator("#live-status").get_by_text("Press record").wait_for()
    assert not [t for t in threading.enumerate() if t.name == "live"]
    assert page.wrong == []


def test_a_program_asks(server, files):
    from gradio_client import Client, handle_file

    client = Client(server, verbose=False, analytics_enabled=False)
    clip, motion, report = client.predict(
        portrait=handle_file(files / "me.png"), recording=handle_file(files / "speech.wav"),
        feeling="Emotion", emotion="surprise", intensity=1.0, size=256, measure=False,
        api_name="/generate",
    )  # fmt: skip
    clip = clip["video"] if isinstance(clip, dict) else clip
    assert report is None
    assert probe(clip).has_audio and len(list(iter_frames(clip))) == 15
    assert MotionTrack.load(motion)["browInnerUp"].mean() > 0.3
    client.close()
