"""An echo server for Autobahn, on the event loop that is named; it prints its port.

Run as ``python echo_server.py LOOP``, one of `event_loops.LOOPS`; it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import WSMsgType, web

from aiows import WebSocketResponse

sys.path.append(str(Path(__file__).parents[1]))  # it runs in a process of its own

from event_loops import loop_factory

MAX_MSG_SIZE = 2**25
"""Bytes; the longest message of section 9 has half of it."""


async def echo(request: web.Request) -> web.StreamResponse:
    """Send every message back as it came."""
    ws = WebSocketResponse(max_msg_size=MAX_MSG_SIZE)
    await ws.prepare(request)
    async for msg in ws:
        if msg.type is WSMsgType.TEXT:
            await ws.send_str(msg.data)
        elif msg.type is WSMsgType.BINARY:
            await ws.send_bytes(msg.data)
    return ws


async def serve() -> None:
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
        runner.run(serve())
