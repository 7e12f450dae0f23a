"""In go bytes as the transport brings them, out come messages: parser and assembler as one."""

from __future__ import annotations

from typing import Final

from ..errors import ProtocolError
from .assembler import MessageAssembler
from .deflate import Inflater
from .messages import Message
from .parser import FrameParser

__all__ = ("MessageReader",)

DEFAULT_MAX_MSG_SIZE: Final = 4 * 1024 * 1024  # aiohttp's


class MessageReader:
    """The receiving side of one connection, without I/O.

    ``max_msg_size``: bytes of a message, after inflation; 4 MiB, 0: no limit. ``inflater``: as was
    negotiated, None: RSV1 is an error. ``decode_text``: False gives TEXT as ``bytes``, checked all
    the same. ``require_mask``: True refuses frames without a mask (RFC 6455, section 5.1).
    ``takes_limit``: also a message of just ``max_msg_size`` bytes that was not compressed passes; with
    aiohttp it does not.

    Feed, then take messages until there is none, then release; or, while a large message is
    incomplete, let the transport write into `get_buffer` in place of feeding.
    """

    __slots__ = ("_assembler", "_failure", "_parser")

    def __init__(
        self,
        *,
        max_msg_size: int = DEFAULT_MAX_MSG_SIZE,
        inflater: Inflater | None = None,
        decode_text: bool = True,
        require_mask: bool = True,
        takes_limit: bool = False,
    ) -> None:
        self._parser = FrameParser(allow_rsv1=inflater is not None, require_mask=require_mask)
        self._assembler = MessageAssembler(
            max_msg_size=max_msg_size,
            inflater=inflater,
            decode_text=decode_text,
            takes_limit=takes_limit,
        )
        self._failure: tuple[int, str] | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes that arrived. ``data`` must stay as it is until `release`."""
        if self._failure is None:
            self._parser.feed(data)

    def next_message(self) -> Message | None:
        """The next message; None: more bytes are needed.

        Raises ProtocolError with the close code for the peer, 1002, 1007 or 1009 (RFC 6455, section
        7.4.1), as soon as the offending byte is here, and from then on every time.
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
        # A new one: who keeps it keeps nothing of the message that was wrong.
        raise ProtocolError(*self._failure)

    def release(self) -> None:
        """Let go of everything that was fed, keeping only what has not been parsed yet."""
        self._parser.release()

    @property
    def unfinished(self) -> int:
        """Bytes that are kept of a message whose end has not come, after inflation."""
        return self._assembler.unfinished if self._failure is None else 0

    def get_buffer(self) -> memoryview | None:
        """Room for what is missing of a large message; None: `feed` what arrives next.

        Never more than has arrived of it already: a declared length alone allocates nothing.
        """
        return self._parser.get_buffer() if self._failure is None else None

    def buffer_updated(self, count: int) -> None:
        """``count`` bytes were written into the start of what `get_buffer` gave last.

        Raises ValueError if there is no such room, which there is for one time only.
        """
        self._parser.buffer_updated(count)
