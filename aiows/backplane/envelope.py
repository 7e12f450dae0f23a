"""The form of a message between nodes and in logs: `encode` makes the bytes, `decode` the message again.

::

    0        1        2                10               18
    +--------+--------+----------------+----------------+-------------
    | form 2 | type   | node           | sequence       | payload
    +--------+--------+----------------+----------------+-------------

``node`` is the `Node.id` of whoever has sent it, ``sequence`` counts its messages (big-endian): the two
together name a message, so that one that is sent twice can be recognised. ``type`` says what the payload is:

====  ===============================================================================================
1     TEXT, UTF-8 (as in RFC 6455, section 5.2)
2     BINARY
16    an object, as the JSON that is sent to JSON's connections: nothing of it is missing in JSON
17    an object, as MessagePack: it has what JSON cannot tell from text or from null, or is not UTF-8
====  ===============================================================================================

An object is encoded for each connection in its codec. Bytes that begin with ``{`` are an object as well,
from outside and without a header. Whoever can write to the backplane can make nodes send data, but never
make them run code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import DecodeError

from .._wire import Opcode
from ..codecs import JSON, MSGPACK
from ..connection import PreparedMessage

__all__ = ("HEADER_SIZE", "NAME", "NODE", "Envelope", "decode", "encode")

FORM: Final = 2
HEADER_SIZE: Final = 18
NODE: Final = slice(2, 10)
NAME: Final = slice(2, HEADER_SIZE)
OBJECT_AS_JSON: Final = 16
OBJECT_AS_MSGPACK: Final = 17

_read_json: Final = JSON.reader(Any)


class Envelope(NamedTuple):
    """A message with what names it; all zeros for one from outside."""

    node: bytes
    sequence: int
    message: PreparedMessage


def encode(message: PreparedMessage, node: bytes = bytes(8), sequence: int = 0) -> bytes:
    """Return the bytes that stand for ``message``, number ``sequence`` of ``node``."""
    type_, payload = _typed(message)
    return bytes((FORM, type_)) + node + sequence.to_bytes(8) + payload


def _typed(message: PreparedMessage) -> tuple[int, bytes]:
    whole = message.detach()
    if whole.codec is JSON:
        return OBJECT_AS_JSON, whole.payload
    if whole.codec is MSGPACK:
        return OBJECT_AS_MSGPACK, whole.payload
    return message.opcode, message.payload  # no object, or only its own codec can say it


def decode(data: bytes) -> Envelope:
    """Return what ``data`` stands for. Raises ValueError for what `encode` cannot have made."""
    if data.startswith(b"{"):
        return Envelope(bytes(8), 0, _prepared(_read(_read_json, data)))
    if len(data) < HEADER_SIZE or data[0] != FORM:
        raise ValueError("not a message of form 2")
    message = _message(data[1], data[HEADER_SIZE:])
    return Envelope(data[NODE], int.from_bytes(data[10:HEADER_SIZE]), message)


def _message(type_: int, payload: bytes) -> PreparedMessage:
    if type_ == OBJECT_AS_MSGPACK:
        return _prepared(_read(MSGPACK.loads, payload))
    if type_ == Opcode.BINARY:
        return PreparedMessage(payload, type_)
    if type_ not in (Opcode.TEXT, OBJECT_AS_JSON):
        raise ValueError(f"a message cannot be of type {type_}")
    # RFC 6455, section 8.1: a peer that gets TEXT which is not UTF-8 closes its connection.
    payload.decode()
    if type_ == Opcode.TEXT:
        return PreparedMessage(payload, type_)
    if payload[:1] not in (b"{", b"["):
        raise ValueError("no object: neither a map nor a list")
    return PreparedMessage.encoded(payload, JSON)


def _prepared(value: Any) -> PreparedMessage:
    if isinstance(value, str | bytes):
        raise ValueError("no object: text and bytes have types of their own")
    try:
        return PreparedMessage(value)
    except TypeError as error:
        raise ValueError(f"no object: {error}") from error


def _read(read: Callable[[bytes], Any], payload: bytes) -> Any:
    try:
        return read(payload)
    except (DecodeError, RecursionError) as error:
        raise ValueError(f"no object: {error}") from error
