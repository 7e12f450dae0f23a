"""In goes a prepared message, out come the bytes that travel between nodes, and the way back.

::

    0        1        2
    +--------+--------+-----------------------
    | form 1 | opcode | payload, as it will be sent to the peers
    +--------+--------+-----------------------

``opcode`` is 1 (TEXT, the payload is UTF-8) or 2 (BINARY), as in RFC 6455, section 5.2. Objects
were encoded as JSON before: a node that can write to the backplane can make others send data, never
make them run code.
"""

from __future__ import annotations

from typing import Final

from .._wire import Opcode
from ..connection import PreparedMessage

__all__ = ("decode", "encode")

FORM: Final = 1
HEADER_SIZE: Final = 2


def encode(message: PreparedMessage) -> bytes:
    """The bytes that stand for ``message`` on a backplane."""
    return bytes((FORM, message.opcode)) + message.payload


def decode(data: bytes) -> PreparedMessage:
    """Undo `encode`. Raises ValueError for bytes that no node of this form has written."""
    if len(data) < HEADER_SIZE or data[0] != FORM:
        raise ValueError("not a message of form 1")
    opcode, payload = data[1], data[HEADER_SIZE:]
    if opcode == Opcode.TEXT:
        # RFC 6455, section 8.1: each peer that got what is not UTF-8 would close its connection.
        payload.decode()
    elif opcode != Opcode.BINARY:
        raise ValueError(f"a message cannot have opcode {opcode}")
    return PreparedMessage(payload, opcode)
