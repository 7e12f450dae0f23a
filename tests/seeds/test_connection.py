"""Seed 001, row by row: a connection to await on, in a plain aiohttp handler and mounted as a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import (
    ClientWebSocketResponse,
    WSMessageTypeError,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from aiohttp.test_utils import TestClient
from multidict import CIMultiDictProxy, MultiDictProxy
from pytest_aiohttp import AiohttpClient

from aiows import ConnectionClosed, WebSocket, WebSocketDisconnect, WebSocketRoute, websocket
from aiows.endpoint import WebSocketURL
from server_side import ProductionServer, Result

Talk: TypeAlias = Callable[[WebSocket], Awaitable[None]]
Client: TypeAlias = TestClient[Any, Any]
Serve: TypeAlias = Callable[[Talk], Awaitable[Client]]

PATH = "/rooms/{room}/users/{username}"
URL = "/rooms/caf%C3%A9/users/ann?search=tea&search=milk"


def in_a_handler(talk: Talk) -> web.AbstractRouteDef:
    """What one writes in a plain aiohttp application."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request)
        await talk(ws)
        return ws.response

    return web.get(PATH, handler)


def as_a_function(talk: Talk) -> web.AbstractRouteDef:
    """What one mounts without aiohttp's request in sight; its only parameter needs no type."""

    async def endpoint(websocket) -> None:  # type: ignore[no-untyped-def]
        await talk(websocket)

    return websocket(PATH, endpoint)


def on_a_route(talk: Talk) -> web.AbstractRouteDef:
    """The same, on a route of its own."""
    route = WebSocketRoute(PATH)

    @route.ws_handler
    async def endpoint(websocket: WebSocket) -> None:
        await talk(websocket)

    return route


@pytest.fixture(params=[in_a_handler, as_a_function, on_a_route])
async def serve(
    request: pytest.FixtureRequest, aiohttp_client: AiohttpClient
) -> AsyncIterator[Serve]:
    """Serve what a test does with its `WebSocket`; each test runs with every way to mount it."""
    raised: list[BaseException] = []

    async def serve(talk: Talk) -> Client:
        async def checked(ws: WebSocket) -> None:
            try:
                await talk(ws)
            except (AssertionError, pytest.fail.Exception) as error:
                raised.append(error)
                raise

        app = web.Application()
        app.add_routes([request.param(checked)])
        return await aiohttp_client(ProductionServer(app))

    yield serve
    for error in raised:
        raise error


async def closed_with(client: ClientWebSocketResponse) -> tuple[int | None, str | None]:
    """Read the Close frame that the server sends next."""
    message = await client.receive(timeout=5)
    assert message.type is WSMsgType.CLOSE
    return message.data, message.extra


async def test_b01_a_websocket_is_a_mapping_like_a_scope(serve: Serve) -> None:
    """Keys, membership, length and iteration; the object itself is a key, whatever it contains."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        twin = WebSocket(ws.request)
        result.set(
            (dict(ws), len(ws), "path" in ws, "body" in ws, {ws: 1}, ws in (twin, dict(ws)), twin)
        )

    client = await serve(talk)
    async with client.ws_connect(URL, protocols=["a", "b"]):
        scope, length, has_path, has_body, table, is_equal, twin = await result.get()
    assert scope["type"] == "websocket"
    assert scope["path"] == "/rooms/café/users/ann"
    assert scope["raw_path"] == b"/rooms/caf%C3%A9/users/ann"
    assert scope["query_string"] == b"search=tea&search=milk"
    assert scope["path_params"] == {"room": "café", "username": "ann"}
    assert scope["subprotocols"] == ["a", "b"]
    assert scope["client"][0] == "127.0.0.1"
    assert scope["client"].port != client.port
    assert scope["server"] == ("127.0.0.1", client.port)
    assert (b"upgrade", b"websocket") in scope["headers"]
    assert (length, has_path, has_body) == (len(scope), True, False)
    assert not is_equal
    assert twin not in table


async def test_b02_the_url_is_a_str_that_knows_its_parts(serve: Serve) -> None:
    """With the scheme of the WebSocket, not of its handshake."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        result.set(ws.url)

    client = await serve(talk)
    async with client.ws_connect(URL):
        url = await result.get()
    assert isinstance(url, WebSocketURL)
    assert isinstance(url, str)
    assert url == f"ws://127.0.0.1:{client.port}{URL}"
    assert (url.scheme, url.is_secure) == ("ws", False)
    assert url.host == url.hostname == "127.0.0.1"
    assert (url.port, url.netloc) == (client.port, f"127.0.0.1:{client.port}")
    assert (url.path, url.query, url.fragment) == (*URL.split("?"), "")


async def test_b03_headers_and_parameters_are_the_requests(serve: Serve) -> None:
    """Headers in any case, several values of one query parameter, names in the path as a dict."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        result.set((ws.headers, ws.query_params, ws.path_params, ws.cookies))

    client = await serve(talk)
    async with client.ws_connect(URL, headers={"X-Flavour": "Mint", "Cookie": "a=1"}):
        headers, query_params, path_params, cookies = await result.get()
    assert isinstance(headers, CIMultiDictProxy)
    assert headers["sec-websocket-version"] == "13"
    assert headers["x-FLAVOUR"] == "Mint"
    assert isinstance(query_params, MultiDictProxy)
    assert query_params["search"] == "tea"
    assert query_params.getall("search") == ["tea", "milk"]
    assert path_params == {"room": "café", "username": "ann"}
    assert type(path_params) is dict
    assert cookies == {"a": "1"}


async def test_b04_accept_sends_the_subprotocol_and_headers(serve: Serve) -> None:
    """Headers as a mapping, or as ASGI's pairs of bytes, with one name several times."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept(
            "soap", [(b"x-taste", b"sweet"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        )
        result.set((ws.subprotocol, ws.subprotocols))

    client = await serve(talk)
    async with client.ws_connect(URL, protocols=["wamp", "soap"]) as ws:
        assert await result.get() == ("soap", ["wamp", "soap"])
        headers = ws._response.headers
    assert ws.protocol == "soap"
    assert headers["X-Taste"] == "sweet"
    assert headers.getall("Set-Cookie") == ["a=1", "b=2"]


async def test_b05_text_bytes_and_json_are_sent(serve: Serve) -> None:
    """JSON as TEXT or as BINARY; another mode is a ValueError that names both."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text("tea")
        await ws.send_bytes(b"\0\1")
        await ws.send_json({"a": [1]})
        await ws.send_json({"a": [2]}, mode="binary")
        with pytest.raises(ValueError, match="'text' or 'binary', not 'xml'") as caught:
            await ws.send_json({}, mode="xml")  # type: ignore[arg-type]
        result.set(caught.value)

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        messages = [await ws.receive(timeout=5) for _ in range(4)]
    assert [(each.type, each.data) for each in messages] == [
        (WSMsgType.TEXT, "tea"),
        (WSMsgType.BINARY, b"\0\1"),
        (WSMsgType.TEXT, '{"a":[1]}'),
        (WSMsgType.BINARY, b'{"a":[2]}'),
    ]
    await result.get()


async def test_b06_text_bytes_and_json_are_received(serve: Serve) -> None:
    """The wrong sort of message says what was expected and what came, and the next one is fine."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        got: list[Any] = [await ws.receive_text(), await ws.receive_bytes()]
        got += [await ws.receive_json(), await ws.receive_json(mode="binary")]
        with pytest.raises(WSMessageTypeError, match="TEXT message was expected, BINARY of 3 "):
            await ws.receive_text()
        with pytest.raises(WSMessageTypeError, match="BINARY message was expected, TEXT of 4 "):
            await ws.receive_json(mode="binary")
        with pytest.raises(ValueError, match="'text' or 'binary', not 'xml'"):
            await ws.receive_json(mode="xml")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="invalid literal"):
            await ws.receive_json()
        result.set([*got, await ws.receive_text()])

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        await ws.send_str("tea")
        await ws.send_bytes(b"\0\1")
        await ws.send_json([1])
        await ws.send_bytes(b"[2]")
        await ws.send_bytes(b"\0\1\2")
        await ws.send_str("[22]")
        await ws.send_str("no JSON")
        await ws.send_str("bye")
        assert await result.get() == ["tea", b"\0\1", [1], [2], "bye"]


async def test_b07_a_disconnect_is_raised_with_its_code_and_reason(serve: Serve) -> None:
    """By whatever is awaited, and again by whoever goes on; sending says the same."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        for receive in (ws.receive_text, ws.receive_bytes, ws.receive_json) * 5:
            with pytest.raises(WebSocketDisconnect) as caught:
                await receive()
            assert (caught.value.code, caught.value.reason) == (4001, "enough")
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.send_text("too late")
        assert isinstance(caught.value, ConnectionClosed)
        await ws.close()
        result.set((caught.value.code, ws.closed, ws.close_code, ws.push("too late")))

    client = await serve(talk)
    ws = await client.ws_connect(URL)
    await ws.close(code=4001, message=b"enough")
    code, closed, close_code, status = await result.get()
    assert (code, closed, close_code) == (4001, True, 4001)
    assert not status


async def test_b07_a_peer_that_is_lost_disconnects_with_1006(serve: Serve) -> None:
    """Without a Close frame there is no reason either."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.receive_text()
        except WebSocketDisconnect as end:
            result.set((end.code, end.reason))
            raise

    client = await serve(talk)
    ws = await client.ws_connect(URL)
    assert ws._response.connection is not None
    transport = ws._response.connection.transport
    assert transport is not None
    transport.abort()
    assert await result.get() == (1006, "")


@pytest.mark.parametrize(
    ("iterate", "send", "values"),
    [
        (WebSocket.iter_text, ClientWebSocketResponse.send_str, ["a", "b"]),
        (WebSocket.iter_bytes, ClientWebSocketResponse.send_bytes, [b"a", b"b"]),
        (WebSocket.iter_json, ClientWebSocketResponse.send_json, [["a"], {"b": 1}]),
    ],
    ids=["text", "bytes", "json"],
)
async def test_b08_iterators_end_at_the_disconnect(
    serve: Serve, iterate: Any, send: Any, values: list[Any]
) -> None:
    """No exception reaches the loop, nor one that comes afterwards."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        got = [value async for value in iterate(ws)]
        result.set(got + [value async for value in iterate(ws)])

    client = await serve(talk)
    ws = await client.ws_connect(URL)
    for value in values:
        await send(ws, value)
    await ws.close()
    assert await result.get() == values


async def test_b08_json_in_binary_messages_is_iterated_too(serve: Serve) -> None:
    """A loop that breaks takes no more than it was given; the next one goes on."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            assert text == "binary"
            break
        async for value in ws.iter_json(mode="binary"):
            await ws.close()
            result.set(value)

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        await ws.send_str("binary")
        await ws.send_bytes(b'{"d":1}')
        assert await closed_with(ws) == (1000, "")
        assert await result.get() == {"d": 1}


async def test_b09_close_sends_code_and_reason(serve: Serve) -> None:
    """1000 without a reason unless told otherwise; a second close changes nothing."""

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        if await ws.receive_text() == "say why":
            await ws.close(code=4002, reason="schluß")
        await ws.close()

    client = await serve(talk)
    for text, expected in (("say why", (4002, "schluß")), ("close", (1000, ""))):
        async with client.ws_connect(URL) as ws:
            await ws.send_str(text)
            assert await closed_with(ws) == expected


async def test_b09_a_reason_that_is_too_long_is_a_clear_error(serve: Serve) -> None:
    """123 bytes of UTF-8 fit, and the connection lives on; so it is with codes that may not be sent."""

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="123 bytes"):
            await ws.close(reason="ß" * 62)
        await ws.accept()
        with pytest.raises(ValueError, match="123 bytes"):
            await ws.close(reason="ß" * 62)
        with pytest.raises(ValueError, match="1006"):
            await ws.close(1006)
        await ws.send_text("alive")
        await ws.close(reason="x" * 123)

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        assert await ws.receive_str() == "alive"
        assert await closed_with(ws) == (1000, "x" * 123)


async def test_b10_messages_of_asgi_do_the_same(serve: Serve) -> None:
    """A whole conversation in ASGI's words."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        got = [await ws.receive()]
        await ws.send({"type": "websocket.accept", "subprotocol": "a", "headers": [(b"x-a", b"b")]})
        await ws.send({"type": "websocket.send", "text": "tea", "bytes": None})
        await ws.send({"type": "websocket.send", "bytes": b"\0"})
        got += [await ws.receive(), await ws.receive(), await ws.receive()]
        result.set(got)

    client = await serve(talk)
    ws = await client.ws_connect(URL, protocols=["a"])
    assert (ws.protocol, ws._response.headers["X-A"]) == ("a", "b")
    assert (await ws.receive_str(), await ws.receive_bytes()) == ("tea", b"\0")
    await ws.send_str("milk")
    await ws.send_bytes(b"\1")
    await ws.close(code=4000, message=b"bye")
    assert await result.get() == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "milk"},
        {"type": "websocket.receive", "bytes": b"\1"},
        {"type": "websocket.disconnect", "code": 4000, "reason": "bye"},
    ]


async def test_b10_an_impossible_step_is_a_runtime_error(serve: Serve) -> None:
    """Before accept, after it and after the end; what was right before stays right."""
    result = Result()
    send_text = {"type": "websocket.send", "text": "a"}

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="connecting"):
            await ws.send_text("a")
        with pytest.raises(RuntimeError, match="connecting"):
            await ws.send({"type": "websocket.http.response.body"})
        with pytest.raises(RuntimeError, match="accept"):
            await ws.receive_text()
        with pytest.raises(RuntimeError, match="accept"):
            ws.push("a")
        assert await ws.receive() == {"type": "websocket.connect"}
        with pytest.raises(RuntimeError, match="accept"):
            await ws.receive()
        await ws.accept()
        with pytest.raises(RuntimeError, match="open"):
            await ws.accept()
        with pytest.raises(RuntimeError, match=r"'websocket\.dance' cannot be sent"):
            await ws.send({"type": "websocket.dance"})
        with pytest.raises(ValueError, match="either text or bytes"):
            await ws.send({"type": "websocket.send"})
        await ws.send({"type": "websocket.close", "code": 4003, "reason": "over"})
        for message in (send_text, {"type": "websocket.close"}, {"type": "websocket.accept"}):
            with pytest.raises(RuntimeError, match="code 4003, reason 'over'"):
                await ws.send(message)
        with pytest.raises(ConnectionClosed):
            await ws.send_text("a")
        assert (await ws.receive())["code"] == 4003
        with pytest.raises(RuntimeError, match="nothing to come"):
            await ws.receive()
        await ws.close()
        result.set()

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        assert await closed_with(ws) == (4003, "over")
        await result.get()


async def test_b11_close_before_accept_answers_403(serve: Serve) -> None:
    """Also in ASGI's words; what then follows is a RuntimeError, but for another close."""
    result: list[Any] = []

    async def talk(ws: WebSocket) -> None:
        if ws.query_params["how"] == "asgi":
            await ws.send({"type": "websocket.close", "code": 4000})
        else:
            await ws.close(4000, "go away")
        await ws.close()
        with pytest.raises(RuntimeError, match="denied"):
            await ws.accept()
        with pytest.raises(RuntimeError, match="denied"):
            await ws.receive_text()
        result.append((ws.closed, ws.close_code, ws.response.status))

    client = await serve(talk)
    for how in ("asgi", "await"):
        with pytest.raises(WSServerHandshakeError) as caught:
            await client.ws_connect(f"/rooms/a/users/b?how={how}")
        assert caught.value.status == 403
    assert result == [(True, None, 403)] * 2


async def test_b12_any_response_can_be_sent_instead_of_the_101(serve: Serve) -> None:
    """With its status, headers and body; not a second one, and not one that denies nothing."""
    result = Result()

    async def talk(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="101"):
            await ws.send_denial_response(web.Response(status=101))
        response = web.json_response({"retry": 5}, status=429, headers={"Retry-After": "5"})
        await ws.send_denial_response(response)
        with pytest.raises(RuntimeError, match="denied"):
            await ws.send_denial_response(web.Response())
        result.set(ws.response is response)

    client = await serve(talk)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with client.get(URL, headers=headers) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "5")
        assert await response.json() == {"retry": 5}
    assert await result.get()


async def test_b12_a_response_can_be_sent_in_asgis_words(serve: Serve) -> None:
    """A start, and a body in as many pieces as one likes."""

    async def talk(ws: WebSocket) -> None:
        headers = [(b"content-type", b"text/plain")]
        await ws.send({"type": "websocket.http.response.start", "status": 402, "headers": headers})
        for part, more in ((b"pay ", True), (b"first", False)):
            await ws.send({"type": "websocket.http.response.body", "body": part, "more_body": more})
        with pytest.raises(RuntimeError, match="denied"):
            await ws.send({"type": "websocket.http.response.body"})

    client = await serve(talk)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with client.get(URL, headers=headers) as response:
        assert (response.status, response.content_type) == (402, "text/plain")
        assert await response.text() == "pay first"


async def test_b12_after_accept_it_is_a_runtime_error(serve: Serve) -> None:
    """The connection lives on."""

    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(RuntimeError, match="open"):
            await ws.send_denial_response(web.Response(status=403))
        await ws.send_text("alive")

    client = await serve(talk)
    async with client.ws_connect(URL) as ws:
        assert await ws.receive_str() == "alive"
        assert await closed_with(ws) == (1000, "")
