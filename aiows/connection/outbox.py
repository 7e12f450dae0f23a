"""Everything that leaves on one connection: messages become frames in order, and what waits is bounded."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, Protocol

from .._wire import Deflater, build_frame
from .._wire.frames import build_header
from ..send_status import SendStatus
from .backlog import Backlog
from .builds import Flusher, OutboxCore
from .deflation import Deflation
from .outbox_core import LARGE
from .overflow import CATCH_UP, DROP_NEW, Overflow
from .prepared import PreparedMessage
from .transports import descriptor_of

__all__ = ("Outbox",)

# Above this many waiting bytes pongs are no longer queued one by one: the newest replaces the one
# before it, as RFC 6455, section 5.5.3 allows. Stops a peer that floods pings and reads no pongs.
PONG_BACKLOG: Final = 16 * 1024

# Messages of so many bytes are deflated in a thread: zlib needs some 3 milliseconds for 64 KiB, and 200 for
# 4 MiB, and everybody in the loop would wait. Below that the way through a thread costs more than it saves.
LONG_TO_DEFLATE: Final = 64 * 1024

# What no message has: where nothing is compressed.
NEVER: Final = 2**62


class Owner(Protocol):
    """Whose outbox it is."""

    def outbox_drained(self) -> None:
        """What waits is back at the limit; or nothing waits, after a drop or after somebody looked."""

    def outbox_dropped(self, message: PreparedMessage) -> None:
        """There was no room for ``message``."""

    def outbox_sent(self, opcode: int, size: int) -> None:
        """A message is on its way; told only where somebody observes it."""

    def outbox_failed(self, error: Exception) -> None:
        """The transport cannot be written to."""

    def closed_error(self) -> Exception:
        """What is raised for what is sent after the end."""
        ...


class Outbox(OutboxCore):
    """What waits to leave on one connection, and who waits for that.

    While the transport takes more, `OutboxCore` does all of it. While it does not, messages wait in a
    `Backlog` as they are; they are framed, and deflated, when they leave. So what waits may still be replaced
    or dropped although ``deflater`` has a window over all that it has deflated. ``overflow`` decides about
    what finds no room. Messages of ``threshold`` bytes are deflated, None for the deflater: none is.

    While a thread deflates a large message the others wait in the backlog, too, as if the transport took no
    more. Only what is no message overtakes it, but for a Close. Nobody has to wait for the thread: any
    message may leave as it is, and does so at the end and before one is dropped for lack of room.
    """

    __slots__ = ("_deflater", "_overflow", "_owner")

    _backlog: Backlog | None

    def __init__(
        self,
        owner: Owner,
        transport: asyncio.Transport,
        flusher: Flusher,
        *,
        limit: int,
        max_backpressure: int,
        deflater: Deflater | None = None,
        threshold: int = 0,
        overflow: Overflow = DROP_NEW,
    ) -> None:
        super().__init__(
            transport,
            flusher,
            limit,
            max_backpressure,
            descriptor_of(transport),
            NEVER if deflater is None else threshold,
        )
        transport.set_write_buffer_limits(high=limit)
        self._owner = owner
        self._deflater = deflater
        self._overflow = overflow

    # sending

    async def send(self, message: PreparedMessage) -> None:
        """Send ``message``, after those who wait for room already, once there is room; never drop it.

        A cancelled call has sent the whole message or nothing. Raises the owner's `closed_error`,
        TooManySenders.
        """
        self._check_open()
        if self._is_contended:
            await self._send_in_turn(message)
        else:
            self._put(message)
            self._count(message.opcode, message.size)

    def try_push_message(self, message: PreparedMessage) -> SendStatus:
        """Send as `push_message` does; where there is no room nobody is told, see `try_push`."""
        if not self.is_open or not self._has_room_for(message.size):
            return SendStatus.DROPPED
        return self.push_message(message)

    @property
    def _is_contended(self) -> bool:
        return self.is_full or (self._backlog is not None and self._backlog.senders > 0)

    async def _send_in_turn(self, message: PreparedMessage) -> None:
        backlog = self._made_backlog()
        try:
            with backlog.sender(message.size):
                async with backlog.turns:
                    while self.is_open and self.is_full:
                        await self._next_drain(backlog)
                    self._check_open()
                    self._put(message)
                    self._count(message.opcode, message.size)
        finally:
            self._give_up_unused()

    def _check_open(self) -> None:
        if not self.is_open:
            raise self._owner.closed_error()

    def send_control(self, opcode: int, data: bytes) -> None:
        """Send a Ping or a Pong. Raises the owner's `closed_error`, ValueError over 125 bytes."""
        self._check_open()
        self.write(build_frame(opcode, data))

    def write_pong(self, frame: bytes) -> None:
        """Send a pong; while much is waiting only the newest one is kept."""
        if self.amount <= PONG_BACKLOG or self._is_only_deflating:
            self.write(frame)
            return
        self._made_backlog().pong = frame
        self._join()

    def write_close(self, frame: bytes) -> None:
        """Send a Close: nothing leaves after it, so a pong that was put off goes before."""
        self._write_pong()
        if self._writable:
            self._send(frame)
        else:
            self._made_backlog().add(frame)

    def finish(self) -> None:
        """Hand everything to the transport, which is about to be closed: nothing will follow."""
        self._frame_waiting_plainly()
        frames = self._take_frames()
        if frames is not None:
            self._hand_over(b"".join(frames))

    def set_limit(self, limit: int) -> None:
        """Let so many bytes wait before senders slow down, and at least twice that before `push` drops."""
        self.limit = limit
        self.max_backpressure = max(self.max_backpressure, 2 * limit)
        if self._backlog is None or not self._backlog.is_transport_watched:
            self._transport.set_write_buffer_limits(high=limit)
        self._flushed()

    # corks

    def cork(self) -> None:
        """Hold back what is written until `uncork`, up to ``limit`` bytes; corks nest."""
        self._corks += 1

    def uncork(self) -> None:
        """Let everything that was held back leave in one write; while a read is processed, at its end."""
        self._corks -= 1
        if self._corks:
            return
        if not self._flusher.is_reading:
            self._write_gathered()
        if self._frames is not None or self._is_pressed or self._backlog is not None:
            self._join()

    def _observed(self, opcode: int, size: int) -> None:
        self._owner.outbox_sent(opcode, size)

    # what cannot leave now

    def _push_late(self, opcode: int, payload: bytes) -> SendStatus:
        if not self.is_open:
            return SendStatus.DROPPED
        return self._push_message_late(PreparedMessage(payload, opcode))

    def _push_message_late(self, message: PreparedMessage) -> SendStatus:
        if not self.is_open:
            return SendStatus.DROPPED
        if not self._has_room_for(message.size):
            self._do_without_thread()
        if not self._has_room_for(message.size):
            return (CATCH_UP if message.comes_again else self._overflow).decide(self, message)
        self._put(message)
        return self._status(message.opcode, message.size, is_full=self.is_full)

    def _put(self, message: PreparedMessage) -> None:
        if not self._writable:
            self._made_backlog().add(message)
        elif self._is_plain(message):
            self._send(message.frame)
        else:
            self._send_chosen(message)

    def _write_late(self, frame: bytes) -> None:
        if self._is_only_deflating:
            self._hand_over(frame)  # RFC 6455, section 5.4: it may even come amid a message
        else:
            self._made_backlog().add(frame)

    def drop(self, message: PreparedMessage) -> None:
        """Tell the owner of a message that is not sent, for lack of room.

        The drain that follows comes when nothing waits any more: then any message is taken.
        """
        self._flusher.counters.dropped += 1
        self.put_off()
        self._owner.outbox_dropped(message)

    def refuse(self, message: PreparedMessage) -> None:
        """Do with ``message`` as if there were no room for it."""
        if self.is_open:
            self._overflow.decide(self, message)

    @property
    def has_dropped(self) -> bool:
        """Whether something was not sent, and the drain that follows is still to come."""
        return self._backlog is not None and self._backlog.has_dropped

    def put_off(self) -> None:
        """Note that something is not sent now; see `drop` for the drain that follows."""
        self._is_pressed = True
        self._made_backlog().has_dropped = True
        self._watch_transport()

    def _made_backlog(self) -> Backlog:
        if self._backlog is None:
            self._backlog = Backlog()
        return self._backlog

    def _give_up_unused(self) -> None:
        if self._backlog is not None and not self._backlog.is_used:
            self._backlog = None

    # compression

    def _send_deflated(self, opcode: int, payload: bytes) -> bool:
        return self._send_chosen(PreparedMessage(payload, opcode))

    def _send_chosen(self, message: PreparedMessage) -> bool:
        if self._is_long_to_deflate(message):
            return self._send_later(message)
        return self._send(self._chosen_frame(message))

    def _gather_chosen(self, message: PreparedMessage) -> bool:
        if self._is_long_to_deflate(message):
            return self._send_later(message)
        return self._gather(self._chosen_frame(message))

    def _chosen_frame(self, message: PreparedMessage) -> bytes:
        if not self._is_to_deflate(message):
            return message.frame
        assert self._deflater is not None
        return _deflated_frame(message, self._deflater)

    def _is_to_deflate(self, message: PreparedMessage) -> bool:
        if self._deflater is None or message.compress is None:
            return message.size >= self._threshold
        return bool(message.compress)

    def _is_long_to_deflate(self, message: PreparedMessage) -> bool:
        deflater = self._deflater
        if message.size < LONG_TO_DEFLATE or deflater is None or not self._is_to_deflate(message):
            return False
        return deflater.has_takeover or not message.is_deflated(deflater.window_bits)

    def _send_later(self, message: PreparedMessage) -> bool:
        """Send a message that a thread deflates; return `is_full`."""
        self._write_gathered()  # what came before does not wait for it
        if self._writable:
            self._let_thread_deflate(message)
        else:
            self._made_backlog().add(message)
        return self.is_full

    def _let_thread_deflate(self, message: PreparedMessage) -> None:
        """Let ``message`` leave when a thread has deflated it, and everything else after it."""
        try:
            deflation = self._deflation_of(message)
        except RuntimeError:  # the loop has no threads any more
            self._enqueue_plainly(message)
            return
        self._writable = False
        self._made_backlog().deflate(message, deflation)
        deflation.wait(self._deflated_in_thread)

    def _deflation_of(self, message: PreparedMessage) -> Deflation:
        deflater = self._deflater
        assert deflater is not None
        if deflater.has_takeover:
            return Deflation(partial(_deflated_frame, message, deflater))
        return message.deflation(deflater.window_bits)

    def _deflated_in_thread(self, done: asyncio.Future[bytes]) -> None:
        backlog = self._backlog
        if backlog is None or backlog.deflation is None or backlog.deflation.future is not done:
            return  # it has left as it is, or nothing leaves any more
        message = backlog.take_deflated()
        try:
            if done.cancelled():  # by who has taken the loop's threads away
                self._enqueue_plainly(message)
            else:
                self._enqueue(done.result())
        except Exception as error:  # a compressor's
            self.broke(error)
        else:
            if not backlog.is_transport_full:
                self.resume()

    @property
    def _is_only_deflating(self) -> bool:
        """Whether a thread is all that is waited for: the transport takes more."""
        backlog = self._backlog
        return (
            backlog is not None and backlog.deflation is not None and not backlog.is_transport_full
        )

    def _do_without_thread(self) -> None:
        """Let what waits for a thread, and for nothing else, leave as it is."""
        if self._is_only_deflating:
            self._frame_waiting_plainly()
            self._writable = True
            self._write_gathered()

    def _frame_waiting_plainly(self) -> None:
        """Make frames of all that waits, and do not wait for a thread."""
        backlog = self._backlog
        if backlog is None:
            return
        if backlog.deflation is not None:
            self._enqueue_plainly(self._given_up(backlog, backlog.deflation))
        while backlog.messages:
            message = backlog.take()
            if isinstance(message, bytes):
                self._enqueue(message)
            else:
                self._enqueue_plainly(message)

    def _given_up(self, backlog: Backlog, deflation: Deflation) -> PreparedMessage:
        """Return the message that a thread deflates, which nobody waits for any more."""
        deflation.forget(self._deflated_in_thread)
        if self._deflater is not None and self._deflater.has_takeover:
            self._deflater = self._deflater.anew()  # the thread still has the other one
        return backlog.take_deflated()

    # the transport

    def pause(self) -> None:
        """Let messages wait: the transport holds enough."""
        self._writable = False
        if self._backlog is not None:
            self._backlog.is_transport_full = True

    def resume(self) -> None:
        """Hand to the transport what waits, as far as it takes it."""
        self._unwatch_transport()
        if self._backlog is not None:
            self._backlog.is_transport_full = False
            if self._backlog.deflation is not None:
                return
        self._writable = True
        self._write_gathered()
        while self._writable and self._backlog is not None and self._backlog.messages:
            self._frame_waiting()
            self._write_gathered()
        self._flushed()

    def _frame_waiting(self) -> None:
        """Make frames of what has waited longest: of ``limit`` bytes, and the rest of one message."""
        backlog = self._backlog
        try:
            while backlog is not None and backlog.messages and self._queued < self.limit:
                message = backlog.messages[0]
                if isinstance(message, bytes) or not self._is_long_to_deflate(message):
                    self._enqueue_waiting(backlog.take())
                    continue
                if not self._queued:  # what came before does not wait for the thread
                    backlog.take()
                    self._let_thread_deflate(message)
                return
        except Exception as error:  # a compressor's
            self.broke(error)

    def _enqueue_waiting(self, message: PreparedMessage | bytes) -> None:
        if isinstance(message, bytes):
            self._enqueue(message)
        elif self._is_to_deflate(message):
            self._enqueue(self._chosen_frame(message))
        else:
            self._enqueue_plainly(message)

    def _enqueue_plainly(self, message: PreparedMessage) -> None:
        if message.size < LARGE or message.plain is not None:
            self._enqueue(message.frame)
        else:
            self._enqueue(build_header(message.opcode, message.size))
            self._enqueue(message.payload)

    def _write_pong(self) -> None:
        backlog = self._backlog
        if backlog is not None and backlog.pong is not None:
            pong, backlog.pong = backlog.pong, None
            self.write(pong)

    def broke(self, error: Exception) -> None:
        """Forget what waits, as nothing leaves any more; the owner is told in the loop's next turn."""
        self._writable = self.is_open = False
        self._forget()
        self._flusher.call_soon(partial(self._owner.outbox_failed, error))

    def fail(self, error: Exception) -> None:
        """Forget what waits; who waits for the drain gets ``error``. The socket is about to be closed."""
        self._descriptor = -1
        self._forget()
        backlog, self._backlog = self._backlog, None
        for waiter in () if backlog is None else backlog.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _forget(self) -> None:
        self._take_frames()
        backlog = self._backlog
        if backlog is not None:
            if backlog.deflation is not None:
                self._given_up(backlog, backlog.deflation)
            backlog.clear()

    # drains

    async def drained(self) -> None:
        """Wait until at most ``limit`` bytes wait, none after a message was dropped.

        Raises the owner's `closed_error`, TooManySenders.
        """
        self._check_open()
        if self.amount <= self._room:
            return
        self._write_gathered()  # also what a cork holds back: its end may come after this
        backlog = self._made_backlog()
        try:
            with backlog.sender(0):
                while self.amount > self._room:
                    await self._next_drain(backlog)
        finally:
            self._give_up_unused()

    def observe(self) -> int:
        """Return `amount`; whoever finds it above 0 is told of a drain that follows, and may look again.

        That is at the limit for who finds more, and when nothing waits for who finds less: nobody
        knows at which number somebody stops.
        """
        amount = self.amount
        if amount and self.is_open:
            if amount > self.limit:
                self._is_pressed = True
            else:
                self._made_backlog().is_observed = True
                self._watch_transport()
        return amount

    @property
    def _room(self) -> int:
        """So many bytes may wait when a drain is told of."""
        return 0 if self._backlog is not None and self._backlog.has_dropped else self.limit

    async def _next_drain(self, backlog: Backlog) -> None:
        self._is_pressed = True
        waiter = asyncio.get_running_loop().create_future()
        backlog.waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in backlog.waiters:
                backlog.waiters.remove(waiter)

    def _flushed(self) -> None:
        if self._writable:
            self._write_pong()
        amount, backlog = self.amount, self._backlog
        is_due = self._is_pressed and amount <= self._room
        if backlog is not None:
            is_due = is_due or (backlog.is_observed and not amount)
            if is_due:
                backlog.relieve()
            self._watch_transport()
            self._give_up_unused()
        if is_due:
            self._is_pressed = False
            self._owner.outbox_drained()

    def _watch_transport(self) -> None:
        """Have the transport tell when it is empty, if that is waited for: it tells of no other end.

        Not while it is empty: there are some that pause then (`asyncio.sslproto`).
        """
        backlog = self._backlog
        if backlog is None or backlog.is_transport_watched:
            return
        if not (backlog.has_dropped or backlog.is_observed) or self._transport.is_closing():
            return
        if self._held_by_transport():
            backlog.is_transport_watched = True
            self._transport.set_write_buffer_limits(high=0)

    def _unwatch_transport(self) -> None:
        backlog = self._backlog
        if backlog is not None and backlog.is_transport_watched:
            backlog.is_transport_watched = False
            self._transport.set_write_buffer_limits(high=self.limit)


def _deflated_frame(message: PreparedMessage, deflater: Deflater) -> bytes:
    """Return a message as a frame: deflated, if that is less. A thread may do it."""
    if not deflater.has_takeover:
        return message.deflated_frame(deflater.window_bits)
    deflated = deflater.compress(message.payload)
    if len(deflated) < message.size:
        return build_frame(message.opcode, deflated, rsv1=True)
    deflater.reset()  # the peer's window will not have what it does not get deflated
    return message.frame
