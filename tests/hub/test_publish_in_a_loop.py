"""Publishing in a loop: the event loop turns, and who keeps up with it gets everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from aiohttp import web

from aiows import Connection, Hub, setup, websocket
from raw_client import RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

COUNT: Final = 10_000
SIZE: Final = 1024
"""Bytes of each message: 10 MiB in all, ten times what may wait for one connection."""

HEADER: Final = 4
"""Bytes of a frame beside its payload, for a payload of this size."""

BURST: Final = 1000
"""So many publishes at most between two turns of the loop: what may wait for one connection."""

PATIENCE: Final = 10.0
"""Seconds for all of it, on a busy machine."""


class Rooms:
    """An application whose connections all hear one topic, and echo what they are told."""

    def __init__(self) -> None:
        self.dropped: list[Any] = []
        self.app = web.Application()
        route = websocket(
            "/", open=self.open, message=self.message, dropped=self.drop, compression=False
        )
        self.app.add_routes([route])
        self.hub = setup(self.app)

    def open(self, ws: Connection) -> None:
        ws.subscribe("news")

    def message(self, ws: Connection, data: str, opcode: Any) -> None:
        ws.push(data)

    def drop(self, ws: Connection, message: Any, opcode: Any) -> None:
        self.dropped.append(ws)

    async def all_here(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.hub.connections) < count:
                await asyncio.sleep(0)


class Turns:
    """Counts the turns of the loop, and what was published between two of them."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0
        self._since = 0
        self._is_running = True
        asyncio.get_running_loop().call_soon(self._turn)

    def published(self) -> None:
        self._since += 1
        self.longest = max(self.longest, self._since)

    def stop(self) -> None:
        self._is_running = False

    def _turn(self) -> None:
        self.count += 1
        self._since = 0
        if self._is_running:
            asyncio.get_running_loop().call_soon(self._turn)


def message(number: int) -> bytes:
    return b"%08d" % number + bytes(SIZE - 8)


async def publish(hub: Hub, data: bytes) -> int:
    return await hub.publish("news", data)


async def broadcast(hub: Hub, data: bytes) -> int:
    return await hub.broadcast(data)


async def read_all(client: RawClient) -> list[int]:
    """The numbers of what the client gets, read as it comes."""
    numbers: list[int] = []
    frame = SIZE + HEADER
    while len(numbers) < COUNT:
        count = min(50, COUNT - len(numbers))
        data = await client.recv_raw(count * frame, timeout=PATIENCE)
        starts = range(HEADER, count * frame, frame)
        numbers += [int(data[start : start + 8]) for start in starts]
    return numbers


@pytest.mark.parametrize("send", [publish, broadcast])
async def test_a_loop_of_publishes_drops_nothing_to_readers_that_keep_up(
    send: Callable[[Hub, bytes], Awaitable[int]], serve: Serve, raw_client: Connect
) -> None:
    """10,000 messages of 1 KiB, in order; a reader that has stalled loses its own messages only."""
    rooms = Rooms()
    port = await serve(rooms.app)
    clients = [await raw_client(port) for _ in range(2)]
    await rooms.all_here(2)
    turns, reached = Turns(), []
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        reading = [group.create_task(read_all(client)) for client in clients]
        for number in range(COUNT):
            reached.append(await send(rooms.hub, message(number)))
            turns.published()
        turns.stop()
        assert len(rooms.dropped) == 0
    assert [task.result() for task in reading] == [list(range(COUNT))] * 2
    assert reached == [2] * COUNT
    assert turns.longest <= BURST


async def test_a_reader_that_has_stalled_holds_up_no_publish_and_nobody_else(
    serve: Serve, raw_client: Connect
) -> None:
    """It loses its own messages only."""
    rooms = Rooms()
    port = await serve(rooms.app)
    client, stalled = await raw_client(port), await raw_client(port, receive_buffer=4096)
    stalled.pause_reading()
    await rooms.all_here(2)
    live, _ = rooms.hub.connections
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        reading = group.create_task(read_all(client))
        for number in range(COUNT):
            await publish(rooms.hub, message(number))
        assert rooms.dropped.count(live) == 0
    assert reading.result() == list(range(COUNT))


async def test_others_are_served_while_somebody_publishes_in_a_loop(
    serve: Serve, raw_client: Connect
) -> None:
    """A peer that asks something is answered before the loop of publishes is done."""
    rooms = Rooms()
    port = await serve(rooms.app)
    client, other = await raw_client(port), await raw_client(port)
    await rooms.all_here(2)
    for ws in rooms.hub.connections[1:]:
        ws.unsubscribe("news")
    has_published = False

    async def ask() -> bool:
        other.send_text("hi")
        assert (await other.recv_frame(timeout=PATIENCE)).text == "hi"
        return has_published

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        reading = group.create_task(read_all(client))
        for number in range(COUNT):
            await publish(rooms.hub, message(number))
        has_published = True
        assert not await asking
    assert reading.result() == list(range(COUNT))
