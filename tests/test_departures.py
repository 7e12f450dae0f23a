"""A peer that leaves is no error, whichever face it left and whenever: the log has it at DEBUG.

What is an error is one record, which says on which connection, of whom, and in the handler of which kind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import (
    KindDispatcher,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    on,
    setup,
    websocket,
)
from eventually import eventually
from raw_client import BINARY, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Gone:
    """What an endpoint awaits before the upgrade: the peer has gone then."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.is_over = asyncio.Event()

    async def __call__(self, request: web.Request) -> None:
        self.has_begun.set()
        await eventually(lambda: request.transport is None)
        asyncio.get_running_loop().call_soon(self.is_over.set)


def drop_in(gone: Gone) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        await gone(request)
        ws = WebSocketResponse()
        await ws.prepare(request)
        return ws

    return web.get("/", view)


def handler_of_a_websocket(gone: Gone) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        await gone(request)
        ws = WebSocket(request)
        await ws.accept()
        return ws.response

    return web.get("/", view)


def function_endpoint(gone: Gone) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await gone(ws.request)
        await ws.accept()

    return websocket("/", talk)


def view_class(gone: Gone) -> web.RouteDef:
    class View(WebSocketView):
        async def authenticate(self, request: web.Request) -> None:
            await gone(request)

    return web.view("/", View)


def callbacks(gone: Gone) -> web.RouteDef:
    async def upgrade(res: Any, req: Any, _: Any) -> None:
        await gone(req.request)
        res.upgrade()

    return websocket("/", {"upgrade": upgrade})


def records_from(caplog: pytest.LogCaptureFixture, level: int) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.levelno >= level]


@pytest.mark.parametrize(
    "face", [drop_in, handler_of_a_websocket, function_endpoint, view_class, callbacks]
)
async def test_a_peer_that_has_gone_before_the_101_is_no_error(
    face: Callable[[Gone], web.RouteDef],
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The endpoint's exception is in the log at DEBUG, with its traceback."""
    caplog.set_level(logging.DEBUG)
    gone = Gone()
    app = web.Application()
    app.add_routes([face(gone)])
    client = await raw_client(await serve(app), handshake=False)
    client.send_request("localhost", "/", [])
    await gone.has_begun.wait()
    client.abort()
    await gone.is_over.wait()
    await eventually(lambda: any(each.exc_info for each in caplog.records))
    assert records_from(caplog, logging.WARNING) == []


async def test_another_error_before_the_101_is_one_although_the_peer_has_gone(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what the departure itself has raised is none."""
    gone = Gone()

    async def view(request: web.Request) -> web.StreamResponse:
        await gone(request)
        try:
            await WebSocketResponse().prepare(request)
        except ConnectionResetError:
            raise LookupError("a mistake") from None
        raise AssertionError("it has gone")

    client = await raw_client(await serve(view), handshake=False)
    client.send_request("localhost", "/", [])
    await gone.has_begun.wait()
    client.abort()
    await eventually(lambda: "LookupError: a mistake" in caplog.text)
    (record,) = records_from(caplog, logging.WARNING)
    assert record.levelno == logging.ERROR


# after the 101


class Sends:
    """What an endpoint does when its peer has left."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()

    async def __call__(self, send: Callable[[str], Awaitable[None]]) -> None:
        asyncio.get_running_loop().call_soon(self.is_over.set)
        await send("are you there?")

    async def from_a_group(self, send: Callable[[str], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self(send))
            tasks.create_task(self(send))


Sending = Callable[[Callable[[str], Awaitable[None]]], Awaitable[None]]


def drop_in_sends(sends: Sending) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("ready")
        async for _ in ws:
            pass
        await sends(ws.send_str)
        return ws

    return web.get("/", view)


def handler_sends(sends: Sending) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request)
        await ws.accept()
        await ws.send_text("ready")
        async for _ in ws.iter_text():
            pass
        await sends(ws.send_text)
        return ws.response

    return web.get("/", view)


def function_sends(sends: Sending) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text("ready")
        async for _ in ws.iter_text():
            pass
        await sends(ws.send_text)

    return websocket("/", talk)


def send_waits(ws: Any) -> Callable[[str], Awaitable[None]]:
    """`push` raises nothing; `drained` raises for who waits on a connection that has ended."""

    async def send(text: str) -> None:
        ws.push(text)
        await ws.drained()

    return send


def view_sends(sends: Sending) -> web.RouteDef:
    class View(WebSocketView):
        def on_open(self) -> None:
            self.ws.push("ready")

        async def on_close(self, code: int, reason: str) -> None:
            await sends(send_waits(self.ws))

    return web.view("/", View)


def callbacks_send(sends: Sending) -> web.RouteDef:
    async def close(ws: Any, code: int, message: str) -> None:
        await sends(send_waits(ws))

    return websocket("/", {"open": lambda ws: ws.push("ready") and None, "close": close})


def kinds_send(sends: Sending) -> web.RouteDef:
    kinds = KindDispatcher()

    @kinds.on("wait")
    async def wait(ws: Any) -> None:
        ws.push("ready")
        await eventually(lambda: ws.closed)
        await sends(send_waits(ws))

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    return web.get("/", view)


FACES = [drop_in_sends, handler_sends, function_sends, view_sends, callbacks_send]

# A handler that is at work when a Close comes may still send: the Close is answered when it has ended.
WAYS = [*((face, is_aborted) for face in FACES for is_aborted in (False, True)), (kinds_send, True)]


@pytest.mark.parametrize("in_a_group", [False, True])
@pytest.mark.parametrize(("face", "is_aborted"), WAYS)
async def test_sending_to_a_peer_that_has_left_is_no_error(
    face: Callable[[Sending], web.RouteDef],
    is_aborted: bool,
    in_a_group: bool,
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether it has closed or vanished, and also where a group of tasks has sent: DEBUG."""
    caplog.set_level(logging.DEBUG)
    sends = Sends()
    app = web.Application()
    app.add_routes([face(sends.from_a_group if in_a_group else sends)])
    client = await raw_client(await serve(app))
    client.send_text('{"kind":"wait"}')
    assert (await client.recv_frame()).text == "ready"
    if is_aborted:
        client.abort()
    else:
        client.send_close(1000)
    async with asyncio.timeout(5):
        await sends.is_over.wait()
    await eventually(lambda: any(each.exc_info for each in caplog.records))
    assert records_from(caplog, logging.WARNING) == []


# what is an error


class Failing(WebSocketView):
    async def authenticate(self, request: web.Request) -> str:
        return "ada"

    def on_open(self) -> None:
        if self.request.query.get("in") == "open":
            raise LookupError("broken")

    def on_message(self, msg: Any) -> None:
        raise LookupError("broken")

    async def on_close(self, code: int, reason: str) -> None:
        if code == 4000:
            raise LookupError("broken")

    @on("say")
    async def say(self) -> None:
        raise LookupError("broken")


def _binary(client: RawClient) -> None:
    client.send_frame(BINARY, b"a")


@pytest.mark.parametrize(
    ("query", "act", "what"),
    [
        ("?in=open", lambda client: None, "the hook Failing.on_open"),
        ("", _binary, "the hook Failing.on_message"),
        ("", lambda client: client.send_close(4000), "the hook Failing.on_close"),
        ("", lambda client: client.send_text('{"kind":"say"}'), "the handler of kind 'say'"),
    ],
)
async def test_a_failure_is_one_record_with_connection_user_and_kind(
    query: str,
    act: Callable[[RawClient], None],
    what: str,
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At ERROR, with its traceback."""
    app = web.Application()
    app.router.add_view("/", Failing)
    setup(app)
    client = await raw_client(await serve(app), f"/{query}")
    act(client)
    await eventually(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"{what} failed on <Connection ")
    assert ", user 'ada', connection c" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
