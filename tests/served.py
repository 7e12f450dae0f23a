"""An application served over real sockets to tests that are no coroutines, as those of hypothesis are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

from event_loops import loop_factory
from raw_client import RawClient

__all__ = ("Served",)

T = TypeVar("T")


class Served:
    """``app`` on a port of 127.0.0.1, on the event loop that ``AIOWS_TEST_LOOP`` names; a context manager."""

    def __init__(self, app: web.Application) -> None:
        name = os.environ.get("AIOWS_TEST_LOOP", "asyncio")
        self._runner = asyncio.Runner(loop_factory=loop_factory(name))
        self._server = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.port = 0

    def __enter__(self) -> Self:
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._server.cleanup())
        self._runner.close()

    async def _start(self) -> None:
        await self._server.setup()
        await web.TCPSite(self._server, "127.0.0.1", 0).start()
        self.port = int(self._server.addresses[0][1])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end, and the server with it."""
        return self._runner.run(work)

    async def connect(self, path: str = "/", **options: Any) -> RawClient:
        """Connect a client, which the caller closes."""
        return await RawClient.connect(self.port, path, **options)
