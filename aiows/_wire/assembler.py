"""Joins frames to messages: inflates and checks them, and keeps within the limits at every step."""

from __future__ import annotations

from typing import Final, TypedDict

from . import refusals
from .deflate import Inflater
from .frames import parse_close
from .messages import Message, Opcode
from .parser import Frame
from .utf8 import Utf8Checker, check_text, decode_text

__all__ = ("MessageAssembler",)

_CONTINUATION: Final = int(Opcode.CONTINUATION)
_TEXT: Final = int(Opcode.TEXT)
_CLOSE: Final = int(Opcode.CLOSE)

# Pieces are collected in chunks of this many bytes. Stops a message of a million tiny fragments from becoming
# a million objects. A full chunk is not copied when more bytes come.
_CHUNK: Final = 64 * 1024

DEFAULT_MAX_MSG_SIZE: Final = 4 * 1024 * 1024  # aiohttp's

MAX_LIMIT: Final = 2**63 - 1  # no frame can be longer: RFC 6455, section 5.2

# Bytes that a deflate stream may have besides its data: empty blocks, one for each flush.
_DEFLATE_OVERHEAD: Final = 1024


class AssemblyOptions(TypedDict, total=False):
    """What can be chosen of a `MessageAssembler`."""

    max_msg_size: int
    decode_text: bool
    takes_limit: bool


class MessageAssembler:
    """Joins frames to messages (RFC 6455, section 5.4; RFC 7692, section 6.2).

    ``inflater``: None without permessage-deflate. ``max_msg_size``: most bytes of a message, after
    inflation (default 4 MiB; 0: no limit). ``decode_text``: False returns TEXT as ``bytes``, but still
    checks it. ``takes_limit``: an uncompressed message of exactly ``max_msg_size`` bytes is allowed, too;
    in aiohttp it is not. It cannot be used after an error.
    """

    __slots__ = ("_decode_text", "_inflater", "_max_msg_size", "_partial", "_takes_limit")

    def __init__(
        self,
        *,
        inflater: Inflater | None,
        max_msg_size: int = DEFAULT_MAX_MSG_SIZE,
        decode_text: bool = True,
        takes_limit: bool = False,
    ) -> None:
        self._max_msg_size = min(max_msg_size, MAX_LIMIT)
        self._takes_limit = takes_limit
        self._inflater = inflater
        self._decode_text = decode_text
        self._partial: _Partial | None = None

    def give_up(self) -> None:
        """Keep nothing of a message whose end has not come."""
        self._partial = None

    @property
    def unfinished(self) -> int:
        """Bytes that are kept of a message whose end has not come."""
        return 0 if self._partial is None else self._partial.size

    def add(self, frame: Frame) -> Message | None:
        """Return the message that ``frame`` completes, or None. Raises ProtocolError 1002, 1007 or 1009."""
        if frame.opcode >= _CLOSE:
            return _control_message(frame)
        if self._partial is None:
            return self._start(frame)
        return self._continue(frame, self._partial)

    def _start(self, frame: Frame) -> Message | None:
        # RFC 6455, section 5.4: one frame with an opcode, then continuations until FIN.
        if frame.opcode == _CONTINUATION:
            raise refusals.continuation_of_nothing()
        self._check_declared_size(frame, gathered=0, is_compressed=frame.rsv1)
        if frame.fin and not frame.rsv1:
            return self._message(frame.opcode, frame.payload)
        return self._extend(_Partial(frame), frame)

    def _continue(self, frame: Frame, partial: _Partial) -> Message | None:
        if frame.opcode != _CONTINUATION:
            raise refusals.no_continuation(frame.opcode)
        self._check_declared_size(frame, gathered=partial.size, is_compressed=partial.is_compressed)
        return self._extend(partial, frame)

    def _extend(self, partial: _Partial, frame: Frame) -> Message | None:
        self._partial = None  # so that nothing of the message is kept if it is refused
        if partial.is_compressed:
            self._inflate(partial, frame)
        else:
            partial.add(frame.payload)
        if frame.fin:
            return self._message(partial.opcode, partial.take())
        self._partial = partial
        return None

    def _check_declared_size(self, frame: Frame, *, gathered: int, is_compressed: bool) -> None:
        """Refuse a frame whose header declares too many bytes, before its payload has arrived.

        Without ``takes_limit`` the limit is aiohttp's: a message must be smaller than ``max_msg_size``.
        """
        limit = self._max_msg_size
        declared = len(frame.payload) + frame.rest
        if is_compressed:
            # The limit is for the inflated size. But no encoder makes data longer by more than an eighth
            # (RFC 1951, section 3.2.6), so a longer frame need not be inflated to be refused.
            gathered, limit = 0, limit + limit // 8 + _DEFLATE_OVERHEAD
        if gathered + declared >= limit + self._takes_limit and self._max_msg_size:
            raise refusals.too_big(gathered + declared, self._max_msg_size)

    def _inflate(self, partial: _Partial, frame: Frame) -> None:
        assert self._inflater is not None
        # Each piece is small, and inflated only when it is asked for. Stops a deflate bomb (a thousand
        # times its size) at the limit. As in aiohttp, an inflated message may have exactly ``max_msg_size``
        # bytes.
        for piece in self._inflater.inflate(frame.payload, final=frame.fin):
            partial.add(piece)
            if 0 < self._max_msg_size < partial.size:
                raise refusals.inflated_too_big(self._max_msg_size)

    def _message(self, opcode: int, payload: bytes) -> Message:
        data: str | bytes = payload
        if opcode == _TEXT:
            if self._decode_text:
                data = decode_text(payload)
            else:
                check_text(payload)
        return Message(opcode, data, "", len(payload))


class _Partial:
    """A message that is still arriving; text is checked piece by piece."""

    __slots__ = ("_checker", "_chunks", "_tail", "is_compressed", "opcode", "size")

    def __init__(self, first: Frame) -> None:
        self.opcode = first.opcode
        self.is_compressed = first.rsv1
        self.size = 0
        # A text in one frame is checked when it is decoded.
        self._checker = Utf8Checker() if first.opcode == _TEXT and not first.fin else None
        self._chunks: list[bytes | bytearray] = []
        self._tail = bytearray()

    def add(self, piece: bytes) -> None:
        if self._checker is not None:
            self._checker.check(piece)
        self.size += len(piece)
        self._tail += piece
        if len(self._tail) >= _CHUNK:
            self._chunks.append(self._tail)
            self._tail = bytearray()

    def take(self) -> bytes:
        """Return the whole, and keep nothing: a `str` of it may need four times its memory."""
        payload = b"".join((*self._chunks, self._tail))
        self._chunks.clear()
        self._tail = bytearray()
        return payload


def _control_message(frame: Frame) -> Message:
    if frame.opcode == _CLOSE:
        code, reason = parse_close(frame.payload)
        return Message(frame.opcode, code, reason, len(frame.payload))
    return Message(frame.opcode, frame.payload, "", len(frame.payload))
