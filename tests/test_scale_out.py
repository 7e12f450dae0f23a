"""What `docs/how-to/scale-out` tells to run: several processes on one port, and one Redis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from command_server import CommandServer
from redis_server import NEEDS_REDIS, RedisServer, has_redis

pytestmark = pytest.mark.skipif(not has_redis(), reason=NEEDS_REDIS)

PAGE: Final = (Path(__file__).parents[1] / "docs" / "how-to" / "scale-out.md").read_text()

APPLICATION: Final = """
import os
from aiohttp import web
from aiows import WebSocketView, on, setup
from aiows.backplane.redis import RedisBackplane

class Room(WebSocketView):
    def on_open(self):
        self.ws.push({"kind": "process", "id": os.getpid()})
        self.ws.subscribe("room")
    @on("say")
    async def say(self, text: str):
        await self.hub.publish("room", {"kind": "said", "text": text})

app = web.Application()
app.router.add_view("/ws", Room)
setup(app, backplane=RedisBackplane("URL"))
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def server(tmp_path: Path, redis: RedisServer) -> AsyncIterator[CommandServer]:
    (command,) = re.findall(r"^gunicorn app:app .*$", PAGE, re.MULTILINE)
    (tmp_path / "app.py").write_text(APPLICATION.replace("URL", redis.url))
    server = await CommandServer.run(command, tmp_path, tmp_path)
    try:
        await server.started()
        yield server
    finally:
        await server.kill()


async def test_people_of_all_processes_hear_each_other(server: CommandServer) -> None:
    """They come until two of them are in different processes; then one speaks."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        in_processes: dict[int, aiohttp.ClientWebSocketResponse] = {}
        while len(in_processes) < 2:
            ws = await session.ws_connect(f"http://127.0.0.1:{server.port}/ws")
            process = (await ws.receive_json())["id"]
            if process in in_processes:
                await ws.close()
            else:
                in_processes[process] = ws
        clients = [*in_processes.values()]
        await _until_heard(clients)
        await clients[0].send_json({"kind": "say", "text": "hi"})
        for client in clients:
            while (await client.receive_json())["text"] != "hi":
                pass
            await client.close()
    assert await server.stop() == 0


async def _until_heard(clients: list[aiohttp.ClientWebSocketResponse]) -> None:
    """The subscription of a process is in force a moment after its first client has come."""
    for index, client in enumerate(clients):
        while True:
            await clients[0].send_json({"kind": "say", "text": f"ready {index}"})
            try:
                async with asyncio.timeout(0.2):
                    while (await client.receive_json())["text"] != f"ready {index}":
                        pass
            except TimeoutError:
                continue
            break
