"""The ten lines of the documentation, with which a page comes back without our client, in Node."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aiows import HUB, History, Topic, WebSocketView, setup
from node_packages import NEEDS_NODE, has_node

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "history.md"

# A page knows its address; and nobody waits five seconds for a test.
BEFORE = """
const Socket = globalThis.WebSocket, later = setTimeout;
globalThis.WebSocket = class extends Socket { constructor(path) { super("ws://127.0.0.1:PORT" + path); } };
globalThis.setTimeout = (call, wait) => later(call, wait / 100);
const show = (message) => console.log(JSON.stringify(message.n)), reload = () => console.log('"reload"');
"""


class Room(WebSocketView):
    def may_subscribe(self, topic: str) -> bool:
        return True


@pytest.fixture
async def node() -> AsyncIterator[Callable[[str], Awaitable[asyncio.subprocess.Process]]]:
    """Run a script, and end it with the test."""
    running: list[asyncio.subprocess.Process] = []

    async def run(script: str) -> asyncio.subprocess.Process:
        command = ("node", "--no-warnings", "--experimental-websocket", "-e", script)
        running.append(await asyncio.create_subprocess_exec(*command, stdout=PIPE))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        await process.communicate()


@pytest.mark.skipif(not has_node(), reason=NEEDS_NODE)
async def test_a_page_comes_back_with_nothing_missing(
    serve: Callable[..., Awaitable[int]], node: Callable[[str], Awaitable[Any]]
) -> None:
    """Connections are closed again and again while messages are published: each is shown once, in order.

    A message that says that others are missing has it load what it shows, and is not shown itself.
    """
    app = web.Application()
    app.router.add_view("/ws", Room)
    hub = setup(app, topics=[Topic("room:*", history=History(size=1000))])
    port = await serve(app)
    (script,) = re.findall(r"```js\n(let at.*?)```", PAGE.read_text(), re.DOTALL)
    process = await node(BEFORE.replace("PORT", str(port)) + script)

    async def heard() -> Any:
        return json.loads(await process.stdout.readline())

    async def first() -> None:
        """It has joined: from now on nothing may be missing."""
        hearing = asyncio.ensure_future(heard())
        while not hearing.done():
            await hub.publish("room:a", {"kind": "said", "n": "ready"})
            await asyncio.wait([hearing], timeout=0.02)
        assert await hearing == "ready"

    async def numbers(count: int) -> list[Any]:
        shown: list[Any] = []
        while len(shown) < count:
            if (each := await heard()) != "ready":
                shown.append(each)
        return shown

    async with asyncio.timeout(60):
        await first()
        for start in range(0, 100, 10):
            for number in range(start, start + 10):
                if number % 10 == 5:
                    app[HUB].close_all(1012)
                await hub.publish("room:a", {"kind": "said", "n": number})
            assert await numbers(10) == list(range(start, start + 10))
        lost = {"kind": "aiows.lost", "position": [*await hub.position("room:a")], "@": ["room:a"]}
        await hub.broadcast(lost)
        await hub.publish("room:a", {"kind": "said", "n": 100})
        assert await numbers(2) == ["reload", 100]
        app[HUB].close_all(1012)
        await hub.publish("room:a", {"kind": "said", "n": 101})
        assert await numbers(1) == [101]
