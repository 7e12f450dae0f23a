"""In goes a message in some codec, out comes a request with its route, or what is wrong with it.

The fast way is one pass over the bytes: all types are one union, tagged by their kind. Only when it
fails are they read again, envelope first, to tell apart what is wrong; the nested form
(``payload_key``) is always read so. Either way the kind that routes and the fields that are checked
come from the same reading of duplicate keys, or the message is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, Union

from msgspec import DecodeError, Struct, ValidationError

from ...codecs import Codec, Document, Parts, check_finite, hook_for
from ...errors import KindError
from ...wire_form import UNANSWERED
from ..declaring.message_types import has_decimals
from ..declaring.routes import Route, Unrouted
from ..payload import KIND, REF, Ref, take_ref
from .refusals import Refusals, missing_kind, unknown_kind

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


Decode: TypeAlias = Callable[[Document], Any]

# What decoders raise besides ValidationError: the format is broken, or nested too deeply (a bomb). All
# else comes from a payload's own code.
UNREADABLE: Final = (DecodeError, UnicodeError, RecursionError)


class Reader:
    """Reads messages in one codec, for a table of routes that does not change."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        fallback: Route | None,
        payload_key: str | None,
        codec: Codec,
    ) -> None:
        self.codec = codec
        self.opcode = codec.opcode
        self._routes = dict(routes)
        self._fallback = fallback
        self._payload_key = payload_key
        self._refusals = Refusals(codec)
        self.by_type = {route.message_type: route for route in routes.values()}
        types = (_NoKind, *self.by_type)
        self._with_decimals = {each for each in self.by_type if has_decimals(each)}
        self.read_at_once = None if payload_key else self._message_reader(Union[types])  # noqa: UP007
        self._split = codec.splitter(KIND, REF, *((payload_key,) if payload_key else ()))
        self._read_kind_part = codec.decoder(str)
        self._read_ref_part = codec.decoder(Ref)
        self._decoders = {kind: self._body_decoder(each) for kind, each in routes.items()}
        if fallback is not None:
            self._read_fields = codec.decoder(fallback.message_type)

    def _message_reader(self, types: Any) -> Callable[[str | bytes], Any]:
        read = self.codec.reader(types)
        if not self._with_decimals:
            return read

        def read_finite(data: str | bytes) -> Any:
            message = read(data)
            if type(message) in self._with_decimals:
                check_finite(self.codec.plain(message))
            return message

        return read_finite

    def _body_decoder(self, route: Route) -> Decode:
        """Return what reads a message's fields once its kind is known."""
        codec, body_type = self.codec, _body_type(route)
        if hook_for(body_type) is None:
            return self._finite_decoder(body_type)
        read_fields = codec.decoder(dict[str, Any])
        others = () if self._payload_key else (KIND, REF)

        def read_model(document: Document) -> Any:
            fields = read_fields(document)
            plain = {key: value for key, value in fields.items() if key not in others}
            return codec.convert(plain, body_type)

        return read_model

    def _finite_decoder(self, body_type: Any) -> Decode:
        """Return a decoder that takes no "NaN" for a Decimal, as msgspec does."""
        codec, decode = self.codec, self.codec.decoder(body_type)
        if not has_decimals(body_type):
            return decode

        def decode_finite(document: Document) -> Any:
            message = decode(document)
            check_finite(codec.plain(message))
            return message

        return decode_finite

    def read(self, data: str | bytes) -> Request:
        """Return the request that ``data`` is. Raises Unreadable."""
        if self.read_at_once is None:
            return self._read_in_two(data)
        try:
            message = self.read_at_once(data)
        except Exception:  # whatever it was, the other way finds it again and says where
            return self._read_in_two(data)
        return self.requested(message, data)

    def requested(self, message: Any, data: str | bytes) -> Request:
        """Return the request that ``data`` is, which was read at once as ``message``. Raises Unreadable."""
        route = self.by_type.get(message.__class__)
        if route is None:
            return self._read_in_two(data)
        ref = take_ref(message)
        if route.payload is not None:
            try:
                message = self._decoders[route.kind](self.codec.open(data))
            except Exception:
                return self._read_in_two(data)
        return self.request_of(route, message, ref)

    def request_of(self, route: Route, message: Any, ref: Ref) -> Request:
        """Return the request of a message that was read as its handler gets it."""
        return Request(route, route.kind, message, ref)

    def _read_in_two(self, data: str | bytes) -> Request:
        kind, ref = None, None
        try:
            document, parts = self._take_apart(data)
            ref, problem = self._read_ref(parts[1])
            kind = self._read_kind(parts[0])
            if problem is not None:
                raise problem
            return self._read_routed(kind, ref, self._body(document, parts))
        except Exception as error:
            raise Unreadable(error, kind, ref) from error

    def _take_apart(self, data: str | bytes) -> tuple[Document, Parts]:
        try:
            document = self.codec.open(data)
            return document, self._split(document)
        except ValidationError as error:
            raise self._refusals.not_object(error) from None
        except Exception as error:  # a codec of the application's may raise what it likes
            raise self._refusals.unreadable(error) from None

    def _body(self, document: Document, parts: Parts) -> Document:
        if not self._payload_key:
            return document
        return self.codec.empty if parts[2] is None else parts[2]

    def _read_ref(self, part: Document | None) -> tuple[Ref, KindError | None]:
        """Return the ref and what is wrong with it: a bad kind is still answered with its ref."""
        if part is None:
            return None, None
        try:
            return self._read_ref_part(part), None
        except ValidationError as error:
            return None, self._refusals.bad_field(error, prefix=REF)
        except UNREADABLE as error:
            return None, self._refusals.unreadable(error)

    def _read_kind(self, part: Document | None) -> str:
        if part is None:
            raise missing_kind()
        try:
            kind: str = self._read_kind_part(part)
        except ValidationError as error:
            raise self._refusals.bad_kind(error) from None
        except UNREADABLE as error:
            raise self._refusals.unreadable(error) from None
        return kind

    def _read_routed(self, kind: str, ref: Ref, body: Document) -> Request:
        route = self._routes.get(kind)
        if route is not None:
            message = self._read_body(self._decoders[kind], body, _body_type(route))
            if route.payload is None:
                take_ref(message)
            return Request(route, kind, message, ref)
        if self._fallback is None or kind in UNANSWERED:
            raise unknown_kind(kind)
        fields = self._read_body(self._read_fields, body, dict)
        if not self._payload_key:
            fields = {key: value for key, value in fields.items() if key not in (KIND, REF)}
        return Request(self._fallback, kind, Unrouted(kind, fields), ref)

    def _read_body(self, decode: Decode, body: Document, message_type: Any) -> Any:
        try:
            return decode(body)
        except ValidationError as error:
            raise self._refusals.bad_field(
                error, prefix=self._payload_key or "", document=body, message_type=message_type
            ) from None
        except UNREADABLE as error:
            raise self._refusals.unreadable(error) from None


def _body_type(route: Route) -> Any:
    return route.message_type if route.payload is None else route.payload
