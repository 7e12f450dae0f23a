"""In go frames, out they go to the transport in the same order; counts and bounds what waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Final

__all__ = ("Outbox", "SendStatus")

# Above this many waiting bytes pongs are no longer queued one by one: the newest replaces the one
# before it, as RFC 6455, section 5.5.3 allows. Stops a peer that floods pings and reads no pongs.
PONG_BACKLOG: Final = 16 * 1024


class SendStatus(Enum):
    """What became of a message; only DROPPED is falsy.

    SUCCESS: queued or sent, and at most ``writer_limit`` bytes wait. BACKPRESSURE: queued, and more
    than that waits: slow down until the drain. DROPPED: not queued, the outbox is full or closed.
    """

    SUCCESS = "success"
    BACKPRESSURE = "backpressure"
    DROPPED = "dropped"

    def __bool__(self) -> bool:
        return self is not SendStatus.DROPPED


class Outbox:
    """What waits to leave on one connection.

    Frames go straight to the transport until it holds ``limit`` bytes; after that they wait here.
    ``on_drain`` is called once the amount is back at ``limit`` after it was found above, and once
    nothing waits after a message was dropped.
    """

    __slots__ = (
        "_corks",
        "_frames",
        "_mark",
        "_on_drain",
        "_pong",
        "_pressed",
        "_queued",
        "_senders",
        "_transport",
        "_turn",
        "_waiters",
        "_writable",
        "limit",
    )

    def __init__(
        self, transport: asyncio.Transport, *, limit: int, on_drain: Callable[[], None]
    ) -> None:
        transport.set_write_buffer_limits(high=limit)
        self._transport = transport
        self._frames: deque[bytes] = deque()
        self._queued = 0
        self._pong: bytes | None = None
        self._corks = 0
        self._writable = True
        self._pressed = False
        self._on_drain = on_drain
        self._waiters: list[asyncio.Future[None]] = []
        self._turn: asyncio.Lock | None = None
        self._senders = 0
        self._mark = limit
        self.limit = limit

    @property
    def amount(self) -> int:
        """Bytes that have not been handed to the operating system."""
        return self._queued + self._transport.get_write_buffer_size()

    @property
    def is_full(self) -> bool:
        return self.amount > self.limit

    def write(self, frame: bytes) -> None:
        """Send ``frame``, behind everything that was written before it."""
        if self._writable and not self._corks:
            self._transport.write(frame)
            return
        self._frames.append(frame)
        self._queued += len(frame)
        if self._corks and self.amount > self.limit:
            self._write_waiting()  # a cork saves writes, it is no place to keep things

    def write_pong(self, frame: bytes) -> None:
        """Send a pong; while much is waiting only the newest one is kept."""
        if self.amount <= PONG_BACKLOG:
            self.write(frame)
            return
        self._pong = frame

    def press(self) -> SendStatus:
        """Return the status of a message that was just written."""
        if not self.is_full:
            return SendStatus.SUCCESS
        self._pressed = True
        return SendStatus.BACKPRESSURE

    def drop(self) -> SendStatus:
        """Return the status of a message that is not written.

        The drain that follows comes when nothing waits any more: then any message is taken. A
        transport that holds little would never tell, so its own limit goes down until then.
        """
        self._pressed = True
        self._set_mark(0)
        return SendStatus.DROPPED

    def cork(self) -> None:
        """Hold back what is written until `uncork`, up to ``limit`` bytes; corks nest."""
        self._corks += 1

    def uncork(self) -> None:
        """Let everything that was held back leave in one write."""
        self._corks -= 1
        if not self._corks:
            self._flush()

    def pause(self) -> None:
        """Keep frames here: the transport holds enough."""
        self._writable = False

    def resume(self) -> None:
        """Hand frames to the transport again."""
        self._writable = True
        self._flush()

    def finish(self) -> None:
        """Hand everything to the transport, which is about to be closed: nothing will follow."""
        if self._frames:
            self._transport.write(b"".join(self._frames))
            self._frames.clear()
            self._queued = 0

    async def drained(self) -> None:
        """Wait until at most ``limit`` bytes wait, none after a message was dropped."""
        while self.amount > self._mark:
            await self._next_drain()

    async def _next_drain(self) -> None:
        self._pressed = True
        self._flush()  # also what a cork holds back: its end may come after this
        if not self._pressed:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    @property
    def is_contended(self) -> bool:
        """Whether a sender must take its turn before it may write."""
        return self._senders > 0 or self.is_full

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for those that came before and for room: the order of senders is kept."""
        if self._turn is None:
            self._turn = asyncio.Lock()
        self._senders += 1
        try:
            async with self._turn:
                while self.is_full:
                    await self._next_drain()
                yield
        finally:
            self._senders -= 1

    def fail(self, error: Exception) -> None:
        """Forget what waits; who waits for the drain gets ``error``."""
        self._frames.clear()
        self._queued = 0
        self._pong = None
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _flush(self) -> None:
        self._write_waiting()
        if self._pressed and self.amount <= self._mark:
            self._drain()

    def _write_waiting(self) -> None:
        while self._frames and self._writable:
            self._transport.write(self._next_batch())
        if self._pong is not None and self._writable:
            pong, self._pong = self._pong, None
            self._transport.write(pong)

    def _next_batch(self) -> bytes:
        """Join frames up to the limit: one write costs one system call however many frames."""
        batch = [self._frames.popleft()]
        size = len(batch[0])
        while self._frames and size < self.limit:
            batch.append(self._frames.popleft())
            size += len(batch[-1])
        self._queued -= size
        return batch[0] if len(batch) == 1 else b"".join(batch)

    def _set_mark(self, mark: int) -> None:
        if mark != self._mark and not self._transport.is_closing():
            self._mark = mark
            self._transport.set_write_buffer_limits(high=mark)

    def _drain(self) -> None:
        self._pressed = False
        self._set_mark(self.limit)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._on_drain()
