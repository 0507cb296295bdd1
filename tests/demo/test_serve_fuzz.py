"""Whatever a client sends or leaves out, it is told one line at most and its place comes free."""

import asyncio
import contextlib
import io
import json
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from demo.serve.app import Limits, build_server
from demo.serve.talk import Request, feeling

pytest.importorskip("fastapi", reason="pip install 'facewright[serve]'")
uvicorn = pytest.importorskip("uvicorn", reason="pip install 'facewright[serve]'")
client = pytest.importorskip("websockets.sync.client", reason="pip install 'facewright[serve]'")

Closed = pytest.importorskip("websockets.exceptions").ConnectionClosed

LIMITS = Limits(talks=3, seconds=5, idle=1.5, portrait=300_000, text=2000, unsent=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
LIKELY = st.sampled_from(
    ["happiness", "none", 0.5, 1, 128, {"AU12": 3}, {"AU12": "x"}, [], "\ud800"]
)
NAMES = ["size", "fps", "seed", "frames", "quality", "emotion", "intensity", "valence", "arousal",
         "aus"]  # fmt: skip
OPTIONS = st.dictionaries(st.sampled_from(NAMES), LIKELY | JSON, max_size=4)


@pytest.fixture(scope="module")
def server(tiny_pipeline):
    """A real one: what frameworks' test clients do not do, sockets do."""
    config = uvicorn.Config(
        build_server(tiny_pipeline, LIMITS), port=0, log_level="critical",
        ws_max_size=LIMITS.portrait + 1024, ws_ping_interval=1.0, ws_ping_timeout=1.0,
    )  # fmt: skip
    running = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()))
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def picture_bytes(portrait_path):
    data = io.BytesIO()
    Image.open(portrait_path).convert("RGB").resize((200, 200)).save(data, "PNG")
    return Picture(data.getvalue())


class Picture(bytes):
    """Not to be printed byte by byte where a test fails."""

    def __repr__(self):
        return "<picture>"


def connect(port, **options):
    return client.connect(f"ws://127.0.0.1:{port}/talk", max_size=None, close_timeout=5, **options)


def talk(port, *messages) -> tuple[list, int]:
    """What comes until the server closes, and its code."""
    got = []
    with connect(port) as talking:
        with contextlib.suppress(Closed):
            for message in messages:
                talking.send(message)
        try:
            while True:
                got.append(talking.recv(20))
        except Closed:
            return got, talking.close_code


def free(port) -> bool:
    """Nobody talks any more, and no thread of a talk is left."""
    with socket.create_connection(("127.0.0.1", port)) as asked:
        asked.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: asked.recv(4096), b""))
    health = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    return health["talks"] == 0 and all(t.name != "talk" for t in threading.enumerate())


def wait_until_free(server):
    deadline = time.monotonic() + 20
    while not free(server):
        assert time.monotonic() < deadline, "a place is still taken"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _comes_free(server):
    yield
    wait_until_free(server)


def bomb(side: int) -> bytes:
    """A picture file of some kilobytes that would be decoded to ``3 * side ** 2`` bytes."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@given(OPTIONS)
@settings(max_examples=300, deadline=None)
def test_any_options_are_taken_or_refused(options):
    for read in (feeling, Request.from_message):
        with contextlib.suppress(ValueError, TypeError):  # those end a talk with their message
            read(options)


PIECES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40),
    OPTIONS.map(lambda options: json.dumps({"type": "start", "size": 64} | options)),
    OPTIONS.map(lambda options: json.dumps({"type": "feel"} | options)),
    st.sampled_from(["", "[]", "{}", "null", '{"type": 3}', '{"type": "end"}', "[" * 1500,
                     '{"type": "' + "x" * 1900 + '"}', "1" * 1999, "x" * 2500]),
    st.just(np.zeros(1600, "<i2").tobytes()),
)  # fmt: skip


@given(messages=st.lists(PIECES, min_size=1, max_size=4), portrayed=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_messages_end_in_one_line(server, picture_bytes, messages, portrayed):
    begin = [json.dumps({"type": "start", "size": 64}), picture_bytes] if portrayed else []
    wait_until_free(server)
    got, code = talk(server, *begin, *messages)
    told = [json.loads(message) for message in got if isinstance(message, str)]
    errors = [message for message in told if message["type"] == "error"]
    assert code in (1000, 1008)
    assert len(errors) == (code == 1008)
    for error in errors:
        assert got[-1] == json.dumps(error) or json.loads(got[-1]) == error
        assert 0 < len(error["message"]) <= 300 and "\n" not in error["message"]
        assert "/" not in error["message"] and "Traceback" not in error["message"]


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (bomb(9000), "more than 50 megapixels"),
        (bomb(30_000), "more than 50 megapixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "picture"),
        (b"#EXTM3U\n/etc/passwd\n", "picture"),
        (b'<svg><image href="file:///etc/passwd"/></svg>', "picture"),
    ],
)  # fmt: skip
def test_pictures_that_are_none_or_bombs(server, picture, reason):
    got, code = talk(server, '{"type": "start"}', picture)
    assert code == 1008 and reason in json.loads(got[-1])["message"]


def test_giants_are_turned_away(server, picture_bytes):
    _, code = talk(server, '{"type": "start"}', bytes(LIMITS.portrait + 2000))
    assert code == 1009
    got, code = talk(server, '{"type": "start"}', bytes(LIMITS.portrait + 10))
    assert code == 1008 and "larger than" in json.loads(got[-1])["message"]


@pytest.mark.parametrize("stage", range(5))
def test_clients_may_vanish_at_any_stage(server, picture_bytes, stage):
    """Their sockets are torn, without a close frame."""
    sound = np.zeros(16000, "<i2").tobytes()
    steps = ['{"type": "start", "size": 64}', picture_bytes, sound, '{"type": "end"}']
    with contextlib.suppress(OSError, Closed), connect(server) as talking:
        for message in steps[:stage]:
            talking.send(message)
        torn = talking.socket
        torn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        torn.shutdown(socket.SHUT_RDWR)


def raw(port, *messages):
    """A client that says its messages, and from then on neither reads nor answers pings."""
    talking = socket.create_connection(("127.0.0.1", port))
    talking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    talking.sendall(
        b"GET /talk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b"101" in talking.recv(1024)
    for message in messages:
        kind, data = (1, message.encode()) if isinstance(message, str) else (2, message)
        # Masked with zeros, as any client has to.
        talking.sendall(struct.pack(">BBQ4x", 0x80 | kind, 0x80 | 127, len(data)) + data)
    return talking


def test_a_client_that_reads_nothing_loses_its_place(server, picture_bytes):
    sound = np.zeros(4 * 16000, "<i2").tobytes()
    start = '{"type": "start", "size": 512, "quality": 100}'
    with raw(server, start, picture_bytes, sound, '{"type": "end"}'):
        wait_until_free(server)


def test_clients_that_say_nothing_or_drop_by_drop(server):
    slow = raw(server)
    slow.sendall(b"\x82\xff")  # the beginning of a frame that never goes on
    with slow, raw(server), raw(server):
        fourth, code = talk(server, '{"type": "start"}')
        assert code == 1013 and "places" in fourth[-1]
        wait_until_free(server)


def test_talks_side_by_side_are_as_alone(server, picture_bytes):
    """Each gets its own motion, whoever talks beside it."""
    random = np.random.default_rng(0)
    sounds = [(random.standard_normal(9600) * 5000).astype("<i2").tobytes() for _ in range(3)]

    def said(seed):
        start = json.dumps({"type": "start", "size": 64, "seed": seed, "frames": "none"})
        got, code = talk(server, start, picture_bytes, sounds[seed], '{"type": "end"}')
        assert code == 1000
        return [json.loads(message)["rows"] for message in got[1:-1]]

    alone = []
    for seed in range(3):
        alone.append(said(seed))
        wait_until_free(server)
    together = [None] * 3

    def side_by_side(seed):
        together[seed] = said(seed)

    threads = [threading.Thread(target=side_by_side, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone and alone[0] != alone[1]
