"""A transport whose calls raise: the end is told at once and once all the same, and to nobody else.

The bookkeeping comes before the transport: whatever `write`, `write_eof`, `abort` or `close` raise, no hook
and no caller sees it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import pytest
from aiohttp import WSMsgType, web

from aiows import HUB, Connection, Hub, WebSocketResponse, setup, websocket
from eventually import eventually
from raw_client import BINARY, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

AT_ONCE: Final = 1.0
"""Seconds; what waits for a deadline comes two or ten seconds late."""

GARBAGE: Final = build_frame(BINARY, b"unmasked", mask=False)


class Log:
    """What the hooks of connections write down."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.closes: list[tuple[Connection, int]] = []
        self.heard: list[Any] = []

    def open(self, ws: Connection) -> None:
        self.connections.append(ws)
        ws.subscribe("news")
        ws.app[HUB].registry.add("alice", ws)

    def message(self, ws: Connection, message: Any, opcode: Any) -> None:
        self.heard.append(message)
        ws.push(message)

    def close(self, ws: Connection, code: int, reason: str) -> None:
        self.closes.append((ws, code))


IDLE_TIMEOUT: Final = 0.3
"""Seconds, of connections to ``/watched``; the others have none."""


def application(log: Log) -> web.Application:
    hooks = {"open": log.open, "message": log.message, "close": log.close}
    app = web.Application()
    app.add_routes(
        [
            websocket("/", hooks, idle_timeout=0),
            websocket("/watched", hooks, idle_timeout=IDLE_TIMEOUT),
        ]
    )
    setup(app)
    return app


# a peer that sends garbage and has gone, as one behind a local proxy does


async def handshake(port: int) -> socket.socket:
    """A socket without an event loop, after the upgrade."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    lines = [
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await loop.sock_recv(sock, 1)
    return sock


async def test_garbage_and_a_fin_together_are_told_at_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """`write_eof` raises ENOTCONN there; the close hook has run, and nothing of it is logged."""
    log = Log()
    app = application(log)
    sock = await handshake(await serve(app))
    await eventually(lambda: log.connections)
    sock.send(GARBAGE)
    sock.close()
    await eventually(lambda: log.closes and not app[HUB].connections, within=AT_ONCE)
    assert [code for _, code in log.closes] == [1002]
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_garbage_and_a_fin_together_end_a_view(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """`receive` says what the peer did, and then that it is over; it raises nothing."""
    received: list[WSMsgType] = []
    done = asyncio.Event()
    is_ready = asyncio.Event()

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        is_ready.set()
        try:
            while not received or received[-1] is not WSMsgType.CLOSED:
                received.append((await ws.receive()).type)
        finally:
            done.set()
        return ws

    sock = await handshake(await serve(view))
    await is_ready.wait()
    sock.send(GARBAGE)
    sock.close()
    async with asyncio.timeout(AT_ONCE):
        await done.wait()
    assert received in ([WSMsgType.ERROR, WSMsgType.CLOSED], [WSMsgType.CLOSED])
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


# a transport around another, some of whose calls raise


class RaisingTransport(asyncio.Transport):
    """Passes everything on, but what is in ``raises``: that raises instead."""

    def __init__(self, inner: asyncio.Transport, raises: dict[str, Exception]) -> None:
        super().__init__()
        self.inner = inner
        self.raises = raises

    def _check(self, name: str) -> None:
        if name in self.raises:
            raise self.raises[name]

    def write(self, data: Any) -> None:
        self._check("write")
        self.inner.write(data)

    def write_eof(self) -> None:
        self._check("write_eof")
        self.inner.write_eof()

    def can_write_eof(self) -> bool:
        return self.inner.can_write_eof()

    def abort(self) -> None:
        self._check("abort")
        self.inner.abort()

    def close(self) -> None:
        self._check("close")
        self.inner.close()

    def pause_reading(self) -> None:
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        self.inner.resume_reading()

    def is_reading(self) -> bool:
        return self.inner.is_reading()

    def is_closing(self) -> bool:
        return self.inner.is_closing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.inner.get_protocol()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)


class Doorkeeper(asyncio.Protocol):
    """Lets a server's protocol in, with a `RaisingTransport` in place of its transport."""

    def __init__(self, house: House) -> None:
        self._house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "set_protocol")
        protocol = self._house.make_protocol()
        wrapped = RaisingTransport(transport, {})  # type: ignore[arg-type]
        self._house.transports.append(wrapped)
        wrapped.set_protocol(protocol)
        protocol.connection_made(wrapped)


class House:
    """An application served over sockets whose transports can be told to raise."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.app = application(log)
        self.runner = web.AppRunner(self.app, shutdown_timeout=0.1)
        self.transports: list[RaisingTransport] = []
        self.port = 0

    @property
    def hub(self) -> Hub:
        return self.app[HUB]

    def make_protocol(self) -> Any:
        assert self.runner.server is not None
        return self.runner.server()

    async def start(self) -> None:
        await self.runner.setup()
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Doorkeeper(self), "127.0.0.1", 0)
        self.port = int(self.server.sockets[0].getsockname()[1])

    def raising(self, which: int, *names: str, error: type[Exception] = OSError) -> None:
        """Have the transport of the ``which``-th connection raise in these calls."""
        told = {name: error(errno.ENOTCONN, name) for name in names}
        self.transports[which].raises.update(told)

    async def stop(self) -> None:
        for transport in self.transports:
            transport.raises.clear()
            transport.abort()
        self.server.close()
        await self.runner.cleanup()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(Log())
    await house.start()
    yield house
    await house.stop()


CALLS: Final = ["write", "write_eof", "abort", "close"]


def peer_breaks_the_protocol(ws: Connection, client: RawClient) -> None:
    client.send_raw(GARBAGE)


def peer_closes(ws: Connection, client: RawClient) -> None:
    client.send_close(1000)


def we_close(ws: Connection, client: RawClient) -> None:
    ws.close(4000)


def both_close(ws: Connection, client: RawClient) -> None:
    ws.close(4000)
    client.send_close(4000)


# Each with the calls that it makes.
ENDS: Final = [
    (peer_breaks_the_protocol, ("write",)),
    (peer_breaks_the_protocol, ("write_eof",)),
    (peer_closes, ("write",)),
    (peer_closes, ("close",)),
    (we_close, ("write",)),
    (both_close, ("write", "close")),
]


@pytest.mark.parametrize("error", [OSError, RuntimeError])
@pytest.mark.parametrize(("end", "calls"), [*ENDS, *((end, CALLS) for end, _ in ENDS[::2])])
async def test_the_end_is_told_at_once_and_once_whatever_the_transport_raises(
    end: Callable[[Connection, RawClient], None],
    calls: Sequence[str],
    error: type[Exception],
    house: House,
    raw_client: Connect,
) -> None:
    """The close hook, the hub and the registry; and another connection goes on as if nothing were."""
    client, other = await raw_client(house.port), await raw_client(house.port)
    await eventually(lambda: len(house.log.connections) == 2)
    ws, live = house.log.connections
    house.raising(0, *calls, error=error)
    end(ws, client)  # raises nothing
    await eventually(lambda: house.log.closes, within=AT_ONCE)
    assert [who for who, _ in house.log.closes] == [ws]
    assert ws.closed
    assert house.hub.connections == (live,)
    assert house.hub.registry.connections("alice") == (live,)
    assert house.hub.registry.subscribers("news") == 1
    other.send_text("still here")
    assert (await other.recv_frame(timeout=AT_ONCE)).text == "still here"
    assert len(house.log.closes) == 1


@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_a_silent_peer_is_given_up_though_its_transport_cannot_be_aborted(
    error: type[Exception], house: House, raw_client: Connect
) -> None:
    """And so are those that fell silent at the same time."""
    for _ in range(3):
        await raw_client(house.port, "/watched")
    await eventually(lambda: len(house.log.connections) == 3)
    house.raising(0, "abort", error=error)
    await eventually(lambda: len(house.log.closes) == 3, within=IDLE_TIMEOUT + AT_ONCE)
    assert {code for _, code in house.log.closes} == {1006}
    assert house.hub.connections == ()
    assert len(house.hub.registry) == 0


@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_one_connection_that_cannot_be_written_to_leaves_nobody_waiting(
    error: type[Exception], house: House, raw_client: Connect
) -> None:
    """All others get what is published, in the turn in which it is."""
    clients = [await raw_client(house.port) for _ in range(4)]
    await eventually(lambda: len(house.log.connections) == 4)
    house.raising(1, "write", error=error)
    for number in range(3):
        await house.hub.publish("news", f"{number}")
    for client in (clients[0], clients[2], clients[3]):
        texts = [(await client.recv_frame(timeout=AT_ONCE)).text for _ in range(3)]
        assert texts == ["0", "1", "2"]


async def test_a_push_that_cannot_be_written_raises_nothing(
    house: House, raw_client: Connect
) -> None:
    """Outside, in a cork, and in a hook while a read is processed."""
    client, other = await raw_client(house.port), await raw_client(house.port)
    await eventually(lambda: len(house.log.connections) == 2)
    ws, _ = house.log.connections
    house.raising(0, "write")
    ws.push("outside")
    with ws.cork():
        ws.push("corked")
    client.send_text("in a hook")
    await eventually(lambda: house.log.heard or house.log.closes)
    other.send_frame(TEXT, "still here")
    assert (await other.recv_frame(timeout=AT_ONCE)).text == "still here"


async def test_a_server_that_stops_ends_all_though_one_raises(
    house: House, raw_client: Connect
) -> None:
    """Everybody else gets 1001, and the clean-up comes to its end."""
    clients = [await raw_client(house.port) for _ in range(3)]
    await eventually(lambda: len(house.log.connections) == 3)
    house.raising(1, *CALLS)
    async with asyncio.timeout(3):
        await house.runner.cleanup()
    for client in (clients[0], clients[2]):
        assert (await client.recv_frame(timeout=AT_ONCE)).close_code == 1001
    assert len(house.log.closes) == 3
    assert house.hub.connections == ()
