"""The same connections on each event loop that is installed."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web

from aiows import HUB, WebSocketView, setup
from event_loops import LOOPS, loop_factory_or_skip
from raw_client import How, RawClient


class Echo(WebSocketView):
    origins = "*"

    def on_open(self) -> None:
        self.ws.subscribe("news")

    async def on_message(self, msg: Any) -> None:
        await asyncio.sleep(0)
        self.ws.push(msg.data)


async def talk(
    server_side: ssl.SSLContext | None = None, client_side: ssl.SSLContext | None = None
) -> None:
    """Small and large messages, many at once, a burst of publishes, and a shutdown."""
    app = web.Application()
    app.router.add_view("/", Echo)
    setup(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
    client = await RawClient.connect(
        runner.addresses[0][1],
        host="localhost" if client_side else "127.0.0.1",
        ssl=client_side,
        read_ahead=2
        ** 20,  # aiofastnet 1.2 may forget the last record of TLS when reading goes on again
    )
    for number in range(100):
        client.send_text(f"number {number}")
    assert [(await client.recv_frame()).text for _ in range(100)] == [
        f"number {number}" for number in range(100)
    ]
    client.send_text("large" * 200_000)
    assert (await client.recv_frame()).text == "large" * 200_000
    for number in range(16):
        assert await app[HUB].publish("news", f"news {number}") == 1
    assert [(await client.recv_frame()).text for _ in range(16)] == [
        f"news {number}" for number in range(16)
    ]
    cleanup = asyncio.create_task(runner.cleanup())
    assert (await client.recv_frame()).close_code == 1001
    client.send_close(1001)
    assert (await client.wait_closed()).how is How.EOF
    await cleanup
    client.close()


def both_sides() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server and of a client that trusts it."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    return server_side, client_side


@pytest.mark.parametrize("name", LOOPS)
def test_a_conversation_on_each_loop(name: str) -> None:
    """Over TCP."""
    with asyncio.Runner(loop_factory=loop_factory_or_skip(name)) as runner:
        runner.run(talk())


@pytest.mark.parametrize("name", LOOPS)
def test_a_conversation_over_tls_on_each_loop(name: str) -> None:
    """Each has a transport of its own for it."""
    with asyncio.Runner(loop_factory=loop_factory_or_skip(name)) as runner:
        runner.run(talk(*both_sides()))


class Slow(WebSocketView):
    origins = "*"

    async def on_message(self, msg: Any) -> None:
        await asyncio.sleep(0.001)
        self.ws.push(str(len(msg.data)))


async def send_more_than_waits(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    """So much that reading pauses again and again, and then nothing more."""
    app = web.Application()
    app.router.add_view("/", Slow)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
    port = runner.addresses[0][1]
    client = await RawClient.connect(port, host="localhost", ssl=client_side)
    for number in range(40):
        client.send_text("a" * (20_000 + number))
    for number in range(40):
        assert (await client.recv_frame()).text == str(20_000 + number)
    client.close()
    await runner.cleanup()


@pytest.mark.parametrize("name", LOOPS)
def test_nothing_is_forgotten_when_reading_pauses_over_tls(name: str) -> None:
    """Not what was read and waits to be decrypted, either."""
    with asyncio.Runner(loop_factory=loop_factory_or_skip(name)) as runner:
        runner.run(send_more_than_waits(*both_sides()))
