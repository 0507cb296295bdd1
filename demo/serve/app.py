"""The server: one WebSocket, ``/talk``, and ``/health``. Nothing is kept when a talk is over.

A client sends, in this order:

1. ``{"type": "start"}``, with any of ``size``, ``fps``, ``seed``, ``frames`` (``"jpeg"``,
   ``"none"``), ``quality``, and what is felt: ``emotion`` and ``intensity``, ``valence`` and
   ``arousal``, or ``aus``;
2. the portrait, a picture file, as one binary message;
3. after ``ready``, sound as binary messages of any length: 16-bit little-endian, mono, 16 kHz;
4. at any time ``{"type": "feel", …}`` with another feeling, and at last ``{"type": "end"}``.

It gets ``{"type": "ready", "width", "height", "fps", "rate", "names"}``, then for every block
``{"type": "motion", "frame", "rows"}`` (58 numbers a frame, named by ``names``) and each of its
frames as a binary message: the frame's number (4 bytes, little-endian) and a JPEG. ``{"type":
"end"}`` closes. Bad input gives ``{"type": "error", "message"}`` and the close code 1008; too many
talks 1013.

A client that reads slowly slows the talk down, and one that sends too fast waits: either way holds
a few seconds at most.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from demo.serve.talk import Gone, Request, Talk, feeling
from gen.maker import tool_version
from gen.pipeline import TalkingHeadPipeline
from recognizer.media import SAMPLE_RATE

_POLICY, _BUSY, _GONE, _TOO_LATE = 1008, 1013, 1001, 1008
#: Characters of an error's message, and seconds in which it has to be taken.
_LINE, _FAREWELL = 300, 3.0


@dataclass(frozen=True)
class Limits:
    """What one server takes.

    Attributes:
        talks: at once.
        seconds: of sound in one talk.
        idle: seconds without a message after which a talk ends.
        portrait: bytes of the picture file.
        text: characters of a message that is no sound and no picture.
        unsent: messages that wait for a slow client.
    """

    talks: int = 2
    seconds: float = 600.0
    idle: float = 30.0
    portrait: int = 20_000_000
    text: int = 65_536
    unsent: int = 64

    @property
    def lasting(self) -> float:
        """Seconds that a talk may take in all, lest one that trickles keep its place for ever."""
        return 2 * self.seconds + self.idle


def build_server(pipeline: TalkingHeadPipeline, limits: Limits | None = None) -> FastAPI:
    """The application, for any ASGI server."""
    limits = limits or Limits()
    app = FastAPI(title="Facewright", version=tool_version(), docs_url=None, redoc_url=None)
    running: set[_Connection] = set()

    @app.get("/health")
    def health() -> dict:
        return {"status": "ok", "talks": len(running), "limit": limits.talks}

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        if len(running) >= limits.talks:
            await _refuse(socket, "all places are taken: try again later", _BUSY)
            return
        connection = _Connection(socket, pipeline, limits)
        running.add(connection)
        try:
            await connection.run()
        finally:
            running.discard(connection)

    return app


class _Connection:
    def __init__(self, socket: WebSocket, pipeline: TalkingHeadPipeline, limits: Limits) -> None:
        self._socket, self._pipeline, self._limits = socket, pipeline, limits
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[dict | bytes] = asyncio.Queue(limits.unsent)
        self._gone = False
        self._left = int(limits.seconds * SAMPLE_RATE) * 2  # bytes

    async def run(self) -> None:
        """Until the talk ends, the client leaves, or something is wrong."""
        try:
            message = await self._message("start")
            with _told():
                request = Request.from_message(message)
            portrait = await self._portrait()
        except _Ended as end:
            await end.tell(self._socket)
            return
        talk = Talk(self._pipeline, portrait, request, self._emit)
        listening = asyncio.create_task(self._listen(talk))
        sending = asyncio.create_task(self._send())
        try:
            async with asyncio.timeout(self._limits.lasting) as whole:
                await asyncio.wait({listening, sending}, return_when=asyncio.FIRST_COMPLETED)
                if not sending.done():
                    await listening  # it has ended: by itself, or by what is raised here
                await sending
        except _Ended as end:
            await end.tell(self._socket)
        except (WebSocketDisconnect, TimeoutError):  # the client has left, or reads no more
            if whole.expired():
                await _refuse(self._socket, "this talk has lasted too long", _TOO_LATE)
        finally:
            self._gone = True
            talk.end()
            listening.cancel()
            sending.cancel()
            await asyncio.gather(listening, sending, return_exceptions=True)
            await asyncio.to_thread(talk.join)

    def _emit(self, message: dict | bytes) -> None:
        """Called in the talk's thread."""
        if self._gone:
            raise Gone
        waiting = asyncio.run_coroutine_threadsafe(self._out.put(message), self._loop)
        while True:
            try:
                return waiting.result(0.2)
            except TimeoutError:
                if self._gone:
                    waiting.cancel()
                    raise Gone from None
            except CancelledError:
                raise Gone from None

    async def _send(self) -> None:
        while True:
            message = await self._out.get()
            if isinstance(message, bytes):
                await asyncio.wait_for(self._socket.send_bytes(message), self._limits.idle)
                continue
            text = json.dumps(message, separators=(",", ":"))
            await asyncio.wait_for(self._socket.send_text(text), self._limits.idle)
            if message["type"] in ("end", "error"):
                code = 1000 if message["type"] == "end" else _POLICY
                await self._socket.close(code)
                return

    async def _listen(self, talk: Talk) -> None:
        """Hear until the client says that it is the end."""
        while True:
            received = await self._receive()
            if received.get("bytes") is not None:
                self._left -= len(received["bytes"])
                if self._left < 0:
                    raise _Ended(f"a talk lasts {self._limits.seconds:g} s at most", _TOO_LATE)
                with _told():
                    heard = await asyncio.to_thread(talk.hear, received["bytes"], self._limits.idle)
                if not heard:
                    raise _Ended("nothing was read for too long", _TOO_LATE)
                continue
            message = self._parsed(received)
            if message["type"] == "end":
                talk.end()
                return
            if message["type"] != "feel":
                raise _Ended(f"unknown message type {message['type']!r:.40}", _POLICY)
            with _told():
                talk.affect.target = feeling(message)

    async def _portrait(self) -> bytes:
        received = await self._receive()
        data = received.get("bytes")
        if not data:
            raise _Ended("after start comes the portrait, a picture file, as bytes", _POLICY)
        if len(data) > self._limits.portrait:
            megabytes = self._limits.portrait / 1e6
            raise _Ended(f"the portrait is larger than {megabytes:g} MB", _POLICY)
        return data

    async def _message(self, kind: str) -> dict:
        message = self._parsed(await self._receive())
        if message["type"] != kind:
            raise _Ended(f"expected a message of type {kind!r}", _POLICY)
        return message

    def _parsed(self, received: dict) -> dict:
        text = received.get("text") or ""
        if len(text) > self._limits.text:
            raise _Ended(f"a text has {self._limits.text} characters at most", _POLICY)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Ended("expected a JSON object with a 'type'", _POLICY)
        return message

    async def _receive(self) -> dict:
        try:
            received = await asyncio.wait_for(self._socket.receive(), self._limits.idle)
        except TimeoutError:
            raise _Ended(f"nothing was heard for {self._limits.idle:g} s", _TOO_LATE) from None
        if received["type"] == "websocket.disconnect":
            raise _Ended("", _GONE)
        return received


class _Ended(Exception):
    """The connection is to be closed, with a reason unless the client is gone."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    async def tell(self, socket: WebSocket) -> None:
        if self.code != _GONE:
            await _refuse(socket, str(self), self.code)


@contextmanager
def _told():
    """What is wrong with a message ends the talk and is told."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise _Ended(str(error), _POLICY) from error


async def _refuse(socket: WebSocket, message: str, code: int) -> None:
    """Say why in a line, and close; a client that has left, or reads nothing, is not waited for."""
    line = " ".join(message.split())
    line = line if len(line) <= _LINE else line[: _LINE - 2] + " …"
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            await socket.send_text(json.dumps({"type": "error", "message": line}))
            await socket.close(code)
