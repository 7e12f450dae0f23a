"""`Message`, the result of reading; and the opcodes and close codes of RFC 6455."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

__all__ = ("CloseCode", "Message", "Opcode", "is_close_code", "new_tuple")

# Makes a NamedTuple in half the time of its own constructor, which is written in Python.
new_tuple: Final = cast("Callable[..., Any]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]


class Opcode(IntEnum):
    """The opcodes of RFC 6455, section 11.8; from CLOSE on they are those of control frames."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """The close codes that this package itself uses (RFC 6455, section 7.4.1)."""

    PROTOCOL_ERROR = 1002
    NO_STATUS = 1005
    INVALID_DATA = 1007
    MESSAGE_TOO_BIG = 1009


class Message(NamedTuple):
    """One whole message, or one control frame.

    ``opcode`` is never CONTINUATION. ``data`` is ``str`` for TEXT (``bytes`` if the reader has
    ``decode_text=False``), ``bytes`` for BINARY, PING and PONG, and the close code for CLOSE (1005 if there
    was none). ``extra``: the reason of a CLOSE. ``size``: bytes of payload, after inflation.
    """

    opcode: int
    data: str | bytes | int
    extra: str
    size: int


# RFC 6455, section 7.4.1, and IANA's registry, which added 1012 to 1014. 1004 is reserved; 1005,
# 1006 and 1015 mean that there was no code; they are never on the wire.
_REGISTERED: Final = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
_FOR_LIBRARIES_AND_APPLICATIONS: Final = range(3000, 5000)  # RFC 6455, section 7.4.2


def is_close_code(code: object) -> bool:
    """Whether ``code`` is a number that may be sent in a Close frame (RFC 6455, section 7.4)."""
    return isinstance(code, int) and (
        code in _REGISTERED or code in _FOR_LIBRARIES_AND_APPLICATIONS
    )
