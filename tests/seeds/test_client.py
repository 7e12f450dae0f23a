"""Row C8 of the features: the synchronous client of the third seed, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from aiows import WebSocketResponse
from aiows.testing import TestClient


def test_c08_the_documents_example_with_start_up_clean_up_and_the_servers_exception() -> None:
    """``with client: with client.websocket_connect(...) as websocket: websocket.receive_text()``."""
    happened: list[str] = []

    async def ws_handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        assert request.match_info["session_id"] == "session123"
        assert request.query["max_users"] == "5"
        await ws.send_str("Hello, world!")
        return ws

    async def lifespan(app: web.Application) -> AsyncIterator[None]:
        happened.append("start-up")
        yield
        happened.append("clean-up")

    app = web.Application()
    app.router.add_get("/web_socket/{session_id}", ws_handler)
    app.cleanup_ctx.append(lifespan)
    client = TestClient(app)
    with client:
        assert happened == ["start-up"]
        with client.websocket_connect("/web_socket/session123?max_users=5") as websocket:
            data: Any = websocket.receive_text()
            assert data == "Hello, world!"
        with client.websocket_connect("/web_socket/other?max_users=5") as websocket:
            with pytest.raises(AssertionError, match="session123"):
                websocket.receive_text()
            assert websocket.close_code == 1011
    assert happened == ["start-up", "clean-up"]
