"""After the 101 a request still knows its transport, in every face; it is only read from there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import trustme
from aiohttp import web

from aiows import WebSocket, WebSocketResponse, WebSocketView, websocket
from aiows.errors import TransportTaken
from aiows.upgrade import ReadOnlyTransport
from eventually import eventually
from raw_client import RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Look = Callable[[web.Request], None]


def drop_in(look: Look) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        look(request)
        async for _ in ws:
            await ws.send_str("done")
        return ws

    return web.get("/", view)


def handler_of_a_websocket(look: Look) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request)
        await ws.accept()
        look(request)
        async for _ in ws.iter_text():
            await ws.send_text("done")
        return ws.response

    return web.get("/", view)


def function_endpoint(look: Look) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        look(ws.request)
        async for _ in ws.iter_text():
            await ws.send_text("done")

    return websocket("/", talk)


def view_class(look: Look) -> web.RouteDef:
    class View(WebSocketView):
        def on_open(self) -> None:
            look(self.request)

        def on_message(self, msg: Any) -> None:
            self.ws.push("done")

    return web.view("/", View)


def callbacks(look: Look) -> web.RouteDef:
    requests: list[web.Request] = []

    def upgrade(res: Any, req: Any, _: Any) -> None:
        requests.append(req.request)
        res.upgrade()

    return websocket(
        "/",
        upgrade=upgrade,
        open=lambda ws: look(requests[0]),
        message=lambda ws, message, opcode: ws.push("done") and None,
    )


every_face = pytest.mark.parametrize(
    "face", [drop_in, handler_of_a_websocket, function_endpoint, view_class, callbacks]
)
Face = Callable[[Look], web.RouteDef]


def app_with(route: web.AbstractRouteDef, *middlewares: Any) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.add_routes([route])
    return app


async def check_clean(client: RawClient) -> None:
    """Not one byte but the answer has come."""
    client.send_text("go on")
    frame = await client.recv_frame()
    assert frame.text == "done"
    client.send_close(1000)
    assert (await client.recv_frame()).close_code == 1000
    assert (await client.wait_closed()).rest == b""


@every_face
async def test_a_request_still_knows_its_transport(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """What a program asks of it, by the transport and by the request itself."""
    seen: dict[str, Any] = {}

    def look(request: web.Request) -> None:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        seen["peer"] = transport.get_extra_info("peername")
        seen["peer of the request"] = request.get_extra_info("peername")
        seen["nothing"] = request.get_extra_info("no such thing", "default")
        seen["is_closing"] = transport.is_closing()
        seen["is_reading"] = transport.is_reading()
        seen["size"] = transport.get_write_buffer_size()
        seen["is_same"] = request.transport == transport and len({request.transport, transport})
        seen["can_write_eof"] = transport.can_write_eof()
        seen["high"] = transport.get_write_buffer_limits()[1] >= 0
        seen["protocol"] = isinstance(transport.get_protocol(), asyncio.BufferedProtocol)
        seen["repr"] = repr(transport).startswith("<ReadOnlyTransport of <Connection ")
        seen["clone"] = request.clone().remote

    client = await raw_client(await serve(app_with(face(look))))
    await check_clean(client)
    assert seen.pop("peer") == seen.pop("peer of the request") == client.sockname
    assert seen == {
        "nothing": "default",
        "is_closing": False,
        "is_reading": True,
        "size": 0,
        "is_same": 1,
        "can_write_eof": False,
        "high": True,
        "protocol": True,
        "repr": True,
        "clone": "127.0.0.1",
    }


CALLS: dict[str, Callable[[asyncio.Transport], Any]] = {
    "write": lambda transport: transport.write(b"\x81\x02hi"),
    "writelines": lambda transport: transport.writelines([b"\x81\x02hi"]),
    "write_eof": lambda transport: transport.write_eof(),
    "close": lambda transport: transport.close(),
    "abort": lambda transport: transport.abort(),
    "set_protocol": lambda transport: transport.set_protocol(asyncio.Protocol()),
    "set_write_buffer_limits": lambda transport: transport.set_write_buffer_limits(high=1),
    "pause_reading": lambda transport: transport.pause_reading(),
    "resume_reading": lambda transport: transport.resume_reading(),
}


@every_face
async def test_writing_and_closing_are_errors_that_change_nothing(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """They say what there is instead; the stream has only what the WebSocket sends."""
    complaints: dict[str, str] = {}

    def look(request: web.Request) -> None:
        for name, call in CALLS.items():
            with pytest.raises(TransportTaken) as raised:
                call(cast(asyncio.Transport, request.transport))
            complaints[name] = str(raised.value)

    await check_clean(await raw_client(await serve(app_with(face(look)))))
    assert complaints.keys() == CALLS.keys()
    for name, complaint in complaints.items():
        assert complaint.startswith(f"{name}(): since the 101 the transport can only be read from")
        assert "send_str()" in complaint


def test_every_method_of_a_transport_is_answered() -> None:
    """One that a new Python adds is found here, and not by the peer."""
    theirs = {name for name in dir(asyncio.Transport) if not name.startswith("_")}
    assert theirs <= vars(ReadOnlyTransport).keys()


async def test_what_has_not_left_counts_wherever_it_waits(
    serve: Serve, raw_client: Connect
) -> None:
    """A program that looks whether a peer is slow sees it."""
    sizes: list[int] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        while ws.push(bytes(32 * 1024)):
            pass
        assert request.transport is not None
        sizes.append(request.transport.get_write_buffer_size())
        sizes.append(ws.buffered_amount)
        ws.connection.abort()
        return ws

    client = await raw_client(await serve(view), receive_buffer=4096)
    await eventually(lambda: len(sizes) == 2)
    assert sizes[0] == sizes[1] > 900 * 1024
    client.abort()


async def test_the_transport_of_a_lost_connection_is_none(
    serve: Serve, raw_client: Connect
) -> None:
    """As aiohttp has it: who asks gets the default."""
    requests: list[web.Request] = []
    client = await raw_client(await serve(app_with(drop_in(requests.append))))
    await eventually(lambda: requests)
    client.abort()
    await eventually(lambda: requests[0].transport is None)
    assert requests[0].get_extra_info("peername", "default") == "default"


async def test_a_middleware_that_clones_the_request_hides_nothing(
    serve: Serve, raw_client: Connect
) -> None:
    """The ones before it have the original."""
    peers: list[Any] = []

    @web.middleware
    async def outer(request: web.Request, handler: Any) -> web.StreamResponse:
        async def look() -> None:
            await eventually(lambda: peers)
            peers.append(request.get_extra_info("peername"))

        task = asyncio.create_task(look())
        response: web.StreamResponse = await handler(request)
        await task
        return response

    @web.middleware
    async def cloning(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request.clone())
        return response

    route = drop_in(lambda request: peers.append(request.get_extra_info("peername")))
    client = await raw_client(await serve(app_with(route, outer, cloning)))
    await eventually(lambda: len(peers) == 2)
    assert peers == [client.sockname] * 2


async def test_a_peers_certificate_is_known_after_the_101(raw_client: Connect) -> None:
    """A server that identifies peers by it asks when it has the WebSocket."""
    authority = trustme.CA()
    certificates: list[Any] = []

    def look(request: web.Request) -> None:
        ssl_object = request.get_extra_info("ssl_object")
        certificates.append(ssl_object.getpeercert(binary_form=True))

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    authority.issue_cert("a.node").configure_cert(client_tls)
    runner = web.AppRunner(app_with(drop_in(look)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    client = await raw_client(runner.addresses[0][1], ssl=client_tls)
    await eventually(lambda: certificates)
    assert certificates[0]
    client.close()
    await runner.cleanup()
