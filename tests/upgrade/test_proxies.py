"""`trust_proxies`: what a request is behind proxies, and that nobody else can say it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from aiows import RegistrationError, WebSocket, WebSocketRoute, trust_proxies
from aiows.upgrade import proxies
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Headers = list[tuple[str, str]]

HOST_TOO = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port")
LOOPBACK = ("127.0.0.0/8", "::1")


def showing(**options: Any) -> web.Application:
    """An application that answers with scheme, host and remote of the request."""

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.scheme} {request.host} {request.remote}")

    app = web.Application(middlewares=[trust_proxies(**options)])
    app.add_routes([web.get("/", show)])
    return app


async def ask(connect: Connect, port: int, headers: Headers) -> tuple[int, str]:
    usual = [("Host", "app.example"), ("Upgrade", ""), ("Connection", "close")]
    client = await connect(port, headers=[*usual, *headers])
    return client.status, (await client.wait_closed()).rest.decode()


FOR, PROTO, HOST, PORT = (
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
)


@pytest.mark.parametrize(
    ("hops", "headers", "seen"),
    [
        (1, [], "http app.example 127.0.0.1"),
        (1, [(FOR, "192.0.2.1")], "http app.example 192.0.2.1"),
        (1, [(FOR, "6.6.6.6, 192.0.2.1")], "http app.example 192.0.2.1"),
        (2, [(FOR, "6.6.6.6, 192.0.2.1, 10.0.0.1")], "http app.example 192.0.2.1"),
        (
            2,
            [(FOR, "6.6.6.6"), (FOR, "192.0.2.1"), (FOR, "10.0.0.1")],
            "http app.example 192.0.2.1",
        ),
        (3, [(FOR, "192.0.2.1")], "http app.example 192.0.2.1"),
        (1, [(FOR, "192.0.2.1:4711")], "http app.example 192.0.2.1"),
        (1, [(FOR, "[2001:DB8::1]:4711")], "http app.example 2001:db8::1"),
        (1, [(FOR, "2001:db8::1")], "http app.example 2001:db8::1"),
        (1, [(FOR, "::ffff:192.0.2.1")], "http app.example 192.0.2.1"),
        (1, [(FOR, "unknown")], "http app.example 127.0.0.1"),
        (1, [(FOR, "")], "http app.example 127.0.0.1"),
        (1, [(PROTO, "https")], "https app.example 127.0.0.1"),
        (1, [(PROTO, "HTTPS")], "https app.example 127.0.0.1"),
        (1, [(PROTO, "wss")], "https app.example 127.0.0.1"),
        (1, [(PROTO, "ws")], "http app.example 127.0.0.1"),
        (2, [(PROTO, "https,http")], "https app.example 127.0.0.1"),
        (2, [(PROTO, "http"), (PROTO, "https, http")], "https app.example 127.0.0.1"),
        (2, [(PROTO, "https"), (FOR, "192.0.2.1, 10.0.0.1")], "https app.example 192.0.2.1"),
        (1, [(HOST, "evil.example"), (PORT, "8443")], "http app.example 127.0.0.1"),
        (1, [("Forwarded", "for=6.6.6.6;proto=https")], "http app.example 127.0.0.1"),
    ],
)
async def test_so_many_proxies_are_trusted_and_no_more(
    serve: Serve, raw_client: Connect, hops: int, headers: Headers, seen: str
) -> None:
    """What stands before the words of the last of them was written by the client itself."""
    assert await ask(raw_client, await serve(showing(hops=hops)), headers) == (200, seen)


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ([(HOST, "shop.example:8443")], "http shop.example:8443 127.0.0.1"),
        ([(HOST, "evil.example, shop.example")], "http shop.example 127.0.0.1"),
        ([(PORT, "8080")], "http app.example:8080 127.0.0.1"),
        ([(PORT, "80")], "http app.example 127.0.0.1"),
        ([(PROTO, "https"), (PORT, "443")], "https app.example 127.0.0.1"),
        ([(PROTO, "https"), (PORT, "8443")], "https app.example:8443 127.0.0.1"),
        ([(HOST, "shop.example:8443"), (PORT, "443")], "http shop.example:8443 127.0.0.1"),
        ([(HOST, "[::1]"), (PORT, "8443")], "http [::1]:8443 127.0.0.1"),
    ],
)
async def test_host_and_port_are_taken_where_the_proxy_sets_them(
    serve: Serve, raw_client: Connect, headers: Headers, seen: str
) -> None:
    """The port of a Host is what the browser has used; a proxy may say the one that it drops."""
    app = showing(hops=1, headers=HOST_TOO)
    assert await ask(raw_client, await serve(app), headers) == (200, seen)


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ([(FOR, "192.0.2.1")], "http app.example 192.0.2.1"),
        ([(FOR, "6.6.6.6, 192.0.2.1")], "http app.example 192.0.2.1"),
        ([(FOR, "6.6.6.6, 192.0.2.1, 127.0.0.2, ::1")], "http app.example 192.0.2.1"),
        ([(FOR, "127.0.0.3, 127.0.0.2")], "http app.example 127.0.0.3"),
        ([(FOR, "192.0.2.1, 127.0.0.2"), (PROTO, "https,http")], "https app.example 192.0.2.1"),
        ([(FOR, "192.0.2.1"), (PROTO, "https,http")], "http app.example 192.0.2.1"),
        ([(FOR, "192.0.2.1, unknown"), (PROTO, "https")], "https app.example 127.0.0.1"),
    ],
)
async def test_proxies_of_trusted_networks_are_counted(
    serve: Serve, raw_client: Connect, headers: Headers, seen: str
) -> None:
    """From this server on, up to the first address that is none of theirs: the client."""
    app = showing(networks=LOOPBACK)
    assert await ask(raw_client, await serve(app), headers) == (200, seen)


async def test_who_comes_from_elsewhere_is_not_believed(serve: Serve, raw_client: Connect) -> None:
    """A client that goes past the proxies may say what it likes."""
    app = showing(networks=["10.0.0.0/8"], headers=HOST_TOO)
    said = [(FOR, "6.6.6.6, 10.0.0.1"), (PROTO, "https"), (HOST, "evil.example"), (PORT, "1")]
    seen = "http app.example 127.0.0.1"
    assert await ask(raw_client, await serve(app), said) == (200, seen)


@pytest.mark.parametrize(
    ("hops", "value", "seen"),
    [
        (1, "for=192.0.2.1;proto=https", "https app.example 192.0.2.1"),
        (1, 'For="192.0.2.1:4711"; Proto=WSS ;by=_edge', "https app.example 192.0.2.1"),
        (1, 'for="[2001:db8:cafe::17]:4711"', "http app.example 2001:db8:cafe::17"),
        (1, 'for=6.6.6.6;proto=https, for="_hidden"', "http app.example 127.0.0.1"),
        (1, 'for=192.0.2.1;host="shop.example:8443"', "http shop.example:8443 192.0.2.1"),
        (1, "for=192.0.2.1;host=shop.example:8443", "http shop.example:8443 192.0.2.1"),
        (1, 'for=192.0.2.1;host="shop\\.example"', "http shop.example 192.0.2.1"),
        (2, "for=6.6.6.6, for=192.0.2.1;proto=https, for=10.0.0.1", "https app.example 192.0.2.1"),
        (2, "for=192.0.2.1,, for=10.0.0.1;proto=https;", "https app.example 192.0.2.1"),
        (1, "proto=https, for=192.0.2.1", "http app.example 192.0.2.1"),
    ],
)
async def test_forwarded_is_read_as_rfc_7239_says(
    serve: Serve, raw_client: Connect, hops: int, value: str, seen: str
) -> None:
    """Element by element: what one proxy does not say is not taken from one that is not trusted."""
    app = showing(hops=hops, headers=["Forwarded"])
    said = [(FOR, "6.6.6.6"), (PROTO, "ftp"), ("Forwarded", value)]
    assert await ask(raw_client, await serve(app), said) == (200, seen)


@pytest.mark.parametrize(
    "headers",
    [
        [(PROTO, "ftp")],
        [(PROTO, "https http")],
        [(HOST, "a b")],
        [(HOST, "shop.example/path")],
        [(PORT, "x")],
        [(PORT, "99999")],
        [("Forwarded", 'for=6.6.6.6;x="'), ("Forwarded", 'for="[2001:db8::1]"')],
        [("Forwarded", "for=6.6.6.6;for=192.0.2.1")],
        [("Forwarded", "for=[2001:db8::1]")],
        [("Forwarded", "for")],
        [("Forwarded", "proto=gopher")],
    ],
    ids=str,
)
async def test_what_cannot_be_read_is_answered_with_400(
    serve: Serve, raw_client: Connect, headers: Headers
) -> None:
    """It is never left out: a client's quote that does not end would hide what the proxy adds."""
    standard = headers[0][0] == "Forwarded"
    app = showing(hops=1, headers=["Forwarded"] if standard else HOST_TOO)
    status, text = await ask(raw_client, await serve(app), headers)
    assert status == 400
    assert "that a proxy has forwarded cannot be read: '" in text


@given(st.lists(st.text('abf=;,:[]"\\ \t.17', max_size=12), max_size=4))
def test_whatever_a_client_says_the_proxys_own_words_are_last(lines: list[str]) -> None:
    """Or nothing is believed at all."""
    own = {"for": "[2001:db8::1]", "proto": "https"}
    try:
        elements = proxies._elements_of(", ".join([*lines, 'for="[2001:db8::1]";proto=https']))
    except web.HTTPBadRequest:
        return
    assert elements[-1] == own


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "either hops or networks"),
        ({"hops": 1, "networks": ["::1"]}, "either hops or networks"),
        ({"hops": 0}, "from 1 on, not 0"),
        ({"hops": True}, "from 1 on, not True"),
        ({"hops": "1"}, "from 1 on, not '1'"),
        ({"networks": "10.0.0.0/8"}, "networks is a collection"),
        ({"networks": ["10.0.0.1/8"]}, "has host bits set"),
        ({"networks": ["proxy"]}, "'proxy'"),
        ({"hops": 1, "headers": "Forwarded"}, "headers is a collection of X-Forwarded-For"),
        ({"hops": 1, "headers": []}, "headers is a collection"),
        ({"hops": 1, "headers": ["X-Real-IP"]}, "headers is a collection"),
        ({"hops": 1, "headers": ["Forwarded", "X-Forwarded-For"]}, "Forwarded alone"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(options: Any, problem: str) -> None:
    """In the words of what it should be."""
    with pytest.raises(RegistrationError, match=r"^trust_proxies: ") as refused:
        trust_proxies(**options)
    assert problem in str(refused.value)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.parametrize("proto", ["https", "HTTPS", "wss", "https,https"])
async def test_pages_behind_a_proxy_that_speaks_tls_may_connect(
    face: Face, serve: Serve, raw_client: Connect, proto: str
) -> None:
    """Those of the same origin, and no others; in every face."""
    app = face.serve(lambda ws, text: ws.push(text), {"origins": "same"})
    app.middlewares.append(trust_proxies(hops=1))
    port = await serve(app)
    headers = [("Host", "app.example:8443"), (PROTO, proto)]
    client = await raw_client(port, headers=[*headers, ("Origin", "https://app.example:8443")])
    assert client.status == 101
    client.send_text("hello")
    assert (await client.recv_frame()).text == "hello"
    for origin in ("https://evil.example", "http://app.example:8443", "https://app.example"):
        refused = await raw_client(port, headers=[*headers, ("Origin", origin)])
        assert refused.status == 403


async def test_an_endpoint_is_told_the_clients_address(serve: Serve, raw_client: Connect) -> None:
    """Without the port of the proxy's own socket."""
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    route = WebSocketRoute("/")

    @route.ws_handler
    async def talk(ws: WebSocket) -> None:
        told.set_result(ws.client)
        await ws.accept()

    app = web.Application(middlewares=[trust_proxies(hops=1)])
    app.add_routes([route])
    await raw_client(await serve(app), headers={FOR: "192.0.2.1"})
    assert await told == ("192.0.2.1", 0)
