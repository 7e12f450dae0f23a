"""`WebSocket`: the third face of a connection, beyond what its seed asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web

from aiows import (
    HUB,
    ConnectionRegistry,
    Hub,
    HubMissing,
    KindDispatcher,
    ProtocolError,
    WebSocket,
    WebSocketDisconnect,
    setup,
)
from raw_client import BINARY, CLOSE, PING, PONG, TEXT, RawClient, build_frame
from server_side import Result

Serve: TypeAlias = Callable[..., Awaitable[int]]
Connect: TypeAlias = Callable[..., Awaitable[RawClient]]
Talk: TypeAlias = Callable[[WebSocket], Awaitable[None]]


def app_with(talk: Talk, **options: Any) -> web.Application:
    async def handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request, **options)
        await talk(ws)
        return ws.response

    app = web.Application()
    app.router.add_get("/", handler)
    return app


async def listen(ws: WebSocket) -> None:
    await ws.accept()
    async for _ in ws.iter_text():
        pass


# accept


async def test_a_page_of_another_site_is_refused(serve: Serve, raw_client: Connect) -> None:
    """Unless it is named; with "*" any page may connect."""
    evil = {"Origin": "http://evil.example"}
    assert (await raw_client(await serve(app_with(listen)), headers=evil)).status == 403
    port = await serve(app_with(listen, origins="*"))
    assert (await raw_client(port, headers=evil)).status == 101
    port = await serve(app_with(listen))
    own = {"Origin": f"http://127.0.0.1:{port}"}
    assert (await raw_client(port, headers=own)).status == 101


async def test_a_subprotocol_that_the_client_does_not_offer_is_not_sent(
    serve: Serve, raw_client: Connect
) -> None:
    """It would have to fail the connection (RFC 6455, section 4.1)."""
    result: list[str | None] = []

    async def talk(ws: WebSocket) -> None:
        await ws.accept("soap")
        result.append(ws.subprotocol)

    port = await serve(app_with(talk))
    for offered in ("wamp", None):
        client = await raw_client(port, subprotocols=offered)
        assert "sec-websocket-protocol" not in client.headers
    assert result == [None, None]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Accept": "mine"},
        {"sec-websocket-extensions": "x"},
        [(b"connection", b"close")],
        {"Content-Length": "5"},
        {"X-Injected": "a\r\nSet-Cookie: b=1"},
    ],
)
async def test_headers_that_would_break_the_handshake_are_refused(
    serve: Serve, raw_client: Connect, headers: Any
) -> None:
    """And another accept may follow."""

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match=r"is not yours to set|header"):
            await ws.accept(headers=headers)
        await ws.accept(headers={"X-Right": "yes"})

    client = await raw_client(await serve(app_with(talk)))
    assert (client.status, client.headers["x-right"]) == (101, "yes")
    assert "set-cookie" not in client.headers


async def test_what_is_no_upgrade_cannot_be_accepted(serve: Serve, raw_client: Connect) -> None:
    """aiohttp answers with what accept raises."""
    client = await raw_client(await serve(app_with(listen)), headers={"Upgrade": "h2c"})
    assert client.status == 400


async def test_who_accepts_unasked_is_not_told_of_a_connect(
    serve: Serve, raw_client: Connect
) -> None:
    """The first message that ASGI's receive gives is then the peer's."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        result.set(await ws.receive())

    client = await raw_client(await serve(app_with(talk)))
    client.send_text("a")
    assert await result.get() == {"type": "websocket.receive", "text": "a"}


async def test_another_connection_that_breaks_during_accept_is_no_disconnect(
    serve: Serve, raw_client: Connect
) -> None:
    """As that to a store of sessions, which on_response_prepare asks."""

    async def ask_the_store(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:
            raise ConnectionResetError("the store has gone")

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(ConnectionResetError) as caught:
            await ws.accept()
        assert not isinstance(caught.value, WebSocketDisconnect)
        await ws.close()

    app = app_with(talk)
    app.on_response_prepare.append(ask_the_store)
    assert (await raw_client(await serve(app))).status == 403


async def test_without_an_answer_there_is_no_response(serve: Serve, raw_client: Connect) -> None:
    """A handler that forgets to accept is told so."""

    async def forgetful(ws: WebSocket) -> None:
        assert not ws.closed
        assert ws.close_code is None
        with pytest.raises(RuntimeError, match="neither accepted nor denied"):
            _ = ws.response

    assert (await raw_client(await serve(app_with(forgetful)))).status == 500


async def test_frames_that_come_with_the_handshake_are_received(
    serve: Serve, raw_client: Connect
) -> None:
    """In the same segment, before accept was called."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        result.set([text async for text in ws.iter_text()])

    client = await raw_client(await serve(app_with(talk)), handshake=False)
    client.send_request("localhost", "/", [])
    client.send_raw(build_frame(TEXT, "a") + build_frame(TEXT, "b") + build_frame(CLOSE))
    await client.recv_response()
    assert await result.get() == ["a", "b"]


# the connection behind it


async def test_a_silent_peer_is_pinged_and_given_up(serve: Serve, raw_client: Connect) -> None:
    """After idle_timeout, of which the ping is the last third."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive_text()
        result.set((caught.value.code, type(caught.value.__cause__)))

    client = await raw_client(await serve(app_with(talk, idle_timeout=0.06)))
    assert (await client.recv_frame()).opcode == PING
    assert await result.get() == (1006, TimeoutError)


async def test_a_broken_protocol_is_a_disconnect_with_its_cause(
    serve: Serve, raw_client: Connect
) -> None:
    """What came before it is received first."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        assert await ws.receive_text() == "a"
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive_text()
        result.set((caught.value.code, caught.value.__cause__))

    client = await raw_client(await serve(app_with(talk)))
    client.send_raw(build_frame(TEXT, "a") + build_frame(3, ""))
    code, cause = await result.get()
    assert code == 1002
    assert isinstance(cause, ProtocolError)
    assert (await client.recv_frame()).close_code == 1002


async def test_it_is_one_of_the_faces(serve: Serve, raw_client: Connect) -> None:
    """A registry, topics and kind handlers take it, and handlers get it as it is."""
    registry = ConnectionRegistry()
    kinds = KindDispatcher()
    faces: list[Any] = []

    @kinds.on("join")
    def join(ws: WebSocket, face: WebSocket, request: web.Request, hub: Hub, topic: str) -> str:
        faces.extend((ws, face))
        assert request is ws.request
        hub.registry.subscribe(ws, topic)
        return str(ws.user_id)

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        with registry.add("ann", ws):
            await kinds.serve(ws)
        assert faces == [ws, ws]

    app = app_with(talk)
    setup(app)
    client = await raw_client(await serve(app))
    client.send_text('{"kind":"join","topic":"tea","ref":1}')
    assert (await client.recv_frame()).text == '{"kind":"reply","ref":1,"result":"ann"}'
    assert registry.push("ann", "for ann") == 1
    assert (await client.recv_frame()).text == "for ann"
    assert await app[HUB].publish("tea", b"for all") == 1
    frame = await client.recv_frame()
    assert (frame.opcode, frame.payload) == (BINARY, b"for all")
    client.send_close(4000)
    assert (await client.recv_frame()).close_code == 4000
    await client.wait_closed()
    assert "ann" not in registry


async def test_without_a_hub_it_says_so(serve: Serve, raw_client: Connect) -> None:
    """Before accept and after it."""

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(HubMissing):
            ws.required_hub()
        await ws.accept()
        with pytest.raises(HubMissing):
            ws.subscribe("tea")

    assert (await raw_client(await serve(app_with(talk)))).status == 101


async def test_it_answers_pings_and_awaits_one_reader(serve: Serve, raw_client: Connect) -> None:
    """Two at once could not both have the next message."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        reader = asyncio.ensure_future(ws.receive_text())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="Concurrent"):
            await ws.receive_text()
        result.set(await reader)

    client = await raw_client(await serve(app_with(talk)))
    client.send_frame(PING, b"x")
    assert (await client.recv_frame()).opcode == PONG
    client.send_text("a")
    assert await result.get() == "a"


async def test_sending_waits_for_a_slow_reader(serve: Serve, raw_client: Connect) -> None:
    """Nothing is dropped, and little waits."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        most = 0
        for number in range(200):
            await ws.send_bytes(bytes([number]) * 50_000)
            most = max(most, ws.buffered_amount)
        result.set(most)

    port = await serve(app_with(talk, compress=False))
    client = await raw_client(port, receive_buffer=4096)
    for number in range(200):
        assert (await client.recv_frame()).payload[:1] == bytes([number])
    assert await result.get() < 200_000


@pytest.mark.parametrize(("method", "wrong"), [("send_text", b"a"), ("send_bytes", "a")])
async def test_the_wrong_type_cannot_be_sent(
    serve: Serve, raw_client: Connect, method: str, wrong: Any
) -> None:
    """A bytes that goes as TEXT would be garbage to its reader."""

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(TypeError, match=f"{method} takes"):
            await getattr(ws, method)(wrong)
        with pytest.raises(TypeError):
            await ws.send_json(object())
        await ws.send_text("alive")

    client = await raw_client(await serve(app_with(talk)))
    assert (await client.recv_frame()).text == "alive"


async def test_it_knows_its_scheme_and_its_peer(tmp_path: Path) -> None:
    """Over a Unix socket there is no address; behind a proxy the request may be told the scheme."""
    result = Result()

    async def handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request.clone(scheme="https"))
        result.set((ws.client, ws.url.scheme, ws["scheme"], ws.url.port, repr(ws)))
        await ws.close()
        return ws.response

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    connector = aiohttp.UnixConnector(str(tmp_path / "s"))
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect("ws://example.org/")
    assert await result.get() == (None, "wss", "wss", 443, "<WebSocket connecting '/'>")
    await runner.cleanup()
