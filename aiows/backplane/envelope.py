"""In goes a prepared message, out come the bytes that travel between nodes, and the way back.

::

    0        1        2
    +--------+--------+-----------------------
    | form 1 | type   | payload
    +--------+--------+-----------------------

``type`` is 1 (TEXT, the payload is UTF-8) or 2 (BINARY), as in RFC 6455, section 5.2, or 16: an object,
which each node encodes for its connections in their codecs. Its payload is MessagePack, which tells bytes
and instants from text as JSON does not: a peer gets the same from whichever node. A node that can write to
the backplane can make others send data, never make them run code.
"""

from __future__ import annotations

from typing import Any, Final

from .._wire import Opcode
from ..codecs import MSGPACK
from ..connection import PreparedMessage

__all__ = ("decode", "encode")

FORM: Final = 1
HEADER_SIZE: Final = 2
OBJECT: Final = 16


def encode(message: PreparedMessage) -> bytes:
    """The bytes that stand for ``message`` on a backplane."""
    packed = message.spoken_in(MSGPACK) if message.is_object else None
    if packed is None:  # no object, or one that only JSON can say
        return bytes((FORM, message.opcode)) + message.payload
    return bytes((FORM, OBJECT)) + packed.payload


def decode(data: bytes) -> PreparedMessage:
    """Undo `encode`. Raises ValueError for bytes that no node of this form has written."""
    if len(data) < HEADER_SIZE or data[0] != FORM:
        raise ValueError("not a message of form 1")
    opcode, payload = data[1], data[HEADER_SIZE:]
    if opcode == OBJECT:
        return _prepared_object(payload)
    if opcode == Opcode.TEXT:
        # RFC 6455, section 8.1: each peer that got what is not UTF-8 would close its connection.
        payload.decode()
    elif opcode != Opcode.BINARY:
        raise ValueError(f"a message cannot be of type {opcode}")
    return PreparedMessage(payload, opcode)


def _prepared_object(payload: bytes) -> PreparedMessage:
    try:
        value: Any = MSGPACK.loads(payload)
        if isinstance(value, str | bytes):
            raise TypeError("text and bytes have types of their own")
        return PreparedMessage(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no object: {error}") from error
