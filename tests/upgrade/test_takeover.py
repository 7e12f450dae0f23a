"""Every private touch of aiohttp, by name: if a new aiohttp changes one, the test that names it says so."""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import json
import logging
import textwrap
import weakref
import zlib
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.compression_utils import ZLibBackend
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_protocol import RequestHandler

from aiows import WebSocketResponse, WebSocketView
from aiows.upgrade import SwitchingProtocols
from raw_client import How, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Opened:
    """A view that tells the test about its request and stays until the peer goes."""

    def __init__(self) -> None:
        self.request: asyncio.Future[web.Request] = asyncio.get_running_loop().create_future()
        self.ws = WebSocketResponse()

    async def view(self, request: web.Request) -> web.StreamResponse:
        self.handler = request.protocol
        self.transport = request.transport
        assert request.protocol._manager is not None
        self.server = request.protocol._manager
        await self.ws.prepare(request)
        self.request.set_result(request)
        async for _ in self.ws:
            pass
        return self.ws


async def test_message_tail_is_taken(serve: Serve, raw_client: Connect) -> None:
    """RequestHandler._message_tail: nobody else will read what came with the handshake."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    await opened.request
    assert opened.handler._message_tail == b""


async def test_aiohttp_has_no_transport_after_the_101(serve: Serve, raw_client: Connect) -> None:
    """RequestHandler.transport: no HTTP byte can reach the wire any more."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    await opened.request
    assert opened.handler.transport is None
    assert opened.transport is not None
    assert opened.transport.get_protocol() is opened.ws.connection._protocol
    assert opened.ws.get_extra_info("peername")


async def test_logger_keeps_all_but_the_missing_return_statement(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """RequestHandler.logger is replaced for this connection alone."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    await opened.request
    with caplog.at_level(logging.DEBUG):
        opened.handler.logger.exception("Missing return statement on request handler")
        opened.handler.logger.exception("another thing")
        opened.handler.logger.debug("a detail")
    messages = [record.message for record in caplog.records if record.name == "aiohttp.server"]
    assert messages == ["another thing", "a detail"]


async def test_manager_knows_the_entry_until_the_end(serve: Serve, raw_client: Connect) -> None:
    """RequestHandler._manager: Server.connection_made and connection_lost take our object."""
    opened = Opened()
    client = await raw_client(await serve(opened.view))
    await opened.request
    assert len(opened.server.connections) == 2  # aiohttp's handler while the view runs, and ours
    client.send_close(1000)
    assert (await client.wait_closed()).how is How.EOF
    await _until(lambda: not opened.server.connections)


async def test_handle_request_is_the_name_of_the_task_that_runs_a_view(
    serve: Serve, raw_client: Connect
) -> None:
    """RequestHandler._handle_request: its task's result tells how the view ended."""
    names: list[str] = []

    async def view(request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_coro().__name__)  # type: ignore[union-attr]
        return web.Response()

    await raw_client(await serve(view))
    assert names == ["_handle_request"] == [RequestHandler._handle_request.__name__]


async def test_nothing_of_the_connection_stays_after_the_end(
    serve: Serve, raw_client: Connect
) -> None:
    """No entry, no handler, no response: also after an abort."""
    seen: list[weakref.ref[object]] = []
    opened = asyncio.Event()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(heartbeat=10)
        await ws.prepare(request)
        seen.extend(map(weakref.ref, (ws, ws.connection, request)))
        opened.set()
        async for _ in ws:
            pass
        return ws

    client = await raw_client(await serve(view))
    await opened.wait()
    client.abort()
    await _until(lambda: gc.collect() >= 0 and not any(each() for each in seen))


async def test_cleanup_ends_every_connection_with_1001_at_once() -> None:
    """Without setup(app), with clients that answer and clients that never do."""
    started = 0

    async def view(request: web.Request) -> web.StreamResponse:
        nonlocal started
        ws = WebSocketResponse()
        await ws.prepare(request)
        started += 1
        async for _ in ws:
            pass
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    clients = [await RawClient.connect(runner.addresses[0][1]) for _ in range(20)]
    await _until(lambda: started == 20)
    begin = asyncio.get_running_loop().time()
    await runner.cleanup()
    assert asyncio.get_running_loop().time() - begin < 3
    assert {(await client.recv_frame()).close_code for client in clients} == {1001}
    for client in clients:
        client.close()


async def test_on_shutdown_may_still_say_goodbye(serve: Serve) -> None:
    """aiohttp's documented idiom: a WeakSet of responses, closed in on_shutdown."""
    app = web.Application()
    websockets: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        websockets.add(ws)
        await ws.send_str("ready")
        async for _ in ws:
            pass
        return ws

    async def goodbye(_: web.Application) -> None:
        for ws in set(websockets):
            await ws.send_str("goodbye")
            await ws.close(code=4100, message=b"maintenance")

    app.router.add_get("/", view)
    app.on_shutdown.append(goodbye)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = await RawClient.connect(runner.addresses[0][1])
    assert (await client.recv_frame()).text == "ready"
    cleanup = asyncio.create_task(runner.cleanup())
    assert (await client.recv_frame()).text == "goodbye"
    assert (await client.recv_frame()).close_code == 4100
    client.send_close(4100)
    await cleanup
    client.close()


async def test_the_access_log_has_the_request(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """As with aiohttp's class: one line, status 101, when the view has ended."""
    caplog.set_level(logging.INFO, "aiohttp.access")

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        return ws

    client = await raw_client(await serve(view))
    await client.recv_frame()
    client.send_close(1000)
    await client.wait_closed()
    await _until(lambda: any('"GET / HTTP/1.1" 101' in line for line in caplog.messages))


async def _until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until ``condition`` holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


# an aiohttp that has one of them no more


class Lacking:
    """A `RequestHandler` as an aiohttp might have it: without some attributes, or where they are fixed."""

    def __init__(self, handler: RequestHandler, names: Collection[str]) -> None:
        vars(self).update(_real=handler, _names=names)

    def __getattr__(self, name: str) -> Any:
        if name in self._names and name != "transport":  # which is fixed, but there
            raise AttributeError(name)
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._names:
            raise AttributeError(name)
        setattr(self._real, name, value)


TOUCHES: Final = (
    "_manager",
    "_message_tail",
    "_messages",
    "_parser",
    "_request_parser",
    "logger",
    "transport",
)
CHANGES: Final = [pytest.param((name,), id=name) for name in TOUCHES] + [
    pytest.param(TOUCHES, id="all of them")
]


def change(request: web.Request, names: Collection[str]) -> None:
    """Let our side see an aiohttp without ``names``."""
    request._protocol = Lacking(request._protocol, names)  # type: ignore[assignment]


async def talk(client: RawClient) -> None:
    """A message that comes with the handshake, one that comes later, and the close."""
    client.send_request("localhost", "/", [])
    client.send_text("early")
    await client.recv_response()
    assert (await client.recv_frame()).text == "early"
    client.send_text("later")
    assert (await client.recv_frame()).text == "later"
    client.send_close(1000)
    assert (await client.recv_frame()).close_code == 1000
    assert (await client.wait_closed()).how is How.EOF


@pytest.mark.parametrize("names", CHANGES)
async def test_a_view_that_stays_works_without(
    serve: Serve, raw_client: Connect, names: Collection[str]
) -> None:
    """Whatever is lacking, it echoes and closes."""

    async def view(request: web.Request) -> web.StreamResponse:
        change(request, names)
        ws = WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    await talk(await raw_client(await serve(view), handshake=False))


@pytest.mark.parametrize("names", CHANGES)
async def test_a_connection_of_hooks_works_without(
    serve: Serve, raw_client: Connect, names: Collection[str]
) -> None:
    """It does not end with the view that accepted it, whoever would close the transport then."""

    class View(WebSocketView):
        async def authenticate(self, request: web.Request) -> None:
            change(request, names)

        def on_message(self, msg: Any) -> None:
            self.ws.push(msg.data)

    app = web.Application()
    app.router.add_view("/", View)
    await talk(await raw_client(await serve(app), handshake=False))


async def test_without_the_manager_a_shutdown_still_says_1001() -> None:
    """The request's task has stayed, and aiohttp cancels it."""

    class View(WebSocketView):
        async def authenticate(self, request: web.Request) -> None:
            change(request, ["_manager"])

        def on_open(self) -> None:
            self.ws.push("ready")

    app = web.Application()
    app.router.add_view("/", View)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = await RawClient.connect(runner.addresses[0][1])
    assert (await client.recv_frame()).text == "ready"
    cleanup = asyncio.create_task(runner.cleanup())
    assert (await client.recv_frame()).close_code == 1001
    client.send_close(1001)
    await cleanup
    client.close()


async def test_the_parser_and_its_queue_are_let_go(serve: Serve, raw_client: Connect) -> None:
    """RequestHandler._parser (_request_parser in 3.13) and _messages: 2 KiB that nothing is given to."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    await opened.request
    handler = cast(Any, opened.handler)
    assert getattr(handler, "_parser", getattr(handler, "_request_parser", None)) is None
    assert hasattr(handler, "_parser") or hasattr(handler, "_request_parser")
    assert handler._messages == ()


async def test_a_view_forgets_its_request(serve: Serve, raw_client: Connect) -> None:
    """AbstractView._request: the view lives as long as its connection."""
    opened: asyncio.Future[WebSocketView] = asyncio.get_running_loop().create_future()

    class View(WebSocketView):
        def on_open(self) -> None:
            assert cast(Any, self)._request is self.request
            opened.set_result(self)

    app = web.Application()
    app.router.add_view("/", View)
    await raw_client(await serve(app))
    view = await opened
    await _until(lambda: cast(Any, view)._request is None)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (WebSocketResponse, web.WebSocketResponse()),
        (SwitchingProtocols, web.StreamResponse()),
        (WebSocketView, web.View(make_mocked_request("GET", "/"))),
    ],
)
def test_what_derives_from_aiohttp_touches_nothing_that_is_private_there(
    ours: type, theirs: object
) -> None:
    """It is touched in takeover.py, and nowhere else."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(ours)))
    used = {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
    private = {name for name in dir(theirs) if name.startswith("_") and not name.endswith("__")}
    own = vars(ours).keys() - {"_abc_impl"}  # which every abstract class has
    assert not (used | own) & private


async def test_the_zlib_backend_is_aiohttps(serve: Serve, raw_client: Connect) -> None:
    """compression_utils.ZLibBackend: set_zlib_backend, called at any time, decides what compresses."""
    backend = ZLibBackend._zlib_backend
    isal = pytest.importorskip("isal.isal_zlib")
    message = json.dumps([{"number": number, "square": number**2} for number in range(200)])
    payloads: list[bytes] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(message)
        return ws

    port = await serve(view)
    try:
        for each in (backend, isal):
            aiohttp.set_zlib_backend(each)
            client = await raw_client(port, extensions="permessage-deflate")
            payloads.append((await client.recv_frame()).payload)
    finally:
        aiohttp.set_zlib_backend(backend)
    by_zlib, by_isal = payloads
    assert by_zlib != by_isal
    for payload in payloads:
        inflater = zlib.decompressobj(wbits=-15)
        assert inflater.decompress(payload + b"\x00\x00\xff\xff").decode() == message


def test_uvloop_keeps_nothing_of_http() -> None:
    """A transport of uvloop holds its last data_received, also beside a buffered protocol."""
    uvloop = pytest.importorskip("uvloop")

    class Idle(WebSocketView):
        def on_open(self) -> None:
            handlers.append(id(self.request.protocol))
            self.ws.push("ready")

    handlers: list[int] = []  # there are no weak references to them

    async def main() -> None:
        app = web.Application()
        app.router.add_view("/", Idle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = await RawClient.connect(runner.addresses[0][1])
        await client.recv_frame()
        await asyncio.sleep(0)
        gc.collect()
        alive = [id(each) for each in gc.get_objects() if isinstance(each, RequestHandler)]
        client.close()
        await runner.cleanup()
        assert len(handlers) == 1
        assert handlers[0] not in alive

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as uv:
        uv.run(main())
