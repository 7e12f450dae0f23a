"""Reads a message: finds its route by its kind, and checks and converts its fields.

The fast way is one pass over the bytes: all types are one union, tagged by their kind. Only if that fails is
the message read again, kind and ref first, to find out what is wrong. Read like this at once are large
messages, so that a bad one is not decoded twice, the nested form (``payload_key``), and formats that have to
be decoded whole for it. In both ways the kind that chooses the route and the fields that are checked come
from the same reading of duplicate keys, or the message is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, Union

from msgspec import DecodeError, Struct, ValidationError

from ...codecs import MOST_VALUES, Codec, Document, Parts, check_finite, hook_for
from ...errors import KindError
from ...wire_form import LONGEST_KIND, UNANSWERED, is_ours
from ..declaring.message_types import has_decimals
from ..declaring.routes import Route, Unrouted
from ..payload import KIND, REF, Ref, take_ref
from .refusals import Refusals, missing_kind, unknown_kind

__all__ = ("Reader", "Request", "Unreadable")


class Request(Struct, frozen=True):
    """One message that was read, for the handler of its route."""

    route: Route
    kind: str
    message: Any
    ref: Ref
    claim: Any = None
    """Where its answer is kept, as its route says ``once``; an `aiows.kinds.running.once.Claim`."""


class Unreadable(Exception):
    """A message that no handler can get: ``error`` says why; ``kind`` and ``ref`` if they could be read."""

    def __init__(self, error: Exception, kind: str | None = None, ref: Ref = None) -> None:
        super().__init__(error, kind, ref)
        self.error = error
        self.kind = kind
        self.ref = ref


class _NoKind(Struct, tag="", tag_field=KIND):
    """Makes it a union even if there is one type only: msgspec reads the tag of unions alone."""


Decode: TypeAlias = Callable[[Document], Any]

# What decoders raise besides ValidationError: the data is not in the format, or is nested too deeply. Other
# exceptions come from a payload's own code.
UNREADABLE: Final = (DecodeError, UnicodeError, RecursionError)


class Reader:
    """Reads messages in one codec, for a fixed table of routes."""

    # In bytes, or characters. A shorter message cannot have more values than may be untyped; in a larger one
    # the kind says whether they are bounded.
    largest_at_once: Final = MOST_VALUES

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
        kind_first = payload_key or not codec.opens_as_is
        self.read_at_once = None if kind_first else self._message_reader(Union[types])  # noqa: UP007
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
                check_finite(message)
            return message

        return read_finite

    def _body_decoder(self, route: Route) -> Decode:
        """Return the decoder of a message's fields, for when its kind is known."""
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
        """Return a decoder that refuses "NaN" for a Decimal, which msgspec accepts."""
        decode = self.codec.decoder(body_type)
        if not has_decimals(body_type):
            return decode

        def decode_finite(document: Document) -> Any:
            message = decode(document)
            check_finite(message)
            return message

        return decode_finite

    def read(self, data: str | bytes) -> Request:
        """Return ``data`` as a request. Raises Unreadable."""
        if self.read_at_once is None or len(data) > self.largest_at_once:
            return self._read_in_two(data)
        try:
            message = self.read_at_once(data)
        except Exception:  # the other way finds the error again, and where it is
            return self._read_in_two(data)
        return self.requested(message, data)

    def requested(self, message: Any, data: str | bytes) -> Request:
        """Return the request of ``data``, which was read in one pass as ``message``. Raises Unreadable."""
        route = self.by_type.get(message.__class__)
        if route is None:
            return self._read_in_two(data)
        ref = take_ref(message)
        if route.payload is not None:
            try:
                message = self._read_routed_body(route, self.codec.open(data))
            except Exception as error:
                raise Unreadable(error, route.kind, ref) from error
        return self.request_of(route, message, ref)

    def request_of(self, route: Route, message: Any, ref: Ref) -> Request:
        """Return the request with ``message`` as its handler gets it."""
        return Request(route, route.kind, message, ref)

    def _read_in_two(self, data: str | bytes) -> Request:
        kind, ref = None, None
        try:
            document, parts = self._split_message(data)
            ref, problem = self._read_ref(parts[1])
            kind = self._read_kind(parts[0])
            if problem is not None:
                raise problem
            return self._read_routed(kind, ref, self._body(document, parts))
        except Exception as error:
            raise Unreadable(error, kind, ref) from error

    def _split_message(self, data: str | bytes) -> tuple[Document, Parts]:
        try:
            document = self.codec.open(data)
        except ValidationError as error:  # a number that is not finite, somewhere
            raise self._refusals.bad_field(error) from None
        except Exception as error:  # an application's codec may raise anything
            raise self._refusals.unreadable(error) from None
        try:
            return document, self._split(document)
        except ValidationError as error:
            raise self._refusals.not_object(error) from None
        except Exception as error:
            raise self._refusals.unreadable(error) from None

    def _body(self, document: Document, parts: Parts) -> Document:
        if not self._payload_key:
            return document
        return self.codec.empty if parts[2] is None else parts[2]

    def _read_ref(self, part: Document | None) -> tuple[Ref, KindError | None]:
        """Return the ref and its error, if any: a message with a bad kind is still answered with its ref."""
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
            message = self._read_routed_body(route, body)
            if route.payload is None:
                take_ref(message)
            return Request(route, kind, message, ref)
        is_for_nobody = kind in UNANSWERED or is_ours(kind) or len(kind) > LONGEST_KIND
        if self._fallback is None or is_for_nobody:
            raise unknown_kind(kind)
        fields = self._read_body(self._read_fields, body, dict)
        if not self._payload_key:
            fields = {key: value for key, value in fields.items() if key not in (KIND, REF)}
        return Request(self._fallback, kind, Unrouted(kind, fields), ref)

    def _read_routed_body(self, route: Route, body: Document) -> Any:
        return self._read_body(self._decoders[route.kind], body, _body_type(route))

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
