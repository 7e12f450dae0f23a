"""In go messages and frames, out they go to a transport in few writes: the writing half of a connection."""

from __future__ import annotations

import os
from typing import Final, Protocol

from .._wire.frames import build_header
from ..send_status import SendStatus
from .flusher import Flusher

__all__ = ("OutboxCore",)

# From so many bytes on a payload is not copied behind its header: they leave as two writes. The copy, and the
# memory for it, which the allocator gives back to the system and has to ask for again each time, cost more
# than the second system call.
LARGE: Final = 64 * 1024


class Transport(Protocol):
    """What is written to, as asyncio has it."""

    def write(self, data: bytes, /) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool: ...


class OutboxCore:
    """Frames that wait to leave on one connection, and are gathered as long as a turn takes.

    Frames go straight to the transport until it holds ``limit`` bytes; after that they wait here. So
    do those that are written while a read is processed, and those that follow another one in the same
    turn: they leave in one write. ``max_backpressure``: how many bytes may wait at all. No message is
    taken any more once it ``is_open`` no longer.

    ``descriptor``: the transport's socket, -1 for none. What leaves at the end of a turn is written there
    while the transport itself holds nothing, by the system call that it would make: at a fan-out to many
    the way through each transport costs a fifth of all (``make bench ARGS=fan-out``). What the socket does
    not take the transport gets, and it finds every error by itself.
    """

    __slots__ = (
        "_corks",
        "_descriptor",
        "_frames",
        "_held",
        "_is_empty",
        "_is_gathering",
        "_is_pressed",
        "_pong",
        "_queued",
        "_senders",
        "_transport",
        "_turn",
        "_writable",
        "is_open",
        "limit",
        "max_backpressure",
    )

    def __init__(
        self,
        transport: Transport,
        turn: Flusher,
        limit: int,
        max_backpressure: int,
        descriptor: int = -1,
    ) -> None:
        self._transport = transport
        self._descriptor = descriptor
        self._is_empty = False  # the transport, for sure: it was, and has got nothing since
        self._turn = turn
        # None where nothing waits, which is nearly always: an empty list is 56 bytes, a deque 620.
        self._frames: list[bytes] | None = None
        self._queued = 0
        # What the transport held when the first of them came: it holds no more as long as they wait.
        self._held = 0
        self._pong: bytes | None = None
        self._corks = 0
        self._senders = 0  # who wait for their turn to send
        self._is_gathering = False
        self._is_pressed = False  # somebody waits for `_flushed`
        self._writable = True
        self.is_open = True
        self.limit = limit
        self.max_backpressure = max_backpressure

    @property
    def amount(self) -> int:
        """Bytes that have not been handed to the operating system."""
        return self._queued + self._held_by_transport()

    def _held_by_transport(self) -> int:
        if self._is_empty:
            return 0
        held = self._transport.get_write_buffer_size()
        self._is_empty = self._descriptor >= 0 and not held
        return held

    @property
    def is_full(self) -> bool:
        """Whether more than ``limit`` bytes wait."""
        # Where nothing waits here and we may write, the transport holds at most the limit: asking it
        # for each frame of a read would cost more than gathering the frame.
        if self._writable and self._queued + self._held <= self.limit:
            return False
        return self.amount > self.limit

    def takes(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may be sent: if it must wait, there is room for it."""
        return self.is_open and self._has_room_for(size)

    def _has_room_for(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may wait, too; where nothing waits any may."""
        # A transport that lets us write holds at most the limit, and so do we: no need to ask it.
        if self._writable and size + 2 * self.limit <= self.max_backpressure:
            return True
        waiting = self.amount
        return not waiting or waiting + size <= self.max_backpressure

    def push(self, opcode: int, payload: str | bytes) -> SendStatus:
        """Send a message as one frame, a ``str`` as UTF-8, if it `takes` so much."""
        data = payload.encode() if isinstance(payload, str) else payload
        if not self.takes(len(data)):
            return self.refuse(opcode, data)
        return self._status(is_full=self._send(opcode, payload))

    def _send(self, opcode: int, payload: str | bytes) -> bool:
        if isinstance(payload, str) or len(payload) < LARGE:  # a text is copied anyway
            return self.write(self._turn.frame_of(opcode, payload))
        self._enqueue(build_header(opcode, len(payload)))
        self._enqueue(payload)
        return self._enqueued()

    def send_at_once(self, opcode: int, payload: str | bytes) -> bool:
        """Send a message as one frame, a ``str`` as UTF-8, if nobody has to wait for room; else False."""
        if not self.is_open or self.is_contended:
            return False
        self._send(opcode, payload)
        return True

    @property
    def is_contended(self) -> bool:
        """Whether a sender must take its turn before it may write."""
        return self._senders > 0 or self.is_full

    def push_frame(self, frame: bytes) -> SendStatus:
        """Send a message that it `takes`, as `write` does; remember it if that makes it full."""
        return self._status(is_full=self.write(frame))

    def post_frame(self, frame: bytes, size: int) -> SendStatus | None:
        """Send a message of ``size`` bytes as `post` does, if it `takes` it; None if it does not."""
        if not self.takes(size):
            return None
        return self._status(is_full=self.post(frame))

    def _status(self, *, is_full: bool) -> SendStatus:
        if not is_full:
            return SendStatus.SUCCESS
        self._is_pressed = True
        return SendStatus.BACKPRESSURE

    def refuse(self, opcode: int, payload: bytes) -> SendStatus:
        """Return the status of a message that is not taken. For who wants to know."""
        return SendStatus.DROPPED

    def write(self, frame: bytes) -> bool:
        """Send ``frame``, behind everything that was written before it; return `is_full`.

        The first one of a turn leaves at once, unless a read is being processed.
        """
        if self._is_gathering or self._turn.is_reading or self._corks or not self._writable:
            return self.post(frame)
        self._hand_over(frame)
        self._gather()
        return self.is_full

    def post(self, frame: bytes) -> bool:
        """Send ``frame`` as `write` does, but at the end of the turn, with what follows until then."""
        self._enqueue(frame)
        return self._enqueued()

    def _enqueue(self, frame: bytes) -> None:
        if self._frames is None:
            self._frames = [frame]
            self._held = self._held_by_transport()
            if not self._is_gathering:
                self._gather()
        else:
            self._frames.append(frame)
        self._queued += len(frame)

    def _enqueued(self) -> bool:
        """What was enqueued belongs together, and all of it is there."""
        if self._queued > self.limit and self._writable:
            self._write_waiting()  # it saves writes, it is no place to keep things
        return self.is_full

    def let_go(self, *, is_live: bool = False) -> None:
        """The turn is over: let everything that was gathered leave, unless a cork holds it.

        ``is_live``: the loop is not closed, which would have closed the socket without a word.
        """
        self._is_gathering = False
        if not self._corks:
            if is_live and self._descriptor >= 0:
                self._write_directly()
            self._flush()

    def _gather(self) -> None:
        self._is_gathering = True
        self._turn.join(self)

    def _flush(self) -> None:
        self._write_waiting()
        if self._is_pressed:
            self._flushed()

    def _flushed(self) -> None:
        """What could leave has left. For who waits for that."""

    def _write_waiting(self) -> None:
        while self._frames is not None and self._writable:
            self._hand_over(self._next_batch(self._frames))
        if self._pong is not None and self._writable:
            pong, self._pong = self._pong, None
            self._hand_over(pong)

    def _hand_over(self, data: bytes) -> None:
        self._is_empty = False
        self._transport.write(data)

    def _write_directly(self) -> None:
        """Write what waits to the socket, if that is what the transport would do."""
        if self._frames is None or not self._writable or self._queued > self.limit:
            return  # much is better left to the transport: it can keep what is not taken without a copy
        if self._held_by_transport() or self._transport.is_closing():
            return
        batch = self._next_batch(self._frames)
        try:
            sent = os.write(self._descriptor, batch)
        except OSError:
            sent = 0
        if sent < len(batch):
            self._hand_over(batch[sent:])

    def _next_batch(self, frames: list[bytes]) -> bytes:
        """Join frames up to the limit: one write costs one system call however many frames."""
        if self._queued <= self.limit or len(frames) == 1:
            self._take_frames()
            return frames[0] if len(frames) == 1 else b"".join(frames)
        size = count = 0
        while count < len(frames) and (size < self.limit or not count):
            if count and len(frames[count]) >= LARGE:
                break
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
