"""Kinds as a user meets them: an aiohttp application, a real socket, an ordinary client."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from pytest_aiohttp import AiohttpClient

from aiows import ConnectionClosed, KindDispatcher, KindError, Payload, WebSocketResponse
from aiows.connection import Connection
from raw_client import RawClient

Say = Callable[[Any], Awaitable[Any]]

NAME = web.AppKey("name", str)


class ChatSend(Payload, kind="chat.send"):
    room: str
    text: str


class Talker:
    """A client that speaks JSON."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws

    async def ask(self, message: Any) -> Any:
        """Send ``message`` and return the next answer."""
        await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))
        return await self.hear()

    async def hear(self) -> Any:
        return await self.ws.receive_json(timeout=5)


Connect = Callable[..., Awaitable[Talker]]


@pytest.fixture
def connect(aiohttp_client: AiohttpClient) -> Connect:
    """Connect to a view that serves ``kinds``, with ``options`` for its WebSocketResponse."""

    async def connect(kinds: KindDispatcher, **options: Any) -> Talker:
        async def view(request: web.Request) -> web.StreamResponse:
            ws: WebSocketResponse[Any] = WebSocketResponse(**options)
            await ws.prepare(request)
            await kinds.serve(ws)
            return ws

        app = web.Application()
        app[NAME] = "shop"
        app.router.add_get("/", view)
        client = await aiohttp_client(app)
        return Talker(await client.ws_connect("/"))

    return connect


async def test_an_upload_tells_its_progress(aiohttp_client: AiohttpClient) -> None:
    """The loop of a plain view, with dispatch in it; BINARY messages are the view's own."""
    kinds = KindDispatcher()
    told: list[Any] = []
    received = bytearray()

    @kinds.on("INITIAL")
    async def initial(ws: Any, name: str, size: int) -> dict[str, Any]:
        told.append((name, size))
        return {"accepted": size < 1000}

    @kinds.on("UPLOAD_PROGRESS")
    async def progress(value: float) -> None:
        told.append(value)

    @kinds.on("UPLOAD_FINISH")
    async def finish(ws: WebSocketResponse[Any]) -> None:
        await ws.close(code=1000)

    async def upload(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        async for msg in ws:
            if not await kinds.dispatch(ws, msg):
                received.extend(msg.data)
        return ws

    app = web.Application()
    app.router.add_get("/", upload)
    client = await aiohttp_client(app)
    talker = Talker(await client.ws_connect("/"))
    accepted = await talker.ask({"kind": "INITIAL", "name": "a.png", "size": 3, "ref": 1})
    await talker.ws.send_bytes(b"\0\1\2")
    await talker.ws.send_json({"kind": "UPLOAD_PROGRESS", "value": 100})
    await talker.ws.send_json({"kind": "UPLOAD_FINISH"})
    closed = await talker.ws.receive(timeout=5)
    assert accepted == {"kind": "reply", "ref": 1, "accepted": True}
    assert told == [("a.png", 3), 100.0]
    assert received == b"\0\1\2"
    assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1000)


async def test_a_ref_of_megabytes_is_answered_once_and_loses_nothing(connect: Connect) -> None:
    """It would be in each item of a stream, and in the end of it."""
    kinds = KindDispatcher()

    @kinds.on("count")
    async def count(to: int) -> AsyncIterator[dict[str, int]]:
        for n in range(to):
            yield {"n": n}

    talker = await connect(kinds)
    assert await talker.ask({"kind": "count", "to": 50, "ref": "r" * 4_000_000}) == {
        "kind": "error",
        "error": {
            "code": "invalid",
            "message": "ref: expected str of length <= 128",
            "details": {"field": "ref", "expected": "str of length <= 128"},
        },
    }
    assert await talker.ask({"kind": "count", "to": 0, "ref": 1}) == {"kind": "end", "ref": 1}


async def test_a_typed_message_is_answered(connect: Connect) -> None:
    """Text beyond the BMP goes both ways, and the reply is TEXT."""
    kinds = KindDispatcher()

    @kinds.on(ChatSend)
    async def send(message: ChatSend) -> ChatSend:
        await asyncio.sleep(0)
        return message

    talker = await connect(kinds)
    message = {"kind": "chat.send", "room": "a", "text": "\U0001f600", "ref": "x"}
    assert await talker.ask(message) == message


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no JSON", "bad_json"),
        ('{"kind":"any","value":' + "[" * 10**6, "bad_json"),
        ([], "not_object"),
        ({}, "missing_kind"),
        ({"kind": 7}, "bad_kind"),
        ({"kind": "unknown"}, "unknown_kind"),
        ({"kind": "chat.send", "room": "a"}, "invalid"),
        ({"kind": "fail"}, "internal"),
        ({"kind": "refuse"}, "no"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_message_is_answered_and_the_connection_lives(
    connect: Connect, message: Any, code: str
) -> None:
    """The next one is served as if nothing had been."""
    kinds = KindDispatcher()
    kinds.on(ChatSend)(lambda: None)
    kinds.on("ping")(lambda: "pong")

    @kinds.on("fail")
    async def fail() -> None:
        raise LookupError

    @kinds.on("refuse")
    def refuse() -> None:
        raise KindError("no", "never")

    talker = await connect(kinds)
    assert (await talker.ask(message))["error"]["code"] == code
    assert (await talker.ask({"kind": "ping", "ref": 1}))["result"] == "pong"


async def test_a_binary_message_to_serve_is_answered(connect: Connect) -> None:
    """The peer learns that nobody reads it."""
    talker = await connect(KindDispatcher())
    await talker.ws.send_bytes(b"\0")
    assert (await talker.hear())["error"]["code"] == "not_text"


async def test_too_many_bad_messages_close_with_1008(connect: Connect) -> None:
    """Each of them is answered before."""
    talker = await connect(KindDispatcher(max_bad_messages=3))
    codes = [(await talker.ask("no JSON"))["error"]["code"] for _ in range(3)]
    closed = await talker.ws.receive(timeout=5)
    assert codes == ["bad_json"] * 3
    assert (closed.type, closed.data, closed.extra) == (
        WSMsgType.CLOSE,
        1008,
        "too many bad messages",
    )


async def test_text_that_was_not_decoded_is_read_from_its_bytes(connect: Connect) -> None:
    """decode_text=False spares the str in between."""
    kinds = KindDispatcher()
    kinds.on(ChatSend)(lambda text: text)
    talker = await connect(kinds, decode_text=False)
    message = {"kind": "chat.send", "room": "a", "text": "\xe9", "ref": 1}
    assert (await talker.ask(message))["result"] == "\xe9"


async def test_a_handler_gets_the_face_that_was_served(connect: Connect) -> None:
    """Under its name or by its type; the application by its type."""
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.on("some")
    def some(
        ws: Any, peer: Connection, response: WebSocketResponse[Any], app: web.Application
    ) -> str:
        got.extend((ws, peer, response))
        return app[NAME]

    talker = await connect(kinds)
    assert (await talker.ask({"kind": "some", "ref": 1}))["result"] == "shop"
    assert isinstance(got[0], WebSocketResponse)
    assert got == [got[0]] * 3


async def test_replies_reach_a_reader_that_was_slow(connect: Connect) -> None:
    """Far more than the outbox may hold: dispatching waits, nothing is dropped, order is kept."""
    kinds = KindDispatcher()
    kinds.on("large")(lambda number: {"number": number, "filler": "x" * 100_000})
    talker = await connect(kinds, max_backpressure=200_000, compress=False)
    for number in range(200):
        await talker.ws.send_json({"kind": "large", "number": number, "ref": number})
    assert [(await talker.hear())["number"] for _ in range(200)] == list(range(200))


async def test_a_handler_whose_peer_has_gone_ends_in_silence(
    serve: Callable[..., Awaitable[int]],
    raw_client: Callable[..., Awaitable[RawClient]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The connection that it was sending on is its own."""
    kinds = KindDispatcher()
    ended = asyncio.get_running_loop().create_future()

    @kinds.on("some")
    async def some(ws: WebSocketResponse[Any]) -> None:
        gone = asyncio.Event()
        ws.connection.add_leave_callback(lambda connection: gone.set())
        client.abort()
        await gone.wait()
        try:
            await ws.send_str("too late")
        except ConnectionClosed as error:
            ended.set_result(error)
            raise

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    client = await raw_client(await serve(view))
    client.send_text('{"kind":"some"}')
    async with asyncio.timeout(5):
        assert isinstance(await ended, ConnectionClosed)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
