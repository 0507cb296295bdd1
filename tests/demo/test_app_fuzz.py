"""The page's endpoints for programs, asked for what they should not do: one error, and no file that
was not sent."""

import json
import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import demo.shared_models

pytest.importorskip("gradio", reason="pip install 'facewright[demo]'")
httpx = pytest.importorskip("httpx", reason="pip install 'facewright[demo]'")
gradio_client = pytest.importorskip("gradio_client", reason="pip install 'facewright[demo]'")

SECRET = "the words that nobody is to read"


@pytest.fixture(scope="module")
def page(tiny_pipeline, tmp_path_factory):
    """The page's address and its folder of visitors' files."""
    folder = tmp_path_factory.mktemp("visitors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        patch.setattr(demo.shared_models, "_pipeline", lambda: tiny_pipeline)
        from demo.app import build_app, launch_options

        app = build_app()
        _, address, _ = app.launch(server_port=None, prevent_thread_lock=True, **launch_options())
        yield address.rstrip("/"), folder
        app.close()


@pytest.fixture(scope="module")
def asker(page):
    with httpx.Client(base_url=page[0], timeout=60) as asker:
        yield asker


@pytest.fixture(scope="module")
def usual(asker, files):
    """What a good call sends, by the names of the endpoint's parameters, in order."""
    about = asker.get("/gradio_api/info").json()["named_endpoints"]["/generate"]["parameters"]
    sent = {p["parameter_name"]: p["parameter_default"] for p in about}
    for name, file in (("portrait", "me.png"), ("recording", "speech.wav")):
        with open(files / file, "rb") as data:
            (path,) = asker.post("/gradio_api/upload", files={"files": (file, data)}).json()
        sent[name] = {"path": path, "meta": {"_type": "gradio.FileData"}}
    return sent | {"size": 256, "measure": False}


def ask(asker, sent: dict) -> tuple[str, object]:
    """How a call to ``generate`` ends: ``complete`` or ``error``, and with what."""
    started = asker.post("/gradio_api/call/generate", json={"data": list(sent.values())})
    if started.status_code != 200:
        return "error", started.json()
    answer = asker.get(f"/gradio_api/call/generate/{started.json()['event_id']}").text
    *_, event, data = [line for line in answer.splitlines() if line and "heartbeat" not in line]
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def refused(asker, sent: dict) -> str:
    end, told = ask(asker, sent)
    assert end == "error", told
    text = json.dumps(told)
    assert SECRET not in text and "Traceback" not in text
    return text


def file(path) -> dict:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def test_only_files_that_were_sent_are_taken(page, asker, usual, tmp_path, tmp_path_factory):
    _, folder = page
    secret = tmp_path / "secret.wav"
    secret.write_text(SECRET)
    link = folder / "link.wav"
    try:
        link.symlink_to(secret)
    except OSError:
        link = secret  # Windows lets few users make one
    climbing = os.path.relpath(secret)
    for path in (secret, climbing, link, f"{folder}/../{secret}", "/etc/passwd", "/dev/zero"):
        for name in ("portrait", "recording"):
            assert "uploaded" in refused(asker, usual | {name: file(path)})
        for way in ("/gradio_api/file=", "/gradio_api/file/", "/file="):
            got = asker.get(f"{way}{path}")
            assert got.status_code in (403, 404) and SECRET not in got.text


def test_an_upload_keeps_to_its_folder(page, asker):
    _, folder = page
    names = ("../../../out.png", "/tmp/out.png", "..\\..\\out.png", "a/../../out.png", "\u202egnp")
    for name in names:
        (path,) = asker.post("/gradio_api/upload", files={"files": (name, b"x")}).json()
        assert os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"portrait": None}, "no portrait yet"),
        ({"recording": None}, "no voice yet"),
        ({"voice": "Typed words", "text": "x" * 5000}, "at most"),
        ({"voice": "Typed words", "text": ""}, ""),
        ({"size": 100_000}, "not in the list"),
        ({"size": "large"}, "not in the list"),
        ({"size": []}, "must be a number"),
        ({"fps": 1e9}, "greater than|must be"),
        ({"steps": 10**9}, "greater than|must be"),
        ({"corrections": 99}, "greater than|must be"),
        ({"seed": -5}, "less than|must be"),
        ({"emotion": "rage"}, "choices"),
        ({"feeling": "Valence-arousal", "pad": "here"}, ""),
        ({"feeling": "Over time", "timeline": {"keys": [{"at": "soon"}], "seconds": 3}}, ""),
        ({"feeling": "Over time", "timeline": None}, ""),
        ({"feeling": "From the words"}, "only typed words"),
        ({"units": {"AU99": 3}}, ""),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_told(asker, usual, changed, reason):
    assert re.search(reason, refused(asker, usual | changed), re.IGNORECASE)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)  # fmt: skip


@given(name=st.integers(0, 16), value=SHAPES, portrayed=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_wrong_types_end_in_an_error_or_in_a_clip(asker, usual, files, name, value, portrayed):
    """Nothing hangs or ends the page, whatever stands in a parameter's place."""
    sent = usual | {list(usual)[name % len(usual)]: value}
    if not portrayed:  # refused sooner, and cheaper
        sent["recording"] = None
    end, told = ask(asker, sent)
    assert end in ("complete", "error")
    if end == "error" and told.get("error"):
        assert "log says" not in told["error"], told


def test_clips_side_by_side_are_as_alone(page, files):
    """Four at once through the queue: each its own seed's and its own feeling's."""
    from recognizer.motion import MotionTrack

    client = gradio_client.Client(page[0], verbose=False, analytics_enabled=False)

    def submit(seed):
        sent = [gradio_client.handle_file(files / name) for name in ("me.png", "speech.wav")]
        return client.submit(
            portrait=sent[0], recording=sent[1], feeling="Emotion",
            emotion=("happiness", "anger")[seed % 2], size=256, seed=seed, measure=False,
            api_name="/generate",
        )  # fmt: skip

    def motion(job):
        return MotionTrack.load(job.result(120)[1]).to_vectors()

    together = [motion(job) for job in [submit(seed) for seed in range(4)]]
    for seed in (0, 3):
        assert np.array_equal(together[seed], motion(submit(seed)))
    assert not np.array_equal(together[0], together[2])
    client.close()
