"""Over real sockets: a peer that keeps up misses nothing, and one that does not costs little."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trustme
from aiohttp import web

from aiows import HUB, Compression, SendStatus, WebSocketResponse, WebSocketView, setup, websocket
from aiows.connection.backlog import MAX_SENDING
from event_loops import LOOPS, loop_factory_or_skip
from raw_client import RawClient
from server_side import Result

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

COUNT = 200
MESSAGE = bytes(range(256)) * 4
DEFLATE = "permessage-deflate"


class Busy(WebSocketView):
    """Says more in one turn than may wait, from wherever it is told to."""

    origins = "*"
    max_backpressure = 64 * 1024

    def on_open(self) -> None:
        self.ws.subscribe("news")
        self.tasks: list[asyncio.Task[None]] = []
        self.say()

    def on_message(self, msg: Any) -> None:
        getattr(self, f"from_{msg.data}")()

    def say(self) -> None:
        assert {self.ws.push(MESSAGE) for _ in range(COUNT)} == {SendStatus.SUCCESS}

    def from_message(self) -> None:
        self.say()

    def from_cork(self) -> None:
        with self.ws.cork():
            self.say()

    def from_publish(self) -> None:
        registry = self.ws.app[HUB].registry
        assert {registry.publish("news", MESSAGE) for _ in range(COUNT)} == {1}

    def from_outside(self) -> None:
        async def run() -> None:
            await asyncio.sleep(0)
            self.say()

        self.tasks.append(asyncio.create_task(run()))


class Compressed(Busy):
    compress = Compression.DEDICATED_32KB


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server, and of a client that trusts it."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    return server_side, client_side


async def talk(view: type[Busy], *, is_encrypted: bool) -> None:
    server_side, client_side = contexts() if is_encrypted else (None, None)
    app = web.Application()
    app.router.add_view("/", view)
    setup(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
    client = await RawClient.connect(
        runner.addresses[0][1],
        host="localhost" if client_side else "127.0.0.1",
        ssl=client_side,
        extensions=DEFLATE if view is Compressed else None,
        read_ahead=2**20,
    )
    for told in (None, "message", "cork", "publish", "outside"):
        if told is not None:
            client.send_text(told)
        frames = [await client.recv_frame() for _ in range(COUNT)]
        assert {frame.rsv1 for frame in frames} == {view is Compressed}, told
    client.abort()
    await runner.cleanup()


@pytest.mark.parametrize("view", [Busy, Compressed])
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", LOOPS)
def test_who_keeps_up_gets_all_that_is_said_in_one_turn(
    name: str, is_encrypted: bool, view: type[Busy]
) -> None:
    """Three times of what may wait: nothing of it waits for anybody but us."""
    factory = loop_factory_or_skip(name)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(talk(view, is_encrypted=is_encrypted))


@pytest.mark.parametrize("threshold", [1, 16 * 1024, 64 * 1024, 200 * 1024])
@pytest.mark.parametrize("receive_buffer", [None, 4096])
async def test_a_feed_that_stops_at_a_number_of_its_own_goes_on(
    serve: Serve, raw_client: Connect, threshold: int, receive_buffer: int | None
) -> None:
    """Below the limit, at it and above it; for who keeps up and who does not."""
    left = [number.to_bytes(2) + bytes(1018) for number in range(500)]  # 64 frames are 64 KiB

    def feed(ws: Any) -> None:
        while left and ws.get_buffered_amount() < threshold:
            if ws.send(left.pop(0)) is SendStatus.BACKPRESSURE:
                break

    app = web.Application()
    app.add_routes([websocket("/", open=feed, drain=feed, origins="*")])
    client = await raw_client(await serve(app), receive_buffer=receive_buffer)
    frames = [await client.recv_frame() for _ in range(500)]
    assert [int.from_bytes(frame.payload[:2]) for frame in frames] == list(range(500))


async def test_frames_of_just_the_limit_stall_nobody(serve: Serve, raw_client: Connect) -> None:
    """They are no backpressure, so only the number says that they wait."""
    left = [bytes(1020)] * 500  # with their headers of 4 bytes 64 of them are 64 KiB

    def feed(ws: Any) -> None:
        with ws.cork():
            while left and ws.get_buffered_amount() < 64 * 1024:
                assert ws.send(left.pop()) is SendStatus.SUCCESS

    app = web.Application()
    app.add_routes([websocket("/", open=feed, drain=feed, origins="*")])
    client = await raw_client(await serve(app))
    for _ in range(500):
        assert len((await client.recv_frame()).payload) == 1020


async def test_a_cork_across_an_await_keeps_the_order(serve: Serve, raw_client: Connect) -> None:
    """It ends while a message is read, and what it held leaves with the read."""
    waits = Result()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        with ws.connection.cork():
            ws.push("one")
            ws.push("two")
            await asyncio.sleep(0.01)  # turns of the loop, which leave it where it is
            ws.push("three")
            asyncio.get_running_loop().call_soon(waits.set)
            await ws.receive()
        await ws.receive()
        await ws.send_str("four")
        return ws

    client = await raw_client(await serve(view))
    await waits.get()
    client.send_text("first")
    assert [(await client.recv_frame()).text for _ in range(3)] == ["one", "two", "three"]
    client.send_text("second")
    assert (await client.recv_frame()).text == "four"


async def test_a_transport_that_cannot_write_ends_its_connection_alone(
    serve: Serve, raw_client: Connect
) -> None:
    """Whoever publishes does not notice, and everybody else has the message."""
    closed = Result()
    opened: list[Any] = []
    error = OSError("Transport endpoint is not connected")

    class Fragile(WebSocketView):
        origins = "*"

        def on_open(self) -> None:
            self.ws.subscribe("news")
            opened.append(self.ws)

        def on_close(self, code: int, reason: str) -> None:
            if self.ws is opened[1]:
                closed.set((code, self.ws.exception))

    app = web.Application()
    app.router.add_view("/", Fragile)
    setup(app)
    port = await serve(app)
    clients = [await raw_client(port) for _ in range(3)]
    while len(opened) < 3:
        await asyncio.sleep(0)

    class Broken:
        """A transport that some proxy has half closed."""

        def write(self, data: bytes) -> None:
            raise error

        def __getattr__(self, name: str) -> Any:
            return getattr(transport, name)

    outbox = opened[1]._outbox
    transport, broken = outbox._transport, Broken()
    outbox._transport, outbox._descriptor = broken, -1
    assert await app[HUB].publish("news", "hi") == 3
    assert [(await each.recv_frame()).text for each in (clients[0], clients[2])] == ["hi", "hi"]
    assert await closed.get() == (1006, error)
    assert await app[HUB].publish("news", "again") == 2


async def test_sends_to_who_reads_nothing_are_bounded(serve: Serve, raw_client: Connect) -> None:
    """In memory: those for whom there is no room even to wait are told so, and are not counted."""
    app = web.Application()
    hub = setup(app)

    class Stalled(WebSocketView):
        origins = "*"

        async def authenticate(self, request: web.Request) -> str:
            return "ada"

    app.router.add_view("/", Stalled)
    client = await raw_client(await serve(app), receive_buffer=4096)
    message = "x" * 200_000
    waiting = {asyncio.ensure_future(hub.send("ada", message)) for _ in range(400)}
    done: set[asyncio.Future[int]] = set()
    while len(waiting) > MAX_SENDING // len(message):
        finished, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= finished
    assert {send.result() for send in done} == {0, 1}
    client.abort()
    for send in waiting:
        assert await send == 0
