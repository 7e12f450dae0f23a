"""Which transports have a socket that others may write to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import aiofastnet
import pytest
import trustme
import uvloop

from aiows.connection.transports import descriptor_of
from fake_connection import FakeTransport

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
    "aiofastnet": aiofastnet.loop_factory(uvloop.new_event_loop),
}


async def accepted(context: ssl.SSLContext | None, trusted: ssl.SSLContext | None) -> int:
    """Return the descriptor of a transport that was accepted, as if it were a connection's."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[int] = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            found.set_result(descriptor_of(transport))

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
        assert runner.run(accepted(None, None)) >= 0


@pytest.mark.parametrize("name", LOOPS)
def test_a_transport_that_encrypts_has_none(name: str) -> None:
    """What is written to its socket would be plain text."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        assert runner.run(accepted(context, trusted)) == -1


def test_an_unknown_transport_has_none() -> None:
    """Nobody knows what it does with what it is given."""
    assert descriptor_of(FakeTransport()) == -1
