"""In go bytes from the transport, out come messages, or into the inbox: the incoming half."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .cores import ProtocolCore
from .inbox import Inbox
from .resuming import resume_reading

if TYPE_CHECKING:
    from .._wire import Message, MessageReader
    from .connection import Connection
    from .per_loop import PerLoop

__all__ = ("WebSocketProtocol",)


class WebSocketProtocol(ProtocolCore, asyncio.BufferedProtocol):
    """The asyncio protocol of one connection after the upgrade."""

    __slots__ = ("_inbox", "_transport")

    _receiver: Connection

    def __init__(
        self,
        connection: Connection,
        reader: MessageReader,
        transport: asyncio.Transport,
        shared: PerLoop,
    ) -> None:
        super().__init__(reader, connection, shared.turn, shared.read_buffer)
        self._transport = transport
        self._inbox: Inbox | None = None  # made when a message has to wait for the first time

    # asyncio's side, but for the reading

    def eof_received(self) -> None:
        """Let the transport close: a WebSocket has no half-closed state (RFC 6455, section 7.1.1)."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_paused:
            self.is_paused = False
            self.read_messages()  # what was already received is at most one read: none of it is lost
        self._receiver.lost(exc)

    def pause_writing(self) -> None:
        self._receiver.outbox.pause()

    def resume_writing(self) -> None:
        self._receiver.outbox.resume()

    # the connection's side

    def ignore(self) -> None:
        """Read on but throw away: nothing that comes after a Close or an error matters any more."""
        self.is_ignoring = True

    def resume(self) -> None:
        """Read again after the inbox was full."""
        if not self.is_paused:
            return
        self.is_paused = False
        self.read_messages()
        if not self.is_paused and not self._transport.is_closing():
            resume_reading(self._transport)

    # what waits for the application

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return 0 if self._inbox is None else len(self._inbox)

    def put(self, message: Message) -> None:
        """Queue a message for the application, and read no more when it has fallen behind."""
        inbox = self._made_inbox()
        inbox.put(message)
        self._pause_if_full(inbox)

    def take(self) -> Message | None:
        """Return the oldest message, None if none waits; where there is room again, read again."""
        inbox = self._inbox
        if inbox is None or not inbox:
            return None
        message = inbox.take()
        self._drop_if_unused(inbox)
        if self.is_paused and inbox.has_room:
            self.resume()
        return message

    def sift(self, take: Callable[[Message], bool]) -> None:
        """Give out the messages that ``take`` takes; the others wait on."""
        if self._inbox is not None:
            self._inbox.sift(take)

    def clear(self) -> None:
        """Forget what waits."""
        self._inbox = None

    def hold(self, weight: int) -> None:
        """Count bytes that wait elsewhere as if they were in the inbox."""
        inbox = self._made_inbox()
        inbox.size += weight
        self._pause_if_full(inbox)

    def release(self, weight: int) -> None:
        """They do not wait any more."""
        inbox = self._inbox
        if inbox is None:
            return
        inbox.size -= weight
        self._drop_if_unused(inbox)
        if inbox.has_room:
            self.resume()

    def _made_inbox(self) -> Inbox:
        if self._inbox is None:
            self._inbox = Inbox()
        return self._inbox

    def _drop_if_unused(self, inbox: Inbox) -> None:
        if not inbox.size:
            self._inbox = None

    def _pause_if_full(self, inbox: Inbox) -> None:
        if inbox.is_full and not self.is_paused and not self._transport.is_closing():
            self.is_paused = True
            self._transport.pause_reading()
