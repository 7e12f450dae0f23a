"""In go fields, out come fields: a raw client that speaks JSON with a view that serves kinds."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from aiows import KindDispatcher, WebSocketResponse
from raw_client import CLOSE, PING, PONG, RawClient, close_payload


class JsonClient:
    """Says and hears JSON over ``raw``."""

    def __init__(self, raw: RawClient) -> None:
        self.raw = raw

    def say(self, kind: str, **fields: Any) -> None:
        self.raw.send_text(json.dumps({"kind": kind, **fields}))

    async def hear(self) -> dict[str, Any]:
        frame = await self.raw.recv_frame()
        message: dict[str, Any] = json.loads(frame.payload)
        return message

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Say it, and return what is heard next."""
        self.say(kind, **fields)
        return await self.hear()

    async def until_read(self) -> None:
        """Wait until the server has read all that was said."""
        self.raw.send_frame(PING)
        assert (await self.raw.recv_frame()).opcode == PONG

    async def leave(self) -> None:
        """Close, and wait for the answer; what comes before it is thrown away."""
        self.raw.send_frame(CLOSE, close_payload(1000))
        while (await self.raw.recv_frame()).opcode != CLOSE:
            pass


def app_with(kinds: KindDispatcher, **options: Any) -> web.Application:
    """An application whose ``/`` serves ``kinds`` in a loop of its own; ``options`` of its response."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(**options)
        await ws.prepare(request)
        async for msg in ws:
            await kinds.dispatch(ws, msg)
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    return app
