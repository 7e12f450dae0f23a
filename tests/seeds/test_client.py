"""Row C8 of the features: the synchronous client of the third seed, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from aiohttp import web

from aiows import AsyncResource, Ignore, WebSocket, WebSocketRoute, use
from aiows.testing import TestClient

ws_route = WebSocketRoute("web_socket/{session_id}")


async def ws_factory(ws: Ignore[WebSocket]) -> Ignore[AsyncResource[WebSocket]]:
    await ws.accept()
    yield ws
    await ws.close()


@ws_route.ws_handler
async def ws_handler(
    ws: Annotated[WebSocket, use(ws_factory, reuse=False)],
    session_id: str,
    max_users: int,
) -> None:
    assert session_id == "session123"
    assert max_users == 5
    await ws.send_text("Hello, world!")


def test_c08_the_documents_example_with_start_up_clean_up_and_the_servers_exception() -> None:
    """``with client: with client.websocket_connect(...) as websocket: websocket.receive_text()``."""
    happened: list[str] = []

    async def lifespan(app: web.Application) -> AsyncIterator[None]:
        happened.append("start-up")
        yield
        happened.append("clean-up")

    app = web.Application()
    app.add_routes([ws_route])
    app.cleanup_ctx.append(lifespan)

    client = TestClient(app)
    with client:
        assert happened == ["start-up"]
        with client.websocket_connect("/web_socket/session123?max_users=5") as websocket:
            data = websocket.receive_text()
            assert data == "Hello, world!"
        with client.websocket_connect("/web_socket/other?max_users=5") as websocket:
            with pytest.raises(AssertionError, match="session123"):
                websocket.receive_text()
            assert websocket.close_code == 1011
    assert happened == ["start-up", "clean-up"]
