"""One accepted connection, as callbacks, views and handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final, overload

import msgspec

from .._wire import Deflater, MessageReader, Opcode, build_close
from ..codecs import JSON, Codec
from ..position import Position
from ..send_status import SendStatus
from ..settings import Settings
from ..user_id import check_user_id
from ..wire_form import kind_of
from .absent import Absent
from .builds import ConnectionCore
from .consumer import Consumer, Host, Topics
from .outbox import Outbox
from .per_loop import per_loop
from .prepared import PreparedMessage, encode
from .protocol import WebSocketProtocol
from .topics import Joined, Wish

__all__ = ("Connection", "outbox_of", "protocol_of")


class Connection(ConnectionCore):
    """One accepted WebSocket connection, as callbacks and views see it.

    ``user_data`` is the application's own; None until set. ``codec`` is how objects are sent, and messages
    with a kind read.
    """

    __slots__ = ("__weakref__", "_user_id", "user_data")

    _outbox: Outbox
    _protocol: WebSocketProtocol

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        reader: MessageReader,
        deflater: Deflater | None,
        options: Settings,
        consumer: Consumer,
        host: Host,
        app: Any = None,
        hub: Topics | None = None,
        codec: Codec = JSON,
    ) -> None:
        self.codec = codec
        self._user_id: Any = None
        self.user_data: Any = None
        consumer.connection = self
        self._protocol = WebSocketProtocol(
            self,
            transport,
            per_loop(loop),
            reader=reader,
            deflater=deflater,
            options=options,
            application=consumer,
            host=host,
            hub=hub,
            app=app,
        )
        self._outbox = self._protocol.outbox  # pyright: ignore[reportIncompatibleVariableOverride]

    def __repr__(self) -> str:
        closing = self._protocol.closing
        state = "open" if closing is None else closing.state.name.lower()
        return f"<{type(self).__name__} {state} user_id={self.user_id!r}>"

    # what an application reads

    @property
    def connection(self) -> Connection:
        """Itself: every face has its connection."""
        return self

    @property
    def user_id(self) -> Any:
        """Who is at the other end, None while nobody knows; the application's own.

        It can be set to whatever works as a key of a dict. Raises InvalidUserId for what does not, and for
        what is only returned by mistake, such as a response or a bool.
        """
        return self._user_id

    @user_id.setter
    def user_id(self, value: Any) -> None:
        check_user_id(value, "user_id")
        self._user_id = value

    @property
    def id(self) -> str:
        """A name for logs and metrics: no other connection of this process has it, or had it before."""
        return f"c{self._protocol.number}"

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more; true as soon as the peer is lost."""
        return self._protocol.is_closed

    @property
    def close_code(self) -> int | None:
        """The first close code that either side gave; 1005: none, 1006: lost; None while open."""
        closing = self._protocol.closing
        return None if closing is None else closing.code

    @property
    def close_reason(self) -> str:
        """The text that came with the close code."""
        closing = self._protocol.closing
        return "" if closing is None else closing.reason

    @property
    def exception(self) -> BaseException | None:
        """What the connection ended with; None while it lives, and after a clean end."""
        closing = self._protocol.closing
        return None if closing is None else closing.exception

    @property
    def buffered_amount(self) -> int:
        """Bytes that have not been handed to the operating system yet.

        Whoever reads more than 0 is told of a drain that follows: at the limit if it was more than that,
        otherwise when nothing waits any more.
        """
        closing = self._protocol.closing
        is_lost = closing is not None and closing.is_lost
        return 0 if is_lost else self._outbox.observe()

    def get_buffered_amount(self) -> int:
        """The same as `buffered_amount`."""
        return self.buffered_amount

    def get_user_data(self) -> Any:
        """The same as `user_data`: what the upgrade set, None if nothing."""
        return self.user_data

    @property
    def app(self) -> Any:
        """The application that accepted the connection."""
        return self._protocol.app

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
        return self._protocol.transport.get_extra_info(name, default)

    # sending

    def _push_other(self, message: Any) -> SendStatus:
        if isinstance(message, PreparedMessage):
            spoken = message.spoken_in(self.codec)
            if spoken is None:
                return SendStatus.DROPPED
            if self._protocol.observer is not None:
                self._protocol.kind_sent(message.kind)
            return self._outbox.push_message(spoken)
        if self._protocol.observer is not None:
            self._protocol.kind_sent(kind_of(message))
        return self._outbox.push(*encode(message, self.codec))

    def send(self, message: Any, opcode: int | None = None) -> SendStatus:
        """Send as `push` does, as what ``opcode`` names: TEXT or BINARY.

        Raises ValueError for others, and for bytes that are no UTF-8 where they shall be TEXT.
        """
        if opcode is None:
            return self.push(message)
        if opcode not in (Opcode.TEXT, Opcode.BINARY):
            raise ValueError(f"{opcode!r} is no message: there are ping(), pong() and end()")
        prepared = PreparedMessage(message, opcode, codec=self.codec)
        if opcode == Opcode.TEXT and not isinstance(message, str):
            prepared.payload.decode()  # the peer would have to fail the connection (RFC 6455, section 8.1)
        return self._outbox.push_message(prepared)

    @contextmanager
    def cork(self) -> Generator[None]:
        """Let everything that is written in the ``with`` block leave in one write at its end.

        It saves system calls where several messages are sent at once; more than ``writer_limit`` bytes
        leave earlier. What handlers send while a read is being processed is corked already.
        """
        self._outbox.cork()
        try:
            yield
        finally:
            self._outbox.uncork()

    async def drained(self) -> None:
        """Wait until there is room again: at most ``writer_limit`` bytes wait.

        After a message was DROPPED there is room when nothing waits: then any message is taken. Raises
        ConnectionClosed, TooManySenders where too many tasks wait already.
        """
        await self._outbox.drained()

    def ping(self, data: bytes = b"") -> None:
        """Send a Ping with up to 125 bytes. Raises ValueError for more, ConnectionClosed."""
        self._outbox.send_control(Opcode.PING, data)

    def pong(self, data: bytes = b"") -> None:
        """Send a Pong that nobody asked for. Raises ValueError over 125 bytes, ConnectionClosed."""
        self._outbox.send_control(Opcode.PONG, data)

    # asking

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
        holds up the answer, TooManyAsks over 64 questions at once, AskFailed for a stream and
        for an answer that cannot be read (NaN, or more than 100,000 values),
        ConnectionClosed if the peer leaves, InvalidQuestion for fields that are no dict, reserved kinds and
        keys.
        """
        return await self._protocol.exchange.asking.ask(kind, fields, timeout)

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
        return self._protocol.exchange.asking.ask_stream(kind, fields, timeout)

    # topics

    def subscribe(self, topic: str) -> bool:
        """Receive what is published on ``topic``; False if it did already, or if it is ending.

        Raises TypeError for a topic that is no ``str``, TopicTooLong (a ValueError), TooManyTopics, and
        HubMissing without ``setup(app)``.
        """
        return self._protocol.required_hub().subscribe(self, topic)

    def unsubscribe(self, topic: str) -> bool:
        """No longer receive ``topic``; False if it did not. Raises HubMissing without ``setup(app)``."""
        return self._protocol.required_hub().unsubscribe(self, topic)

    async def join(
        self, topic: str, *, since: tuple[str, int] | None = None, last: int = 0
    ) -> Joined:
        """Receive what is published on ``topic``, after what was missed of it.

        On a topic with history: ``since`` is a position, and all that came after it is sent first, or
        nothing of it where that is not kept any more; `Joined` says which. Without it ``last`` messages are
        sent first. When this returns, and before the next ``await``, nothing of what follows was sent.

        Raises what `subscribe` does, TypeError for what is no position or number, ConnectionClosed,
        BackplaneError if the log cannot be read.
        """
        wish = Wish(None if since is None else Position.of(since), last)
        joined = (await self._protocol.required_hub().join(self, {topic: wish}))[topic]
        if isinstance(joined, Exception):
            raise joined
        return joined

    def leave(self, topic: str) -> bool:
        """No longer receive ``topic``; the same as `unsubscribe`."""
        return self.unsubscribe(topic)

    @property
    def topics(self) -> frozenset[str]:
        """The names of the topics subscribed to. Raises HubMissing without ``setup(app)``."""
        return self._protocol.required_hub().topics(self)

    def get_topics(self) -> frozenset[str]:
        """The same as `topics`."""
        return self.topics

    def is_subscribed(self, topic: str) -> bool:
        """Whether ``topic`` is subscribed to. Raises HubMissing without ``setup(app)``."""
        return topic in self.topics

    def publish(self, topic: str, message: Any, *, include_self: bool = False) -> None:
        """Send to the subscribers of ``topic`` everywhere, here at once, without waiting.

        This connection is left out unless ``include_self``. On a topic with history everybody gets it, this
        connection, too, when the log has it: with `MemoryBackplane` at once, with others when they have
        answered, so what is sent next may come before it. Raises TypeError for a topic that is no ``str``,
        TopicTooLong (a ValueError), and HubMissing without ``setup(app)``.
        """
        hub = self._protocol.required_hub()
        hub.publish_from(self, topic, message, include_self=include_self)

    # closing

    def close(self, code: int = 1000, message: str | bytes = "") -> None:
        """Close with ``code`` and a reason of up to 123 bytes; the close callback runs before it returns.

        Does nothing on a closed connection. Raises InvalidCloseCode for what is no code, or may not be sent
        (RFC 6455, section 7.4), ValueError for a longer reason, TypeError for one that is neither text nor
        bytes; then the connection stays as it is.
        """
        payload = build_close(code, message)
        reason = message if isinstance(message, str) else bytes(message).decode()
        self._protocol.made_closing().close(payload, code, reason)

    def end(self, code: int = 1000, message: str | bytes = "") -> None:
        """The same as `close`."""
        self.close(code, message)

    def abort(self, error: BaseException | None = None) -> None:
        """Drop the TCP connection without a word; the close code is 1006."""
        closing = self._protocol.made_closing()
        closing.is_aborted = not closing.has_begun
        closing.abort(error)

    def add_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Call ``callback`` once when the end begins, whoever began it, before the close callback."""
        self._protocol.add_leave_callback(callback)

    def remove_leave_callback(self, callback: Callable[[Connection], None]) -> None:
        """Take back `add_leave_callback`; nothing happens if it is not there."""
        self._protocol.remove_leave_callback(callback)


# What other libraries have on a connection.
_INSTEAD: Final = {
    "push(message) sends a str as TEXT, bytes as BINARY, and any other object in the connection's codec": (
        "send_str",
        "send_text",
        "send_bytes",
        "send_json",
    ),
    "messages come to on_message of a view, to the handlers of kinds, or to a message callback": (
        "receive",
        "receive_str",
        "receive_text",
        "receive_bytes",
        "receive_json",
    ),
    "the connection is accepted already": ("accept", "prepare"),
}
for _instead, _names in _INSTEAD.items():
    for _name in _names:
        setattr(Connection, _name, Absent(f"{_name} of a Connection", _instead))

# What the layers of aiows use of a connection, and its users do not see. Without a call in Python: they ask
# for each message.
protocol_of: Final[Callable[[Connection], WebSocketProtocol]] = attrgetter("_protocol")
outbox_of: Final[Callable[[Connection], Outbox]] = attrgetter("_outbox")
