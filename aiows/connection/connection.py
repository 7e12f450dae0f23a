"""One accepted connection from the 101 to its end: in go messages and events, out go frames and hooks.

It ties the halves together: `WebSocketProtocol` brings messages in, `Outbox` lets frames out, `Ending`
says what is allowed and how it ends, and a `Consumer` (a view's loop, or a pump that runs handlers)
takes what arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .._wire import Deflater, Message, MessageReader, Opcode, build_frame
from ..codecs import JSON, Codec
from ..send_status import SendStatus
from .conversing import Conversing
from .options import ConnectionOptions
from .prepared import PreparedMessage, encode
from .protocol import WebSocketProtocol
from .state import Event, State
from .subscribing import Subscribing

if TYPE_CHECKING:
    from .consumer import Consumer, Host
    from .exchange.exchange import Exchange
    from .peer import TopicsPort

__all__ = ("Connection",)

# Members of an enum are looked up by way of its class, several times for each message.
_TEXT: Final = int(Opcode.TEXT)
_BINARY: Final = int(Opcode.BINARY)
_CLOSE: Final = int(Opcode.CLOSE)
_PING: Final = int(Opcode.PING)
_PONG: Final = int(Opcode.PONG)


class Connection(Subscribing, Conversing):
    """One accepted WebSocket connection, as callbacks and views see it.

    ``user_id`` and ``user_data`` are the application's own; None until set. ``codec`` is how objects are
    sent, and messages with a kind read.
    """

    __slots__ = ("_app", "_deflater", "codec", "user_data", "user_id")

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        reader: MessageReader,
        deflater: Deflater | None,
        options: ConnectionOptions,
        consumer: Consumer,
        host: Host,
        app: Any = None,
        hub: TopicsPort | None = None,
        codec: Codec = JSON,
    ) -> None:
        super().__init__(
            transport,
            loop=loop,
            reader=reader,
            options=options,
            consumer=consumer,
            host=host,
            hub=hub,
        )
        self._deflater = deflater
        self._app = app
        self.codec = codec
        self.user_id: Any = None
        self.user_data: Any = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state.name.lower()} user_id={self.user_id!r}>"

    # what an application reads

    @property
    def connection(self) -> Connection:
        """Itself: every face has its connection."""
        return self

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
        """Send without waiting: ``str`` as TEXT, bytes-like as BINARY, any other object in its codec.

        DROPPED if the connection is closed, or if something waits already and this message would
        make it more than ``max_backpressure`` bytes. Raises TypeError for what the codec cannot say.
        """
        if self._deflater is None:  # encoded where it is sent
            if message.__class__ is str:
                return self.outbox.push(_TEXT, message)
            if message.__class__ is bytes:
                return self.outbox.push(_BINARY, message)
        if isinstance(message, PreparedMessage):
            spoken = message.spoken_in(self.codec)
            return SendStatus.DROPPED if spoken is None else self._push(spoken)
        return self.push_encoded(*encode(message, self.codec))

    def push_encoded(self, opcode: int, payload: bytes) -> SendStatus:
        """Send as `push` does what is a message's payload already."""
        if self._deflater is None or len(payload) < self._options.compress_threshold:
            return self.outbox.push(opcode, payload)
        return self._push(PreparedMessage(payload, opcode))

    def send(self, message: Any, opcode: int | None = None) -> SendStatus:
        """Send as `push` does, as what ``opcode`` names: TEXT or BINARY. Raises ValueError for others."""
        if opcode is None:
            return self.push(message)
        if opcode not in (Opcode.TEXT, Opcode.BINARY):
            raise ValueError(f"{opcode!r} is no message: there are ping(), pong() and end()")
        return self._push(PreparedMessage(message, opcode, codec=self.codec))

    def post(self, message: PreparedMessage) -> SendStatus:
        """Send as `push` what many get: it leaves with all that follows in the same turn of the loop."""
        if message.codec is None or message.codec is self.codec:
            spoken = message  # as `spoken_in` says, without a call
        elif (other := message.spoken_in(self.codec)) is not None:
            spoken = other
        else:
            return SendStatus.DROPPED
        if self._deflater is None:
            frame = spoken.plain or spoken.frame
        else:
            frame = self._frame_of(spoken, compress=None)
        status = self.outbox.post_frame(frame, spoken.size)
        return self._refuse(spoken) if status is None else status

    def _push(self, message: PreparedMessage) -> SendStatus:
        outbox = self.outbox
        if not outbox.takes(message.size):
            return self._refuse(message)
        return outbox.push_frame(self._frame_of(message, compress=None))

    def _refuse(self, message: PreparedMessage) -> SendStatus:
        return self.outbox.refuse(message.opcode, message.payload)

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

    def send_at_once(
        self, opcode: int, payload: str | bytes, *, compress: int | None = None
    ) -> bool:
        """Do what `send_message` would if nobody has to wait for room; False: do that.

        Raises ConnectionClosed.
        """
        outbox = self.outbox
        if self._deflater is None:
            if outbox.send_at_once(opcode, payload):
                return True
        elif outbox.is_open and not outbox.is_contended:
            outbox.write(self._frame_of(PreparedMessage(payload, opcode), compress=compress))
            return True
        self._check_open()
        return False

    async def send_message(self, message: PreparedMessage, *, compress: int | None = None) -> None:
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

    def _frame_of(self, message: PreparedMessage, *, compress: int | None) -> bytes:
        deflater = self._deflater
        if deflater is None or compress == 0:
            return message.frame
        if compress is None and message.size < self._options.compress_threshold:
            return message.frame
        if not deflater.has_takeover:
            return message.deflated_frame(deflater.window_bits)
        return self._own_frame_of(message, deflater)

    def _own_frame_of(self, message: PreparedMessage, deflater: Deflater) -> bytes:
        deflated = deflater.compress(message.payload)
        if len(deflated) < message.size:
            return build_frame(message.opcode, deflated, rsv1=True)
        deflater.reset()  # the peer's window will not have what it does not get deflated
        return message.frame

    def _check_open(self) -> None:
        if self.closed:
            raise self._closed_error()

    # the protocol's side

    @property
    def protocol(self) -> WebSocketProtocol:
        """What the transport talks to."""
        return self._protocol

    def received(self, message: Message) -> None:
        """A message came in that the consumer was not offered yet, or did not take."""
        opcode = message.opcode
        if opcode > _BINARY:
            self._received_control(opcode, message)
        elif self._state is not State.OPEN:
            pass  # RFC 6455, section 1.4: what comes after our Close is discarded
        elif self._exchange is None or not self._is_taken(self._exchange, message):
            self._queue(message)

    def _is_taken(self, exchange: Exchange, message: Message) -> bool:
        return exchange.take(message) or self._consumer.offer(message)

    def _received_control(self, opcode: int, message: Message) -> None:
        if opcode == _CLOSE:
            self._received_close(message)
            return
        if self.closed:
            return
        autoping = self._options.autoping
        if opcode == _PING and autoping:
            assert isinstance(message.data, bytes)
            self.outbox.write_pong(build_frame(_PONG, message.data))
        if self._options.control_messages or not autoping:
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

    def _queue(self, message: Message) -> None:
        self._protocol.put(message)
        self._consumer.on_message()
        self._block_soon()

    # the consumer's side

    def take(self) -> Message | None:
        """Return the next message, None if none waits. To take the peer's Close is to answer it."""
        message = self._protocol.take()
        if message is None:
            self._finish()
            return None
        if message.opcode == _CLOSE and self._options.autoclose:
            self.answer_close()
        return message
