"""Frames on their way to a transport that takes them, in few writes: the hot half of an `Outbox`."""

from __future__ import annotations

import os
import sys
from typing import Any, Final, Protocol

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


class Backlog(Protocol):
    """What waits until the transport takes more; it is the subclass's."""

    size: int


class Message(Protocol):
    """A `PreparedMessage`, as far as it is asked here."""

    opcode: int
    payload: bytes
    plain: bytes | None
    compress: int | None

    @property
    def frame(self) -> bytes: ...


class OutboxCore:
    """What leaves on one connection while its transport takes it.

    Messages become frames, and frames go straight to the transport until it holds ``limit`` bytes. Those that
    are written while a read is processed, in a cork, or after another one in the same turn are gathered and
    leave in one write; they wait for the `Flusher` or for the end of the cork, or the transport takes no
    more: there is no fourth case. When it takes no more a message goes to one of the methods whose name ends
    with ``_late``, which a subclass has.

    ``max_backpressure``: how many bytes may wait at all; what is gathered here does not count, as it can be
    handed over at any time. ``threshold``: messages of so many bytes are to be compressed, which a subclass
    does. Once it ``is_open`` no longer nothing is taken.

    ``descriptor``: the transport's socket, -1 for none. What leaves at the end of a turn is written there
    while the transport itself holds nothing, by the system call that it would make: at a fan-out to many
    the way through each transport costs a fifth of all (``make bench ARGS=fan-out``). What the socket does
    not take the transport gets, and it finds every error by itself.
    """

    __slots__ = (
        "_backlog",
        "_corks",
        "_descriptor",
        "_flusher",
        "_frames",
        "_held",
        "_is_empty",
        "_is_gathering",
        "_is_pressed",
        "_queued",
        "_threshold",
        "_transport",
        "_writable",
        "is_open",
        "limit",
        "max_backpressure",
    )

    def __init__(
        self,
        transport: Transport,
        flusher: Flusher,
        limit: int,
        max_backpressure: int,
        descriptor: int = -1,
        threshold: int = sys.maxsize,
    ) -> None:
        self._transport = transport
        self._descriptor = descriptor
        self._is_empty = False  # the transport, for sure: it was, and has got nothing since
        self._flusher = flusher
        # None where nothing is gathered, which is nearly always: an empty list is 56 bytes, a deque 620.
        self._frames: list[bytes] | None = None
        self._queued = 0
        # What the transport held when the first of them came: it holds no more as long as they wait.
        self._held = 0
        self._corks = 0
        self._is_gathering = False
        self._is_pressed = False  # somebody has to be told when no more than the limit waits
        self._writable = True
        self._backlog: Any = None  # a `Backlog`, where something waits or somebody does
        self._threshold = threshold
        self.is_open = True
        self.limit = limit
        self.max_backpressure = max_backpressure

    # how full it is

    @property
    def amount(self) -> int:
        """Bytes that have not been handed to the operating system."""
        waiting = 0 if self._backlog is None else self._backlog.size
        return int(self._queued + waiting + self._held_by_transport())

    def _held_by_transport(self) -> int:
        if self._is_empty:
            return 0
        held = self._transport.get_write_buffer_size()
        self._is_empty = self._descriptor >= 0 and not held
        return held

    @property
    def is_full(self) -> bool:
        """Whether more than ``limit`` bytes wait although what was gathered is handed over."""
        # Where we may write the transport holds at most the limit: asking it for each frame of a read would
        # cost more than gathering the frame.
        if self._writable and self._queued + self._held <= self.limit:
            return False
        self._write_gathered()
        return self.amount > self.limit

    def _takes(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may leave now."""
        return self.is_open and self._has_room_for(size) and self._writable

    def _has_room_for(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may wait, too; where nothing waits any may."""
        # A transport that lets us write holds at most the limit, and so do we: no need to ask it.
        if self._writable and size + 2 * self.limit <= self.max_backpressure:
            return True
        if self._queued and self.amount + size > self.max_backpressure:
            self._write_gathered()
        waiting = self.amount
        return not waiting or waiting + size <= self.max_backpressure

    # messages

    def push(self, opcode: int, payload: str | bytes) -> SendStatus:
        """Send a message, a ``str`` as UTF-8, if there is room for it."""
        data = payload.encode() if isinstance(payload, str) else payload
        if not self._takes(len(data)):
            return self._push_late(opcode, data)
        return self._status(opcode, len(data), is_full=self._send_payload(opcode, payload, data))

    def try_push(self, opcode: int, payload: str | bytes) -> SendStatus:
        """Send as `push` does; where there is no room nobody is told, as the caller will wait for it."""
        data = payload.encode() if isinstance(payload, str) else payload
        if self._takes(len(data)):
            is_full = self._send_payload(opcode, payload, data)
            return self._status(opcode, len(data), is_full=is_full)
        if not self.is_open or not self._has_room_for(len(data)):
            return SendStatus.DROPPED
        return self._push_late(opcode, data)

    def push_message(self, message: Message) -> SendStatus:
        """Send a prepared message if there is room for it."""
        if not self._takes(len(message.payload)):
            return self._push_message_late(message)
        if self._is_plain(message):
            is_full = self._send(message.plain or message.frame)
        else:
            is_full = self._send_chosen(message)
        return self._status(message.opcode, len(message.payload), is_full=is_full)

    def push_shared(self, message: Message) -> SendStatus:
        """Send as `push_message` what many get: at the end of the turn, with what follows until then."""
        if not self._takes(len(message.payload)):
            return self._push_message_late(message)
        if self._is_plain(message):
            is_full = self._gather(message.plain or message.frame)
        else:
            is_full = self._gather_chosen(message)
        return self._status(message.opcode, len(message.payload), is_full=is_full)

    def send_at_once(self, opcode: int, payload: str | bytes) -> bool:
        """Send a message, a ``str`` as UTF-8, if it certainly need not wait for room or for others."""
        if not self.is_open or not self._writable or self._backlog is not None or self.is_full:
            return False
        data = payload.encode() if isinstance(payload, str) else payload
        self._send_payload(opcode, payload, data)
        self._count(opcode, len(data))
        return True

    def write(self, frame: bytes) -> None:
        """Send a frame that is no message: a Ping, a Pong, a Close."""
        if self._writable:
            self._send(frame)
        else:
            self._write_late(frame)

    def _send_payload(self, opcode: int, payload: str | bytes, data: bytes) -> bool:
        """Send ``data``, which are the bytes of ``payload``."""
        if len(data) >= self._threshold:
            return self._send_deflated(opcode, data)
        if isinstance(payload, str) or len(data) < LARGE:  # a text is copied anyway
            return self._send(self._flusher.frame_of(opcode, payload))
        self._enqueue(build_header(opcode, len(data)))
        self._enqueue(data)
        return self.is_full

    def _is_plain(self, message: Message) -> bool:
        return message.compress is None and len(message.payload) < self._threshold

    def _count(self, opcode: int, size: int) -> None:
        """A message of so many bytes is on its way."""
        counters = self._flusher.counters
        counters.messages_out += 1
        counters.bytes_out += size
        if self._flusher.observer is not None:
            self._observed(opcode, size)

    def _observed(self, opcode: int, size: int) -> None:
        """Tell the observer of a message that goes out."""

    def _status(self, opcode: int, size: int, *, is_full: bool) -> SendStatus:
        self._count(opcode, size)
        if not is_full:
            return SendStatus.SUCCESS
        self._is_pressed = True
        return SendStatus.BACKPRESSURE

    # what a subclass does

    def _push_late(self, opcode: int, payload: bytes) -> SendStatus:
        """A message cannot leave now."""
        raise NotImplementedError

    def _push_message_late(self, message: Any) -> SendStatus:
        """A message cannot leave now."""
        raise NotImplementedError

    def _write_late(self, frame: bytes) -> None:
        """A frame cannot leave now."""
        raise NotImplementedError

    def _send_deflated(self, opcode: int, payload: bytes) -> bool:
        """Send at least ``threshold`` bytes of payload as `_send` does."""
        raise NotImplementedError

    def _send_chosen(self, message: Any) -> bool:
        """Send a message, compressed or not, as `_send` does."""
        raise NotImplementedError

    def _gather_chosen(self, message: Any) -> bool:
        """Send a message, compressed or not, as `_gather` does."""
        raise NotImplementedError

    def _flushed(self) -> None:
        """What could leave has left: tell those who wait for that, if there are any."""
        raise NotImplementedError

    def broke(self, error: Exception) -> None:
        """The transport failed: nothing leaves any more."""
        raise NotImplementedError

    # frames

    def _send(self, frame: bytes) -> bool:
        """Send a frame behind all before it; the first of a turn leaves at once. Return `is_full`."""
        if self._is_gathering or self._flusher.is_reading or self._corks:
            return self._gather(frame)
        self._hand_over(frame)
        self._join()
        return self.is_full

    def _gather(self, frame: bytes) -> bool:
        """Let a frame leave at the end of the turn; return `is_full`."""
        self._enqueue(frame)
        return self.is_full

    def _enqueue(self, frame: bytes) -> None:
        if self._frames is None:
            self._frames = [frame]
            self._held = self._held_by_transport()
            self._join()
        else:
            self._frames.append(frame)
        self._queued += len(frame)

    def _join(self) -> None:
        """See to it that the flusher lets go, at the end of the turn at the latest."""
        if not self._is_gathering:
            self._is_gathering = True
            self._flusher.join(self)

    def let_go(self, *, is_live: bool = False) -> None:
        """The turn is over: let everything that was gathered leave, unless a cork holds it.

        ``is_live``: the loop is not closed, which would have closed the socket without a word.
        """
        self._is_gathering = False
        if not self._corks:
            if is_live and self._descriptor >= 0:
                self._write_directly()
            self._write_gathered()
        if self._is_pressed or self._backlog is not None:
            self._flushed()

    def _write_gathered(self) -> None:
        while self._frames is not None and self._writable:
            self._hand_over(self._next_batch(self._frames))

    def _hand_over(self, data: bytes) -> None:
        self._is_empty = False
        try:
            self._transport.write(data)
        except Exception as error:
            self.broke(error)

    def _write_directly(self) -> None:
        """Write what was gathered to the socket, if that is what the transport would do."""
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
