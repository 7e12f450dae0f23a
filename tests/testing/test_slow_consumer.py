"""`aiows.testing.SlowConsumer`: it reads what it is told to read, and the server notices the rest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from aiohttp import WSMessage, WSMsgType, web

from aiows import SendStatus, WebSocketResponse, WebSocketView
from aiows.testing import Disconnected, SlowConsumer, UpgradeRefused

Serve = Callable[..., Awaitable[int]]


async def started(serve: Serve, handler: Any, **options: Any) -> SlowConsumer:
    return await SlowConsumer.connect(f"http://127.0.0.1:{await serve(handler)}/", **options)


def sending(*messages: str | bytes) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        for message in messages:
            ws.push(message)
        await ws.receive()
        return ws

    return handler


async def test_it_takes_messages_one_by_one(serve: Serve) -> None:
    """Of every length, and not one byte more than each."""
    messages = ("", "a", b"b" * 125, "c" * 126, b"d" * 65535, "e" * 65536)
    async with await started(serve, sending(*messages)) as consumer:
        size = 0
        for message in messages:
            received = await consumer.receive()
            assert received.data == message
            length = len(message)
            size += length + (2 if length < 126 else 4 if length < 65536 else 10)
            assert consumer.bytes_read == size


async def test_it_takes_so_many_messages_as_it_is_told(serve: Serve) -> None:
    """The next ones stay where they are."""
    async with await started(serve, sending("a", "b", "c")) as consumer:
        assert [each.data for each in await consumer.receive_many(2)] == ["a", "b"]
        assert consumer.bytes_read == 6
        assert (await consumer.receive()).data == "c"


async def test_it_takes_so_many_bytes_as_it_is_told(serve: Serve) -> None:
    """In the middle of a frame too; messages come out whole all the same."""
    async with await started(serve, sending("abc", "d" * 200, "e")) as consumer:
        assert await consumer.read(3) == b"\x81\x03a"
        assert await consumer.read(3) == b"bc\x81"
        assert (await consumer.receive()).data == "abc"
        assert await consumer.read(10) == b"\x7e\x00\xc8" + b"d" * 7
        assert [each.data for each in await consumer.receive_many(2)] == ["d" * 200, "e"]


class Feed(WebSocketView):
    """Pushes four times of what its outbox holds without pressure."""

    drains: ClassVar[int] = 0
    pushed: ClassVar[int] = 0

    def on_open(self) -> None:
        self.ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def on_message(self, msg: WSMessage) -> None:
        while self.ws.buffered_amount < 256 * 1024:
            assert self.ws.push("x" * 1000)
            type(self).pushed += 1
        assert self.ws.push("") is SendStatus.BACKPRESSURE

    def on_drain(self) -> None:
        type(self).drains += 1
        self.ws.push("drained")


async def test_a_server_feels_backpressure_and_the_drain(serve: Serve) -> None:
    """The drain comes when, and only when, enough has been read."""
    app = web.Application()
    view: type[Feed] = type("View", (Feed,), {})
    app.router.add_view("/", view)
    url = f"ws://127.0.0.1:{await serve(app)}/"
    async with await SlowConsumer.connect(url) as consumer:
        await consumer.send("begin")
        assert len((await consumer.receive()).data) == 1000
        await consumer.receive_many(view.pushed // 4)
        assert view.drains == 0
        rest = await consumer.receive_many(view.pushed - 1 - view.pushed // 4 + 2)
        assert [len(each.data) for each in rest[-2:]] == [0, len("drained")]
        assert view.drains == 1


async def test_pings_and_closes_are_messages_that_it_does_not_answer(serve: Serve) -> None:
    """Unless it is told to."""
    got: list[Any] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse(control_messages=True)
        await ws.prepare(request)
        await ws.ping(b"there?")
        message = await ws.receive()
        got.append((message.type, message.data))
        await ws.close(code=4000, message=b"bye")
        got.append(ws.close_code)
        return ws

    async with await started(serve, handler) as consumer:
        assert (await consumer.receive())[:2] == (WSMsgType.PING, b"there?")
        await consumer.pong(b"here")
        assert await consumer.receive() == (WSMsgType.CLOSE, 4000, "bye")
        await consumer.close(4000)
        assert await consumer.read_to_end() == 0
    assert got == [(WSMsgType.PONG, b"here"), 4000]


async def test_what_it_sends_arrives(serve: Serve) -> None:
    """Text and bytes, masked as RFC 6455, section 5.1 demands."""

    async def echo(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            ws.push(message.data)
        return ws

    async with await started(serve, echo) as consumer:
        await consumer.send("grüß dich")
        await consumer.send(b"\x00" * 70000)
        received = await consumer.receive_many(2)
        assert [each.data for each in received] == ["grüß dich", b"\x00" * 70000]


@pytest.mark.parametrize("how", ["reset", "hang_up"])
async def test_it_goes_without_a_word(serve: Serve, how: str) -> None:
    """By RST, or by FIN: 1006 for the server."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class View(WebSocketView):
        def on_close(self, code: int, reason: str) -> None:
            ended.set_result(code)

    app = web.Application()
    app.router.add_view("/", View)
    consumer = await started(serve, app)
    getattr(consumer, how)()
    async with asyncio.timeout(5):
        assert await ended == 1006


async def test_reading_what_will_not_come_ends(serve: Serve) -> None:
    """With Disconnected where the server has hung up, else with a timeout."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        ws.connection.abort()
        return ws

    async with await started(serve, handler, timeout=0.05) as consumer:
        with pytest.raises(TimeoutError):
            await consumer.receive()
        await consumer.send("go")
        with pytest.raises(Disconnected) as ended:
            await consumer.read(1)
        assert ended.value.code == 1006


async def test_a_refusal_is_told_with_its_status(serve: Serve) -> None:
    """And with its headers; those that were sent arrive."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden(headers={"X-Given": request.headers["X-Sent"]})

    with pytest.raises(UpgradeRefused) as refused:
        await started(serve, refuse, headers={"X-Sent": "a"})
    assert (refused.value.status, refused.value.headers["X-Given"]) == (403, "a")


async def test_its_kernel_buffer_is_as_small_as_asked_for(serve: Serve) -> None:
    """Linux doubles it for its own bookkeeping."""
    async with await started(serve, sending(), receive_buffer=4096) as consumer:
        size = consumer._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert 4096 <= size <= 2 * 4096
