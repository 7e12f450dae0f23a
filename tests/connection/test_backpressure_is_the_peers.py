"""Backpressure is what the peer does not take: what our own side gathers counts against nobody.

A reader that keeps up gets everything, however much is sent in one turn of the loop; and whoever reads a
`buffered_amount` above 0 and stops is told of a drain, whatever the number at which it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings

from aiows import HUB, Connection, SendStatus, setup, websocket
from raw_client import RawClient
from served import Served

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Send = Callable[[Connection], Any]

MAX_BACKPRESSURE: Final = 64 * 1024
"""Bytes; the first seed's usual limit."""

MESSAGES: Final = [f"{number:04}".encode() + bytes(1020) for number in range(200)]
"""200 messages of 1 KiB: three times as much."""

PATIENCE: Final = 2.0
"""Seconds in which a reader that keeps up gets it all."""


class Room:
    """A callback route whose connections send the messages in one turn, at a moment that the test chooses."""

    def __init__(self, moment: str, send: Send) -> None:
        self.moment = moment
        self.send = send
        self.dropped = 0
        self.ws: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        route = websocket(
            "/",
            open=self.open,
            message=self.message,
            dropped=self.drop,
            max_backpressure=MAX_BACKPRESSURE,
            compression=False,
        )
        self.app = web.Application()
        self.app.add_routes([route])
        setup(self.app)

    def open(self, ws: Connection) -> None:
        ws.subscribe("room")
        self.ws.set_result(ws)
        if self.moment == "open":
            self.send(ws)

    def message(self, ws: Connection, data: str, opcode: Any) -> Any:
        if self.moment == "message":
            return self.send(ws)
        return self.send_late(ws) if self.moment == "message that waited" else None

    async def send_late(self, ws: Connection) -> None:
        await asyncio.sleep(0)
        self.send(ws)

    def drop(self, ws: Connection, message: Any, opcode: Any) -> None:
        self.dropped += 1


def push(ws: Connection) -> None:
    for message in MESSAGES:
        ws.push(message)


def push_corked(ws: Connection) -> None:
    with ws.cork():
        push(ws)


def publish(ws: Connection) -> None:
    for message in MESSAGES:
        ws.publish("room", message, include_self=True)


def publish_corked(ws: Connection) -> None:
    with ws.cork():
        publish(ws)


def publish_by_registry(ws: Connection) -> None:
    for message in MESSAGES:
        ws.app[HUB].registry.publish("room", message)


@pytest.mark.parametrize("send", [push, push_corked, publish, publish_corked, publish_by_registry])
@pytest.mark.parametrize("moment", ["open", "message", "message that waited", "outside"])
async def test_what_is_sent_in_one_turn_arrives_at_a_reader_that_keeps_up(
    moment: str, send: Send, serve: Serve, raw_client: Connect
) -> None:
    """Before something is refused, what was gathered is handed over: nothing is dropped."""
    room = Room(moment, send)
    client = await raw_client(await serve(room.app))
    ws = await room.ws
    client.send_text("go")
    if moment == "outside":
        send(ws)
    first = await client.recv_frame(timeout=PATIENCE)
    assert room.dropped == 0
    others = [await client.recv_frame(timeout=PATIENCE) for _ in MESSAGES[1:]]
    assert [frame.payload for frame in (first, *others)] == MESSAGES


async def test_a_reader_that_reads_nothing_is_bounded_all_the_same(
    serve: Serve, raw_client: Connect
) -> None:
    """What is gathered is handed over, not forgotten: the bound is kept to one message."""
    refused: list[SendStatus] = []

    def flood(ws: Connection) -> None:
        while len(refused) < 100:
            status = ws.push(MESSAGES[0])
            if status is SendStatus.DROPPED:
                refused.append(status)
            assert ws.buffered_amount <= MAX_BACKPRESSURE + 2048

    room = Room("message", flood)
    client = await raw_client(await serve(room.app), receive_buffer=4096)
    client.pause_reading()
    client.send_text("go")
    async with asyncio.timeout(PATIENCE):
        while len(refused) < 100:
            await asyncio.sleep(0)
    assert room.dropped == 100


# whoever stops is told


class Feed:
    """Sends ``count`` messages of ``size`` bytes; stops at ``threshold`` bytes, goes on when it is told."""

    def __init__(self, threshold: int, size: int, count: int, *, at: str = "message") -> None:
        self.threshold, self.size, self.count, self.at = threshold, size, count, at
        self.sent = 0
        route = websocket(
            "/",
            open=self.opened,
            message=self.message,
            drain=self.feed,
            max_backpressure=16 * 1024 * 1024,
            compression=False,
        )
        self.app = web.Application()
        self.app.add_routes([route])

    def opened(self, ws: Connection) -> None:
        if self.at == "open":
            self.feed(ws)
        elif self.at == "outside":
            asyncio.get_running_loop().call_soon(self.feed, ws)

    def message(self, ws: Connection, data: str, opcode: Any) -> None:
        if self.at == "message":
            self.feed(ws)
        elif self.at == "cork":
            with ws.cork():
                self.feed(ws)

    def feed(self, ws: Connection) -> None:
        while self.sent < self.count and ws.get_buffered_amount() < self.threshold:
            assert ws.send(b"%08d" % self.sent + bytes(self.size - 8))
            self.sent += 1

    async def is_received_by(self, client: RawClient) -> None:
        client.send_text("go")
        for number in range(self.count):
            frame = await client.recv_frame(timeout=PATIENCE)
            assert frame.payload[:8] == b"%08d" % number


PLACES: Final = ["open", "message", "cork", "outside"]


@pytest.mark.parametrize("at", PLACES)
async def test_a_feed_that_stops_at_16_kib_is_told_of_a_drain(
    at: str, serve: Serve, raw_client: Connect
) -> None:
    """Its threshold is its own, and below ours."""
    feed = Feed(16 * 1024, 1024, 500, at=at)
    await feed.is_received_by(await raw_client(await serve(feed.app)))


@pytest.mark.parametrize("at", PLACES)
async def test_a_feed_whose_frames_are_just_64_kib_is_told_of_a_drain(
    at: str, serve: Serve, raw_client: Connect
) -> None:
    """16 frames of 4,096 bytes with their headers: no more than the limit, and no less."""
    feed = Feed(64 * 1024, 4092, 100, at=at)
    await feed.is_received_by(await raw_client(await serve(feed.app)))


async def test_a_feed_to_a_slow_reader_is_told_of_a_drain(
    serve: Serve, raw_client: Connect
) -> None:
    """Then it is the peer whom it waits for."""
    feed = Feed(16 * 1024, 8 * 1024, 100)
    client = await raw_client(await serve(feed.app), receive_buffer=4096)
    await feed.is_received_by(client)


@example(threshold=1, size=8, at="message")
@example(threshold=64 * 1024, size=4092, at="outside")
@given(
    threshold=st.one_of(
        st.integers(1, 300_000), st.sampled_from([16 * 1024, 64 * 1024, 64 * 1024 + 1])
    ),
    size=st.one_of(st.integers(8, 20_000), st.sampled_from([4092, 1020, 65_526, 70_000])),
    at=st.sampled_from(PLACES),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_its_threshold_a_feed_that_stops_is_told(
    threshold: int, size: int, at: str
) -> None:
    """Any threshold, any size of messages, from anywhere."""
    feed = Feed(threshold, size, 40, at=at)

    async def talk(server: Served) -> None:
        client = await server.connect()
        try:
            await feed.is_received_by(client)
        finally:
            client.close()

    with Served(feed.app) as server:
        server.run(talk(server))
