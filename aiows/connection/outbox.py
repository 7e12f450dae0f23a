"""In go frames, out they go to the transport in the same order; counts and bounds what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Final, Protocol

from .turn import Turn

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


class Owner(Protocol):
    """Whose outbox it is."""

    def outbox_drained(self) -> None:
        """What waits is back at the limit after it was found above, or nothing waits after a drop."""


class Outbox:
    """What waits to leave on one connection.

    Frames go straight to the transport until it holds ``limit`` bytes; after that they wait here. So
    do those that are written while a read is processed, and those that follow another one in the same
    turn of the loop: they leave in one write. ``max_backpressure``: how many bytes may wait at all.
    """

    __slots__ = (
        "_corks",
        "_frames",
        "_is_gathering",
        "_mark",
        "_owner",
        "_pong",
        "_pressed",
        "_queued",
        "_senders",
        "_transport",
        "_turn",
        "_turns",
        "_waiters",
        "_writable",
        "limit",
        "max_backpressure",
    )

    def __init__(
        self,
        owner: Owner,
        transport: asyncio.Transport,
        turn: Turn,
        *,
        limit: int,
        max_backpressure: int,
    ) -> None:
        transport.set_write_buffer_limits(high=limit)
        self._owner = owner
        self._transport = transport
        self._turn = turn
        # None where nothing waits, which is nearly always: an empty list is 56 bytes, a deque 620.
        self._frames: list[bytes] | None = None
        self._queued = 0
        self._pong: bytes | None = None
        self._corks = 0
        self._is_gathering = False
        self._writable = True
        self._pressed = False
        self._waiters: list[asyncio.Future[None]] | None = None
        self._turns: asyncio.Lock | None = None
        self._senders = 0
        self._mark = limit
        self.limit = limit
        self.max_backpressure = max_backpressure

    @property
    def amount(self) -> int:
        """Bytes that have not been handed to the operating system."""
        return self._queued + self._transport.get_write_buffer_size()

    @property
    def is_full(self) -> bool:
        return self.amount > self.limit

    def has_room_for(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may wait, too; where nothing waits any may."""
        # A transport that lets us write holds at most the limit, and so do we: no need to ask it.
        if self._writable and size + 2 * self.limit <= self.max_backpressure:
            return True
        waiting = self.amount
        return not waiting or waiting + size <= self.max_backpressure

    def write(self, frame: bytes) -> None:
        """Send ``frame``, behind everything that was written before it.

        The first one of a turn leaves at once, unless a read is being processed.
        """
        if self._is_gathering or self._turn.is_reading or self._corks or not self._writable:
            self.post(frame)
            return
        self._transport.write(frame)
        self._gather()

    def post(self, frame: bytes) -> None:
        """Send ``frame`` as `write` does, but at the end of the turn, with what follows until then."""
        if self._frames is None:
            self._frames = [frame]
            if not self._is_gathering:
                self._gather()
        else:
            self._frames.append(frame)
        self._queued += len(frame)
        if self._queued > self.limit and self._writable:
            self._write_waiting()  # it saves writes, it is no place to keep things

    def write_pong(self, frame: bytes) -> None:
        """Send a pong; while much is waiting only the newest one is kept."""
        if self.amount <= PONG_BACKLOG:
            self.write(frame)
            return
        self._pong = frame

    def press(self) -> SendStatus:
        """Return the status of a message that was just written."""
        if self._frames is None and self._writable:  # so the transport holds at most the limit
            return SendStatus.SUCCESS
        if self._queued + self._transport.get_write_buffer_size() <= self.limit:
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
        """Let everything that was held back leave in one write, unless a read is being processed."""
        self._corks -= 1
        if not self._corks and not self._turn.is_reading:
            self._flush()

    def let_go(self) -> None:
        """The turn is over: let everything that was gathered leave, unless a cork holds it."""
        self._is_gathering = False
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
        frames = self._take_frames()
        if frames is not None:
            self._transport.write(b"".join(frames))

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
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._forget(waiter)

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        if self._waiters is not None and waiter in self._waiters:
            self._waiters.remove(waiter)

    @property
    def is_contended(self) -> bool:
        """Whether a sender must take its turn before it may write."""
        if self._frames is None and self._writable:
            return self._senders > 0
        return self._senders > 0 or self.is_full

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for those that came before and for room: the order of senders is kept."""
        if self._turns is None:
            self._turns = asyncio.Lock()
        self._senders += 1
        try:
            async with self._turns:
                while self.is_full:
                    await self._next_drain()
                yield
        finally:
            self._senders -= 1

    def fail(self, error: Exception) -> None:
        """Forget what waits; who waits for the drain gets ``error``."""
        self._take_frames()
        self._pong = None
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_exception(error)

    def _gather(self) -> None:
        self._is_gathering = True
        self._turn.join(self)

    def _flush(self) -> None:
        self._write_waiting()
        if self._pressed and self.amount <= self._mark:
            self._drain()

    def _write_waiting(self) -> None:
        while self._frames is not None and self._writable:
            self._transport.write(self._next_batch(self._frames))
        if self._pong is not None and self._writable:
            pong, self._pong = self._pong, None
            self._transport.write(pong)

    def _next_batch(self, frames: list[bytes]) -> bytes:
        """Join frames up to the limit: one write costs one system call however many frames."""
        if self._queued <= self.limit or len(frames) == 1:
            self._take_frames()
            return frames[0] if len(frames) == 1 else b"".join(frames)
        size = count = 0
        while count < len(frames) and (size < self.limit or not count):
            size += len(frames[count])
            count += 1
        batch = b"".join(frames[:count])
        del frames[:count]
        self._queued -= size
        if not frames:
            self._frames = None
        return batch

    def _take_frames(self) -> list[bytes] | None:
        frames, self._frames = self._frames, None
        self._queued = 0
        return frames

    def _set_mark(self, mark: int) -> None:
        if mark != self._mark and not self._transport.is_closing():
            self._mark = mark
            self._transport.set_write_buffer_limits(high=mark)

    def _drain(self) -> None:
        self._pressed = False
        self._set_mark(self.limit)
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        self._owner.outbox_drained()
