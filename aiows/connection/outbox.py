"""In go messages, out they go to the transport in the same order; counts and bounds what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from ..send_status import SendStatus
from .cores import Flusher, OutboxCore
from .transports import descriptor_of

__all__ = ("Outbox",)

# Above this many waiting bytes pongs are no longer queued one by one: the newest replaces the one
# before it, as RFC 6455, section 5.5.3 allows. Stops a peer that floods pings and reads no pongs.
PONG_BACKLOG: Final = 16 * 1024


class Owner(Protocol):
    """Whose outbox it is."""

    def outbox_drained(self) -> None:
        """What waits is back at the limit after it was found above, or nothing waits after a drop."""

    def outbox_dropped(self, opcode: int, payload: bytes) -> None:
        """There was no room for a message."""


class Outbox(OutboxCore):
    """What waits to leave on one connection, and who waits for that.

    The frames themselves are the `OutboxCore`'s.
    """

    __slots__ = ("_mark", "_owner", "_turns", "_waiters")

    def __init__(
        self,
        owner: Owner,
        transport: asyncio.Transport,
        turn: Flusher,
        *,
        limit: int,
        max_backpressure: int,
    ) -> None:
        super().__init__(transport, turn, limit, max_backpressure, descriptor_of(transport))
        transport.set_write_buffer_limits(high=limit)
        self._owner = owner
        self._waiters: list[asyncio.Future[None]] | None = None
        self._turns: asyncio.Lock | None = None
        self._mark = limit

    def write_pong(self, frame: bytes) -> None:
        """Send a pong; while much is waiting only the newest one is kept."""
        if self.amount <= PONG_BACKLOG:
            self.write(frame)
            return
        self._pong = frame

    def write_close(self, frame: bytes) -> None:
        """Send a Close: nothing leaves after it, so a pong that was kept back goes before."""
        pong, self._pong = self._pong, None
        if pong is not None:
            self.post(pong)
        self.write(frame)

    def refuse(self, opcode: int, payload: bytes) -> SendStatus:
        """Return the status of a message that is not taken; where that is for lack of room tell the owner.

        The drain that follows comes when nothing waits any more: then any message is taken. A
        transport that holds little would never tell, so its own limit goes down until then.
        """
        if self.is_open:
            self._is_pressed = True
            self._set_mark(0)
            self._owner.outbox_dropped(opcode, payload)
        return SendStatus.DROPPED

    def cork(self) -> None:
        """Hold back what is written until `uncork`, up to ``limit`` bytes; corks nest."""
        self._corks += 1

    def uncork(self) -> None:
        """Let everything that was held back leave in one write, unless a read is being processed."""
        self._corks -= 1
        if not self._corks and not self._turn.is_reading:
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
            self._hand_over(b"".join(frames))

    async def drained(self) -> None:
        """Wait until at most ``limit`` bytes wait, none after a message was dropped."""
        while self.amount > self._mark:
            await self._next_drain()

    async def _next_drain(self) -> None:
        self._is_pressed = True
        self._flush()  # also what a cork holds back: its end may come after this
        if not self._is_pressed:
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
        """Forget what waits; who waits for the drain gets ``error``. The socket is about to be closed."""
        self._descriptor = -1
        self._take_frames()
        self._pong = None
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_exception(error)

    def _flushed(self) -> None:
        if self.amount <= self._mark:
            self._drain()

    def _set_mark(self, mark: int) -> None:
        if mark != self._mark and not self._transport.is_closing():
            self._mark = mark
            self._transport.set_write_buffer_limits(high=mark)

    def _drain(self) -> None:
        self._is_pressed = False
        self._set_mark(self.limit)
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        self._owner.outbox_drained()
