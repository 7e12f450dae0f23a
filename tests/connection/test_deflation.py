"""Over real sockets: a large message is deflated in a thread, and only what is behind it waits for that.

The one thread that the loop has is busy until the test lets it go. So what arrives before that has not
waited for it, and no time is measured.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from aiohttp import WSMessage, web

from aiows import (
    Compression,
    Connection,
    SendStatus,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    setup,
    websocket,
)
from aiows._wire import DeflateParams, Deflater, Inflater, MessageReader
from aiows._wire.deflate import share_backend
from aiows.connection.outbox import LONG_TO_DEFLATE
from builds import Build
from eventually import eventually
from outbox_bench import Bench, Transport
from raw_client import BINARY, CLOSE, PING, PONG, TEXT, Frame, How, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

LARGE: Final = "a large message, " * 10_000
DEFLATE: Final = "permessage-deflate"
MODES: Final = [Compression.SHARED, Compression.DEDICATED_32KB]
PATIENCE: Final = 20.0
"""Seconds after which a thread is free although no test has said so."""


class Threads:
    """The one thread of the running loop: busy until it is `let_go`."""

    def __init__(self) -> None:
        executor = ThreadPoolExecutor(1)
        self._is_free = threading.Event()
        executor.submit(self._is_free.wait, PATIENCE)
        asyncio.get_running_loop().set_default_executor(executor)

    def let_go(self) -> None:
        self._is_free.set()


@pytest.fixture
async def threads() -> Any:
    threads = Threads()
    yield threads
    threads.let_go()


class Peer:
    """What a client reads that keeps its window."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self._inflater = zlib.decompressobj(wbits=-15)

    async def read(self) -> tuple[str, bool]:
        """The next text, and whether it came compressed."""
        frame = await self.client.recv_frame()
        assert frame.opcode == TEXT, frame
        if not frame.rsv1:
            return frame.text, False
        return self._inflater.decompress(frame.payload + b"\0\0\xff\xff").decode(), True


class Counting:
    """A backend that notes the sizes of what it compresses."""

    name = "counting"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def compressobj(self, **options: Any) -> Any:
        stream = zlib.compressobj(**options)
        sizes = self.sizes

        class Stream:
            flush = stream.flush

            def compress(self, data: bytes) -> bytes:
                sizes.append(len(data))
                return stream.compress(data)

        return Stream()


@pytest.fixture
def compressed() -> Iterator[list[int]]:
    """The sizes of what was compressed for connections without a window."""
    counting = Counting()
    before = share_backend(counting)
    yield counting.sizes
    share_backend(before)


# in all faces


def answer(text: str) -> list[str]:
    return [LARGE, "behind it", LARGE, "the last"] if text == "go" else [text]


def drop_in(mode: Compression) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(compress=mode)
        await ws.prepare(request)
        async for msg in ws:
            for text in answer(msg.data):
                await ws.send_str(text)
        return ws

    return web.get("/", view)


def function(mode: Compression) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        async for said in ws.iter_text():
            for text in answer(said):
                await ws.send_text(text)

    return websocket("/", talk, compress=mode)


def view(mode: Compression) -> web.RouteDef:
    class View(WebSocketView):
        compress = mode

        def on_message(self, msg: WSMessage) -> None:
            for text in answer(msg.data):
                assert self.ws.push(text)

    return web.view("/", View)


def callbacks(mode: Compression) -> web.RouteDef:
    def message(ws: Connection, data: str, opcode: Any) -> None:
        for text in answer(data):
            assert ws.push(text)

    return websocket("/", message=message, compression=mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", [drop_in, function, view, callbacks])
async def test_what_is_behind_a_large_message_waits_for_it_and_nobody_else_does(
    face: Callable[[Compression], web.RouteDef],
    mode: Compression,
    serve: Serve,
    raw_client: Connect,
    threads: Threads,
) -> None:
    """While the thread is busy another connection is answered, and so is a ping of this one."""
    app = web.Application()
    app.add_routes([face(mode)])
    port = await serve(app)
    client = await raw_client(port, extensions=DEFLATE, read_ahead=2**20)
    other = await raw_client(port, extensions=DEFLATE)
    client.send_text("go")
    other.send_text("hello")
    assert (await Peer(other).read())[0] == "hello"
    client.send_frame(PING, b"are you there?")
    assert await client.recv_frame() == Frame(PONG, b"are you there?")
    threads.let_go()
    peer = Peer(client)
    got = [await peer.read() for _ in range(4)]
    assert [text for text, _ in got] == [LARGE, "behind it", LARGE, "the last"]
    assert [is_compressed for text, is_compressed in got if text == LARGE] == [True, True]


# how it ends


class Closes(WebSocketView):
    """Says much, and closes if it is asked to."""

    def on_message(self, msg: WSMessage) -> None:
        self.ws.push(LARGE)
        self.ws.push("behind it")
        if msg.data == "close":
            self.ws.close(4000, "enough")


class ClosesDedicated(Closes):
    compress = Compression.DEDICATED_32KB


@pytest.mark.parametrize("view", [Closes, ClosesDedicated])
async def test_a_close_comes_after_what_a_thread_deflates(
    view: type[Closes], serve: Serve, raw_client: Connect, threads: Threads
) -> None:
    """It waits its turn."""
    client = await raw_client(await serve(view), extensions=DEFLATE)
    client.send_text("close")
    client.send_frame(PING, b"?")
    threads.let_go()
    peer = Peer(client)
    texts = [await peer.read() for _ in range(2)]
    assert [text for text, _ in texts] == [LARGE, "behind it"]
    frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code) == (CLOSE, 4000)


@pytest.mark.parametrize("view", [Closes, ClosesDedicated])
async def test_a_peer_that_closes_gets_what_was_said_before_without_a_thread(
    view: type[Closes], serve: Serve, raw_client: Connect, threads: Threads
) -> None:
    """All of it leaves as it is: the thread is busy until the end of the test."""
    client = await raw_client(await serve(view), extensions=DEFLATE, read_ahead=2**20)
    client.send_text("go")
    client.send_close(1000)
    peer = Peer(client)
    assert [await peer.read() for _ in range(2)] == [(LARGE, False), ("behind it", False)]
    assert (await client.recv_frame()).close_code == 1000
    assert (await client.wait_closed()).how is How.EOF


async def test_for_a_peer_that_has_gone_no_thread_begins_to_work(
    serve: Serve, raw_client: Connect, threads: Threads, compressed: list[int]
) -> None:
    """What another peer was told afterwards is deflated, and nothing else."""
    gone: list[int] = []

    class View(Closes):
        def on_close(self, code: int, reason: str) -> None:
            gone.append(code)

    port = await serve(View)
    client = await raw_client(port, extensions=DEFLATE)
    client.send_text("go")
    client.send_frame(PING, b"?")
    await client.recv_frame()
    client.abort()
    await eventually(lambda: gone)
    other = await raw_client(port, extensions=DEFLATE, read_ahead=2**20)
    other.send_text("go")
    other.send_frame(PING, b"?")
    await other.recv_frame()
    threads.let_go()
    assert await Peer(other).read() == (LARGE, True)
    assert compressed == [len(LARGE)]


# what goes to many


async def test_what_goes_to_many_is_deflated_by_one_thread_once(
    serve: Serve, raw_client: Connect, threads: Threads, compressed: list[int]
) -> None:
    """And what is published next is behind it for each of them."""

    class View(WebSocketView):
        def on_open(self) -> None:
            self.ws.subscribe("news")

    app = web.Application()
    app.add_routes([web.view("/", View)])
    hub = setup(app)
    port = await serve(app)
    clients = [await raw_client(port, extensions=DEFLATE, read_ahead=2**20) for _ in range(3)]
    await eventually(lambda: len(hub.connections) == 3)
    assert await hub.publish("news", LARGE) == 3
    assert await hub.publish("news", "and now the weather") == 3
    threads.let_go()
    for client in clients:
        peer = Peer(client)
        assert await peer.read() == (LARGE, True)
        assert await peer.read() == ("and now the weather", False)
    assert compressed == [len(LARGE)]


# no room


@pytest.mark.parametrize("has_takeover", [False, True])
async def test_nothing_is_dropped_because_a_thread_is_busy(
    has_takeover: bool, build: Build, threads: Threads
) -> None:
    """Before that what waits leaves as it is; afterwards threads deflate again."""
    bench = Bench(
        build,
        limit=LONG_TO_DEFLATE,
        most=5 * LONG_TO_DEFLATE,
        transport=Transport(),
        deflater=Deflater(has_takeover=has_takeover),
    )
    said = [f"{number} ".encode() * LONG_TO_DEFLATE for number in range(9)]
    assert {bench.outbox.push(TEXT, each) for each in said} == {SendStatus.BACKPRESSURE}
    bench.end_turn()
    threads.let_go()
    await eventually(lambda: not bench.outbox.amount)
    reader = MessageReader(require_mask=False, inflater=Inflater(DeflateParams()))
    reader.feed(bytes(bench.transport.sent))
    messages = [reader.next_message() for _ in said]
    assert [each and each.data for each in messages] == [each.decode() for each in said]
    assert len(bench.transport.sent) < len(b"".join(said))
    assert not bench.owner.dropped


async def test_a_loop_without_threads_sends_a_large_message_as_it_is(build: Build) -> None:
    """While it shuts down, for example."""
    await asyncio.get_running_loop().shutdown_default_executor()
    bench = Bench(build, most=2**30, limit=2**20, deflater=Deflater())
    data = bytes(LONG_TO_DEFLATE)
    assert bench.outbox.push(BINARY, data) is SendStatus.SUCCESS
    bench.end_turn()
    assert bench.transport.sent == build_frame(BINARY, data, mask=False)
