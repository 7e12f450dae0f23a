"""In goes what a handler returned or raised, out comes the message that answers: flat or nested.

It is in the codec of the connection that asked.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from .._wire import Opcode
from ..codecs import Codec
from ..connection import END, ERROR, ITEM, REPLY, PreparedMessage
from ..errors import KindError
from .payload import KIND, REF, RESERVED, Payload, Ref

__all__ = ("end", "error_reply", "item", "reply")


def reply(value: Any, ref: Ref, payload_key: str | None, codec: Codec) -> PreparedMessage:
    """Return the answer that carries what a handler returned.

    An object's fields become the message's (None: no fields), anything else is ``result``. A
    payload with a kind keeps it. Raises TypeError or ValueError for what cannot be said so.
    """
    if payload_key:
        head = {KIND: _kind_of(value), REF: ref, payload_key: _fields_of(value, codec)}
        return _prepared(codec.encode(head), codec)
    if isinstance(value, Payload) and value.ref is UNSET:
        return _prepared(codec.encode_with(_head_of(value, ref), value), codec)
    fields = _fields_of(value, codec)
    _check_free(fields)
    return _prepared(codec.encode({KIND: _kind_of(value), REF: ref, **fields}), codec)


def item(value: Any, ref: Ref, payload_key: str | None, codec: Codec) -> PreparedMessage:
    """Return one of a series of answers: fields as `reply` has them, and the kind ``item`` in any case."""
    fields = _fields_of(value, codec)
    if payload_key:
        return _prepared(codec.encode({KIND: ITEM, REF: ref, payload_key: fields}), codec)
    _check_free(fields)
    return _prepared(codec.encode({KIND: ITEM, REF: ref, **fields}), codec)


def end(ref: Ref, codec: Codec) -> PreparedMessage:
    """Return what ends a series of answers."""
    return _prepared(codec.encode({KIND: END, REF: ref}), codec)


def error_reply(error: KindError, ref: Ref, codec: Codec) -> PreparedMessage:
    """Return the answer that refuses. Raises TypeError for details that the codec cannot say."""
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details is not None:
        told["details"] = error.details
    head = {KIND: ERROR} if ref is None else {KIND: ERROR, REF: ref}
    return _prepared(codec.encode({**head, ERROR: told}), codec)


def _head_of(value: Payload, ref: Ref) -> dict[str, Any]:
    """Return what a payload does not say itself: the ref, and a kind if it has none."""
    return {REF: ref} if hasattr(value, KIND) else {KIND: REPLY, REF: ref}


def _kind_of(value: Any) -> str:
    return getattr(value, KIND, REPLY) if isinstance(value, Payload) else REPLY


def _fields_of(value: Any, codec: Codec) -> dict[str, Any]:
    if value is None:
        return {}
    plain = value if isinstance(value, dict) else codec.plain(value)
    if not isinstance(plain, dict):
        return {"result": plain}
    if isinstance(value, Payload):
        return {key: each for key, each in plain.items() if key not in (KIND, REF)}
    return plain


def _check_free(fields: dict[str, Any]) -> None:
    if fields.keys().isdisjoint(RESERVED):
        return
    clash = min(fields.keys() & RESERVED)
    raise ValueError(f"a handler's reply has the reserved key {clash!r}")


def _prepared(data: bytes, codec: Codec) -> PreparedMessage:
    return PreparedMessage(data, Opcode.TEXT if codec.is_text else Opcode.BINARY)
