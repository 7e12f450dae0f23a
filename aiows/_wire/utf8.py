"""In goes the payload of TEXT, whole or in pieces, out comes `str` or ProtocolError 1007."""

from __future__ import annotations

import codecs
from typing import Final

from ..errors import ProtocolError
from .messages import CloseCode

__all__ = ("Utf8Checker", "decode_text")

_new_decoder: Final = codecs.getincrementaldecoder("utf-8")


def decode_text(payload: bytes) -> str:
    """Decode a whole text. Raises ProtocolError 1007 (RFC 6455, section 8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise _invalid() from error


class Utf8Checker:
    """Checks one text as it arrives: the first byte that no valid text could have fails at once."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = _new_decoder()

    def check(self, piece: bytes) -> None:
        """Raises ProtocolError 1007 (RFC 6455, section 8.1); half a character may be continued."""
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            raise _invalid() from error


def _invalid() -> ProtocolError:
    return ProtocolError(CloseCode.INVALID_DATA, "Invalid UTF-8 text message")
