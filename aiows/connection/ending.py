"""In go a close from either side, an error or a loss, out comes one end, which everybody is told of.

What may follow what is the table in `state`; here is what is done on the way: the Close frames, the
patience with a peer that does not answer, and who is told, in which order, exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from .._wire import MessageReader, Opcode, build_close, build_frame
from ..errors import ConnectionClosed, ProtocolError
from .cleanup import Cleanup, CleanupFunction
from .finale import LIVES, Finale, Unended
from .options import ConnectionOptions
from .outbox import Outbox
from .per_loop import per_loop
from .prepared import PreparedMessage
from .protocol import WebSocketProtocol
from .state import NEXT, Event, State

if TYPE_CHECKING:
    from .connection import Connection
    from .consumer import Consumer, Host
    from .exchange.exchange import Exchange
    from .exchange.in_flight import InFlight
    from .peer import TopicsPort
    from .wheel import Step

__all__ = ("Ending",)

logger = logging.getLogger("aiows.connection")

NO_STATUS: Final = 1005  # RFC 6455, section 7.1.5: the Close frame carried no code
ABNORMAL: Final = 1006  # the connection went without a Close frame

# After a protocol error the peer may still be sending; closing at once would reset the TCP connection
# and our Close frame with its reason would be lost. So long do we read on and throw away.
LINGER: Final = 2.0


class Ending:
    """What a connection is made of, and how it ends; `Connection` is what it does until then."""

    __slots__ = (
        "__weakref__",
        "_cleanup",
        "_consumer",
        "_exchange",
        "_finale",
        "_host",
        "_hub",
        "_leave_callbacks",
        "_options",
        "_protocol",
        "_shared",
        "_state",
        "_transport",
        "appointment",
        "in_flight",
        "outbox",
        "pinged_at",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        reader: MessageReader,
        options: ConnectionOptions,
        consumer: Consumer,
        host: Host,
        hub: TopicsPort | None,
    ) -> None:
        self._transport = transport
        self._shared = shared = per_loop(loop)
        self._options = options
        self._consumer = consumer
        consumer.connection = self._itself
        self._host = host
        self._hub = hub
        self._state = State.OPEN
        self._finale: Unended = LIVES
        self._leave_callbacks: list[Callable[[Connection], None]] | None = None
        self._cleanup: Cleanup | None = None
        self._exchange: Exchange | None = None
        self.in_flight: InFlight | None = None  # the exchange's: what handlers wait
        self._protocol = WebSocketProtocol(self._itself, reader, transport, shared)
        self.outbox = Outbox(
            self,
            transport,
            shared.turn,
            limit=options.writer_limit,
            max_backpressure=options.max_backpressure,
        )
        self._protocol.consumer = consumer
        self.appointment: Step | None = None
        self.pinged_at: float | None = None
        if options.keepalive is not None:
            shared.keepalive(options.keepalive).start(self)

    @property
    def _itself(self) -> Connection:
        return cast("Connection", self)

    @property
    def _own_finale(self) -> Finale:
        """Where what is known of the end is kept, from now on."""
        if not isinstance(self._finale, Finale):
            self._finale = Finale()
        return self._finale

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more; true as soon as the peer is lost."""
        return self._state not in (State.OPEN, State.CLOSE_RECEIVED)

    @property
    def close_code(self) -> int | None:
        """The first close code that either side gave; 1005: none, 1006: lost; None while open."""
        return self._finale.close_code

    @property
    def close_reason(self) -> str:
        """The text that came with the close code."""
        return self._finale.close_reason

    @property
    def exception(self) -> BaseException | None:
        """What the connection ended with; None while it lives, and after a clean end."""
        return self._finale.exception

    @property
    def failure(self) -> Exception | None:
        """What the peer did wrong: it broke the protocol, or fell silent."""
        return self._finale.failure

    @property
    def was_clean(self) -> bool:
        """Whether both Close frames have passed."""
        return self._finale.was_clean

    @property
    def was_cut(self) -> bool:
        """Whether it was lost while it was open."""
        return self._finale.was_cut

    # closing

    def close(self, code: int = 1000, message: str | bytes = "") -> None:
        """Close with ``code`` and a reason of up to 123 bytes; the close callback runs before it returns.

        Does nothing on a closed connection. Raises ValueError for a code that may not be sent
        (RFC 6455, section 7.4) and for a longer reason.
        """
        payload = build_close(code, message)
        if self.closed:
            self._close_now()
            return
        reason = message if isinstance(message, str) else message.decode("utf-8", "replace")
        self._send_close(payload, code, reason)
        self._end()
        self._protocol.resume()

    def _close_now(self) -> None:
        """The peer was lost, and what it had sent before is still being handled: no more of it."""
        if not self._finale.is_leaving:
            self._end()

    def end(self, code: int = 1000, message: str | bytes = "") -> None:
        """The same as `close`."""
        self.close(code, message)

    def answer_close(self) -> None:
        """Answer the peer's Close with its own code, once (RFC 6455, section 5.5.1)."""
        if self._state is not State.CLOSE_RECEIVED:
            return
        code = self._finale.close_code
        assert code is not None
        payload = b"" if code == NO_STATUS else build_close(code, self.close_reason)
        self._send_close(payload, code, self.close_reason)
        self._end()

    def _fail(self, error: ProtocolError) -> None:
        """Tell the peer what it did wrong, and close (RFC 6455, section 7.1.7)."""
        self._send_close(build_close(error.code, error.text), error.code, error.text)
        self.outbox.finish()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._set_deadline(min(LINGER, self._options.close_timeout), self.hang_up)
        self._end()

    def abort(self, error: BaseException | None = None) -> None:
        """Drop the TCP connection without a word; the close code is 1006."""
        self._transport.abort()
        self.lost(error)

    async def settle(self, timeout: float | None) -> None:
        """Wait for the application's hooks that still run; after ``timeout`` seconds cancel them."""
        now = self._shared.loop.time
        end = None if timeout is None else now() + timeout
        for each in (self._consumer, self.in_flight, self._cleanup):
            if each is not None:
                await each.settle(None if end is None else max(0.0, end - now()))

    @property
    def is_at_work(self) -> bool:
        """Whether `settle` would have to wait."""
        return any(each.is_at_work for each in (self._consumer, self.in_flight) if each is not None)

    async def handshake_done(self) -> None:
        """Wait until both Close frames have passed, or the peer is lost."""
        if self._state in (State.CLOSED, State.LOST):
            return
        finale = self._own_finale
        if finale.done is None:
            finale.done = self._shared.loop.create_future()
        await asyncio.shield(finale.done)

    def _send_close(self, payload: bytes, code: int, reason: str) -> None:
        self._note_close(code, reason)
        self.outbox.write_close(build_frame(Opcode.CLOSE, payload))
        self._step(Event.SEND_CLOSE)
        if self._state is State.CLOSED:
            self.hang_up()
        else:
            self._set_deadline(self._options.close_timeout, self._give_up_on_close)
        self._leave()

    def _note_close(self, code: int, reason: str) -> None:
        """The first code wins, whoever gave it."""
        finale = self._own_finale
        if finale.close_code is None:
            finale.close_code = code
            finale.close_reason = reason

    def _give_up_on_close(self) -> None:
        """The peer did not answer our Close in time."""
        self.abort(TimeoutError(f"no answer to Close after {self._options.close_timeout} seconds"))

    def hang_up(self) -> None:
        """Close the TCP connection once everything is written; a peer that does not read is cut off."""
        self._set_deadline(self._options.close_timeout, self._transport.abort)
        self.outbox.finish()
        self._transport.close()

    def _clear_deadline(self) -> None:
        finale = self._finale
        if isinstance(finale, Finale) and finale.deadline is not None:
            finale.deadline.cancel()
            finale.deadline = None

    def _set_deadline(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        self._clear_deadline()
        self._own_finale.deadline = self._shared.loop.call_later(seconds, callback, *args)

    def _step(self, event: Event) -> None:
        self._state = NEXT[self._state, event]
        self._protocol.consumer = (
            None  # RFC 6455, section 1.4: what comes after a Close is discarded
        )
        self.outbox.is_open = not self.closed
        if self._state not in (State.CLOSED, State.LOST):
            return
        finale = self._own_finale
        finale.was_clean = finale.was_clean or self._state is State.CLOSED
        if finale.done is not None and not finale.done.done():
            finale.done.set_result(None)

    # what the peer did

    def failed(self, error: ProtocolError) -> None:
        """The peer broke the protocol; what it sent before is handled first, but not for ever."""
        self._protocol.ignore()
        finale = self._own_finale
        finale.exception = error
        if self.closed:
            self.hang_up()
            return
        finale.failure = error
        self._end_exchange()
        self._set_deadline(self._options.close_timeout, self._fail, error)
        self._consumer.on_message()

    def lost(self, error: BaseException | None) -> None:
        """The TCP connection is gone."""
        if self._state is State.LOST:
            return
        finale = self._own_finale
        finale.was_cut = not self.closed
        self._note_close(ABNORMAL, "")
        closed = self._closed_error()
        if not finale.was_clean:
            finale.exception = finale.exception or error or closed
        self._step(Event.LOSE)
        self.outbox.fail(closed)
        self._host.lost(error)
        self._leave()
        if finale.is_over:
            self._clear_deadline()
            return
        # What had arrived before is still handled, but a handler that never ends cannot hold it back.
        self._set_deadline(self._options.close_timeout, self._end)
        self._consumer.on_message()

    def _end_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.left(self._closed_error())

    def _closed_error(self) -> ConnectionClosed:
        return ConnectionClosed(self.close_code, self.close_reason)

    def outbox_drained(self) -> None:
        """There is room again."""
        self._consumer.on_drain()

    def outbox_dropped(self, opcode: int, payload: bytes) -> None:
        """There was no room for a message."""
        self._consumer.on_dropped(PreparedMessage(payload, opcode))

    # what the keep-alive asks and does (`aiows.connection.keepalive.Listener`)

    def is_due(self, tick: int) -> None:
        """The time has come to look whether the peer is silent."""
        policy = self._options.keepalive
        assert policy is not None
        self._shared.keepalive(policy).is_due(self, tick)

    @property
    def heard_at(self) -> float:
        """When the peer was last heard, in the loop's time; kept where somebody asks."""
        return self._protocol.heard_at

    def hear(self) -> None:
        """Take it that the peer is heard now."""
        self._protocol.hear()

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is read until somebody takes what waits: a silence that is our own."""
        return self._protocol.is_paused

    def ping_silent_peer(self) -> None:
        """It has not been heard for long."""
        if not self.closed:
            self.outbox.write(build_frame(Opcode.PING, b""))

    def give_up_on_silence(self) -> None:
        """Nor has it answered the ping."""
        policy = self._options.keepalive
        assert policy is not None
        silence = TimeoutError(f"No PONG received after {policy.give_up_after} seconds")
        self._own_finale.failure = silence
        self.abort(silence)

    # who is told

    def add_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Call ``callback`` once when nothing can be sent any more, before the close callback."""
        if self.closed:
            callback(self._itself)
            return
        if self._leave_callbacks is None:
            self._leave_callbacks = []
        self._leave_callbacks.append(callback)

    def remove_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Take back `add_leave_callback`; nothing happens if it is not there."""
        if self._leave_callbacks is not None and callback in self._leave_callbacks:
            self._leave_callbacks.remove(callback)

    def add_cleanup(self, farewell: CleanupFunction) -> None:
        """Run ``farewell()`` once it is over and no message is given out any more; `settle` waits for it.

        It runs at once if it is over already.
        """
        if self._cleanup is None:
            self._cleanup = Cleanup()
        self._cleanup.add(farewell)
        if self._finale.is_over:
            self._cleanup.begin(self._shared.loop)

    def _leave(self) -> None:
        self._end_exchange()
        if self._options.keepalive is not None:
            self._shared.keepalive(self._options.keepalive).stop(self)
        finale = self._own_finale
        callbacks, self._leave_callbacks = self._leave_callbacks or (), None
        finale.is_leaving = True
        if self._hub is not None:
            self._hub.detach(self._itself)
        for callback in callbacks:
            try:
                callback(self._itself)
            except Exception:
                logger.exception("a leave callback of %r raised", self)
        finale.is_leaving = False

    def _end(self) -> None:
        """Tell the consumer, exactly once."""
        finale = self._own_finale
        if finale.is_over:
            return
        finale.is_over = True
        self._protocol.clear()
        if self._state is State.LOST:
            self._clear_deadline()
        assert finale.close_code is not None
        self._consumer.on_close(finale.close_code, finale.close_reason)
        if self._cleanup is not None:
            self._cleanup.begin(self._shared.loop)

    def _finish(self) -> None:
        """Everything has been handled: if there is an end to come, it comes now."""
        if self._finale.is_over:
            return
        if self._state is State.LOST:
            self._end()
        elif isinstance(self.failure, ProtocolError):
            self._fail(self.failure)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left to be taken but the end."""
        if self._state is State.CLOSE_RECEIVED:
            return self._protocol.waiting <= 1
        if self._protocol.waiting:
            return False
        return self._state is State.LOST or self.failure is not None

    @property
    def is_closing(self) -> bool:
        """Whether our Close is out and the peer's has not come."""
        return self._state is State.CLOSE_SENT
