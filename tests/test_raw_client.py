"""The tests' own client, with aiohttp's server and with a server of raw bytes."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from event_loops import LOOPS, loop_factory_or_skip
from raw_client import (
    BINARY,
    CLOSE,
    TEXT,
    Ending,
    Frame,
    How,
    RawClient,
    build_frame,
    close_payload,
)

Connect = Callable[..., Awaitable[RawClient]]
Serve = Callable[[web.Application], Awaitable[TestServer]]

NO_LINGER = struct.pack("ii", 1, 0)
"""With it a close is a reset."""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket for `connected`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


async def connected(listening: socket.socket) -> tuple[RawClient, socket.socket]:
    """A client, and the server's end of its connection, which are closed by whoever asks."""
    client = await RawClient.connect(listening.getsockname()[1], handshake=False)
    server, _ = await asyncio.get_running_loop().sock_accept(listening)
    return client, server


async def serve(aiohttp_server: Serve, *answers: bytes) -> int:
    """A server that first sends ``answers`` past the protocol, then echoes; returns its port."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=["chat"])
        await ws.prepare(request)
        assert request.transport is not None
        request.transport.writelines(answers)
        async for msg in ws:
            if msg.type is WSMsgType.TEXT:
                await ws.send_str(msg.data)
            else:
                await ws.send_bytes(msg.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    server = await aiohttp_server(app)
    return int(server.port or 0)


async def test_it_shakes_hands(aiohttp_server: Serve, raw_client: Connect) -> None:
    """Status, headers and the accept key can be looked at."""
    client = await raw_client(await serve(aiohttp_server), subprotocols="chat")
    assert (client.status, client.reason) == (101, "Switching Protocols")
    assert client.headers["sec-websocket-accept"] == client.expected_accept
    assert client.headers["sec-websocket-protocol"] == "chat"


async def test_a_header_of_the_handshake_can_be_replaced_or_left_out(
    aiohttp_server: Serve, raw_client: Connect
) -> None:
    """An empty value leaves the header out, and the server's refusal can be read."""
    client = await raw_client(await serve(aiohttp_server), headers={"Sec-WebSocket-Key": ""})
    assert client.status == 400


async def test_it_sends_and_receives_every_form_of_length(
    aiohttp_server: Serve, raw_client: Connect
) -> None:
    """7, 16 and 64 bits of length, masked on the way there and bare on the way back."""
    client = await raw_client(await serve(aiohttp_server))
    for size in (0, 125, 126, 65535, 65536):
        client.send_frame(BINARY, b"x" * size)
        assert await client.recv_frame() == Frame(BINARY, b"x" * size)


async def test_it_sends_fragments(aiohttp_server: Serve, raw_client: Connect) -> None:
    """A message in two frames comes back in one."""
    client = await raw_client(await serve(aiohttp_server))
    client.send_frame(TEXT, "hel", fin=False)
    client.send_frame(0, "lo", mask=b"abcd")
    assert (await client.recv_frame()).text == "hello"


async def test_it_shows_reserved_bits_and_masks(aiohttp_server: Serve, raw_client: Connect) -> None:
    """Whatever the server puts into a frame's head can be seen."""
    answer = build_frame(TEXT, "hi", rsv1=True, rsv2=True, rsv3=True, fin=False)
    client = await raw_client(await serve(aiohttp_server, answer))
    expected = Frame(TEXT, b"hi", fin=False, rsv1=True, rsv2=True, rsv3=True, masked=True)
    assert await client.recv_frame() == expected


async def test_it_tells_the_close_code_and_the_end(
    aiohttp_server: Serve, raw_client: Connect
) -> None:
    """A close frame is read like any other, and what follows it is the end."""
    answer = build_frame(CLOSE, close_payload(4001, "bye"), mask=False)
    client = await raw_client(await serve(aiohttp_server, answer))
    frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code, frame.close_reason) == (CLOSE, 4001, "bye")
    client.send_close()
    client.send_eof()
    assert (await client.wait_closed()).how is How.EOF


async def test_it_tells_eof_from_reset(listening: socket.socket) -> None:
    """How the server went away is seen, and what it sent before."""
    for how in How:
        client, server = await connected(listening)
        with server:
            await asyncio.get_running_loop().sock_sendall(server, b"rest")
            assert await client.recv_raw(2) == b"re"
            if how is How.RESET:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        assert await client.wait_closed() == Ending(how, b"st")
        client.close()


async def test_its_abort_is_a_reset(listening: socket.socket) -> None:
    """The other side meets ConnectionResetError."""
    client, server = await connected(listening)
    client.abort()
    with server, pytest.raises(ConnectionResetError):
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().sock_recv(server, 1)


async def test_a_handshake_that_fails_leaves_no_connection(listening: socket.socket) -> None:
    """The server reads the request, and then the end."""
    connecting = asyncio.create_task(RawClient.connect(listening.getsockname()[1]))
    loop = asyncio.get_running_loop()
    server, _ = await loop.sock_accept(listening)
    with server:
        server.shutdown(socket.SHUT_WR)
        with pytest.raises(asyncio.IncompleteReadError):
            await connecting
        async with asyncio.timeout(5):
            while await loop.sock_recv(server, 1024):
                pass


@pytest.mark.parametrize("name", LOOPS)
def test_any_thread_may_collect_it(name: str, listening: socket.socket) -> None:
    """A reset keeps its traceback, and with it the client, until the collector finds the two."""

    async def meet_a_reset() -> None:
        client, server = await connected(listening)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        server.close()
        assert (await client.wait_closed()).how is How.RESET
        client.close()

    with asyncio.Runner(loop_factory=loop_factory_or_skip(name)) as runner:
        gc.disable()
        try:
            runner.run(meet_a_reset())
            in_thread = threading.Thread(target=gc.collect)
            in_thread.start()
            in_thread.join()
        finally:
            gc.enable()
