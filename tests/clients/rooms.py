"""A server for clients that are cut off: topics that go on and on, a kind for requests, and streams."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from aiows import HUB, History, Topic, WebSocketView, client_js, on, setup
from aiows.kinds import Parallel

WHOLE: Final = ("room:a", "room:b")
"""Topics whose history has room for everything."""

SHORT: Final = "short:a"
"""A topic whose history is soon past whoever is not there."""

FOLDER: Final = Path(__file__).parent / "pages"
PAGE: Final = '<!doctype html><title>{0}</title><script type="module" src="/{0}.mjs"></script>'
ADDED: Final = web.AppKey("added", Counter[str])
OPEN: Final = web.AppKey("open", set[WebSocketView])


class Rooms(WebSocketView):
    def on_open(self) -> None:
        self.app[OPEN].add(self)

    def on_close(self, code: int, reason: str) -> None:
        self.app[OPEN].discard(self)

    def may_subscribe(self, topic: str) -> bool:
        return True

    @on("add", once=True, concurrency=Parallel(16))
    async def add(self, id: str) -> int:
        await asyncio.sleep(0.002)
        self.app[ADDED][id] += 1
        return self.app[ADDED][id]

    @on("count", concurrency=Parallel(16))
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number
            await asyncio.sleep(0)


async def page(request: web.Request) -> web.Response:
    # A page of `script-src 'self'` runs what is served with it, and nothing else.
    headers = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'"
    }
    text = PAGE.format(request.match_info["name"])
    return web.Response(text=text, content_type="text/html", headers=headers)


def make_app() -> web.Application:
    app = web.Application()
    app[ADDED] = Counter()
    app[OPEN] = set()
    app.router.add_view("/ws", Rooms)
    app.add_routes([web.get("/page/{name}", page), *client_js(), web.static("/", FOLDER)])
    kept = History(size=10_000)
    topics = [Topic("room:*", history=kept), Topic("short:*", history=History(size=20))]
    setup(app, topics=topics)
    return app


class Server:
    def __init__(self, app: web.Application, port: int) -> None:
        self.app = app
        self.port = port
        self.added = app[ADDED]
        self.open = app[OPEN]
        self.published: Counter[str] = Counter()

    async def publish(self, topic: str) -> None:
        self.published[topic] += 1
        await self.app[HUB].publish(topic, {"kind": "said", "n": self.published[topic]})

    async def publish_all(self, pause: float) -> None:
        """Publish on every topic, again and again, until this is cancelled."""
        while True:
            for topic in (*WHOLE, SHORT):
                await self.publish(topic)
            await asyncio.sleep(pause)


@asynccontextmanager
async def serve_rooms() -> AsyncIterator[Server]:
    app = make_app()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Server(app, runner.addresses[0][1])
    finally:
        await runner.cleanup()
