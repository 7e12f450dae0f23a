"""A raw client that sends and receives JSON, for views that serve kinds."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from aiows import KindDispatcher, WebSocketResponse
from raw_client import CLOSE, PING, PONG, RawClient, close_payload


class JsonClient:
    """Sends (`say`) and receives (`hear`) JSON over ``raw``."""

    def __init__(self, raw: RawClient) -> None:
        self.raw = raw

    def say(self, kind: str, **fields: Any) -> None:
        self.raw.send_text(json.dumps({"kind": kind, **fields}))

    async def hear(self) -> dict[str, Any]:
        frame = await self.raw.recv_frame()
        message: dict[str, Any] = json.loads(frame.payload)
        return message

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a message, and return the next one that is received."""
        self.say(kind, **fields)
        return await self.hear()

    async def until_read(self) -> None:
        """Wait until the server has read everything that was sent."""
        self.raw.send_frame(PING)
        assert (await self.raw.recv_frame()).opcode == PONG

    async def leave(self) -> None:
        """Close, and wait for the answer; messages before it are dropped."""
        self.raw.send_frame(CLOSE, close_payload(1000))
        while (await self.raw.recv_frame()).opcode != CLOSE:
            pass


def app_with(kinds: KindDispatcher, **options: Any) -> web.Application:
    """Return an application that serves ``kinds`` at ``/``; ``options`` are those of its response."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(**options)
        await ws.prepare(request)
        async for msg in ws:
            await kinds.dispatch(ws, msg)
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    return app
