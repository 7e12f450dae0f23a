"""An outbox of either build with everything around it: a transport, a loop that is stepped, an owner."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aiows._wire import Deflater
from aiows.connection import PreparedMessage
from aiows.connection.outbox import Outbox
from aiows.connection.overflow import DROP_NEW, Overflow
from aiows.errors import ConnectionClosed
from builds import Build, outbox_class

LIMIT = 10
MOST = 100
ENDLESS = 2**60

outbox_class_of = cache(outbox_class)


class Transport:
    """Sends on ``room`` bytes and holds the others; it pauses and resumes its outbox as asyncio's do.

    ``pauses_empty``: as those of `asyncio.sslproto`, which pause at the limit and not only above it.
    """

    def __init__(self, *, room: int = ENDLESS, pauses_empty: bool = False) -> None:
        self.outbox: Outbox
        self.room = room
        self.written: list[bytes] = []
        self.sent = bytearray()
        self.held = bytearray()
        self.high, self.low = 64 * 1024, 16 * 1024
        self.is_paused = False
        self.pauses_empty = pauses_empty
        self.closing = False
        self.error: Exception | None = None

    def write(self, data: bytes, /) -> None:
        if self.error is not None:
            raise self.error
        self.written.append(data)
        self.held += data
        self.take(0)

    def take(self, size: int) -> None:
        """The peer has read so many bytes more."""
        self.room += size
        part = self.held[: self.room]
        self.room -= len(part)
        self.sent += part
        del self.held[: len(part)]
        self.control()

    def control(self) -> None:
        size = len(self.held)
        if (size > self.high or (self.pauses_empty and size == self.high)) and not self.is_paused:
            self.is_paused = True
            self.outbox.pause()
        elif self.is_paused and size <= self.low:
            self.is_paused = False
            self.outbox.resume()

    def get_write_buffer_size(self) -> int:
        return len(self.held)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        self.high, self.low = high, high // 4
        if hasattr(self, "outbox"):
            self.control()

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Loop:
    """Calls what is to come soon when the test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def call_soon(self, callback: Callable[[], None], /) -> None:
        self.soon.append(callback)

    def time(self) -> float:
        return 0.0

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.drains = 0
        self.dropped: list[tuple[int, bytes]] = []
        self.failed: list[Exception] = []

    def outbox_drained(self) -> None:
        self.drains += 1

    def outbox_dropped(self, message: PreparedMessage) -> None:
        self.dropped.append((message.opcode, message.payload))

    def outbox_failed(self, error: Exception) -> None:
        self.failed.append(error)

    def closed_error(self) -> Exception:
        return ConnectionClosed(1006)


class Bench:
    """An outbox, and what it works with."""

    def __init__(
        self,
        build: Build,
        *,
        limit: int = LIMIT,
        most: int = MOST,
        descriptor: int = -1,
        deflater: Deflater | None = None,
        threshold: int = 0,
        overflow: Overflow = DROP_NEW,
        transport: Transport | None = None,
        beside: Bench | None = None,
    ) -> None:
        self.transport = transport or Transport()
        self.loop: Loop = Loop() if beside is None else beside.loop
        self.flusher: Any = build.Flusher(self.loop) if beside is None else beside.flusher
        self.owner = Owner()
        made: Any = outbox_class_of(build)
        self.outbox: Outbox = made(
            self.owner,
            self.transport,
            self.flusher,
            limit=limit,
            max_backpressure=most,
            deflater=deflater,
            threshold=threshold,
            overflow=overflow,
        )
        self.outbox._descriptor = descriptor
        self.transport.outbox = self.outbox

    def begin_read(self) -> None:
        if not self.flusher.is_reading:
            self.flusher.begin_read()

    def end_turn(self) -> None:
        """The read, if there is one, and the loop's turn."""
        if self.flusher.is_reading:
            self.flusher.end_read()
        self.loop.turn()

    @property
    def written(self) -> list[bytes]:
        return self.transport.written

    @property
    def invariant(self) -> bool:
        """What is gathered has somebody who lets go of it, and what waits has somebody who wakes it."""
        outbox = self.outbox
        is_held = outbox._frames is not None
        has_waiting = outbox._backlog is not None and bool(outbox._backlog.messages)
        is_certain = outbox._is_gathering or outbox._corks > 0 or not outbox._writable
        return (not is_held or is_certain) and (not has_waiting or not outbox._writable)
