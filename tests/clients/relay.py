"""A relay in front of a server, which counts the bytes of each direction."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

CHUNK = 64 * 1024

Direction = Literal["to server", "to client"]


class Relay:
    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.port = 0
        self.bytes: dict[Direction, int] = {"to server": 0, "to client": 0}

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Carry one connection until both sides have ended."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._copy("to server", reader, to_server))
            both.create_task(self._copy("to client", from_server, writer))

    async def _copy(self, direction: Direction, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self.bytes[direction] += len(data)
            writer.write(data)
        writer.close()


@asynccontextmanager
async def relay_to(server_port: int) -> AsyncIterator[Relay]:
    """Relay from a free port of the loopback interface to ``server_port``."""
    relay = Relay(server_port)
    server = await asyncio.start_server(relay.carry, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        # Not `async with server`: from Python 3.12 on that waits for clients that are still connected.
        server.close()
