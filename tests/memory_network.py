"""Connections without a kernel, and a clock that a test moves: nothing ever waits in real time.

An asyncio server uses `MemoryTransport` as it uses TCP, with flow control in both directions. The other end
is a `MemoryClient`, which reads only when the test says so. So thousands of interleavings are tried in
seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from raw_client import Frame, build_frame


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only in `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        idle = 0
        while idle < 3:
            await asyncio.sleep(0)
            idle = 0 if self._ready else idle + 1  # type: ignore[attr-defined]

    def run(self, work: Callable[[], Any]) -> None:
        """Call ``work`` inside the loop, and let everything happen that follows from it and needs no time."""

        async def main() -> None:
            result = work()
            if asyncio.iscoroutine(result):
                await result
            await self.settle()

        self.run_until_complete(main())

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; timers run at their own times, to a quarter of a second."""
        await self.settle()
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            await self.settle()


class MemoryTransport(asyncio.Transport):
    """A server's end; `MemoryClient` is the other one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peername: tuple[str, int]) -> None:
        super().__init__({"peername": peername, "sockname": ("127.0.0.1", 80)})
        self._loop = loop
        self._protocol: Any = None
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._is_reading = True
        self._is_closing = False
        self._is_lost = False
        self._is_writing_paused = False
        self._limits = (16 * 1024, 64 * 1024)
        self.client: MemoryClient

    # what the server calls

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self._protocol)

    def is_closing(self) -> bool:
        return self._is_closing

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True
        self._loop.call_soon(self._deliver)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        self._limits = (high // 4 if low is None else low, high)
        self._control_flow()

    def get_write_buffer_size(self) -> int:
        return len(self._outgoing)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._is_lost:
            return
        self._outgoing += data
        self._flush()
        self._control_flow()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._flush()

    def abort(self) -> None:
        self._lose(None)

    # what the client calls

    def feed(self, data: bytes) -> None:
        self._incoming += data
        self._deliver()

    def drain(self) -> None:
        """The client reads again."""
        if self._outgoing:
            self._flush()
            self._control_flow()

    def lose(self, error: Exception | None) -> None:
        """The client has gone."""
        self._lose(error)

    # how data and the end reach both sides

    def _deliver(self) -> None:
        while self._incoming and self.is_reading():
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                buffer = memoryview(self._protocol.get_buffer(-1))
                piece = self._incoming[: len(buffer)]
                buffer[: len(piece)] = piece
                del self._incoming[: len(piece)]
                self._protocol.buffer_updated(len(piece))
            else:
                piece, self._incoming = self._incoming, bytearray()
                self._protocol.data_received(bytes(piece))

    def _flush(self) -> None:
        if self.client.is_reading and self._outgoing:
            self.client.received += self._outgoing
            self._outgoing.clear()
        if self._is_closing and not self._outgoing:
            self._lose(None)

    def _control_flow(self) -> None:
        low, high = self._limits
        if len(self._outgoing) > high and not self._is_writing_paused:
            self._is_writing_paused = True
            self._protocol.pause_writing()
        elif len(self._outgoing) <= low and self._is_writing_paused:
            self._is_writing_paused = False
            self._protocol.resume_writing()

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._outgoing.clear()
        self.client.is_connected = False
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)


class MemoryClient:
    """A WebSocket client whose every step is a call."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, server: Callable[[], Any], port: int
    ) -> None:
        self.received = bytearray()
        self.is_reading = True
        self.is_connected = True
        self._transport = MemoryTransport(loop, ("127.0.0.1", port))
        self._transport.client = self
        protocol = server()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def upgrade(self, path: str = "/", *, and_send: bytes = b"") -> None:
        """Ask for the upgrade; ``and_send`` comes in the same segment."""
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        self._transport.feed("\r\n".join([*lines, "", ""]).encode() + and_send)

    def send(
        self, opcode: int, payload: bytes | str = b"", *, mask: bytes | bool = b"mask"
    ) -> None:
        if self.is_connected:
            self._transport.feed(build_frame(opcode, payload, mask=mask))

    def stop_reading(self) -> None:
        self.is_reading = False

    def read(self) -> None:
        self.is_reading = True
        self._transport.drain()

    def abort(self) -> None:
        self._transport.lose(ConnectionResetError("Connection reset by peer"))

    def frames(self) -> list[Frame]:
        """The whole frames that have come, after the response's head."""
        _, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        frames: list[Frame] = []
        while (frame := _first_frame(rest)) is not None:
            frames.append(frame[0])
            rest = frame[1]
        return frames


def _first_frame(data: bytes) -> tuple[Frame, bytes] | None:
    """The first of a server's frames, without a mask, and what follows it."""
    if len(data) < 2:
        return None
    size, start = data[1], 2
    if size >= 126:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start])
    if len(data) < start + size:
        return None
    frame = Frame(data[0] & 0xF, data[start : start + size], fin=bool(data[0] & 0x80))
    return frame, data[start + size :]
