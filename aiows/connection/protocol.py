"""In go bytes from the transport, out come messages into the inbox: the incoming half."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from ..errors import ProtocolError
from .inbox import Inbox

if TYPE_CHECKING:
    from .._wire import Message, MessageReader
    from .connection import Connection

__all__ = ("WebSocketProtocol",)

READ_BUFFER_SIZE: Final = 64 * 1024

# One read buffer serves all connections of a loop: a read is parsed to its end before the next one
# begins, so nothing of it is kept but the tail of an incomplete frame.
_read_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def _read_buffer_of(loop: asyncio.AbstractEventLoop) -> memoryview:
    buffer = _read_buffers.get(loop)
    if buffer is None:
        buffer = _read_buffers[loop] = memoryview(bytearray(READ_BUFFER_SIZE))
    return buffer


class WebSocketProtocol(asyncio.BufferedProtocol):
    """The asyncio protocol of one connection after the upgrade."""

    __slots__ = (
        "_connection",
        "_is_ignoring",
        "_is_reading",
        "_own_chunk",
        "_read_buffer",
        "_reader",
        "_transport",
        "inbox",
        "is_paused",
    )

    def __init__(
        self,
        connection: Connection,
        reader: MessageReader,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._transport = transport
        self._read_buffer = _read_buffer_of(loop)
        self._own_chunk: memoryview | None = None
        self._is_ignoring = False
        self._is_reading = False
        self.inbox = Inbox()
        self.is_paused = False

    # asyncio's side

    def get_buffer(self, sizehint: int) -> memoryview:
        self._own_chunk = None if self._is_ignoring else self._reader.get_buffer()
        return self._read_buffer if self._own_chunk is None else self._own_chunk

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.heard()
        if self._is_ignoring:
            return
        if self._own_chunk is None:
            self._reader.feed(self._read_buffer[:nbytes])
        else:
            self._own_chunk = None
            self._reader.buffer_updated(nbytes)
        self._read_messages()

    def eof_received(self) -> None:
        """Let the transport close: a WebSocket has no half-closed state (RFC 6455, section 7.1.1)."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_paused:
            self.is_paused = False
            self._read_messages()  # what was already received is at most one read: none of it is lost
        self._connection.lost(exc)

    def pause_writing(self) -> None:
        self._connection.outbox.pause()

    def resume_writing(self) -> None:
        self._connection.outbox.resume()

    # the connection's side

    def feed(self, data: bytes) -> None:
        """Take over bytes that came in the same segment as the handshake."""
        self._reader.feed(data)
        self._read_messages()

    def ignore(self) -> None:
        """Read on but throw away: nothing that comes after a Close or an error matters any more."""
        self._is_ignoring = True

    def resume(self) -> None:
        """Read again after the inbox was full."""
        if not self.is_paused:
            return
        self.is_paused = False
        self._read_messages()
        if not self.is_paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def _read_messages(self) -> None:
        if self._is_reading:
            return  # a handler made room from inside the loop below, which goes on by itself
        self._is_reading = True
        outbox = self._connection.outbox
        outbox.cork()
        try:
            self._parse()
        except ProtocolError as error:
            self._connection.failed(error)
        finally:
            self._is_reading = False
            self._reader.release()
            outbox.uncork()

    def _parse(self) -> None:
        while not self.is_paused and not self._is_ignoring:
            message = self._reader.next_message()
            if message is None:
                return
            self._connection.received(message)

    def put(self, message: Message) -> None:
        """Queue a message for the application, and read no more when it has fallen behind."""
        self.inbox.put(message)
        self._pause_if_full()

    def hold(self, weight: int) -> None:
        """Count bytes that wait elsewhere as if they were in the inbox."""
        self.inbox.size += weight
        self._pause_if_full()

    def release(self, weight: int) -> None:
        """They do not wait any more."""
        self.inbox.size -= weight
        if self.inbox.has_room:
            self.resume()

    def _pause_if_full(self) -> None:
        if self.inbox.is_full and not self.is_paused and not self._transport.is_closing():
            self.is_paused = True
            self._transport.pause_reading()
