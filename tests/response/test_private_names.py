"""What programs read of aiohttp's class although it is private: each test plays what one of them does."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from aiows import SendStatus, WebSocketResponse
from aiows.errors import RegistrationError, TransportTaken
from aiows.response.private_names import PrivateNames, Read
from eventually import eventually
from raw_client import BINARY, PING, PONG, TEXT, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Talk = Callable[[WebSocketResponse], Awaitable[None]]


def view_of(talk: Talk, **options: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse(**options)
        await ws.prepare(request)
        await talk(ws)
        return ws

    return view


# Home Assistant


async def test_a_program_keeps_the_writers_send_frame(serve: Serve, raw_client: Connect) -> None:
    """As its way to send a TEXT, from then on."""

    async def talk(ws: WebSocketResponse) -> None:
        send = partial(ws._writer.send_frame, opcode=WSMsgType.TEXT)
        async for msg in ws:
            await send(msg.data.encode())

    client = await raw_client(await serve(view_of(talk)))
    for text in ("one", "two"):
        client.send_text(text)
        frame = await client.recv_frame()
        assert (frame.opcode, frame.text) == (TEXT, text)


async def test_a_program_sets_the_writers_limit(serve: Serve, raw_client: Connect) -> None:
    """So much may wait before `send_str` does, and `push` still takes as much again."""
    limit = 2 * 1024 * 1024
    amounts: list[int] = []

    async def talk(ws: WebSocketResponse) -> None:
        assert ws._writer._limit == 64 * 1024
        ws._writer._limit = limit
        assert ws._writer._limit == limit
        while ws.buffered_amount <= limit - 64 * 1024:
            async with asyncio.timeout(5):
                await ws.send_bytes(bytes(64 * 1024))
        amounts.append(ws.buffered_amount)
        while ws.push(bytes(64 * 1024)):
            pass
        amounts.append(ws.buffered_amount)
        ws.connection.abort()

    client = await raw_client(await serve(view_of(talk)), receive_buffer=4096)
    await eventually(lambda: len(amounts) == 2)
    waits, most = amounts
    assert limit - 64 * 1024 < waits <= limit + 64 * 1024
    assert 2 * limit - 128 * 1024 < most <= 2 * limit
    client.abort()


async def test_a_higher_limit_wakes_who_waits_for_room(serve: Serve, raw_client: Connect) -> None:
    """A sender that waits at the old one need not wait any more."""
    sent = asyncio.Event()

    async def talk(ws: WebSocketResponse) -> None:
        while ws.push(bytes(64 * 1024)) is SendStatus.SUCCESS:
            pass
        waiting = asyncio.create_task(ws.send_bytes(b"a"))
        await asyncio.sleep(0)
        assert not waiting.done()
        ws._writer._limit = 4 * 1024 * 1024
        await waiting
        sent.set()
        await ws.receive()

    client = await raw_client(await serve(view_of(talk)), receive_buffer=4096)
    async with asyncio.timeout(5):
        await sent.wait()
    client.abort()


@pytest.mark.parametrize("limit", ["1 MiB", -1, None, 2**70, 1.5])
async def test_a_limit_that_cannot_be_is_refused(
    limit: Any, serve: Serve, raw_client: Connect
) -> None:
    """It says what it has to be, and nothing changes."""

    async def talk(ws: WebSocketResponse) -> None:
        with pytest.raises(RegistrationError, match=r"_writer\._limit is a number of bytes"):
            ws._writer._limit = limit
        await ws.send_str(str(ws._writer._limit))

    client = await raw_client(await serve(view_of(talk)))
    assert (await client.recv_frame()).text == str(64 * 1024)


# chia-blockchain


async def test_a_program_asks_the_writers_transport(serve: Serve, raw_client: Connect) -> None:
    """For the peer's address; it can read, and nothing else."""

    async def talk(ws: WebSocketResponse) -> None:
        assert ws._writer is not None
        transport = ws._writer.transport
        assert not transport.is_closing()
        with pytest.raises(TransportTaken):
            transport.write(b"\x81\x00")
        host, port = transport.get_extra_info("peername")
        await ws.send_str(f"{host}:{port}")

    client = await raw_client(await serve(view_of(talk)))
    host, port = client.sockname
    assert (await client.recv_frame()).text == f"{host}:{port}"


# aiohttp-rpc, the tests of applications, aiohttp's own

GIVEN = {
    "timeout": 1.5,
    "receive_timeout": 2.5,
    "autoclose": False,
    "autoping": False,
    "heartbeat": 30.0,
    "protocols": ("rpc",),
    "max_msg_size": 1000,
    "writer_limit": 2000,
    "decode_text": False,
}


def test_the_options_are_what_the_constructor_was_given() -> None:
    """From the start."""
    ws: WebSocketResponse[bool] = WebSocketResponse(**GIVEN, compress=False)  # type: ignore[arg-type]
    for name, value in GIVEN.items():
        assert getattr(ws, f"_{name}") == value
    assert ws._compress is False


def test_the_defaults_are_aiohttps() -> None:
    """But for one, which is on the page of differences."""
    ours, theirs = WebSocketResponse(), web.WebSocketResponse()
    different = {
        name
        for name in ("_compress", *(f"_{option}" for option in GIVEN))
        if getattr(ours, name) != getattr(theirs, name)
    }
    assert different <= {"_writer_limit"}


def test_before_prepare_there_is_neither_loop_nor_writer() -> None:
    """As programs ask: is it None?"""
    ws = WebSocketResponse()
    assert ws._writer is None
    assert ws._loop is None
    assert (ws._closed, ws._closing, ws._close_code, ws._exception) == (False, False, None, None)
    assert ws._ws_protocol is None


async def test_the_states_are_what_is_so(serve: Serve, raw_client: Connect) -> None:
    """While it is open, and afterwards."""
    seen: list[Any] = []

    async def talk(ws: WebSocketResponse) -> None:
        assert ws._loop is asyncio.get_running_loop()
        assert ws._loop.time() > 0
        assert ws._compress == ws.compress == 15
        assert (ws._closed, ws._closing, ws._close_code) == (False, False, None)
        await ws.receive()
        seen.append((ws._closed, ws._closing, ws._close_code, ws._exception, ws._ws_protocol))

    view = view_of(talk, protocols=["rpc"])
    options = {"extensions": "permessage-deflate", "subprotocols": "rpc"}
    client = await raw_client(await serve(view), **options)
    client.send_close(4001)
    await eventually(lambda: seen)
    assert seen == [(True, True, 4001, None, "rpc")]


@pytest.mark.parametrize(
    "name", [name for name, each in vars(PrivateNames).items() if type(each) is Read]
)
def test_setting_what_would_change_nothing_is_an_error(name: str) -> None:
    """It names the argument of the constructor where there is one."""
    with pytest.raises(AttributeError, match=f"{name} can only be read"):
        setattr(WebSocketResponse(), name, 1)


def test_the_error_names_the_argument() -> None:
    """Of the constructor."""
    with pytest.raises(AttributeError, match="heartbeat= of the constructor decides"):
        WebSocketResponse()._heartbeat = 5


# the writer's other frames


async def test_the_writer_sends_every_kind_of_frame(serve: Serve, raw_client: Connect) -> None:
    """Also with a plain number as the opcode."""

    async def talk(ws: WebSocketResponse) -> None:
        for opcode in (2, WSMsgType.PING, WSMsgType.PONG):
            await ws._writer.send_frame(b"a", opcode)
        await ws._writer.send_frame(b"", WSMsgType.CLOSE)
        assert ws.closed

    client = await raw_client(await serve(view_of(talk)))
    assert [(await client.recv_frame()).opcode for _ in range(3)] == [BINARY, PING, PONG]
    assert (await client.recv_frame()).close_code is None
    client.send_close(None)
    assert (await client.wait_closed()).rest == b""


async def test_the_writer_closes_without_waiting(serve: Serve, raw_client: Connect) -> None:
    """The view goes on at once."""

    async def talk(ws: WebSocketResponse) -> None:
        await ws._writer.close(4002, b"enough")
        assert (ws.closed, ws.close_code) == (True, 4002)

    client = await raw_client(await serve(view_of(talk)))
    frame = await client.recv_frame()
    assert (frame.close_code, frame.close_reason) == (4002, "enough")
    client.send_close(4002)
    await client.wait_closed()


@pytest.mark.parametrize(
    ("message", "opcode"),
    [(b"1" * 130, 0x30), (b"a", 0), (b"1" * 126, 9), (b"\x03", 8), (b"\x03\xed", 8)],
)
async def test_the_writer_sends_nothing_that_the_peer_must_refuse(
    message: bytes, opcode: int, serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """ValueError, and the connection is as it was."""
    caplog.set_level(logging.CRITICAL)

    async def talk(ws: WebSocketResponse) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - its texts are those of what refuses
            await ws._writer.send_frame(message, opcode)
        await ws.send_str("still here")

    client = await raw_client(await serve(view_of(talk)))
    assert (await client.recv_frame()).text == "still here"


async def test_a_subclass_may_send_by_the_writer(serve: Serve, raw_client: Connect) -> None:
    """Although its own send_frame is built on it."""

    class Counting(WebSocketResponse):
        frames = 0

        async def send_frame(
            self, message: bytes, opcode: WSMsgType, compress: int | None = None
        ) -> None:
            self.frames += 1
            await self._writer.send_frame(message, opcode, compress)

    async def view(request: web.Request) -> web.StreamResponse:
        ws = Counting()
        await ws.prepare(request)
        await ws.send_frame(b"counted", WSMsgType.TEXT)
        return ws

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).text == "counted"


# signatures

SAME = [
    *("can_prepare", "close", "exception", "get_extra_info", "ping", "pong", "prepare"),
    *("receive_bytes", "send_bytes", "send_frame", "send_json", "send_str"),
]


@pytest.mark.parametrize("name", SAME)
def test_signatures_are_aiohttps(name: str) -> None:
    """So a method that overrides one may have aiohttp's: names, kinds, and whether there is a default."""
    ours, theirs = (
        inspect.signature(getattr(each, name)).parameters.values()
        for each in (WebSocketResponse, web.WebSocketResponse)
    )
    assert [(each.name, each.kind, each.default is each.empty) for each in ours] == [
        (each.name, each.kind, each.default is each.empty) for each in theirs
    ]
