"""One accepted connection from the 101 to its end: in go messages and events, out go frames and hooks.

It ties the halves together: `WebSocketProtocol` brings messages in, `Outbox` lets frames out, `State`
says what is allowed, `KeepAlive` notices a silent peer, and a `Consumer` (a view's loop, or a pump that
runs handlers) takes what arrived.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, overload

import msgspec

from .._wire import Deflater, Message, MessageReader, Opcode, build_close, build_frame
from ..codecs import JSON, Codec
from ..errors import ConnectionClosed, HubMissing, ProtocolError
from .afterwards import Afterwards, Farewell
from .exchange import Exchange
from .in_flight import InFlight
from .keepalive import KeepAlive, KeepAlivePolicy
from .outbox import Outbox, SendStatus
from .prepared import PreparedMessage
from .protocol import WebSocketProtocol
from .state import NEXT, Event, State

if TYPE_CHECKING:
    from .peer import TopicsPort

__all__ = ("Connection", "ConnectionOptions", "Consumer")

logger = logging.getLogger("aiows.connection")

NO_STATUS: Final = 1005  # RFC 6455, section 7.1.5: the Close frame carried no code
ABNORMAL: Final = 1006  # the connection went without a Close frame

# After a protocol error the peer may still be sending; closing at once would reset the TCP connection
# and our Close frame with its reason would be lost. So long do we read on and throw away.
LINGER: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What is the same for all connections of one route; sizes in bytes, times in seconds."""

    writer_limit: int = 64 * 1024
    max_backpressure: int = 1024 * 1024
    close_timeout: float = 10.0
    autoclose: bool = True
    autoping: bool = True
    control_messages: bool = False
    keepalive: KeepAlivePolicy | None = None


class Consumer(Protocol):
    """Who takes the messages of a connection with `Connection.take`."""

    connection: Connection

    def on_message(self) -> None:
        """Something new waits: a message, or the end."""

    def on_drain(self) -> None:
        """The outbox is back at its limit."""

    def on_dropped(self, message: PreparedMessage) -> None:
        """There was no room for ``message``."""

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        """The connection subscribed to ``topic``, or no longer does.

        ``count`` is how many connections of this node do now, ``before`` how many did.
        """

    def on_close(self, code: int, reason: str) -> None:
        """It is over; called exactly once, and no message is given out afterwards."""

    async def settle(self, timeout: float | None) -> None:
        """Wait until nothing that was started runs any more; after ``timeout`` seconds cancel it."""


class Connection:
    """One accepted WebSocket connection, as callbacks and views see it.

    ``user_id`` and ``user_data`` are the application's own; None until set. ``codec`` is how objects are
    sent, and messages with a kind read.
    """

    __slots__ = (
        "__weakref__",
        "_afterwards",
        "_app",
        "_close_code",
        "_close_reason",
        "_consumer",
        "_deadline",
        "_deflater",
        "_done",
        "_exchange",
        "_hub",
        "_is_leaving",
        "_is_over",
        "_keepalive",
        "_leave_callbacks",
        "_loop",
        "_on_lost",
        "_options",
        "_protocol",
        "_state",
        "_transport",
        "codec",
        "exception",
        "failure",
        "outbox",
        "user_data",
        "user_id",
        "was_clean",
        "was_cut",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        reader: MessageReader,
        deflater: Deflater | None,
        options: ConnectionOptions,
        consumer: Consumer,
        on_lost: Callable[[BaseException | None], None],
        app: Any = None,
        hub: TopicsPort | None = None,
        codec: Codec = JSON,
    ) -> None:
        self.codec = codec
        self._transport = transport
        self._loop = loop
        self._deflater = deflater
        self._options = options
        self._consumer = consumer
        consumer.connection = self
        self._on_lost = on_lost
        self._app = app
        self._hub = hub
        self._state = State.OPEN
        self._close_code: int | None = None
        self._close_reason = ""
        self._is_leaving = False
        self._is_over = False
        self.failure: Exception | None = None  # the peer's: a broken protocol, or silence
        self._deadline: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] | None = None
        self._leave_callbacks: list[Callable[[Connection], None]] = []
        self._afterwards: Afterwards | None = None
        self._exchange: Exchange | None = None
        self.was_clean = False  # both Close frames have passed
        self.was_cut = False  # lost while it was open
        self.exception: BaseException | None = None
        self.user_id: Any = None
        self.user_data: Any = None
        self._protocol = WebSocketProtocol(self, reader, transport, loop)
        self.outbox = Outbox(transport, limit=options.writer_limit, on_drain=self._drained)
        self._keepalive = self._start_keepalive(options.keepalive)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state.name.lower()} user_id={self.user_id!r}>"

    # what an application reads

    @property
    def connection(self) -> Connection:
        """Itself: every face has its connection."""
        return self

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more; true as soon as the peer is lost."""
        return self._state not in (State.OPEN, State.CLOSE_RECEIVED)

    @property
    def close_code(self) -> int | None:
        """The first close code that either side gave; 1005: none, 1006: lost; None while open."""
        return self._close_code

    @property
    def close_reason(self) -> str:
        """The text that came with the close code."""
        return self._close_reason

    @property
    def buffered_amount(self) -> int:
        """Bytes that have not been handed to the operating system yet."""
        return 0 if self._state is State.LOST else self.outbox.amount

    def get_buffered_amount(self) -> int:
        """The same as `buffered_amount`."""
        return self.buffered_amount

    def get_user_data(self) -> Any:
        """The same as `user_data`: what the upgrade set, None if nothing."""
        return self.user_data

    @property
    def app(self) -> Any:
        """The application that accepted the connection."""
        return self._app

    @property
    def remote(self) -> str | None:
        """The peer's address, None where the transport has none (a Unix socket)."""
        peername: Any = self.get_extra_info("peername")
        return None if not peername or isinstance(peername, str | bytes) else str(peername[0])

    def get_remote_address(self) -> str | None:
        """The same as `remote`."""
        return self.remote

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What `asyncio.BaseTransport.get_extra_info` knows."""
        return self._transport.get_extra_info(name, default)

    # sending

    def push(self, message: Any) -> SendStatus:
        """Send without waiting: ``str`` as TEXT, bytes-like as BINARY, any other object in its `codec`.

        DROPPED if the connection is closed, or if something waits already and this message would
        make it more than ``max_backpressure`` bytes. Raises TypeError for what the codec cannot say.
        """
        if not isinstance(message, PreparedMessage):
            return self._push(PreparedMessage(message, codec=self.codec))
        spoken = message.spoken_in(self.codec)
        return SendStatus.DROPPED if spoken is None else self._push(spoken)

    def send(self, message: Any, opcode: int | None = None) -> SendStatus:
        """Send as `push` does, as what ``opcode`` names: TEXT or BINARY. Raises ValueError for others."""
        if opcode is None:
            return self.push(message)
        if opcode not in (Opcode.TEXT, Opcode.BINARY):
            raise ValueError(f"{opcode!r} is no message: there are ping(), pong() and end()")
        return self._push(PreparedMessage(message, opcode, codec=self.codec))

    def _push(self, message: PreparedMessage) -> SendStatus:
        outbox = self.outbox
        if self.closed:
            return SendStatus.DROPPED
        waiting = outbox.amount
        if waiting and waiting + len(message.payload) > self._options.max_backpressure:
            return self._drop(message)
        outbox.write(self._frame_of(message, compress=None))
        return outbox.press()

    def _drop(self, message: PreparedMessage) -> SendStatus:
        status = self.outbox.drop()
        self._consumer.on_dropped(message)
        return status

    @contextmanager
    def cork(self) -> Generator[None]:
        """Let everything that is written in the ``with`` block leave in one write at its end.

        It saves system calls where several messages are sent at once; more than ``writer_limit`` bytes
        leave earlier. What handlers send while a read is being processed is corked already.
        """
        self.outbox.cork()
        try:
            yield
        finally:
            self.outbox.uncork()

    async def send_message(self, message: PreparedMessage, *, compress: bool | None = None) -> None:
        """Send ``message``, waiting first while more than ``writer_limit`` bytes wait; never drops.

        A cancelled call has sent the whole message or nothing. Raises ConnectionClosed, TypeError for
        what the codec cannot say.
        """
        self._check_open()
        spoken = message.spoken_in(self.codec)
        if spoken is None:
            raise TypeError(f"{self.codec!r} cannot say the message, see the log")
        if not self.outbox.is_contended:
            self.outbox.write(self._frame_of(spoken, compress=compress))
            return
        async with self.outbox.turn():
            self._check_open()
            self.outbox.write(self._frame_of(spoken, compress=compress))

    @overload
    async def ask(
        self, kind: str, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    @overload
    async def ask(
        self, payload: msgspec.Struct, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    async def ask(
        self,
        kind: object,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = 10.0,
    ) -> dict[str, Any]:
        """Ask the peer and return the fields of its answer, without ``kind`` and ``ref``.

        ``kind`` and ``fields``, or a `Payload`, are sent as a flat message with a ``ref``; the answer is
        the message that comes back with it, of whatever kind. It is taken out of what is received
        before any queue or handler, so a handler may ask while it is at work.

        ``timeout``: seconds until the question is given up, None: never. A question that is given up,
        also because its task is cancelled, is taken back with a ``cancel``.

        Raises AskRefused for an error as the answer, AskTimeout, AskBlocked if what waits to be handled
        holds up the answer, TooManyAsks over 64 questions at once, AskFailed for a stream,
        ConnectionClosed if the peer leaves, ValueError for reserved kinds and keys.
        """
        return await self.exchange.asking.ask(kind, fields, timeout)

    def ask_stream(
        self,
        kind: object,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = 10.0,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Ask as `ask` does, and yield the fields of each ``item`` of the answer until its ``end``.

        ``timeout`` is the time for each of them. A peer that is faster than the loop feels TCP. To
        leave the loop is to take the question back (at once in ``async with contextlib.aclosing``).
        Raises as `ask`, when it is iterated over.
        """
        return self.exchange.asking.ask_stream(kind, fields, timeout)

    async def drained(self) -> None:
        """Wait until there is room again: at most ``writer_limit`` bytes wait. Raises ConnectionClosed.

        After a message was DROPPED there is room when nothing waits: then any message is taken.
        """
        self._check_open()
        await self.outbox.drained()

    def ping(self, data: bytes = b"") -> None:
        """Send a Ping with up to 125 bytes. Raises ValueError for more, ConnectionClosed."""
        self.send_control(Opcode.PING, data)

    def pong(self, data: bytes = b"") -> None:
        """Send a Pong that nobody asked for. Raises ValueError over 125 bytes, ConnectionClosed."""
        self.send_control(Opcode.PONG, data)

    def send_control(self, opcode: int, data: bytes) -> None:
        self._check_open()
        self.outbox.write(build_frame(opcode, data))

    def _frame_of(self, message: PreparedMessage, *, compress: bool | None) -> bytes:
        deflater = self._deflater
        if deflater is None or compress is False:
            return message.frame()
        if not deflater.has_takeover:
            return message.deflated_frame(deflater.window_bits)
        return build_frame(message.opcode, deflater.compress(message.payload), rsv1=True)

    def _check_open(self) -> None:
        if self.closed:
            raise self._closed_error()

    def _closed_error(self) -> ConnectionClosed:
        return ConnectionClosed(self._close_code, self._close_reason)

    def _drained(self) -> None:
        self._consumer.on_drain()

    # topics

    def subscribe(self, topic: str) -> None:
        """Receive what is published on ``topic``. Raises HubMissing without ``setup(app)``."""
        self.require_hub().subscribe(self, topic)

    def unsubscribe(self, topic: str) -> None:
        """No longer receive ``topic``. Raises HubMissing without ``setup(app)``."""
        self.require_hub().unsubscribe(self, topic)

    @property
    def topics(self) -> frozenset[str]:
        """The names of the topics subscribed to. Raises HubMissing without ``setup(app)``."""
        return self.require_hub().topics(self)

    def is_subscribed(self, topic: str) -> bool:
        """Whether ``topic`` is subscribed to. Raises HubMissing without ``setup(app)``."""
        return topic in self.topics

    def publish(self, topic: str, message: Any, *, include_self: bool = False) -> None:
        """Send to the subscribers of ``topic`` everywhere, here at once, without waiting.

        This connection is left out unless ``include_self``. Raises HubMissing without ``setup(app)``.
        """
        self.require_hub().publish_from(self, topic, message, include_self=include_self)

    def subscription_changed(self, topic: str, count: int, before: int) -> None:
        """Be told by the registry; see `Consumer.on_subscription`."""
        self._consumer.on_subscription(topic, count, before)

    @property
    def hub(self) -> TopicsPort | None:
        """What ``setup(app)`` gave to the connection, None without it."""
        return self._hub

    def require_hub(self) -> TopicsPort:
        """The same, or HubMissing."""
        if self._hub is None:
            raise HubMissing
        return self._hub

    # requests and answers

    @property
    def exchange(self) -> Exchange:
        """What goes on between requests and answers; made when it is first asked for."""
        if self._exchange is None:
            self._exchange = Exchange(self)
        return self._exchange

    @property
    def in_flight(self) -> InFlight | None:
        """The handlers that wait; None if there never were any."""
        return None if self._exchange is None else self._exchange.in_flight

    @property
    def has_peer_left(self) -> bool:
        """Whether the peer is going or has gone, and not because we closed."""
        return self._state is State.CLOSE_RECEIVED or self.was_cut or self.failure is not None

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait to be taken."""
        return bool(self._protocol.inbox)

    def sift(self) -> None:
        """Have the exchange take its own out of what waits."""
        self._protocol.inbox.sift(self.exchange.take)

    def check_answerable(self) -> None:
        """Raise ConnectionClosed if the peer will say no more."""
        if self._state is not State.OPEN or self.failure is not None:
            raise self._closed_error()

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is read until somebody takes what waits."""
        return self._protocol.is_paused

    def hold(self, weight: int) -> None:
        """So many bytes wait elsewhere than in the inbox: they count as if they were there."""
        self._protocol.hold(weight)

    def release(self, weight: int) -> None:
        """Take back `hold`."""
        self._protocol.release(weight)

    def _end_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.left(self._closed_error())

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
        if not self._is_leaving:
            self._end()

    def end(self, code: int = 1000, message: str | bytes = "") -> None:
        """The same as `close`."""
        self.close(code, message)

    def answer_close(self) -> None:
        """Answer the peer's Close with its own code, once (RFC 6455, section 5.5.1)."""
        if self._state is not State.CLOSE_RECEIVED:
            return
        code = self._close_code
        assert code is not None
        payload = b"" if code == NO_STATUS else build_close(code, self._close_reason)
        self._send_close(payload, code, self._close_reason)
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
        end = None if timeout is None else self._loop.time() + timeout
        for each in (self._consumer, self.in_flight, self._afterwards):
            if each is not None:
                await each.settle(None if end is None else max(0.0, end - self._loop.time()))

    async def handshake_done(self) -> None:
        """Wait until both Close frames have passed, or the peer is lost."""
        if self._state in (State.CLOSED, State.LOST):
            return
        if self._done is None:
            self._done = self._loop.create_future()
        await asyncio.shield(self._done)

    def _send_close(self, payload: bytes, code: int, reason: str) -> None:
        self._note_close(code, reason)
        self.outbox.write(build_frame(Opcode.CLOSE, payload))
        self._step(Event.SEND_CLOSE)
        if self._state is State.CLOSED:
            self.hang_up()
        else:
            self._set_deadline(self._options.close_timeout, self._give_up_on_close)
        self._leave()

    def _note_close(self, code: int, reason: str) -> None:
        """The first code wins, whoever gave it."""
        if self._close_code is None:
            self._close_code = code
            self._close_reason = reason

    def _give_up_on_close(self) -> None:
        """The peer did not answer our Close in time."""
        self.abort(TimeoutError(f"no answer to Close after {self._options.close_timeout} seconds"))

    def hang_up(self) -> None:
        """Close the TCP connection once everything is written; a peer that does not read is cut off."""
        self._set_deadline(self._options.close_timeout, self._transport.abort)
        self.outbox.finish()
        self._transport.close()

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _set_deadline(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        self._clear_deadline()
        self._deadline = self._loop.call_later(seconds, callback, *args)

    def _step(self, event: Event) -> None:
        self._state = NEXT[self._state, event]
        if self._state not in (State.CLOSED, State.LOST):
            return
        self.was_clean = self.was_clean or self._state is State.CLOSED
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    # when it ends

    def add_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Call ``callback`` once when nothing can be sent any more, before the close callback."""
        if self.closed:
            callback(self)
            return
        self._leave_callbacks.append(callback)

    def remove_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Take back `add_leave_callback`; nothing happens if it is not there."""
        if callback in self._leave_callbacks:
            self._leave_callbacks.remove(callback)

    def add_farewell(self, farewell: Farewell) -> None:
        """Run ``farewell()`` once it is over and no message is given out any more; `settle` waits for it.

        It runs at once if it is over already.
        """
        if self._afterwards is None:
            self._afterwards = Afterwards()
        self._afterwards.add(farewell)
        if self._is_over:
            self._afterwards.begin(self._loop)

    def _leave(self) -> None:
        self._end_exchange()
        if self._keepalive is not None:
            self._keepalive.stop()
        callbacks, self._leave_callbacks = self._leave_callbacks, []
        self._is_leaving = True
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                logger.exception("a leave callback of %r raised", self)
        self._is_leaving = False

    def _end(self) -> None:
        """Tell the consumer, exactly once."""
        if self._is_over:
            return
        self._is_over = True
        self._protocol.inbox.clear()
        if self._state is State.LOST:
            self._clear_deadline()
        assert self._close_code is not None
        self._consumer.on_close(self._close_code, self._close_reason)
        if self._afterwards is not None:
            self._afterwards.begin(self._loop)

    # the protocol's side

    @property
    def protocol(self) -> WebSocketProtocol:
        """What the transport talks to."""
        return self._protocol

    def heard(self) -> None:
        """Bytes came in."""
        if self._keepalive is not None:
            self._keepalive.heard()

    def received(self, message: Message) -> None:
        """A message came in."""
        if message.opcode == Opcode.CLOSE:
            self._received_close(message)
        elif self.closed:
            pass  # RFC 6455, section 1.4: what comes after our Close is discarded
        elif message.opcode == Opcode.PING:
            self._received_ping(message)
        elif message.opcode == Opcode.PONG:
            self._received_control(message)
        elif self._exchange is None or not self._exchange.take(message):
            self._queue(message)

    def _received_ping(self, message: Message) -> None:
        if self._options.autoping:
            assert isinstance(message.data, bytes)
            self.outbox.write_pong(build_frame(Opcode.PONG, message.data))
        self._received_control(message)

    def _received_control(self, message: Message) -> None:
        if self._options.control_messages or not self._options.autoping:
            self._queue(message)

    def _received_close(self, message: Message) -> None:
        code, reason = message.data, message.extra
        assert isinstance(code, int)
        self._protocol.ignore()
        self._note_close(code, reason)
        self._step(Event.RECEIVE_CLOSE)
        if self._state is State.CLOSED:
            self.hang_up()
            return
        self._end_exchange()
        # The answer waits until what came before has been handled, but not for ever.
        self._set_deadline(self._options.close_timeout, self.answer_close)
        self._queue(message)

    def failed(self, error: ProtocolError) -> None:
        """The peer broke the protocol; what it sent before is handled first, but not for ever."""
        self._protocol.ignore()
        self.exception = error
        if self.closed:
            self.hang_up()
            return
        self.failure = error
        self._end_exchange()
        self._set_deadline(self._options.close_timeout, self._fail, error)
        self._consumer.on_message()

    def _queue(self, message: Message) -> None:
        self._protocol.put(message)
        self._consumer.on_message()
        if self._exchange is not None and self._protocol.is_paused:
            self._loop.call_soon(self._check_blocked)  # who is just being woken may make room

    def _check_blocked(self) -> None:
        if self._exchange is not None and self._protocol.is_paused:
            self._exchange.asking.blocked()

    def lost(self, error: BaseException | None) -> None:
        """The TCP connection is gone."""
        if self._state is State.LOST:
            return
        self.was_cut = not self.closed
        self._note_close(ABNORMAL, "")
        closed = self._closed_error()
        if not self.was_clean:
            self.exception = self.exception or error or closed
        self._step(Event.LOSE)
        self.outbox.fail(closed)
        self._on_lost(error)
        self._leave()
        if self._is_over:
            self._clear_deadline()
            return
        # What had arrived before is still handled, but a handler that never ends cannot hold it back.
        self._set_deadline(self._options.close_timeout, self._end)
        self._consumer.on_message()

    # the consumer's side

    def take(self) -> Message | None:
        """Return the next message, None if none waits. To take the peer's Close is to answer it."""
        message = self._protocol.inbox.take()
        if message is None:
            self._finish()
            return None
        if self._protocol.is_paused and self._protocol.inbox.has_room:
            self._protocol.resume()
        if message.opcode == Opcode.CLOSE and self._options.autoclose:
            self.answer_close()
        return message

    def _finish(self) -> None:
        """Everything has been handled: if there is an end to come, it comes now."""
        if self._is_over:
            return
        if self._state is State.LOST:
            self._end()
        elif isinstance(self.failure, ProtocolError):
            self._fail(self.failure)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left to be taken but the end."""
        if self._state is State.CLOSE_RECEIVED:
            return len(self._protocol.inbox) <= 1
        return not self._protocol.inbox and (self._state is State.LOST or self.failure is not None)

    @property
    def is_closing(self) -> bool:
        """Whether our Close is out and the peer's has not come."""
        return self._state is State.CLOSE_SENT

    def _start_keepalive(self, policy: KeepAlivePolicy | None) -> KeepAlive | None:
        if policy is None:
            return None
        return KeepAlive(
            self._loop,
            policy,
            ping=self._ping_silent_peer,
            give_up=self._give_up_on_silence,
            is_deaf=lambda: self._protocol.is_paused,
        )

    def _ping_silent_peer(self) -> None:
        if not self.closed:
            self.outbox.write(build_frame(Opcode.PING, b""))

    def _give_up_on_silence(self) -> None:
        policy = self._options.keepalive
        assert policy is not None
        self.failure = TimeoutError(f"No PONG received after {policy.give_up_after} seconds")
        self.abort(self.failure)
