"""In goes what a handler returned or raised, out comes the message that answers: flat or nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from aiohttp import WSMsgType

from ..connection import PreparedMessage
from ..errors import KindError
from .payload import KIND, REF, RESERVED, Payload, Ref
from .routes import ERROR, REPLY

__all__ = ("error_reply", "reply")


def reply(value: Any, ref: Ref, payload_key: str | None) -> PreparedMessage:
    """Return the answer that carries what a handler returned.

    An object's fields become the message's (None: no fields), anything else is ``result``. A
    payload with a kind keeps it. Raises TypeError or ValueError for what cannot be said so.
    """
    kind = getattr(value, KIND, REPLY) if isinstance(value, Payload) else REPLY
    fields = _fields_of(value)
    if payload_key:
        return _encode({KIND: kind, REF: ref, payload_key: fields})
    clashes = sorted(fields.keys() & RESERVED)
    if clashes:
        raise ValueError(f"a handler's reply has the reserved key {clashes[0]!r}")
    return _encode({KIND: kind, REF: ref, **fields})


def error_reply(error: KindError, ref: Ref) -> PreparedMessage:
    """Return the answer that refuses. Raises TypeError for details that JSON cannot say."""
    told = {"code": error.code, "message": error.message}
    if error.details is not None:
        told["details"] = error.details
    message = {KIND: ERROR, ERROR: told}
    return _encode(message if ref is None else {KIND: ERROR, REF: ref, ERROR: told})


def _fields_of(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    built = _built(value)
    if not isinstance(built, dict):
        return {"result": built}
    fields = cast("dict[str, Any]", built)
    if isinstance(value, Payload):
        return {key: each for key, each in fields.items() if key not in (KIND, REF)}
    return fields


def _built(value: Any) -> Any:
    """Return ``value`` as JSON's types; a dict is encoded later, with what is in it."""
    if isinstance(value, dict):
        return cast("Any", value)
    return msgspec.to_builtins(value)


def _encode(message: Mapping[str, Any]) -> PreparedMessage:
    return PreparedMessage(msgspec.json.encode(message), WSMsgType.TEXT)
