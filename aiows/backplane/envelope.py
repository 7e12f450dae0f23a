"""The form of a message between nodes: `encode` makes the bytes, `decode` the message again.

::

    0        1        2
    +--------+--------+-----------------------
    | form 1 | type   | payload
    +--------+--------+-----------------------

``type`` is 1 (TEXT, the payload is UTF-8) or 2 (BINARY), as in RFC 6455, section 5.2, or 16: an object,
which each node encodes for its connections in their codecs. The payload of an object is MessagePack: unlike
JSON it tells bytes and points in time from text, so a peer gets the same from every node. Whoever can write
to the backplane can make nodes send data, but never make them run code.
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
    """Return the bytes that stand for ``message`` on a backplane."""
    packed = message.spoken_in(MSGPACK) if message.is_object else None
    if packed is None:  # no object, or one that only JSON can say
        return bytes((FORM, message.opcode)) + message.payload
    return bytes((FORM, OBJECT)) + packed.payload


def decode(data: bytes) -> PreparedMessage:
    """Return the message that ``data`` stands for. Raises ValueError for what `encode` cannot have made."""
    if len(data) < HEADER_SIZE or data[0] != FORM:
        raise ValueError("not a message of form 1")
    opcode, payload = data[1], data[HEADER_SIZE:]
    if opcode == OBJECT:
        return _prepared_object(payload)
    if opcode == Opcode.TEXT:
        # RFC 6455, section 8.1: a peer that gets TEXT which is not UTF-8 closes its connection.
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
