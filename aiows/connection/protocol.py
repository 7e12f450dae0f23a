"""What the transport talks to: the incoming half of a connection, and where its parts meet.

Users hold a `Connection`. The layers of aiows that carry one get this by `protocol_of`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from .._wire import Deflater, Message, MessageReader, Opcode, build_frame
from ..errors import ConnectionClosed, HubMissing, ProtocolError, is_nothing_but_the_end
from ..settings import Settings
from .builds import ProtocolCore
from .checked_outbox import CheckedOutbox
from .cleanup import Cleanup, CleanupFunction
from .closing import Closing
from .consumer import Consumer, Host, Topics
from .control_frames import control_received
from .exchange import Exchange, InFlight
from .inbox import Inbox
from .outbox import Outbox
from .per_loop import PerLoop
from .prepared import PreparedMessage
from .transports import bound_unsent, resume_reading
from .unfinished import LONGEST_STALL
from .wheel import Step

__all__ = ("WebSocketProtocol",)

logger: Final = logging.getLogger("aiows.connection")

# Members of an enum are looked up by way of its class, several times for each message.
_BINARY: Final = int(Opcode.BINARY)
_CLOSE: Final = int(Opcode.CLOSE)
_PING: Final = int(Opcode.PING)

TRY_AGAIN_LATER: Final = 1013  # RFC 6455, section 7.4.1, in IANA's registry

LeaveCallback: TypeAlias = Callable[[Any], None]

_numbers: Final = itertools.count(1)


class WebSocketProtocol(ProtocolCore, asyncio.BufferedProtocol):
    """The asyncio protocol of one connection after the upgrade.

    ``connection`` is what users hold; ``application`` takes its messages; ``host`` has accepted it.
    ``consumer`` is the application as long as it gets messages without anybody looking at them before.
    """

    in_flight: InFlight | None

    __slots__ = (
        "__weakref__",
        "_cleanup",
        "_exchange",
        "_inbox",
        "_leave_callbacks",
        "app",
        "application",
        "appointment",
        "closing",
        "connection",
        "host",
        "hub",
        "options",
        "outbox",
        "pinged_at",
        "shared",
        "transport",
    )

    def __init__(
        self,
        connection: Any,
        transport: asyncio.Transport,
        shared: PerLoop,
        *,
        reader: MessageReader,
        deflater: Deflater | None,
        options: Settings,
        application: Consumer,
        host: Host,
        hub: Topics | None,
        app: Any,
    ) -> None:
        super().__init__(reader, shared.flusher, shared.read_buffer)
        self.connection = connection
        self.transport = transport
        self.shared = shared
        self.options = options
        self.application = application
        self.consumer = application
        self.host = host
        self.hub = hub
        self.app = app
        self.closing: Closing | None = None
        self.appointment: Step | None = None
        self.pinged_at: float | None = None
        self._exchange: Exchange | None = None
        self._inbox: Inbox | None = None  # made when a message has to wait for the first time
        self._leave_callbacks: list[LeaveCallback] | None = None
        self._cleanup: Cleanup | None = None
        self.number = next(_numbers)
        outbox_type = CheckedOutbox if self.loop.get_debug() else Outbox
        self.outbox: Outbox = outbox_type(
            self,
            transport,
            shared.flusher,
            limit=options.backpressure_from,
            max_backpressure=options.max_backpressure,
            deflater=deflater,
            threshold=options.smallest_compressed,
        )
        if options.max_unsent is not None:
            bound_unsent(transport, options.max_unsent)
        if options.keepalive is not None:
            shared.keepalive(options.keepalive).start(self)

    def __repr__(self) -> str:
        return repr(self.connection)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.shared.loop

    # the transport's side, but for the reading

    def eof_received(self) -> None:
        """Let the transport close: a WebSocket has no half-closed state (RFC 6455, section 7.1.1)."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_paused:
            self.is_paused = False
            self.read_messages()  # what was already received is at most one read: none of it is lost
        self.lose(exc)

    def pause_writing(self) -> None:
        self.outbox.pause()

    def resume_writing(self) -> None:
        self.outbox.resume()

    # what was read

    def received(self, message: Message) -> None:
        """A message came in that the application was not offered yet, or did not take."""
        if message.opcode > _BINARY:
            control_received(self, message)
        elif not self.is_ending and not self._finds_taker(message):
            self.queue(message)

    def _finds_taker(self, message: Message) -> bool:
        exchange = self._exchange
        if exchange is not None and exchange.take(message):
            return True
        if self.closing is not None and self.closing.is_drained:
            return True  # it is thrown away, as what comes after our Close is
        return exchange is not None and self.application.offer(message)

    def queue(self, message: Message) -> None:
        """Let the application have ``message`` when it is its turn."""
        inbox = self._made_inbox()
        inbox.put(message)
        self._pause_if_full(inbox)
        self.application.on_message()
        self._block_soon()

    def failed(self, error: ProtocolError) -> None:
        """The peer broke the protocol; what it sent before is handled first, but not for ever."""
        self.is_ignoring = True
        self.made_closing().fail(error)

    def unfinished_changed(self, size: int) -> None:
        self.shared.unfinished.changed(self, size)

    @property
    def longest_stall(self) -> float:
        """Seconds for which a message may stand still (`aiows.connection.unfinished`)."""
        keepalive = self.options.keepalive
        return (
            LONGEST_STALL if keepalive is None else min(LONGEST_STALL, keepalive.longest_deafness)
        )

    def give_up_message(self, reason: str) -> None:
        """A message that has begun takes too much memory or time: nothing of it is kept."""
        logger.warning("%r is closed: %s", self, reason)
        self._reader.give_up(ProtocolError(TRY_AGAIN_LATER, reason))
        self.is_ignoring = True
        self.connection.close(TRY_AGAIN_LATER, reason)

    # what waits for the application

    def take(self) -> Message | None:
        """Return the next message, None if none waits. To take the peer's Close is to answer it."""
        inbox = self._inbox
        if inbox is None or not inbox:
            if self.closing is not None:
                self.closing.all_handled()
            return None
        message = inbox.take()
        self._inbox_shrank(inbox)
        if message.opcode == _CLOSE and self.options.autoclose and self.closing is not None:
            self.closing.answer_close()
        return message

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return 0 if self._inbox is None else len(self._inbox)

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait that nobody has begun to handle."""
        return self.waiting > 0 or self.application.is_holding

    def hold(self, weight: int) -> None:
        """Count bytes that wait elsewhere as if they were in the inbox."""
        inbox = self._made_inbox()
        inbox.size += weight
        self._pause_if_full(inbox)
        self._block_soon()

    def release(self, weight: int) -> None:
        """Take back `hold`."""
        inbox = self._inbox
        if inbox is not None:
            inbox.size -= weight
            self._inbox_shrank(inbox)

    def sift(self) -> None:
        """Let the exchange take its own messages out of what waits."""
        inbox = self._inbox
        if inbox is not None:
            inbox.sift(self.exchange.take)
            self._inbox_shrank(inbox)

    def resume(self) -> None:
        """Read again after the inbox was full."""
        if not self.is_paused:
            return
        self.is_paused = False
        if self._inbox is not None:
            self._inbox.full_since = None
        self.read_messages()
        if not self.is_paused and not self.transport.is_closing():
            resume_reading(self.transport)

    def _made_inbox(self) -> Inbox:
        if self._inbox is None:
            self._inbox = Inbox()
        return self._inbox

    def _pause_if_full(self, inbox: Inbox) -> None:
        if inbox.is_full and not self.is_paused and not self.transport.is_closing():
            self.is_paused = True
            inbox.full_since = self.loop.time()
            self.transport.pause_reading()

    def _inbox_shrank(self, inbox: Inbox) -> None:
        """Every way in which the inbox gets smaller ends here, or a peer would never be heard again."""
        if not inbox.size and self._inbox is inbox:
            self._inbox = None
        if self.is_paused and inbox.has_room:
            self.resume()

    def _block_soon(self) -> None:
        """Let questions fail if reading has paused; but who is just being woken may make room."""
        if self._exchange is not None and self.is_paused:
            self.loop.call_soon(self._check_blocked)

    def _check_blocked(self) -> None:
        if self._exchange is not None and self.is_paused:
            self._exchange.blocked()

    # requests and answers

    @property
    def exchange(self) -> Exchange:
        """What goes on between requests and answers; made when it is first asked for."""
        if self._exchange is None:
            self._exchange = Exchange(self)
            self.consumer = None  # from now on messages pass the exchange first
            self.in_flight = self._exchange.in_flight
        return self._exchange

    # the end

    def made_closing(self) -> Closing:
        """The end of this connection; made when it begins, or when somebody waits for it."""
        if self.closing is None:
            self.closing = Closing(self)
        return self.closing

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.closing is not None and self.closing.is_closed

    @property
    def is_ending(self) -> bool:
        """Whether the peer will say no more, or what it says is thrown away."""
        return self.closing is not None and self.closing.has_begun

    @property
    def is_closing(self) -> bool:
        """Whether our Close is out and the peer's has not come."""
        return self.closing is not None and self.closing.is_sent

    @property
    def has_peer_left(self) -> bool:
        """Whether the peer is going or has gone, and not because we closed."""
        return self.closing is not None and self.closing.has_peer_left

    @property
    def was_clean(self) -> bool:
        """Whether both Close frames have passed."""
        return self.closing is not None and self.closing.was_clean

    @property
    def was_cut(self) -> bool:
        """Whether it was lost while messages could be sent."""
        return self.closing is not None and self.closing.is_cut

    @property
    def failure(self) -> Exception | None:
        """What the peer did wrong: it broke the protocol, or fell silent."""
        return None if self.closing is None else self.closing.failure

    def closed_error(self) -> ConnectionClosed:
        """The error of whoever sends now."""
        return self.made_closing().error()

    def check_open(self) -> None:
        """Raise ConnectionClosed where nothing can be sent any more."""
        if self.is_closed:
            raise self.closed_error()

    def check_answerable(self) -> None:
        """Raise ConnectionClosed where no answer can come any more."""
        if self.is_ending:
            raise self.closed_error()

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left to be taken but the end."""
        return self.closing is not None and self.closing.is_next(self.waiting)

    def abort(self, error: BaseException | None = None) -> None:
        """Drop the TCP connection without a word; the close code is 1006."""
        self.made_closing().abort(error)

    def lose(self, error: BaseException | None) -> None:
        """The TCP connection is gone."""
        self.made_closing().lose(error)

    def abandon(self) -> None:
        """Whoever read the messages has ended: where the peer is lost nobody will handle the rest."""
        if self.closing is not None:
            self.closing.all_handled()

    async def handshake_done(self) -> None:
        """Wait until both Close frames have passed, or the peer is lost."""
        await self.made_closing().handshake_done()

    async def handle_rest(self) -> None:
        """Take nothing new, and wait until what has come is handled and answered, but for streams."""
        self.made_closing().is_drained = True
        self.consumer = None
        while at_work := self._at_work():
            await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)

    def _at_work(self) -> set[asyncio.Future[Any]]:
        flight = self.in_flight
        if flight is None:
            return {*self.application.at_work}
        beside, streams = {*flight.tasks}, {*flight.streams}
        in_order = (
            () if streams - beside else self.application.at_work
        )  # the task is busy with a stream
        return ({*in_order} | beside) - streams

    async def settle(self, timeout: float | None) -> None:
        """Wait for the application's handlers that still run; after ``timeout`` seconds cancel them."""
        now = self.loop.time
        end = None if timeout is None else now() + timeout
        for each in (self.application, self.in_flight, self._cleanup):
            if each is not None:
                await each.settle(None if end is None else max(0.0, end - now()))

    @property
    def is_at_work(self) -> bool:
        """Whether `settle` would have to wait."""
        parts = (self.application, self.in_flight, self._cleanup)
        return any(each.is_at_work for each in parts if each is not None)

    def add_leave_callback(self, callback: LeaveCallback) -> None:
        if self.is_ending:
            callback(self.connection)
            return
        if self._leave_callbacks is None:
            self._leave_callbacks = []
        self._leave_callbacks.append(callback)

    def remove_leave_callback(self, callback: LeaveCallback) -> None:
        if self._leave_callbacks is not None and callback in self._leave_callbacks:
            self._leave_callbacks.remove(callback)

    def add_cleanup(self, function: CleanupFunction) -> None:
        """Run ``function()`` once it is over and no message is given out any more; `settle` waits for it.

        It runs at once if it is over already.
        """
        if self._cleanup is None:
            self._cleanup = Cleanup()
        self._cleanup.add(function)
        if self.closing is not None and self.closing.is_told:
            self._cleanup.begin(self.shared.stepper, self.application.context)

    # what its `Closing` asks and does

    @property
    def close_timeout(self) -> float:
        return self.options.close_timeout

    @property
    def can_end_now(self) -> bool:
        is_held_up = self.in_flight is not None and self.in_flight.is_held_up
        return self.application.ends_at_once and not self.waiting and not is_held_up

    def end_began(self) -> None:
        self.consumer = None  # RFC 6455, section 1.4: what comes after a Close is discarded
        if self.options.keepalive is not None:
            self.shared.keepalive(self.options.keepalive).stop(self)

    def leave(self, error: ConnectionClosed) -> None:
        if self._exchange is not None:
            self._exchange.left(error)
        callbacks, self._leave_callbacks = self._leave_callbacks or (), None
        if self.hub is not None:
            self.hub.detach(self.connection)
        for callback in callbacks:
            try:
                self.application.context.copy().run(callback, self.connection)
            except Exception as raised:
                self.failed_in("a leave callback", raised, logger)

    def go_on(self) -> None:
        if self.can_end_now:
            self.made_closing().finish()
        else:
            self.application.on_message()

    def lost(self, error: BaseException | None) -> None:
        self.shared.unfinished.changed(self, 0)
        self.host.lost(error)

    def tell(self, code: int, reason: str) -> None:
        self._inbox = None
        self._flusher.counters.closed += 1
        if self._flusher.observer is not None:
            by_peer = self.has_peer_left and not self.made_closing().is_aborted
            self._flusher.observer.closed(self.connection, code, by_peer=by_peer)
        self.application.on_close(code, reason)
        if self._cleanup is not None:
            self._cleanup.begin(self.shared.stepper, self.application.context)
        self.resume()  # to hear the peer's answer to our Close

    # sending, for the layers above

    async def send_message(self, message: PreparedMessage) -> None:
        """Send ``message``, waiting first while more than ``writer_limit`` bytes wait; never drop it.

        A cancelled call has sent the whole message or nothing. Raises ConnectionClosed, TooManySenders
        where too many tasks wait already, TypeError for what the codec cannot say.
        """
        self.check_open()
        codec = self.connection.codec
        spoken = message.spoken_in(codec)
        if spoken is None:
            raise TypeError(f"{codec!r} cannot say the message, see the log")
        await self.outbox.send(spoken)

    # what observers are told

    def opened(self) -> None:
        """The 101 is sent, and the application may talk."""
        self._flusher.counters.opened += 1
        if self._flusher.observer is not None:
            self._flusher.observer.opened(self.connection)

    def observed(self, message: Message) -> None:
        if self.is_ending:
            return  # it is thrown away
        assert self._flusher.observer is not None
        self._flusher.observer.message_in(self.connection, message.opcode, message.size)

    def outbox_sent(self, opcode: int, size: int) -> None:
        assert self._flusher.observer is not None
        self._flusher.observer.message_out(self.connection, opcode, size)

    def kind_sent(self, kind: str | None) -> None:
        """A message of ``kind`` is about to be sent; told only where somebody observes it."""
        if kind is not None and self._flusher.observer is not None and not self.is_closed:
            self._flusher.observer.kind_out(self.connection, kind)

    def is_departure(self, error: BaseException) -> bool:
        """Whether ``error`` says no more than that this connection is ending: nobody made a mistake."""
        return self.is_ending and is_nothing_but_the_end(error)

    def failed_in(
        self, what: str, error: BaseException, log: logging.Logger, *, kind: str | None = None
    ) -> None:
        """``what``, which is code of the application, raised ``error``: one record, and the observer is told.

        ``kind``: whose handler it was.
        """
        ws = self.connection
        where = (ws, ws.user_id, ws.id)
        log.error("%s failed on %.128r, user %.128r, connection %s", what, *where, exc_info=error)
        if self._flusher.observer is not None:
            self._flusher.observer.failed(self.connection, error, kind=kind)

    # what its outbox tells

    def outbox_drained(self) -> None:
        """There is room again."""
        if self.hub is not None:
            self.hub.drained(self.connection)
        self.application.on_drain()

    def outbox_dropped(self, message: PreparedMessage) -> None:
        """There was no room for a message."""
        if self._flusher.observer is not None:
            self._flusher.observer.dropped(self.connection, message.opcode, message.size)
        self.application.on_dropped(message)

    def outbox_failed(self, error: Exception) -> None:
        """The transport cannot be written to."""
        self.abort(error)

    # what the keep-alive asks and does (`aiows.connection.keepalive.Listener`)

    def is_due(self, tick: int) -> None:
        """The time has come to look whether the peer is silent."""
        assert self.options.keepalive is not None
        self.shared.keepalive(self.options.keepalive).is_due(self, tick)

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is read until somebody takes what waits."""
        return self.is_paused

    @property
    def deaf_since(self) -> float | None:
        """Since when that is so, in the loop's time."""
        return None if self._inbox is None else self._inbox.full_since

    def ping_silent_peer(self) -> None:
        """It has not been heard for long."""
        if not self.is_closed:
            self.outbox.write(build_frame(_PING, b""))

    def give_up_on_silence(self) -> None:
        """Nor has it answered the ping."""
        assert self.options.keepalive is not None
        self._give_up(f"No PONG received after {self.options.keepalive.give_up_after} seconds")

    def give_up_on_deafness(self) -> None:
        """Nothing was read for so long that nobody knows whether there is a peer."""
        self._give_up("what the peer has sent was not handled for too long")

    def _give_up(self, why: str) -> None:
        silence = TimeoutError(why)
        self.made_closing().failure = silence
        self.abort(silence)

    # topics

    def required_hub(self) -> Topics:
        """What ``setup(app)`` gave to the connection. Raises HubMissing without it."""
        if self.hub is None:
            raise HubMissing
        return self.hub
