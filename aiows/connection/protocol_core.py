"""The reading half of a connection's protocol: what the transport reads becomes messages."""

from __future__ import annotations

from typing import Any, Final, Protocol

from .._wire.messages import Message, Opcode
from .._wire.reader import MessageReader
from ..errors import ProtocolError
from ..events import Observer
from .flusher import Flusher

__all__ = ("ProtocolCore",)

# Of a message that arrives in many reads it is told again when it has grown by so many bytes.
TOLD_AGAIN: Final = 64 * 1024


class Consumer(Protocol):
    """Who may take messages at once."""

    def offer(self, message: Message, /) -> bool:
        """Take a TEXT or BINARY; False: not now."""
        ...


class ProtocolCore:
    """What `asyncio.BufferedProtocol` has for reading, without asyncio.

    ``read_buffer``: the memory that all connections of a loop are read into; nothing of it is kept.
    While ``is_paused`` no message is given out; once ``is_ignoring``, none ever will be. TEXT and BINARY
    go to the ``consumer`` first, if there is one; `received` gets what that does not take.
    """

    __slots__ = (
        "_flusher",
        "_is_listening",
        "_is_reading",
        "_read_buffer",
        "_reader",
        "_unfinished",
        "_uses_room",
        "consumer",
        "heard_at",
        "in_flight",
        "is_ignoring",
        "is_paused",
        "number",
    )

    def __init__(self, reader: MessageReader, flusher: Flusher, read_buffer: memoryview) -> None:
        self._reader = reader
        self._flusher = flusher
        self._read_buffer = read_buffer
        self._uses_room = False
        self._is_reading = False
        self._is_listening = False
        self._unfinished = 0
        self.heard_at = 0.0
        self.is_paused = False
        self.is_ignoring = False
        self.consumer: Consumer | None = None
        self.in_flight: Any = None
        """Which handlers wait; None where none ever has."""
        self.number = 0
        """Which connection of this process it is, for `Connection.id`; the subclass sets it."""

    @property
    def observer(self) -> Observer | None:
        """Who is told what happens; None while nobody listens."""
        return self._flusher.observer

    # for a subclass

    def received(self, message: Message) -> None:
        """Take the next message."""

    def failed(self, error: ProtocolError) -> None:
        """The peer broke the protocol; nothing comes after this."""

    def unfinished_changed(self, size: int) -> None:
        """So many bytes are kept of a message whose end has not come; 0: of none any more.

        Called when a read has left one, when it has grown by 64 KiB, and when it is whole.
        """

    def observed(self, message: Message) -> None:
        """Tell the observer of a TEXT or BINARY that came in."""

    # the transport's side

    def hear(self) -> None:
        """Note the loop's time as ``heard_at``; from now on each read does so: any byte is a sign of life."""
        self._is_listening = True
        self.heard_at = self._flusher.time()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport shall write to: the shared buffer, or the memory of a large message."""
        room = None if self.is_ignoring else self._reader.get_buffer()
        self._uses_room = room is not None
        return self._read_buffer if room is None else room

    def buffer_updated(self, nbytes: int) -> None:
        """The transport has written ``nbytes`` there."""
        if self._is_listening:
            self.hear()
        if self.is_ignoring:
            return
        if self._uses_room:
            self._uses_room = False
            self._reader.buffer_updated(nbytes)
        else:
            self._feed_read(nbytes)
        self.read_messages()

    def _feed_read(self, nbytes: int) -> None:
        if not 0 <= nbytes <= len(self._read_buffer):
            raise ValueError(f"{nbytes} bytes cannot be in the read buffer")
        self._reader.feed(self._read_buffer[:nbytes])

    def feed(self, data: bytes) -> None:
        """Read bytes that came before there was a transport to read them."""
        self._reader.feed(data)
        self.read_messages()

    def read_messages(self) -> None:
        """Give out what is here, as far as it is wanted."""
        if self._is_reading:
            return  # `received` made room from inside the loop below, which goes on by itself
        self._is_reading = True
        self._flusher.begin_read()
        try:
            self._give_out()
        except ProtocolError as error:
            self.failed(error)
        finally:
            self._is_reading = False
            self._reader.release()
            self._flusher.end_read()
        self._note_unfinished()

    def _give_out(self) -> None:
        next_message = self._reader.next_message
        while not self.is_paused and not self.is_ignoring:
            message = next_message()
            if message is None:
                return
            if message.opcode <= Opcode.BINARY:
                self._count(message)
            if not self._is_taken(message):
                self.received(message)

    def _is_taken(self, message: Message) -> bool:
        consumer = self.consumer
        return consumer is not None and message.opcode <= Opcode.BINARY and consumer.offer(message)

    def _count(self, message: Message) -> None:
        counters = self._flusher.counters
        counters.messages_in += 1
        counters.bytes_in += message.size
        if self._flusher.observer is not None:
            self.observed(message)

    def _note_unfinished(self) -> None:
        size = 0 if self.is_ignoring else self._reader.unfinished
        if size == self._unfinished or (
            0 < size - self._unfinished < TOLD_AGAIN and self._unfinished
        ):
            return
        self._unfinished = size
        self.unfinished_changed(size)
