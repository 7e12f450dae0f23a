"""`MessageReader`: reads messages from the bytes of one connection; parser and assembler in one."""

from __future__ import annotations

from typing import Unpack

from ..errors import ProtocolError
from .assembler import AssemblyOptions, MessageAssembler
from .deflate import Inflater
from .messages import Message
from .parser import FrameParser

__all__ = ("MessageReader",)


class MessageReader:
    """The receiving side of one connection, without I/O.

    ``inflater``: the one that was negotiated; None: RSV1 is an error. ``require_mask``: refuse frames
    without a mask (RFC 6455, section 5.1). The other options are those of `MessageAssembler`.

    Call `feed`, then `next_message` until it returns None, then `release`. While a large message is
    incomplete, the transport may write into `get_buffer` instead of feeding.
    """

    __slots__ = ("_assembler", "_failure", "_parser")

    def __init__(
        self,
        *,
        inflater: Inflater | None = None,
        require_mask: bool = True,
        **assembly: Unpack[AssemblyOptions],
    ) -> None:
        self._parser = FrameParser(allow_rsv1=inflater is not None, require_mask=require_mask)
        self._assembler = MessageAssembler(inflater=inflater, **assembly)
        self._failure: tuple[int, str] | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes that have arrived. ``data`` must not change until `release`."""
        if self._failure is None:
            self._parser.feed(data)

    def next_message(self) -> Message | None:
        """Return the next message; None: more bytes are needed.

        Raises ProtocolError with the close code for the peer, 1002, 1007 or 1009 (RFC 6455, section
        7.4.1), as soon as the wrong byte has arrived, and from then on every time.
        """
        if self._failure is None:
            try:
                while (frame := self._parser.next_frame()) is not None:
                    message = self._assembler.add(frame)
                    if message is not None:
                        return message
                return None
            except ProtocolError as error:
                self._failure = error.code, error.text
        # A new error each time: its traceback does not keep the refused message alive.
        raise ProtocolError(*self._failure)

    def release(self) -> None:
        """Free everything that was fed, except bytes that have not been parsed yet."""
        self._parser.release()

    def give_up(self, error: ProtocolError) -> None:
        """Keep nothing of what has begun to arrive; `next_message` raises ``error`` from now on."""
        self._failure = error.code, error.text
        self._parser = FrameParser()
        self._assembler.give_up()

    @property
    def unfinished(self) -> int:
        """Bytes that are kept of a message whose end has not come, after inflation."""
        return self._assembler.unfinished if self._failure is None else 0

    def get_buffer(self) -> memoryview | None:
        """Return memory for the missing bytes of a large message; None: `feed` what arrives next.

        It is never more than has arrived already: a declared length alone allocates nothing.
        """
        return self._parser.get_buffer() if self._failure is None else None

    def buffer_updated(self, count: int) -> None:
        """Add ``count`` bytes that were written to the start of the last `get_buffer`.

        Raises ValueError for more than fit there, and if it was used already.
        """
        self._parser.buffer_updated(count)
