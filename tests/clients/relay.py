"""A relay in front of a server, which counts the bytes of each direction and can do what networks do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

CHUNK = 64 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST, and what was not sent is gone

Direction = Literal["to server", "to client"]


class Carried:
    """One connection through the relay."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.sockets = (client, server)
        self.swallowed: set[Direction] = set()
        self.left: int | None = None  # bytes for the client until it is cut
        self.task = asyncio.current_task()

    def cut(self, *, reset: bool = False) -> None:
        if reset:
            for each in self.sockets:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert self.task is not None
        self.task.cancel()

    def passes(self, direction: Direction, data: bytes) -> bytes:
        """What of ``data`` goes on."""
        if direction in self.swallowed:
            return b""
        if self.left is None or direction == "to server":
            return data
        passing = data[: self.left]
        self.left -= len(passing)
        return passing


class Relay:
    def __init__(self, listening: socket.socket, server_port: int) -> None:
        self._listening = listening
        self._server_port = server_port
        self._loop = asyncio.get_running_loop()
        self._carried: set[Carried] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port: int = listening.getsockname()[1]
        self.bytes: dict[Direction, int] = {"to server": 0, "to client": 0}
        self.cuts = 0

    def cut(self, *, reset: bool = False, after: int = 0) -> None:
        """Cut every connection: with RST or with FIN, at once or after so many more bytes for the client."""
        for each in self._carried:
            self.cuts += 1
            if after:
                each.left = after
            else:
                each.cut(reset=reset)

    def swallow(self, direction: Direction) -> None:
        """Lose whatever goes in one direction, on the connections that there are."""
        for each in self._carried:
            each.swallowed.add(direction)

    async def stall(self, seconds: float) -> None:
        """Hold everything for a while, and lose nothing of it."""
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._flows.set()

    async def accept(self) -> None:
        """Carry every connection that comes, until this is cancelled."""
        async with asyncio.TaskGroup() as connections:
            while True:
                client, _ = await self._loop.sock_accept(self._listening)
                connections.create_task(self._carry(client))

    async def _carry(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            server.setblocking(False)
            carried = Carried(client, server)
            try:
                await self._loop.sock_connect(server, ("127.0.0.1", self._server_port))
                self._carried.add(carried)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._copy(carried, "to server", client, server))
                    both.create_task(self._copy(carried, "to client", server, client))
            except ConnectionRefusedError:
                pass  # the server is being restarted
            finally:
                self._carried.discard(carried)

    async def _copy(
        self, carried: Carried, direction: Direction, source: socket.socket, to: socket.socket
    ) -> None:
        with suppress(OSError):  # one that resets the connection has no more to say, either
            while data := await self._loop.sock_recv(source, CHUNK):
                await self._flows.wait()
                self.bytes[direction] += len(data)
                await self._loop.sock_sendall(to, carried.passes(direction, data))
                if carried.left == 0:
                    carried.cut()
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
