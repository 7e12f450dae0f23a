"""The opening handshake is judged alike in every face, before anything of the application runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import pytest
from aiohttp import hdrs, web

from aiows import WebSocket, websocket
from raw_client import How, RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455, section 1.3, and what answers it."""
ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


def request(
    method: str = "GET", version: str = "HTTP/1.1", **headers: str | bytes | Iterable[str] | None
) -> bytes:
    """A handshake; a header of several values has as many lines, None leaves it out."""
    usual = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Key": KEY,
        "Sec_WebSocket_Version": "13",
    }
    lines = [f"{method} / {version}".encode()]
    for name, given in {**usual, **headers}.items():
        values = [given] if isinstance(given, str | bytes) else given or ()
        for value in values:
            raw = value if isinstance(value, bytes) else value.encode()
            lines.append(name.replace("_", "-").encode() + b": " + raw)
    return b"\r\n".join([*lines, b"", b""])


def any_method(app: web.Application) -> web.Application:
    """The same handler for requests of every method, where a face leaves the choice to the route."""
    (route,) = (each for each in app.router.routes() if each.method in ("GET", hdrs.METH_ANY))
    other = web.Application()
    other.router.add_route("*", "/", route.handler)
    return other


async def answer(connect: Connect, port: int, raw: bytes) -> RawClient:
    client = await connect(port, handshake=False)
    client.send_raw(raw)
    await client.recv_response()
    return client


REFUSED: Final[dict[str, tuple[bytes, int]]] = {
    "POST": (request("POST"), 405),
    "PUT": (request("PUT"), 405),
    "HEAD": (request("HEAD"), 405),
    "OPTIONS": (request("OPTIONS"), 405),
    "DELETE": (request("DELETE"), 405),
    "HTTP/1.0": (request(version="HTTP/1.0"), 400),
    "Connection is not UTF-8": (request(Connection=b"\xff\xfe"), 400),
    "Connection has no upgrade": (request(Connection="keep-alive"), 400),
    "a body": (request(Content_Length="3") + b"abc", 400),
    "a chunked body": (request(Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
    "the version is not UTF-8": (request(Sec_WebSocket_Version=b"13\xff"), 400),
    "another version": (request(Sec_WebSocket_Version="12"), 400),
    "no version": (request(Sec_WebSocket_Version=None), 400),
    "two versions": (request(Sec_WebSocket_Version=["13", "13"]), 400),
    "no key": (request(Sec_WebSocket_Key=None), 400),
    "an empty key": (request(Sec_WebSocket_Key=""), 400),
    "two keys": (request(Sec_WebSocket_Key=[KEY, KEY]), 400),
    "the key is not UTF-8": (request(Sec_WebSocket_Key=b"\xff"), 400),
    "a key that is not base64 throughout": (request(Sec_WebSocket_Key=f"!{KEY}"), 400),
    "a key with a space in it": (request(Sec_WebSocket_Key=f"{KEY[:8]} {KEY[8:]}"), 400),
    "a key that goes on after its end": (request(Sec_WebSocket_Key=f"{KEY}AAAA"), 400),
    "a key in base64 for URLs": (request(Sec_WebSocket_Key="_-_-aGlzaXNhc2Ftcyw_-w=="), 400),
    "a key of 15 bytes": (request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j"), 400),
    "a key of 17 bytes": (request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZTE="), 400),
}


@every_face
@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_opening_handshake_is_refused_and_the_connection_closed(
    face: Face, serve: Serve, raw_client: Connect, raw: bytes, status: int
) -> None:
    """RFC 6455, section 4.2.1; a peer that goes on with frames is not read as if they were requests."""
    port = await serve(any_method(face.serve(lambda ws, text: None, {})))
    client = await answer(raw_client, port, raw)
    assert client.status == status
    end = await client.wait_closed()
    assert end.how is How.EOF
    assert end.rest.isascii()


@every_face
@pytest.mark.parametrize(
    "upgrade",
    ["h2c", b"\xff", "websockets", "web socket", "websoc\N{KELVIN SIGN}et", "", None],
)
async def test_what_asks_for_no_websocket_is_refused(
    face: Face, serve: Serve, raw_client: Connect, upgrade: Any
) -> None:
    """With 426 on a route that has nothing else, with 400 where aiohttp's class answers that."""
    port = await serve(face.serve(lambda ws, text: None, {}))
    client = await answer(raw_client, port, request(Upgrade=upgrade))
    assert client.status == (400 if face.name in ("WebSocketResponse", "WebSocket") else 426)
    assert (await client.wait_closed()).rest.isascii()


@every_face
@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": "websocket, h2c"},
        {"Upgrade": "h2c ,\tWebSocket"},
        {"Upgrade": ["h2c", "websocket"]},
        {"Upgrade": ", websocket,"},
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": ["keep-alive", "upgrade"]},
        {"Sec_WebSocket_Extensions": ["x-mux", "permessage-deflate"]},
        {"Sec_WebSocket_Protocol": ["a, b", "c"]},
        {"Sec_WebSocket_Version": "8"},
        {"Content_Length": "0"},
    ],
    ids=str,
)
async def test_headers_that_are_lists_may_be_lists(
    face: Face, serve: Serve, raw_client: Connect, headers: Any
) -> None:
    """In one line or in several (RFC 9110, section 5.3), and the connection works."""
    options = face.options_of({"compress": False})
    port = await serve(face.serve(lambda ws, text: ws.push(text), options))
    client = await answer(raw_client, port, request(**headers))
    assert (client.status, client.headers["sec-websocket-accept"]) == (101, ACCEPT)
    client.send_text("hello")
    assert (await client.recv_frame()).text == "hello"


async def test_the_answer_to_another_version_says_which_one_is_spoken(
    serve: Serve, raw_client: Connect
) -> None:
    """RFC 6455, section 4.4."""
    port = await serve(FACES[0].serve(lambda ws, text: None, {}))
    client = await answer(raw_client, port, request(Sec_WebSocket_Version="25"))
    assert client.headers["sec-websocket-version"] == "13"


async def test_what_the_peer_sent_is_quoted_and_cut(serve: Serve, raw_client: Connect) -> None:
    """The answer says what was wrong, and costs no more for a header of 8 KiB."""
    port = await serve(FACES[0].serve(lambda ws, text: None, {}))
    client = await answer(raw_client, port, request(Connection="k" * 8000))
    text = (await client.wait_closed()).rest.decode()
    assert text == f"Connection has to be upgrade, not {'k' * 128!r}"


async def test_a_bad_value_in_the_query_closes_the_connection_too(
    serve: Serve, raw_client: Connect
) -> None:
    """It is a refused upgrade like the others."""

    async def talk(ws: WebSocket, limit: int) -> None:
        await ws.accept()

    app = web.Application()
    app.add_routes([websocket("/", talk)])
    client = await raw_client(await serve(app), "/?limit=many")
    assert client.status == 400
    assert (await client.wait_closed()).how is How.EOF
