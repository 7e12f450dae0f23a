"""How a view ended, and what a middleware made of that, decides the close code."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import WebSocket, WebSocketResponse, websocket
from raw_client import CLOSE, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Fails = Callable[[], None]


def drop_in(fails: Fails) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        fails()
        return ws

    return web.get("/", view)


def handler_of_a_websocket(fails: Fails) -> web.RouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request)
        await ws.accept()
        fails()
        return ws.response

    return web.get("/", view)


def function_endpoint(fails: Fails) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        fails()

    return websocket("/", talk)


each_face = pytest.mark.parametrize("face", [drop_in, handler_of_a_websocket, function_endpoint])


def answering(answer: Callable[[], Any]) -> Any:
    """A middleware that answers every exception with what ``answer`` makes."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> Any:
        try:
            return await handler(request)
        except Exception:
            return answer()

    return middleware


def returning(value: object) -> Any:
    """A middleware that returns ``value`` whatever the view returned."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> Any:
        await handler(request)
        return value

    return middleware


def app_with(route: web.RouteDef, middleware: Any) -> web.Application:
    app = web.Application(middlewares=[middleware])
    app.add_routes([route])
    return app


def broken() -> None:
    raise LookupError("broken")


def well() -> None:
    """Nothing happens."""


async def close_code(client: RawClient) -> int | None:
    """The code of the Close, after which no byte comes."""
    frame = await client.recv_frame()
    assert frame.opcode == CLOSE
    client.send_close(frame.close_code)
    assert (await client.wait_closed()).rest == b""
    return frame.close_code


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: web.Response(status=500), id="500"),
        pytest.param(lambda: web.json_response({"error": "internal"}), id="200 as JSON"),
        pytest.param(web.StreamResponse, id="a stream"),
        pytest.param(web.HTTPInternalServerError, id="an HTTPException"),
        pytest.param(WebSocketResponse, id="another WebSocketResponse"),
        pytest.param(lambda: {"error": "internal"}, id="no response at all"),
    ],
)
@each_face
@pytest.mark.filterwarnings("ignore:returning HTTPException object:DeprecationWarning")
async def test_an_error_that_a_middleware_answers_closes_with_1011(
    face: Callable[[Fails], web.RouteDef],
    answer: Callable[[], Any],
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer cannot be sent any more, but the peer learns that it was a failure."""
    caplog.set_level(logging.CRITICAL, "aiohttp.server")
    app = app_with(face(broken), answering(answer))
    assert await close_code(await raw_client(await serve(app))) == 1011


@each_face
async def test_another_response_than_the_connections_own_closes_with_1011(
    face: Callable[[Fails], web.RouteDef], serve: Serve, raw_client: Connect
) -> None:
    """Also where nothing was raised: whoever replaces the 101 has found something wrong."""
    app = app_with(face(well), returning(web.Response(status=503)))
    assert await close_code(await raw_client(await serve(app))) == 1011


@each_face
async def test_a_view_that_returns_its_response_closes_with_1000(
    face: Callable[[Fails], web.RouteDef], serve: Serve, raw_client: Connect
) -> None:
    """A middleware that passes it on changes nothing."""
    app = app_with(face(well), answering(web.Response))
    assert await close_code(await raw_client(await serve(app))) == 1000


@each_face
async def test_a_middleware_that_returns_none_closes_with_1000_and_logs_nothing(
    face: Callable[[Fails], web.RouteDef],
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As a view that returns None: a WebSocket has nothing to return."""
    app = app_with(face(well), returning(None))
    assert await close_code(await raw_client(await serve(app))) == 1000
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
