"""What callbacks and functions raise reaches the test, through every way to use a connection."""

# ruff: noqa: PT012  # a session whose end raises is a block of statements

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import (
    Connection,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    on,
    websocket,
)
from aiows.mounting.callbacks import UpgradeRequest, UpgradeResponse
from aiows.testing import TestClient, UpgradeRefused


@pytest.fixture
def error() -> LookupError:
    """What goes wrong: one for each test, for it keeps the frames through which it was raised."""
    return LookupError("broken")


def failing(error: LookupError) -> Callable[..., None]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def failing_later(error: LookupError) -> Callable[..., Any]:
    async def fail(*_: Any) -> None:
        raise error

    return fail


def app_with(*routes: web.RouteDef) -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


@pytest.mark.parametrize("callback", [failing, failing_later])
@pytest.mark.parametrize("event", ["open", "message", "ping", "close"])
def test_a_callback_that_raises_fails_the_session(
    event: str, callback: Any, error: LookupError
) -> None:
    """Whichever it is, plain or ``async``."""
    with TestClient(app_with(websocket("/", {event: callback(error)}))) as client:
        session = client.websocket_connect("/")
        with pytest.raises(LookupError) as raised, session:
            if event == "ping":
                client.call(session._ws.ping)
            if event == "close":
                session.close()
            session.send_text("a")
            session.receive()
        assert raised.value is error


def test_an_upgrade_callback_that_raises_fails_the_connecting(error: LookupError) -> None:
    """Where one that refuses is refused."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: Any) -> None:
        if req.get_query("fail"):
            raise error
        res.write_status(403)
        res.end("no")

    with TestClient(app_with(websocket("/", upgrade=upgrade))) as client:
        with pytest.raises(LookupError) as raised:
            client.websocket_connect("/?fail=1")
        assert raised.value is error
        with pytest.raises(UpgradeRefused, match="403: no"):
            client.websocket_connect("/")


def test_a_function_that_raises_fails_the_session(error: LookupError) -> None:
    """Before it has accepted, or after."""

    async def endpoint(ws: WebSocket, early: bool = False) -> None:
        if early:
            raise error
        await ws.accept()
        await ws.send_text(await ws.receive_text())
        raise error

    with TestClient(app_with(websocket("/", endpoint))) as client:
        with pytest.raises(LookupError) as raised:
            client.websocket_connect("/", params={"early": "true"})
        assert raised.value is error
        with client.websocket_connect("/") as session:
            session.send_text("a")
            assert session.receive_text() == "a"
            with pytest.raises(LookupError) as raised:
                session.receive_text()
            assert raised.value is error


def test_a_server_that_cleans_up_before_it_raises_fails_the_pending_receive(
    error: LookupError,
) -> None:
    """The Close comes before the exception does."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        try:
            raise error
        finally:
            await ws.close(code=1011)
            await asyncio.sleep(0.05)

    with (
        TestClient(app_with(web.get("/", handler))) as client,
        client.websocket_connect("/") as session,
    ):
        with pytest.raises(LookupError) as raised:
            session.receive()
        assert raised.value is error


def test_a_function_that_learns_that_the_test_has_left_has_not_failed() -> None:
    """WebSocketDisconnect is how it ends; it has ended when the session has."""
    ended: list[str] = []

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                await ws.receive_text()
        finally:
            await asyncio.sleep(0.05)
            ended.append("endpoint")

    with TestClient(app_with(websocket("/", endpoint))) as client:
        with client.websocket_connect("/") as session:
            session.send_text("a")
        assert ended == ["endpoint"]


def test_a_kind_handler_that_raises_fails_the_session_and_its_connection_lives() -> None:
    """One of several sessions, each in its turn."""

    class View(WebSocketView):
        @on("fail")
        def fail(self, word: str) -> None:
            raise LookupError(word)

        @on("work")
        def work(self) -> None:
            pass

    app = web.Application()
    app.router.add_view("/", View)
    with (
        TestClient(app) as client,
        client.websocket_connect("/") as one,
        client.websocket_connect("/") as two,
    ):
        for session, word in ((two, "two"), (one, "one")):
            with pytest.raises(LookupError, match=word):
                session.ask("fail", word=word)
            assert session.ask("work") == {}


def test_a_failure_that_is_logged_and_raised_is_told_once(
    caplog: pytest.LogCaptureFixture, error: LookupError
) -> None:
    """By a handler that logs on aiows' loggers what it raises."""

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        try:
            raise error
        except LookupError:
            logging.getLogger("aiows").exception("again")
            raise

    with (
        TestClient(app_with(websocket("/", endpoint))) as client,
        client.websocket_connect("/") as session,
        pytest.raises(LookupError),
    ):
        session.receive()
    assert "again" in caplog.text


def test_what_a_callback_of_another_connection_raises_is_that_ones(error: LookupError) -> None:
    """One that the first connection's message has closed."""
    connections: list[Connection] = []

    def close_the_other(ws: Connection, message: Any, opcode: int) -> None:
        connections[0].close(4000)

    def closed(ws: Connection, code: int, reason: str) -> None:
        if code == 4000:
            raise error

    route = websocket("/", open=connections.append, message=close_the_other, close=closed)
    with TestClient(app_with(route)) as client:
        first = client.websocket_connect("/")
        with client.websocket_connect("/") as second:
            second.send_text("close the first")
        with pytest.raises(LookupError), first:
            pass
