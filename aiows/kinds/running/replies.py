"""Encodes the answers to a request: reply, item, end and error, flat or nested."""

from __future__ import annotations

from copy import copy
from typing import Any, cast

from msgspec import UNSET
from msgspec.structs import force_setattr

from ...codecs import Codec
from ...errors import KindError
from ...wire_form import END, ERROR, ITEM, REPLY
from ..payload import KIND, REF, RESERVED, Payload, Ref

__all__ = ("end", "error_reply", "item", "reply")


def reply(value: Any, ref: Ref, payload_key: str | None, codec: Codec) -> bytes:
    """Return the reply with what a handler returned.

    The fields of an object become fields of the reply (None: no fields); anything else is its ``result``. A
    payload with a kind keeps its kind. Raises TypeError or ValueError for a value that no reply can have.
    """
    if payload_key is not None:
        fields = _fields_of(value, codec)
        return codec.encode({KIND: _kind_of(value), REF: ref, payload_key: fields})
    if value.__class__ is dict:  # the most common case, checked in the cheapest way
        return _with_fields(REPLY, ref, value, codec)
    if isinstance(value, Payload) and value.ref is UNSET:
        answer = copy(value)  # the same payload may be sent elsewhere, even in another thread
        force_setattr(answer, REF, ref)
        if hasattr(value, KIND):
            return codec.encode(answer)
        return codec.encode_tagged(KIND, REPLY, answer)
    return _with_fields(_kind_of(value), ref, _fields_of(value, codec), codec)


def item(value: Any, ref: Ref, payload_key: str | None, codec: Codec) -> bytes:
    """Return one item of a stream: fields as in `reply`, but always of the kind ``item``."""
    fields = _fields_of(value, codec)
    if payload_key is not None:
        return codec.encode({KIND: ITEM, REF: ref, payload_key: fields})
    return _with_fields(ITEM, ref, fields, codec)


def end(ref: Ref, codec: Codec) -> bytes:
    """Return the message that ends a stream."""
    return codec.encode({KIND: END, REF: ref})


def error_reply(error: KindError, ref: Ref, codec: Codec) -> bytes:
    """Return an error reply. Raises TypeError for details that the codec cannot encode."""
    fields: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details is not None:
        fields["details"] = error.details
    head = {KIND: ERROR} if ref is None else {KIND: ERROR, REF: ref}
    return codec.encode({**head, ERROR: fields})


def _kind_of(value: Any) -> str:
    return getattr(value, KIND, REPLY) if isinstance(value, Payload) else REPLY


def _fields_of(value: Any, codec: Codec) -> dict[str, Any]:
    if value is None:
        return {}
    plain: Any = cast("Any", value) if isinstance(value, dict) else codec.plain(value)
    if not isinstance(plain, dict):
        return {"result": plain}
    fields = cast("dict[str, Any]", plain)
    if isinstance(value, Payload):
        return {key: each for key, each in fields.items() if key not in (KIND, REF)}
    return fields


def _with_fields(kind: str, ref: Ref, fields: dict[str, Any], codec: Codec) -> bytes:
    message = {KIND: kind, REF: ref, **fields}
    if len(message) < len(fields) + 2 or ERROR in fields:
        clash = min(RESERVED.intersection(fields))
        raise ValueError(f"a handler's reply has the reserved key {clash!r}")
    return codec.encode(message)
