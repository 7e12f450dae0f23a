"""Builds frames (RFC 6455, section 5.2), and builds and parses the payload of Close frames."""

from __future__ import annotations

from struct import Struct
from typing import Final, TypeAlias

from ..errors import InvalidCloseCode, ProtocolError
from .masking import apply_mask
from .messages import CloseCode, Opcode, is_close_code

__all__ = (
    "MAX_CONTROL_SIZE",
    "MAX_REASON_SIZE",
    "build_close",
    "build_frame",
    "build_header",
    "parse_close",
)

BytesLike: TypeAlias = bytes | bytearray | memoryview

MAX_CONTROL_SIZE: Final = 125  # RFC 6455, section 5.5
MAX_REASON_SIZE: Final = MAX_CONTROL_SIZE - 2

FIN: Final = 0x80
RSV1: Final = 0x40
MASKED: Final = 0x80

_pack_short: Final = Struct("!BB").pack
_pack_medium: Final = Struct("!BBH").pack
_pack_long: Final = Struct("!BBQ").pack
_close_code: Final = Struct("!H")


def build_frame(
    opcode: int,
    payload: BytesLike,
    *,
    fin: bool = True,
    rsv1: bool = False,
    mask: bytes | None = None,
) -> bytes:
    """Return one frame as it goes on the wire (RFC 6455, section 5.2).

    ``rsv1`` marks the first frame of a compressed message (RFC 7692, section 6). ``mask``: a
    client's key of 4 bytes; a server's frames have none. Raises ValueError for a control frame that
    is fragmented, compressed or over 125 bytes.
    """
    size = payload.nbytes if isinstance(payload, memoryview) else len(payload)
    if opcode >= Opcode.CLOSE:
        _check_control(size, fin=fin, rsv1=rsv1)
    first = opcode | (FIN if fin else 0) | (RSV1 if rsv1 else 0)
    if mask is None:
        return b"".join((_header(first, size, 0), payload))
    return b"".join((_header(first, size, MASKED), mask, apply_mask(bytes(payload), mask)))


def build_header(opcode: int, size: int) -> bytes:
    """Return the header of an unmasked frame with ``size`` bytes of payload, which is sent separately."""
    return _header(opcode | FIN, size, 0)


def _header(first: int, size: int, masked: int) -> bytes:
    # RFC 6455, section 5.2: the shortest form in which the length fits.
    if size < 126:
        return _pack_short(first, masked | size)
    if size < 65536:
        return _pack_medium(first, masked | 126, size)
    return _pack_long(first, masked | 127, size)


def _check_control(size: int, *, fin: bool, rsv1: bool) -> None:
    if size > MAX_CONTROL_SIZE:
        raise ValueError(f"a control frame holds at most {MAX_CONTROL_SIZE} bytes, not {size}")
    if not fin or rsv1:
        raise ValueError("a control frame is neither fragmented nor compressed")


def build_close(code: int, reason: str | bytes = "") -> bytes:
    """Return the payload of a Close frame (RFC 6455, section 5.5.1).

    Raises InvalidCloseCode for what is no code, or one that must not be sent (such as 1005, 1006 and 1015),
    TypeError for a reason that is neither text nor bytes, ValueError for one over 123 bytes or not UTF-8.
    """
    if not is_close_code(code):
        raise InvalidCloseCode(code)
    return _close_code.pack(code) + _encode_reason(reason)


def _encode_reason(reason: str | bytes) -> bytes:
    if not isinstance(reason, str | bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a close reason is a str or bytes, not {reason!r:.64}")
    encoded = reason.encode() if isinstance(reason, str) else bytes(reason)
    encoded.decode()
    if len(encoded) > MAX_REASON_SIZE:
        raise ValueError(
            f"a close reason holds at most {MAX_REASON_SIZE} bytes of UTF-8, not {len(encoded)}"
        )
    return encoded


def parse_close(payload: bytes) -> tuple[int, str]:
    """Return code and reason of a Close frame; 1005 and "" if it is empty (RFC 6455, section 7.1.5).

    Raises ProtocolError: 1002 for a payload of one byte or a code that must not be sent, 1007 for a reason
    that is not UTF-8.
    """
    if not payload:
        return CloseCode.NO_STATUS, ""
    if len(payload) < 2:
        raise ProtocolError(CloseCode.PROTOCOL_ERROR, "Close frame with half a close code")
    (code,) = _close_code.unpack_from(payload)
    if not is_close_code(code):
        raise ProtocolError(CloseCode.PROTOCOL_ERROR, f"Invalid close code: {code}")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(CloseCode.INVALID_DATA, "Invalid UTF-8 in a close reason") from error
