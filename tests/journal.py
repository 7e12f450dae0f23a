"""Callbacks that write down when they are called, so that a test can wait for a call."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from aiows import Connection, OpCode, SendStatus, setup, websocket
from raw_client import RawClient


def app_with(*routes: web.RouteDef) -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    setup(app)
    return app


class Journal:
    """Callbacks that write down when they are called; a test waits for an entry."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.ws: Connection
        self._news = asyncio.Event()

    def note(self, *entry: Any) -> None:
        self.entries.append(entry)
        self._news.set()

    async def wait_for(self, *start: Any) -> Any:
        """The first entry that begins like this."""
        async with asyncio.timeout(5):
            while True:
                for entry in self.entries:
                    if entry[: len(start)] == start:
                        return entry
                self._news.clear()
                await self._news.wait()

    def count(self, name: str) -> int:
        return sum(1 for entry in self.entries if entry[0] == name)

    def open(self, ws: Connection) -> None:
        self.ws = ws
        self.note("open")

    def message(self, ws: Connection, message: str | bytes, opcode: OpCode) -> None:
        self.note("message", message, opcode)

    def close(self, ws: Connection, code: int, message: str) -> None:
        self.note("close", code, message)

    def subscription(self, ws: Connection, topic: str, count: int, before: int) -> None:
        self.note("subscription", topic, count, before)

    def route(self, path: str = "/", **more: Any) -> web.RouteDef:
        own = {"open": self.open, "message": self.message, "close": self.close}
        return websocket(path, {**own, **more})


def fill(ws: Connection, message: bytes = bytes(16 * 1024)) -> list[SendStatus]:
    """Send until the answer is no longer SUCCESS."""
    statuses = [ws.send(message)]
    while statuses[-1] is SendStatus.SUCCESS:
        statuses.append(ws.send(message))
    return statuses


async def read(client: RawClient, size: int) -> None:
    """Read whole frames until ``size`` bytes of payload have come."""
    while size > 0:
        size -= len((await client.recv_frame()).payload)
