"""In goes a loop's name, out comes an echo server: its port is printed once it listens.

Run as ``python echo_server.py asyncio|uvloop``; it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from aiohttp import WSMsgType, web

from aiows import WebSocketResponse

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


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "uvloop":
        import uvloop  # noqa: PLC0415  (only where it is asked for)

        return uvloop.new_event_loop
    return asyncio.new_event_loop


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
        runner.run(serve())
