"""In goes one outgoing message, out come its frames: built once, however many connections get it."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import orjson

from .._wire import Opcode, build_frame, shared_deflater

__all__ = ("PreparedMessage", "dump_json")


def dump_json(value: Any) -> bytes:
    """Encode ``value`` as JSON: orjson, with msgspec for Structs (orjson does not know them).

    Raises TypeError for what JSON cannot say.
    """
    if isinstance(value, msgspec.Struct):
        return msgspec.json.encode(value)
    return orjson.dumps(value, default=msgspec.to_builtins)


class PreparedMessage:
    """One outgoing message for many connections: encoded once, framed once, deflated once.

    ``message`` is a ``str`` (TEXT), bytes-like (BINARY) or any other object (TEXT, as JSON).
    Raises TypeError for an object that JSON cannot say.
    """

    __slots__ = ("_deflated", "_plain", "opcode", "payload")

    def __init__(self, message: Any, opcode: int | None = None) -> None:
        self.opcode, self.payload = _encode(message)
        if opcode is not None:
            self.opcode = opcode
        self._plain: bytes | None = None
        self._deflated: dict[int, bytes] = {}

    @classmethod
    def of(cls, message: Any) -> PreparedMessage:
        """Return ``message`` itself if it is prepared already."""
        return message if isinstance(message, cls) else cls(message)

    def frame(self) -> bytes:
        """The message as one uncompressed frame."""
        if self._plain is None:
            self._plain = build_frame(self.opcode, self.payload)
        return self._plain

    def deflated_frame(self, window_bits: int) -> bytes:
        """The message as one frame whose deflate stream depends on no other message.

        It may go only to connections without server context takeover (RFC 7692, section 7.1.1.1):
        any other peer's window would then be behind ours, and its next message garbage.
        """
        frame = self._deflated.get(window_bits)
        if frame is None:
            deflated = shared_deflater(window_bits).compress(self.payload)
            frame = self._deflated[window_bits] = build_frame(self.opcode, deflated, rsv1=True)
        return frame


def _encode(message: Any) -> tuple[int, bytes]:
    if isinstance(message, str):
        return Opcode.TEXT, message.encode()
    if isinstance(message, bytes):
        return Opcode.BINARY, message
    if isinstance(message, bytearray | memoryview):
        return Opcode.BINARY, bytes(cast("bytearray", message))
    return Opcode.TEXT, dump_json(message)
