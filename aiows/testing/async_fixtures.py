"""Fixtures for ``async`` tests: connections to applications in the test's own event loop.

They start servers with pytest-aiohttp's ``aiohttp_client``, and take whatever it takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeAlias

import pytest_asyncio
from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import BaseTestServer, TestClient

from .clock import VirtualClock
from .slow_consumer import SlowConsumer

__all__ = ("aiows_started_clients", "slow_consumer", "virtual_clock", "websocket_connect")

Server: TypeAlias = "web.Application | BaseTestServer | TestClient[Any, Any]"
AiohttpClient: TypeAlias = "Callable[[Any], Awaitable[TestClient[Any, Any]]]"
WebSocketConnect: TypeAlias = Callable[..., Awaitable[ClientWebSocketResponse]]
_Connecting: TypeAlias = AbstractAsyncContextManager[ClientWebSocketResponse]
ConnectSlowly: TypeAlias = Callable[..., Awaitable[SlowConsumer]]


class StartedClients:
    """One client for each application or server of a test, shared by all fixtures."""

    def __init__(self, start: AiohttpClient) -> None:
        self._start = start
        self._clients: dict[int, tuple[Server, TestClient[Any, Any]]] = {}

    async def of(self, server: Server) -> TestClient[Any, Any]:
        if isinstance(server, TestClient):
            return server
        if id(server) not in self._clients:
            self._clients[id(server)] = server, await self._start(server)
        return self._clients[id(server)][1]


@pytest_asyncio.fixture
async def aiows_started_clients(aiohttp_client: AiohttpClient) -> StartedClients:
    """Share the clients that ``aiohttp_client`` has started between the fixtures below."""
    return StartedClients(aiohttp_client)


@pytest_asyncio.fixture
async def websocket_connect(
    aiows_started_clients: StartedClients,
) -> AsyncIterator[WebSocketConnect]:
    """Connect with aiohttp's client.

    ``ws = await websocket_connect(app, "/chat", protocols=["a"])``

    The first argument is an application, a server of ``aiohttp_server`` or a client of
    ``aiohttp_client``; the path is "/" by default, options are those of
    `aiohttp.ClientSession.ws_connect`. Connections are closed at the end of the test.
    """
    async with AsyncExitStack() as connections:

        async def connect(
            server: Server, path: str = "/", **options: Any
        ) -> ClientWebSocketResponse:
            client: Any = await aiows_started_clients.of(server)
            connecting: _Connecting = client.ws_connect(path, **options)
            return await connections.enter_async_context(connecting)

        yield connect


@pytest_asyncio.fixture
async def slow_consumer(
    aiows_started_clients: StartedClients,
) -> AsyncIterator[ConnectSlowly]:
    """Connect a client that reads only when the test says so.

    ``consumer = await slow_consumer(app, "/feed", receive_buffer=4096)``

    The first two arguments are those of ``websocket_connect``, options are those of
    `aiows.testing.SlowConsumer.connect`. Connections are dropped at the end of the test.
    """
    async with AsyncExitStack() as connections:

        async def connect(server: Server, path: str = "/", **options: Any) -> SlowConsumer:
            url = (await aiows_started_clients.of(server)).make_url(path)
            return await connections.enter_async_context(await SlowConsumer.connect(url, **options))

        yield connect


@pytest_asyncio.fixture
async def virtual_clock() -> AsyncIterator[VirtualClock]:
    """Stop the time of the test's event loop: ``await virtual_clock.advance(120)``."""
    with VirtualClock() as clock:
        yield clock
