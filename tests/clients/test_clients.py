"""Real clients with aiows: the same tests for every client that supports them."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme

from aiows import Compression
from clients.client import Closed, Connect
from clients.echo_server import CLOSE_PLEASE, PING_PLEASE, EchoServer, serve
from clients.relay import relay_to

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(30)]

BROWSERS = ["chromium_client", "undici_client"]
LIBRARIES = ["ws_client", "websockets_client", "websocket_client_client", "aiohttp_client_client"]
# They refer to earlier messages although they are told not to.
DISOBEDIENT = ["tornado_client", "mojolicious_client"]
EVERY = BROWSERS + LIBRARIES + DISOBEDIENT
# A browser's interface, which undici has too, has no ping and no fragments.
CAN_PING = [*LIBRARIES, "mojolicious_client"]
CAN_FRAGMENT = ["ws_client", "websockets_client", "websocket_client_client"]
CAN_COMPRESS = [name for name in EVERY if name != "websocket_client_client"]
# undici takes compressed messages, but sends none.
COMPRESSES_BOTH_WAYS = [name for name in CAN_COMPRESS if name != "undici_client"]

GREETING = "Zażółć gęślą jaźń, 你好, 👋🏽 𐍈 𝄞 \U0010ffff"


def for_each(names: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names, indirect=True)


def at(port: int, scheme: str = "ws") -> str:
    return f"{scheme}://localhost:{port}/"


@for_each(EVERY)
async def test_text_comes_back_also_beyond_the_basic_plane(
    connect: Connect, server: EchoServer
) -> None:
    """No character is lost, whatever its length in UTF-8 and UTF-16."""
    session = await connect(at(server.port))
    await session.send(GREETING)
    assert await session.receive() == GREETING


@for_each(EVERY)
async def test_a_mebibyte_of_bytes_comes_back(connect: Connect, server: EchoServer) -> None:
    """A message that no single read can bring arrives whole, in both directions."""
    data = os.urandom(1024 * 1024)
    session = await connect(at(server.port))
    await session.send(data)
    assert await session.receive() == data


@for_each(CAN_FRAGMENT)
async def test_fragments_arrive_as_one_message(connect: Connect, server: EchoServer) -> None:
    """Frames of one message are joined in order."""
    session = await connect(at(server.port))
    await session.send_fragments(["One ", "message ", "in three frames: ", GREETING])
    assert await session.receive() == f"One message in three frames: {GREETING}"


@for_each([name for name in CAN_FRAGMENT if name in CAN_COMPRESS])
async def test_compressed_fragments_arrive_as_one_message(
    connect: Connect, server: EchoServer
) -> None:
    """Only the first frame says that the message is compressed (RFC 7692, section 6.1)."""
    session = await connect(at(server.port), compress=True)
    await session.send_fragments(["One ", "message ", "in three frames: ", GREETING])
    assert await session.receive() == f"One message in three frames: {GREETING}"


@for_each(CAN_PING)
async def test_a_ping_of_the_client_is_answered(connect: Connect, server: EchoServer) -> None:
    """The pong carries the ping's data back."""
    session = await connect(at(server.port))
    await session.ping(b"Are you there?")


@for_each(EVERY)
async def test_a_ping_of_the_server_is_answered(connect: Connect, server: EchoServer) -> None:
    """The server sees the pong with its own data."""
    session = await connect(at(server.port))
    await session.send(PING_PLEASE)
    assert await session.receive() == "You answered: Are you there?"


@for_each(CAN_COMPRESS)
@pytest.mark.parametrize("compression", [Compression.SHARED, Compression.DEDICATED_4KB])
async def test_compression_is_agreed_upon_and_no_message_suffers(
    connect: Connect, compression: Compression
) -> None:
    """Whether or not a window is kept, every one of several messages comes back as it was."""
    messages = [GREETING * 100, "", "short", os.urandom(20_000).hex(), GREETING * 100]
    async with serve(compression) as server:
        session = await connect(at(server.port), compress=True)
        assert session.is_compressed
        for message in messages:
            await session.send(message)
        assert [await session.receive() for _ in messages] == messages


@for_each(CAN_COMPRESS)
async def test_a_server_without_compression_declines_it(connect: Connect) -> None:
    """What the client offers need not be taken."""
    async with serve(Compression.DISABLED) as server:
        session = await connect(at(server.port), compress=True)
        assert not session.is_compressed
        await session.send(GREETING)
        assert await session.receive() == GREETING


@for_each(CAN_COMPRESS)
async def test_the_server_remembers_what_it_sent_before(connect: Connect) -> None:
    """With context takeover, what was said once costs next to nothing the second time."""
    async with serve(Compression.DEDICATED_64KB) as server, relay_to(server.port) as relay:
        session = await connect(at(relay.port), compress=True)
        costs = []
        for _ in range(2):
            before = relay.bytes["to client"]
            await session.send(NEWS)
            assert await session.receive() == NEWS
            costs.append(relay.bytes["to client"] - before)
    assert costs[1] < costs[0] / 4


@for_each(COMPRESSES_BOTH_WAYS)
async def test_the_server_remembers_what_the_client_sent_before(connect: Connect) -> None:
    """With context takeover, the client refers to earlier messages and is understood."""
    async with serve(Compression.DEDICATED_64KB) as server, relay_to(server.port) as relay:
        session = await connect(at(relay.port), compress=True)
        costs = []
        for _ in range(2):
            before = relay.bytes["to server"]
            await session.send(NEWS)
            assert await session.receive() == NEWS
            costs.append(relay.bytes["to server"] - before)
    assert costs[1] < costs[0] / 4


# Nothing in it repeats, so by itself it stays half as long; 1 KiB fits into every client's window.
NEWS = os.urandom(512).hex()


@for_each(EVERY)
async def test_the_first_subprotocol_that_both_know_is_chosen(
    connect: Connect, server: EchoServer
) -> None:
    """The client's order decides, and the client is told."""
    session = await connect(at(server.port), subprotocols=["chat.v3", "chat.v1", "chat.v2"])
    assert session.subprotocol == "chat.v1"


@for_each(EVERY)
async def test_the_client_closes_with_a_code_and_a_reason(
    connect: Connect, server: EchoServer
) -> None:
    """The server learns both, and its answer carries the code back."""
    session = await connect(at(server.port))
    closed = await session.close(4001, "I have to go. 👋")
    assert closed.code == 4001
    assert await server.ended.get() == (4001, "I have to go. 👋")


@for_each(EVERY)
async def test_the_server_closes_with_a_code_and_a_reason(
    connect: Connect, server: EchoServer
) -> None:
    """The client learns both, and the server sees the same code."""
    session = await connect(at(server.port))
    await session.send(CLOSE_PLEASE)
    assert await session.receive() == Closed(4001, "That is enough.")
    assert await server.ended.get() == (4001, "That is enough.")


@for_each(EVERY)
async def test_everything_goes_over_tls_too(
    connect: Connect, authority: trustme.CA, tmp_path: Path
) -> None:
    """Over wss text and a mebibyte come back, and the close is clean."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    ca_file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(ca_file)
    data = os.urandom(1024 * 1024)
    async with serve(tls=tls) as server:
        session = await connect(at(server.port, "wss"), ca_file=ca_file)
        await session.send(GREETING)
        assert await session.receive() == GREETING
        await session.send(data)
        assert await session.receive() == data
        assert (await session.close(4001, "Done.")).code == 4001
        assert await server.ended.get() == (4001, "Done.")
