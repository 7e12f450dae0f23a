"""In goes the text of a message, out comes a request with its route, or what is wrong with it.

The fast way is one pass over the text: all types are one union, tagged by their kind. Only when it
fails is the text read again, envelope first, to tell apart what is wrong; the nested form
(``payload_key``) is always read so. Either way the kind that routes and the fields that are checked
come from the same reading of duplicate keys, or msgspec refuses the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Union

import msgspec
from msgspec import DecodeError, Raw, Struct, ValidationError, defstruct

from ..errors import KindError
from .payload import KIND, REF, Ref, take_ref
from .refusals import bad_field, bad_json, bad_kind, missing_kind, not_object, unknown_kind
from .routes import ERROR, Route, Unrouted

__all__ = ("Reader", "Request", "Unreadable")


class Request(Struct, frozen=True):
    """One message that was read: what its route's handler is called with."""

    route: Route
    kind: str
    message: Any
    ref: Ref


class Unreadable(Exception):
    """A message without a handler's call: ``error`` says why; ``kind`` and ``ref`` if readable."""

    def __init__(self, error: Exception, kind: str | None = None, ref: Ref = None) -> None:
        super().__init__(error, kind, ref)
        self.error = error
        self.kind = kind
        self.ref = ref


class _NoKind(Struct, tag="", tag_field=KIND):
    """Makes a union of the one type that there may be: msgspec asks only unions for the tag."""


_kind_decoder: Final = msgspec.json.Decoder(str)
_ref_decoder: Final[msgspec.json.Decoder[Ref]] = msgspec.json.Decoder(Ref)

# What msgspec raises for text that is no JSON, and for JSON that is nested too deeply (a bomb).
NOT_JSON: Final = (DecodeError, UnicodeError, RecursionError)


class Reader:
    """Reads messages for a table of routes that does not change."""

    def __init__(
        self, routes: Mapping[str, Route], fallback: Route | None, payload_key: str | None
    ) -> None:
        self._routes = dict(routes)
        self._fallback = fallback
        self._payload_key = payload_key
        self._by_type = {route.message_type: route for route in routes.values()}
        self._union = None if payload_key else _union_decoder(self._by_type)
        self._envelope = _envelope_decoder(payload_key)

    def read(self, text: str | bytes) -> Request:
        """Return the request that ``text`` is. Raises Unreadable."""
        if self._union is None:
            return self._read_in_two(text)
        try:
            message = self._union.decode(text)
            route = self._by_type[type(message)]
            ref = take_ref(message)
            if route.payload is not None:
                message = route.decoder.decode(text)
        except Exception:  # whatever it was, the other way finds it again and says where
            return self._read_in_two(text)
        return Request(route, route.kind, message, ref)

    def _read_in_two(self, text: str | bytes) -> Request:
        kind, ref = None, None
        try:
            envelope = self._open(text)
            ref, problem = _read_ref(envelope.ref)
            kind = _read_kind(envelope.kind)
            if problem is not None:
                raise problem
            body = (envelope.payload or b"{}") if self._payload_key else text
            return self._read_routed(kind, ref, body)
        except Exception as error:
            raise Unreadable(error, kind, ref) from error

    def _open(self, text: str | bytes) -> Any:
        try:
            return self._envelope.decode(text)
        except ValidationError as error:
            raise not_object(error) from None
        except NOT_JSON as error:
            raise bad_json(error) from None

    def _read_routed(self, kind: str, ref: Ref, body: str | bytes) -> Request:
        route = self._routes.get(kind)
        if route is not None:
            message = self._read_body(route, body)
            if route.payload is None:
                take_ref(message)
            return Request(route, kind, message, ref)
        if self._fallback is None or kind == ERROR:
            raise unknown_kind(kind)
        fields = self._read_body(self._fallback, body)
        if not self._payload_key:
            fields = {key: value for key, value in fields.items() if key not in (KIND, REF)}
        return Request(self._fallback, kind, Unrouted(kind, fields), ref)

    def _read_body(self, route: Route, body: str | bytes) -> Any:
        try:
            return route.decoder.decode(body)
        except ValidationError as error:
            prefix = self._payload_key or ""
            raise bad_field(
                error, prefix=prefix, text=body, message_type=route.payload or route.message_type
            ) from None
        except NOT_JSON as error:
            raise bad_json(error) from None


def _union_decoder(types: Iterable[type[Any]]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Union[(_NoKind, *types)])


def _envelope_decoder(payload_key: str | None) -> msgspec.json.Decoder[Any]:
    keys = [(KIND, Raw, Raw()), (REF, Raw, Raw()), ("payload", Raw, Raw())]
    renamed = {"payload": payload_key or "payload"}
    return msgspec.json.Decoder(defstruct("Envelope", keys, rename=renamed))


def _read_ref(raw: Raw) -> tuple[Ref, KindError | None]:
    """Return the ref and what is wrong with it: a bad kind is still answered with its ref."""
    try:
        return _ref_decoder.decode(raw or b"null"), None
    except ValidationError as error:
        return None, bad_field(error, prefix=REF)
    except NOT_JSON as error:
        return None, bad_json(error)


def _read_kind(raw: Raw) -> str:
    if not raw:
        raise missing_kind()
    try:
        return _kind_decoder.decode(raw)
    except ValidationError as error:
        raise bad_kind(error) from None
    except NOT_JSON as error:
        raise bad_json(error) from None
