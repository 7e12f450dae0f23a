"""In goes what a connection received, out come aiohttp's messages to a view that awaits them one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import WSMessage, WSMsgType

from ._wire import Message, Opcode
from .connection import Connection, PreparedMessage

__all__ = ("Receiver", "as_aiohttp")

# Half of the time that a NamedTuple's own constructor takes, which is one in Python.
_new_tuple: Final[Callable[..., WSMessage]] = tuple.__new__

CLOSED_MESSAGE: Final = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING_MESSAGE: Final = WSMessage(WSMsgType.CLOSING, None, None)

MESSAGE_TYPES: Final = {int(opcode): WSMsgType(opcode) for opcode in Opcode}

# aiohttp's patience with a loop that ignores CLOSED: the fifth read after the end raises, or such a
# loop would spin for ever.
READS_AFTER_THE_END: Final = 5


class Receiver:
    """A `Consumer` whose messages wait until a view asks for them."""

    __slots__ = (
        "_has_read",
        "_held",
        "_is_reported",
        "_reads_after_the_end",
        "_waiter",
        "connection",
    )

    connection: Connection

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._held: Message | None = None
        self._has_read = False
        self._is_reported = False
        self._reads_after_the_end = 0

    # the connection's side

    def offer(self, message: Message) -> bool:
        if self._waiter is None or self._waiter.done():
            return False
        self._held = message
        self._wake()
        return True

    @property
    def is_holding(self) -> bool:
        return self._held is not None

    @property
    def is_at_work(self) -> bool:
        return False  # see `settle`

    def on_message(self) -> None:
        if self._waiter is not None:
            self._wake()
        elif not self._has_read and self.connection.is_at_end:
            self._held = self.connection.take()  # a view that only sends never gets to it

    def on_drain(self) -> None:
        """A view awaits `drained`."""

    def on_dropped(self, message: PreparedMessage) -> None:
        """A view reads the status that `push` returns."""

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        """A view knows what it subscribes to."""

    def on_close(self, code: int, reason: str) -> None:
        self._held = None
        self._wake()

    async def settle(self, timeout: float | None) -> None:
        """The view runs in aiohttp's task, for which aiohttp waits."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # the view's side

    async def receive(self) -> WSMessage:
        """Return the next message; CLOSED after the end. Raises RuntimeError when called twice at once."""
        message = self.receive_at_once()
        while message is None:
            if self.connection.closed:
                return self._after_the_end()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
            message = self._next_message()
            if message is None and self.connection.is_closing:
                return CLOSING_MESSAGE
        return message

    def receive_at_once(self) -> WSMessage | None:
        """Return the next message if there is one, None if `receive` would wait. Raises as `receive`."""
        if self._waiter is not None:
            raise RuntimeError("Concurrent call to receive() is not allowed")
        self._has_read = True
        return self._next_message()

    def _next_message(self) -> WSMessage | None:
        message, self._held = self._held or self.connection.take(), None
        if message is not None:
            return as_aiohttp(message)
        return self._error()

    def _error(self) -> WSMessage | None:
        """What the peer did wrong, said once."""
        error = self.connection.failure
        if error is None or self._is_reported:
            return None
        self._is_reported = True
        return WSMessage(WSMsgType.ERROR, error, None)

    def _after_the_end(self) -> WSMessage:
        self._reads_after_the_end += 1
        if self._reads_after_the_end >= READS_AFTER_THE_END:
            raise RuntimeError("WebSocket connection is closed.")
        return CLOSED_MESSAGE


def as_aiohttp(message: Message) -> WSMessage:
    """Return ``message`` in aiohttp's form."""
    opcode, data, extra, _ = message
    return _new_tuple(WSMessage, (MESSAGE_TYPES[opcode], data, extra))
