"""The tests' own client, with aiohttp's server and with a server of raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from raw_client import BINARY, CLOSE, TEXT, Frame, How, RawClient, build_frame, close_payload

Connect = Callable[..., Awaitable[RawClient]]
Serve = Callable[[web.Application], Awaitable[TestServer]]


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


async def test_it_tells_eof_from_reset() -> None:
    """How the server went away is seen, and what it sent before."""
    lost = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline() == b"eof\n":
            writer.write(b"rest")
            writer.close()
        else:
            await reader.read()
            lost.set()
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = await RawClient.connect(port, handshake=False)
        client.send_raw(b"eof\n")
        ending = await client.wait_closed()
        assert (ending.how, ending.rest) == (How.EOF, b"rest")
        client.close()


async def test_its_abort_is_a_reset() -> None:
    """The other side meets ConnectionResetError."""
    reset = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        except ConnectionResetError:
            reset.set_result(True)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        client = await RawClient.connect(server.sockets[0].getsockname()[1], handshake=False)
        client.abort()
        async with asyncio.timeout(5):
            assert await reset
