"""Which transports have a socket that others may write to, and what the kernel is told about it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiofastnet
import pytest
import trustme
import uvloop

from aiows.connection import transports
from aiows.connection.transports import bound_unsent, descriptor_of
from fake_connection import FakeTransport

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
    "aiofastnet": aiofastnet.loop_factory(uvloop.new_event_loop),
}


T = TypeVar("T")


def encrypting() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server, and of a client that trusts it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    return context, trusted


async def accepted(
    context: ssl.SSLContext | None, trusted: ssl.SSLContext | None, ask: Callable[[Any], T]
) -> T:
    """Return what ``ask`` says of a transport that was accepted, as if it were a connection's."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            found.set_result(ask(transport))

    server = await loop.create_server(Protocol, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    name = None if trusted is None else "localhost"
    transport, _ = await loop.create_connection(
        asyncio.Protocol, "127.0.0.1", port, ssl=trusted, server_hostname=name
    )
    try:
        return await found
    finally:
        transport.close()
        server.close()


@pytest.mark.parametrize("name", LOOPS)
def test_a_plain_transport_of_a_known_loop_has_one(name: str) -> None:
    """If a new version of a loop calls its transports otherwise, nothing is lost but some time."""
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        assert runner.run(accepted(None, None, descriptor_of)) >= 0


@pytest.mark.parametrize("name", LOOPS)
def test_a_transport_that_encrypts_has_none(name: str) -> None:
    """What is written to its socket would be plain text."""
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        assert runner.run(accepted(*encrypting(), descriptor_of)) == -1


def test_an_unknown_transport_has_none() -> None:
    """Nobody knows what it does with what it is given."""
    assert descriptor_of(FakeTransport()) == -1


# what the kernel may hold


def unsent_bound(transport: Any) -> int:
    """Bound it, and ask the kernel."""
    bound_unsent(transport, 5000)
    sock: socket.socket = transport.get_extra_info("socket")
    return int(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", LOOPS)
def test_the_kernel_is_told_how_much_may_be_unsent(name: str, is_encrypted: bool) -> None:
    """On every loop; a transport that encrypts has a socket, too."""
    context, trusted = encrypting() if is_encrypted else (None, None)
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        assert runner.run(accepted(context, trusted, unsent_bound)) == 5000


async def unix_buffers() -> tuple[int, int]:
    """Return the send buffer of a connection over a Unix socket, before and after it was bounded."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[tuple[int, int]] = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            before = self.size_of(transport)
            bound_unsent(transport, 8192)
            found.set_result((before, self.size_of(transport)))

        @staticmethod
        def size_of(transport: Any) -> int:
            sock: socket.socket = transport.get_extra_info("socket")
            return int(sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    with tempfile.TemporaryDirectory() as folder:  # pytest's own path may be too long for a socket
        path = str(Path(folder) / "s")
        server = await loop.create_unix_server(Protocol, path)
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, path)
        try:
            return await found
        finally:
            transport.close()
            server.close()


@pytest.mark.parametrize("name", LOOPS)
def test_where_unsent_bytes_cannot_be_counted_the_whole_buffer_is_small(name: str) -> None:
    """Over a Unix socket. Linux doubles the number, for its own use."""
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        before, after = runner.run(unix_buffers())
    assert after <= 2 * 8192 < before


async def test_without_unsent_bytes_to_count_tcp_has_a_small_buffer_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows."""
    monkeypatch.setattr(transports, "NOTSENT_LOWAT", None)

    def bounded(transport: Any) -> int:
        bound_unsent(transport, 8192)
        sock: socket.socket = transport.get_extra_info("socket")
        return int(sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    assert await accepted(None, None, bounded) <= 2 * 8192


def test_a_transport_without_a_socket_stays_as_it_is() -> None:
    """So does one whose socket is closed: its connection ends by itself."""
    bound_unsent(FakeTransport(), 8192)

    class Closed(FakeTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            sock = socket.socket()
            sock.close()
            return sock

    bound_unsent(Closed(), 8192)
