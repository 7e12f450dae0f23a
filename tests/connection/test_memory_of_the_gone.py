"""What is kept for peers that have gone is freed at once; for those that never finish, it is bounded."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from aiohttp import web

import aiows
from aiows import HUB, Connection, Hub, WebSocketResponse, WebSocketView, setup, websocket
from eventually import eventually
from raw_client import BINARY, PING, PONG, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

MIB: Final = 1024 * 1024


def deflated(data: bytes) -> bytes:
    """The payload of a compressed message (RFC 7692, section 7.2.1)."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


BOMB: Final = build_frame(TEXT, deflated(bytes(4 * MIB - 1)), rsv1=True, mask=b"mask")
"""4 KiB on the wire, just under 4 MiB for who reads it."""

PEERS: Final = 30
"""So many of them are 120 MiB."""

LEFT_OVER: Final = 16 * MIB
"""More than a connection or a loop keeps for itself, far less than what they have sent."""


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    """Have Python count what is allocated."""
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    """Bytes that Python has allocated since the test began."""
    return tracemalloc.get_traced_memory()[0]


# those who have left


class Stage:
    """What hooks and views wait for."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.transports: list[asyncio.Transport] = []
        self.ended = 0

    def enter(self, request: web.Request) -> None:
        assert request.transport is not None
        self.transports.append(request.transport)

    @property
    def has_read_all(self) -> bool:
        """Whether reading has paused: somebody has to take what is there first."""
        return not any(transport.is_reading() for transport in self.transports)


def drop_in(stage: Stage, *, how: str) -> web.AbstractRouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(max_msg_size=4 * MIB)
        stage.enter(request)
        await ws.prepare(request)
        await stage.may_end.wait()
        while not ws.closed:  # the loss is noticed by writing, if not before
            ws.push("is anybody there?")
            await asyncio.sleep(0)
        stage.ended += 1
        if how == "raises":
            raise ZeroDivisionError
        return ws

    return web.get("/", view)


def returns(stage: Stage) -> web.AbstractRouteDef:
    return drop_in(stage, how="returns")


def raises(stage: Stage) -> web.AbstractRouteDef:
    return drop_in(stage, how="raises")


@pytest.mark.parametrize("way", [returns, raises])
async def test_what_a_lost_peer_has_sent_goes_with_its_view(
    way: Callable[[Stage], web.AbstractRouteDef], serve: Serve, raw_client: Connect
) -> None:
    """Nobody can read it any more: it is not kept until a deadline has passed."""
    stage, app = Stage(), web.Application()
    app.add_routes([way(stage)])
    hub = setup(app)
    port = await serve(app, shutdown_timeout=0.1)
    before = held()
    for _ in range(PEERS):
        client = await raw_client(port, extensions="permessage-deflate")
        client.send_raw(BOMB)
        await eventually(lambda: stage.has_read_all)
        client.abort()
    stage.may_end.set()
    await eventually(lambda: stage.ended == PEERS and not hub.connections)
    await eventually(lambda: gc.collect() >= 0 and held() - before < LEFT_OVER, within=1)


# those who never finish

UNFINISHED: Final = bytes([BINARY | 0x80, 0x80 | 127]) + (4 * MIB - 1).to_bytes(8) + b"mask"
"""The header of a message of 4 MiB, of which not all comes."""

SENT: Final = 1_200_000
"""Bytes of it that come."""

MANY: Final = 150

IN_TOTAL: Final = 128 * MIB
"""All that unfinished messages of one process may hold: it is a bound, however many connections there are."""

IDLE_TIMEOUT: Final = 0.3

TIME_TO_FINISH: Final = 4 * IDLE_TIMEOUT + 1
"""Seconds after which a message that does not grow any more has ended, or its connection has."""


def application(idle_timeout_: float) -> web.Application:
    class View(WebSocketView):
        idle_timeout = idle_timeout_
        compress = False

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    return app


async def send_unfinished(client: RawClient) -> None:
    """Send what is less than a message; the server may end the connection on the way."""
    piece = bytes(SENT // 10)
    with suppress(ConnectionError):
        client.send_raw(UNFINISHED)
        for _ in range(10):
            client.send_raw(piece)
            await client.drain()


async def answer_pings(client: RawClient) -> None:
    """Show signs of life until the connection ends, and say nothing."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            frame = await client.recv_frame(timeout=30)
            if frame.opcode == PING:
                client.send_frame(PONG, frame.payload)


async def test_messages_that_are_never_finished_are_bounded_in_total(
    serve: Serve, raw_client: Connect
) -> None:
    """150 times 1.2 MB of messages of 4 MiB: neither what came nor what was announced is all kept."""
    port = await serve(application(0), shutdown_timeout=0.1)
    before = held()
    most = 0
    for _ in range(MANY):
        client = await raw_client(port)
        await send_unfinished(client)
        most = max(most, held() - before)
    assert most < IN_TOTAL


async def test_messages_that_are_never_finished_are_bounded_in_time(
    serve: Serve, raw_client: Connect
) -> None:
    """Answers to pings between the fragments of a message are signs of life, and no progress."""
    app = application(IDLE_TIMEOUT)
    port = await serve(app, shutdown_timeout=0.1)
    clients = [await raw_client(port) for _ in range(10)]
    before = held()
    async with asyncio.TaskGroup() as group:
        for client in clients:
            client.send_frame(BINARY, bytes(SENT), fin=False)
            await client.drain()
            group.create_task(answer_pings(client))
        await eventually(lambda: not app[HUB].connections, within=TIME_TO_FINISH)
    await eventually(lambda: held() - before < MIB)


# those who wait for one that has stalled

SENDERS: Final = 2000

PAYLOAD: Final = 50_000
"""Bytes, of each sender's own message: 100 MB in all."""

WAITING: Final = 512
"""So many senders may wait for one connection, at most; the next one fails at once."""


class Stalled:
    """A user whose one connection reads nothing, and what its connection gets."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.app.add_routes([websocket("/", open=self.open, compression=False, idle_timeout=0)])
        self.hub: Hub = setup(self.app)

    def open(self, ws: Connection) -> None:
        self.hub.registry.add("alice", ws)


def numbered(number: int) -> bytes:
    return b"%08d" % number + bytes(PAYLOAD - 8)


async def send_by_hub(hub: aiows.Hub, message: bytes) -> int:
    return await hub.send("alice", message)


async def send_by_registry(hub: aiows.Hub, message: bytes) -> int:
    return await hub.registry.send("alice", message)


@pytest.mark.parametrize("send", [send_by_hub, send_by_registry])
async def test_senders_that_wait_for_one_stalled_reader_are_bounded(
    send: Callable[[Hub, bytes], Awaitable[int]], serve: Serve, raw_client: Connect
) -> None:
    """The next one fails at once; those that wait are served in order when the reader reads again."""
    stalled = Stalled()
    client = await raw_client(
        await serve(stalled.app, shutdown_timeout=0.1), receive_buffer=64 * 1024
    )
    client.pause_reading()
    await eventually(lambda: "alice" in stalled.hub.registry)
    before = held()
    waiting: set[asyncio.Task[Any]] = set()

    async def one(number: int) -> int | None:
        """The number, if it was sent."""
        try:
            return number if await send(stalled.hub, numbered(number)) else None
        except Exception:  # a typed error of ours, whichever
            return None

    tasks = []
    for number in range(SENDERS):
        tasks.append(task := asyncio.create_task(one(number)))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        assert len(waiting) <= WAITING
        assert held() - before < 2 * LEFT_OVER
    except AssertionError:
        client.abort()
        raise
    client.resume_reading()
    received: list[int] = []

    async def receive() -> None:
        while True:
            received.append(int((await client.recv_frame()).payload[:8]))

    receiving = asyncio.create_task(receive())
    sent = [number for number in await asyncio.gather(*tasks) if number is not None]
    await eventually(lambda: len(received) >= len(sent))
    receiving.cancel()
    assert received == sent
