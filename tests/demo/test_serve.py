"""The WebSocket server, talked to."""

import concurrent.futures
import contextlib
import io
import json
import threading
import time

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'facewright[serve]'")
pytest.importorskip("httpx", reason="pip install 'facewright[demo]'")
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from demo.serve.app import Limits, build_server
from demo.serve.talk import Request
from gen.watermark import watermark_score

START = {"type": "start", "size": 256}


@pytest.fixture(scope="module")
def portrait(portrait_path):
    image = Image.open(portrait_path).convert("RGB").resize((256, 256))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def client(tiny_pipeline):
    with TestClient(build_server(tiny_pipeline, Limits(talks=1, seconds=3, idle=5))) as client:
        yield client


def sound(seconds=0.6):
    wave = np.sin(np.arange(int(16000 * seconds)) * 0.06) * 9000
    return wave.astype("<i2").tobytes()


def message(socket):
    received = socket.receive()
    if received["type"] == "websocket.close":
        raise WebSocketDisconnect(received["code"])
    return received["bytes"] if received.get("bytes") is not None else json.loads(received["text"])


def talk(client, portrait, *messages, start=START):
    """Everything that comes until the server closes, and the code."""
    got = []
    with client.websocket_connect("/talk") as socket:
        socket.send_json(start)
        socket.send_bytes(portrait)
        for one in messages:
            socket.send_bytes(one) if isinstance(one, bytes) else socket.send_json(one)
        try:
            while True:
                got.append(message(socket))
        except WebSocketDisconnect as closed:
            return got, closed.code


def wait_until(reached, seconds=10):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_talk_gives_motion_and_marked_frames(client, portrait):
    got, code = talk(client, portrait, sound(), {"type": "end"})
    ready, *middle, end = got
    assert code == 1000 and end == {"type": "end", "frames": 15}
    assert ready["type"] == "ready" and (ready["width"], ready["fps"]) == (256, 25)
    rows = [row for m in middle if isinstance(m, dict) for row in m["rows"]]
    assert np.shape(rows) == (15, 58) == (15, len(ready["names"]))
    frames = [m for m in middle if isinstance(m, bytes)]
    assert [int.from_bytes(f[:4], "little") for f in frames] == list(range(15))
    pictures = [np.asarray(Image.open(io.BytesIO(f[4:]))) for f in frames]
    assert pictures[0].shape == (256, 256, 3)
    assert watermark_score(pictures) > 6


def test_motion_alone_and_another_rate(client, portrait):
    start = START | {"frames": "none", "fps": 50, "emotion": "anger", "intensity": 0.5}
    got, code = talk(client, portrait, sound(), {"type": "end"}, start=start)
    assert code == 1000 and got[-1]["frames"] == 30
    assert all(isinstance(m, dict) for m in got)


def test_a_feeling_may_change(client, portrait):
    start = START | {"frames": "none"}
    feel = {"type": "feel", "aus": {"AU12": 5}}
    got, code = talk(client, portrait, feel, sound(2.5), {"type": "end"}, start=start)
    assert code == 1000
    smile = got[0]["names"].index("mouthSmileLeft")
    curve = [row[smile] for m in got if m["type"] == "motion" for row in m["rows"]]
    assert np.mean(curve[-10:]) > np.mean(curve[:3]) + 0.2


@pytest.mark.parametrize(
    ("start", "picture", "messages", "reason"),
    [
        ({"type": "hello"}, b"x", [], "type 'start'"),
        (START | {"size": 20}, b"x", [], "size must be 64 to 1024"),
        (START | {"emotion": "rage"}, b"x", [], "unknown emotion"),
        (START | {"frames": "png"}, b"x", [], "frames must be"),
        (START | {"fps": "fast"}, b"x", [], "fps must be"),
        (START, b"", [], "comes the portrait"),
        (START, b"no picture", [], "not a picture"),
        (START, None, [b"\0\0\0"], "16-bit"),
        (START, None, [{"type": "sing"}], "unknown message type"),
        (START, None, [{"type": "feel", "valence": 7}], "valence"),
        (START, None, [bytes(2 * 16000 * 4)], "3 s at most"),
    ],
)
def test_what_is_wrong_is_told(client, portrait, start, picture, messages, reason):
    got, code = talk(client, portrait if picture is None else picture, *messages, start=start)
    assert code == 1008
    assert got[-1]["type"] == "error" and reason in got[-1]["message"]


def test_places_are_limited_and_come_free(client, portrait):
    # Who leaves cancels the talk: now and then the client raises what only the server should hear.
    left = contextlib.suppress(concurrent.futures.CancelledError)
    with left, client.websocket_connect("/talk") as first:
        first.send_json(START)
        first.send_bytes(portrait)
        assert message(first)["type"] == "ready"
        assert client.get("/health").json() == {"status": "ok", "talks": 1, "limit": 1}
        with client.websocket_connect("/talk") as second:
            assert "places" in message(second)["message"]
            with pytest.raises(WebSocketDisconnect) as closed:
                message(second)
        assert closed.value.code == 1013
    wait_until(lambda: client.get("/health").json()["talks"] == 0)
    wait_until(lambda: all(thread.name != "talk" for thread in threading.enumerate()))


def test_silence_on_the_line_ends_a_talk(tiny_pipeline):
    with (
        TestClient(build_server(tiny_pipeline, Limits(idle=0.2))) as client,
        client.websocket_connect("/talk") as socket,
    ):
        assert "nothing was heard" in message(socket)["message"]


def test_requests_are_checked():
    with contextlib.suppress(ValueError):
        Request(seed=-1)
        pytest.fail("a negative seed was taken")
    assert Request.from_message({"type": "start"}).size == 512
