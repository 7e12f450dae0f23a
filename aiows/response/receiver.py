"""Gives what a connection received to a view that awaits it, message by message, in aiohttp's form."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMessage, WSMsgType

from .._native import core
from .._wire import Message, Opcode, new_tuple
from ..connection import (
    Connection,
    PreparedMessage,
    WebSocketProtocol,
    current_task,
    per_loop,
    protocol_of,
)
from .receiver_core import ReceiverCore

if not TYPE_CHECKING and core is not None:
    ReceiverCore = core.ReceiverCore

__all__ = ("CLOSE_TYPES", "MESSAGE_TYPES", "Receiver", "as_aiohttp")

CLOSED_MESSAGE: Final = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING_MESSAGE: Final = WSMessage(WSMsgType.CLOSING, None, None)

CLOSE_TYPES: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)

MESSAGE_TYPES: Final = {int(opcode): WSMsgType(opcode) for opcode in Opcode}

# aiohttp's patience with a loop that ignores CLOSED: the fifth read after the end raises, or such a
# loop would spin for ever.
READS_AFTER_THE_END: Final = 5


class Receiver(ReceiverCore):
    """A `Consumer` whose messages wait until a view asks for them, by ``await receiver``.

    That gives the next message, CLOSED after the end; it raises RuntimeError when awaited twice at once.
    """

    __slots__ = ("_handled", "_is_reported", "_reads_after_the_end", "connection", "context")

    cancelled_error = asyncio.CancelledError

    connection: Connection

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, current_task, WSMessage, MESSAGE_TYPES)
        self.context = per_loop(loop).stepper.captured()
        self._handled: asyncio.Future[None] | None = None
        self._is_reported = False
        self._reads_after_the_end = 0

    @property
    def _protocol(self) -> WebSocketProtocol:
        return protocol_of(self.connection)

    # the connection's side

    @property
    def is_holding(self) -> bool:
        return self._held is not None

    @property
    def ends_at_once(self) -> bool:
        return False  # a view learns of the end when it reads it

    @property
    def is_at_work(self) -> bool:
        return False  # see `settle`

    def on_message(self) -> None:
        self.wake()
        if not self.has_read and self._protocol.is_at_end:
            self.hold(self._protocol.take())  # a view that only sends never gets to it

    def on_drain(self) -> None:
        """A view awaits `drained`."""

    def on_dropped(self, message: PreparedMessage) -> None:
        """A view reads the status that `push` returns."""

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        """A view knows what it subscribes to."""

    def on_close(self, code: int, reason: str) -> None:
        self._told_handled()
        self.hold(None)
        self.wake()

    @property
    def at_work(self) -> Collection[asyncio.Future[Any]]:
        """Done when the view asks for a message that has not come; one that only sends has none at hand."""
        if not self.has_read or self.is_awaited or self.connection.closed:
            return ()
        if self._handled is None:
            self._handled = self._protocol.loop.create_future()
            self._has_news = True  # so that `_next` is called when it asks
        return (self._handled,)

    def _told_handled(self) -> None:
        if self._handled is not None and not self._handled.done():
            self._handled.set_result(None)

    async def settle(self, timeout: float | None) -> None:
        """The view runs in aiohttp's task, for which aiohttp waits."""

    # the view's side

    if TYPE_CHECKING:

        def __await__(self) -> Generator[Any, None, WSMessage]: ...

    def _next(self, *, has_waited: bool) -> WSMessage | None:
        protocol = self._protocol
        message = protocol.take()
        if message is not None:
            return as_aiohttp(message)
        if protocol.failure is not None and not self._is_reported:
            self._is_reported = True  # what the peer did wrong is said once
            return WSMessage(WSMsgType.ERROR, protocol.failure, None)
        self._told_handled()
        if has_waited and protocol.is_closing:
            return CLOSING_MESSAGE
        return self._after_the_end() if protocol.is_closed else None

    def is_end(self, result: WSMessage) -> bool:
        return result.type in CLOSE_TYPES

    def _after_the_end(self) -> WSMessage:
        self._reads_after_the_end += 1
        if self._reads_after_the_end >= READS_AFTER_THE_END:
            raise RuntimeError("WebSocket connection is closed.")
        return CLOSED_MESSAGE


def as_aiohttp(message: Message) -> WSMessage:
    """Return ``message`` in aiohttp's form."""
    opcode, data, extra, _ = message
    given: WSMessage = new_tuple(WSMessage, (MESSAGE_TYPES[opcode], data, extra))
    return given
