"""Decodes and checks the text of TEXT messages, whole or in pieces; invalid text is ProtocolError 1007."""

from __future__ import annotations

from codecs import utf_8_decode
from typing import Final

from . import refusals

__all__ = ("Utf8Checker", "check_text", "decode_text")

# A whole text is checked in pieces of this size. To be checked a piece becomes a str, and one character
# beyond the BMP makes that four times as large as its bytes.
_PIECE: Final = 64 * 1024


def decode_text(payload: bytes) -> str:
    """Decode a whole text. Raises ProtocolError 1007 (RFC 6455, section 8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise refusals.not_text() from error


def check_text(payload: bytes) -> None:
    """Check a whole text, with little memory beside it. Raises ProtocolError 1007 (RFC 6455, section 8.1)."""
    view, start = memoryview(payload), 0
    try:
        while start < len(payload):
            piece = view[start : start + _PIECE]
            is_last = start + len(piece) == len(payload)
            start += utf_8_decode(piece, "strict", is_last)[
                1
            ]  # a character that is cut is the next one's
    except UnicodeDecodeError as error:
        raise refusals.not_text() from error


class Utf8Checker:
    """Checks one text as it arrives: the first byte that cannot be valid fails at once."""

    __slots__ = ("_unfinished",)

    def __init__(self) -> None:
        self._unfinished = b""  # the first bytes of a character that the last piece cut

    def check(self, piece: bytes) -> None:
        """Raises ProtocolError 1007 (RFC 6455, section 8.1); a piece may end within a character."""
        data = self._unfinished + piece
        try:
            _, size = utf_8_decode(data, "strict", False)
        except UnicodeDecodeError as error:
            raise refusals.not_text() from error
        self._unfinished = data[size:]
        # Python waits for the third byte of a surrogate, which RFC 3629, section 4, does not have.
        if b"\xed\xa0" <= self._unfinished < b"\xee":
            raise refusals.not_text()
