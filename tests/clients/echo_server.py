"""An aiows server for real clients: it echoes, and remembers what it saw of each connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import WSMsgType, web

from aiows import Compression, WebSocketResponse

CLOSE_PLEASE: Final = "Please close with 4001."
PING_PLEASE: Final = "Please ping me."
SUBPROTOCOLS: Final = ("chat.v2", "chat.v1")


@dataclass
class EchoServer:
    """``ended`` holds the close code and reason of each connection that is over."""

    compression: Compression = Compression.SHARED
    port: int = 0
    ended: asyncio.Queue[tuple[int | None, str]] = field(default_factory=asyncio.Queue)
    transports: list[asyncio.Transport] = field(default_factory=list)

    async def echo(self, request: web.Request) -> WebSocketResponse:
        assert request.transport is not None
        self.transports.append(request.transport)
        ws = WebSocketResponse(
            protocols=SUBPROTOCOLS, compress=self.compression, control_messages=True
        )
        await ws.prepare(request)
        async for message in ws:
            if message.data == CLOSE_PLEASE:
                await ws.close(code=4001, message=b"That is enough.")
            elif message.data == PING_PLEASE:
                await ws.ping(b"Are you there?")
            elif message.type is WSMsgType.PONG:
                await ws.send_str(f"You answered: {message.data.decode()}")
            elif message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        self.ended.put_nowait((ws.close_code, ws.connection.close_reason))
        return ws


@asynccontextmanager
async def serve(
    compression: Compression = Compression.SHARED, tls: ssl.SSLContext | None = None
) -> AsyncIterator[EchoServer]:
    """Serve on a free port of the loopback interface."""
    server = EchoServer(compression)
    app = web.Application()
    app.router.add_get("/", server.echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()
    # A client may leave without the end that TLS has: its connection would outlive the event loop.
    for transport in server.transports:
        transport.abort()
    await asyncio.sleep(0)
