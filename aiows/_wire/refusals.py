"""The errors of the protocol, with the texts of both builds: one function for each mistake of a peer.

Each text fits into a Close frame (RFC 6455, section 5.5).
"""

from __future__ import annotations

from typing import Final

from ..errors import ProtocolError
from .messages import CloseCode, Opcode

__all__ = (
    "bad_length",
    "bad_start",
    "continuation_of_nothing",
    "inflated_too_big",
    "long_control",
    "no_continuation",
    "no_mask",
    "not_text",
    "too_big",
)

_OPCODES: Final = frozenset(map(int, Opcode))
_RESERVED_BITS: Final = 0x70


def bad_start(first: int) -> ProtocolError:
    """The byte ``first`` cannot be the first byte of a frame (RFC 6455, sections 5.2 and 5.5)."""
    if first & 0x0F not in _OPCODES:
        return _protocol_error(f"Unexpected opcode={first & 0x0F}")
    if first & _RESERVED_BITS:
        return _protocol_error("Received frame with non-zero reserved bits")
    return _protocol_error("Received fragmented control frame")


def no_mask() -> ProtocolError:
    """A client sent a frame without a mask (section 5.1)."""
    return _protocol_error("Received frame without a mask")


def long_control() -> ProtocolError:
    """A control frame of more than 125 bytes (section 5.5)."""
    return _protocol_error("Control frame payload cannot be larger than 125 bytes")


def bad_length(length: int, form: int) -> ProtocolError:
    """A length that fits into a shorter form, or is too large for any (section 5.2)."""
    return _protocol_error(f"Invalid payload length {length} in form {form}")


def continuation_of_nothing() -> ProtocolError:
    """A continuation, but no message has been started (section 5.4)."""
    return _protocol_error("Continuation frame for non started message")


def no_continuation(opcode: int) -> ProtocolError:
    """A message begins before the last one has ended (section 5.4)."""
    return _protocol_error(f"Expected a continuation frame, got opcode={opcode}")


def too_big(size: int, limit: int) -> ProtocolError:
    """A message of ``size`` bytes on the wire."""
    return ProtocolError(CloseCode.MESSAGE_TOO_BIG, f"Message size {size} exceeds limit {limit}")


def inflated_too_big(limit: int) -> ProtocolError:
    """A message of more than ``limit`` bytes after inflation."""
    return ProtocolError(
        CloseCode.MESSAGE_TOO_BIG, f"Decompressed message exceeds size limit {limit}"
    )


def not_text() -> ProtocolError:
    """TEXT that is not UTF-8 (section 8.1)."""
    return ProtocolError(CloseCode.INVALID_DATA, "Invalid UTF-8 text message")


def _protocol_error(text: str) -> ProtocolError:
    return ProtocolError(CloseCode.PROTOCOL_ERROR, text)
