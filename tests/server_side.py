"""Values that the server's side of a test passes to the test, and a server that runs like `web.run_app`."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class ProductionServer(TestServer):
    """Lets a handler go on when its peer has left, as `web.run_app` does and `TestServer` does not."""

    async def _make_runner(self, **options: Any) -> web.BaseRunner:
        return await super()._make_runner(**{**options, "handler_cancellation": False})


class Result:
    """A value that the server's side sets once, and that the test awaits."""

    def __init__(self) -> None:
        self._future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def set(self, value: Any = None) -> None:
        self._future.set_result(value)

    async def get(self) -> Any:
        async with asyncio.timeout(5):
            return await self._future
