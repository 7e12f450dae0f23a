"""Every private touch of aiohttp, by name: if a new aiohttp changes one, the test that names it says so."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from aiows import WebSocketResponse
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


async def test_message_tail_buffer_paused_and_reading_paused_exist(
    serve: Serve, raw_client: Connect
) -> None:
    """RequestHandler._message_tail is taken, _buffer_paused and _reading_paused are read."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    await opened.request
    assert opened.handler._message_tail == b""
    assert opened.handler._buffer_paused is False
    assert opened.handler._reading_paused is False


async def test_transport_is_none_after_the_101(serve: Serve, raw_client: Connect) -> None:
    """RequestHandler.transport: no HTTP byte can reach the wire any more."""
    opened = Opened()
    await raw_client(await serve(opened.view))
    request = await opened.request
    assert request.transport is None
    assert opened.transport is not None
    assert opened.transport.get_protocol() is opened.ws.connection.protocol
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


async def test_manager_knows_the_guest_until_the_end(serve: Serve, raw_client: Connect) -> None:
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
