"""A relay in front of a server, which counts the bytes of each direction."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

CHUNK = 64 * 1024

Direction = Literal["to server", "to client"]


class Relay:
    def __init__(self, listening: socket.socket, server_port: int) -> None:
        self._listening = listening
        self._server_port = server_port
        self._loop = asyncio.get_running_loop()
        self.port: int = listening.getsockname()[1]
        self.bytes: dict[Direction, int] = {"to server": 0, "to client": 0}

    async def accept(self) -> None:
        """Carry every connection that comes, until this is cancelled."""
        async with asyncio.TaskGroup() as connections:
            while True:
                client, _ = await self._loop.sock_accept(self._listening)
                connections.create_task(self._carry(client))

    async def _carry(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            server.setblocking(False)
            await self._loop.sock_connect(server, ("127.0.0.1", self._server_port))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy("to server", client, server))
                both.create_task(self._copy("to client", server, client))

    async def _copy(self, direction: Direction, source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):  # one that resets the connection has no more to say, either
            while data := await self._loop.sock_recv(source, CHUNK):
                self.bytes[direction] += len(data)
                await self._loop.sock_sendall(to, data)
            to.shutdown(socket.SHUT_WR)


@asynccontextmanager
async def relay_to(server_port: int) -> AsyncIterator[Relay]:
    """Relay from a free port of the loopback interface to ``server_port``, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        relay = Relay(listening, server_port)
        accepting = asyncio.create_task(relay.accept())
        try:
            yield relay
        finally:
            accepting.cancel()
            await asyncio.wait([accepting])
