"""`check_origin`: which pages may open a WebSocket, in every face, and what is said of those that may not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import WebSocketView
from raw_client import How, RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


def accepting(face: Face, origins: object) -> web.Application:
    return face.serve(lambda ws, text: None, {"origins": origins})


@every_face
@pytest.mark.parametrize(
    ("accepted", "origin"),
    [
        ("https://client.example:443", "https://client.example"),
        ("https://client.example", "https://client.example:443"),
        ("http://client.example:80", "http://client.example"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://xn--mnchen-3ya.example:443", "https://münchen.example"),
        ("HTTPS://Client.example/", "https://client.example"),
        ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("null", "null"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
async def test_an_origin_is_compared_as_browsers_do(
    face: Face, serve: Serve, raw_client: Connect, accepted: str, origin: str
) -> None:
    """By scheme, host and port, whichever way they are written."""
    port = await serve(accepting(face, [accepted, "https://other.example"]))
    assert (await raw_client(port, headers={"Origin": origin})).status == 101


@every_face
@pytest.mark.parametrize(
    "origin",
    [
        "https://client.example:8443",
        "http://client.example",
        "https://client.example.evil.example",
        "https://client.example@evil.example",
        "https://client.example//",
        "https://client.example https://evil.example",
        "client.example",
        "null",
        "*",
        "",
    ],
)
async def test_another_origin_is_refused(
    face: Face, serve: Serve, raw_client: Connect, origin: str
) -> None:
    """Also one that only looks alike."""
    port = await serve(accepting(face, ("https://client.example",)))
    assert (await raw_client(port, headers={"Origin": origin or " "})).status == 403


@every_face
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("shop.example", "http://shop.example"),
        ("shop.example", "http://shop.example:80"),
        ("shop.example:80", "http://shop.example"),
        ("SHOP.example:8080", "http://shop.example:8080"),
        ("xn--mnchen-3ya.example", "http://münchen.example"),
        ("münchen.example", "http://xn--mnchen-3ya.example"),
        ("[::1]:8080", "http://[0:0::1]:8080"),
    ],
)
async def test_same_means_the_host_and_the_port_of_the_request(
    face: Face, serve: Serve, raw_client: Connect, host: str, origin: str
) -> None:
    """With or without the port that is the scheme's own."""
    port = await serve(accepting(face, "same"))
    assert (await raw_client(port, headers={"Host": host, "Origin": origin})).status == 101


@every_face
@pytest.mark.parametrize("host", ["shop.example:8080", "shop example", "[::1", "\udcff.example"])
async def test_a_page_of_another_port_or_of_no_known_host_is_not_the_same(
    face: Face, serve: Serve, raw_client: Connect, host: str
) -> None:
    """It is a 403 and not an error of ours, whatever the Host."""
    app = accepting(face, "same")
    client = await raw_client(await serve(app), handshake=False)
    lines = (
        f"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://shop.example\r\nUpgrade: websocket\r\n"
        "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    client.send_raw(lines.encode("utf-8", "surrogateescape"))
    await client.recv_response()
    assert client.status == 403


@every_face
@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ("same", "http://app.example:8080"),
        (["https://A.example:443", "http://münchen.example"], "https://a.example or http://xn--"),
        ((), "none"),
    ],
    ids=["same", "a list", "an empty list"],
)
async def test_a_refusal_is_logged_with_what_came_and_what_was_expected(
    face: Face,
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
    origins: Any,
    expected: str,
) -> None:
    """And with the page that helps where the request came through a proxy."""
    caplog.set_level(logging.DEBUG, logger="aiows")
    port = await serve(accepting(face, origins))
    client = await raw_client(
        port, headers={"Origin": "https://app.example:8080", "Host": "app.example:8080"}
    )
    assert client.status == 403
    (record,) = [record for record in caplog.records if record.name == "aiows.handshake"]
    assert record.levelno == logging.WARNING
    assert "'https://app.example:8080'" in record.message
    assert expected in record.message
    assert "how-to/deploy" in record.message


async def test_a_long_origin_is_cut_in_the_log_and_in_the_answer(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A peer can fill no disk with it, nor write to the terminal of who reads the log."""
    port = await serve(accepting(FACES[0], "same"))
    client = await raw_client(port, headers={"Origin": "https://\x9b" + "a" * 8000})
    assert client.status == 403
    assert "\x9b" not in caplog.text
    assert "a" * 200 not in caplog.text


async def test_a_function_is_asked_about_origins_only(serve: Serve, raw_client: Connect) -> None:
    """It may read the text as a URL: what is none never comes to it."""
    asked: list[str] = []

    class View(WebSocketView):
        @staticmethod
        def origins(request: web.BaseRequest, origin: str) -> bool:
            asked.append(origin)
            return False

    app = web.Application()
    app.router.add_view("/", View)
    port = await serve(app)
    for origin in ("https://a.example", "null", "https://[::1", "https://"):
        assert (await raw_client(port, headers={"Origin": origin})).status == 403
    assert asked == ["https://a.example", "null"]


@every_face
async def test_two_origins_are_none(face: Face, serve: Serve, raw_client: Connect) -> None:
    """No browser sends two; whichever of them a proxy had looked at, ours might be the other."""
    port = await serve(accepting(face, ["https://a.example", "https://b.example"]))
    headers = [("Origin", "https://a.example"), ("Origin", "https://b.example")]
    assert (await raw_client(port, headers=headers)).status == 403


@every_face
async def test_a_refused_page_has_its_connection_closed(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """It may go on with frames, which are no requests."""
    port = await serve(accepting(face, ()))
    client = await raw_client(port, headers={"Origin": "https://a.example"})
    assert (await client.wait_closed()).how is How.EOF
