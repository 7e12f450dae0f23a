"""In goes a handler with its kind, out comes a route: its messages' type, and how to call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import Struct, defstruct
from msgspec.inspect import CustomType, type_info

from ..connection import Peer
from ..inject import NO_DEFAULT, Parameter, Source, read_parameters, refusal
from .payload import KIND, RESERVED, Fields, Payload, kind_problem

__all__ = ("ERROR", "REPLY", "Handler", "Route", "Unrouted", "build_fallback", "build_route")

Handler: TypeAlias = Callable[..., Any]
Getter: TypeAlias = Callable[[Peer, Any], Any]

REPLY: Final = "reply"
ERROR: Final = "error"
# What one side answers the other with: never requests, so no handler can be registered for them.
ANSWERS: Final = frozenset({REPLY, "item", "end", ERROR, "cancel"})


class Unrouted(Struct, frozen=True):
    """What a fallback's parameters may name: the kind without a handler, and the other fields."""

    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, the type of its messages, and a getter for each of its parameters."""

    kind: str
    handler: Handler
    message_type: Any
    decoder: msgspec.json.Decoder[Any]
    is_method: bool
    positional: tuple[Getter, ...]
    keyword_only: tuple[tuple[str, Getter], ...]

    def call(self, peer: Peer, message: Any, instance: Any) -> Any:
        """Call the handler; what it returns may have to be awaited."""
        arguments = [get(peer, message) for get in self.positional]
        if self.is_method:
            arguments.insert(0, instance)
        if not self.keyword_only:
            return self.handler(*arguments)
        return self.handler(*arguments, **{n: get(peer, message) for n, get in self.keyword_only})


def build_route(kind: str | type[Payload], handler: Handler, *, is_method: bool) -> Route:
    """Return the route of a kind's messages. Raises RegistrationError for what cannot work."""
    given = None if isinstance(kind, str) else _checked_payload(handler, kind)
    names = {} if given is None else {given.__name__: given}
    parameters = read_parameters(handler, payload_type=Payload, is_method=is_method, names=names)
    payload = _one_payload(handler, parameters, given)
    name = kind if isinstance(kind, str) else kind.kind
    _check_name(handler, name, payload)
    if payload is None:
        fields_type = _fields_type(handler, name, parameters)
        return _route(name, handler, parameters, fields_type, is_method=is_method)
    _check_payload(handler, parameters, payload)
    return _route(name, handler, parameters, payload, is_method=is_method)


def build_fallback(handler: Handler, *, is_method: bool) -> Route:
    """Return the route of what no handler is registered for. Raises RegistrationError."""
    parameters = read_parameters(handler, payload_type=Payload, is_method=is_method)
    for each in parameters:
        if each.source is Source.PAYLOAD or (
            each.source is Source.FIELD and each.name not in Unrouted.__struct_fields__
        ):
            problem = f"{each.name!r}: a fallback can ask for the connection, kind and fields"
            raise refusal(handler, problem)
    return _route("", handler, parameters, dict[str, Any], is_method=is_method)


def _route(
    kind: str,
    handler: Handler,
    parameters: tuple[Parameter, ...],
    message_type: Any,
    *,
    is_method: bool,
) -> Route:
    return Route(
        kind=kind,
        handler=handler,
        message_type=message_type,
        decoder=msgspec.json.Decoder(message_type),
        is_method=is_method,
        positional=tuple(_getter(each) for each in parameters if not each.is_keyword_only),
        keyword_only=tuple((p.name, _getter(p)) for p in parameters if p.is_keyword_only),
    )


def _getter(parameter: Parameter) -> Getter:
    if parameter.source is Source.PAYLOAD:
        return lambda _, message: message
    if parameter.provider is not None:
        provider = parameter.provider
        return lambda peer, _: provider(peer)
    field = attrgetter(parameter.name)
    return lambda _, message: field(message)


def _checked_payload(handler: Handler, kind: object) -> type[Payload]:
    if not (isinstance(kind, type) and issubclass(kind, Payload)):
        raise refusal(handler, f"neither the name of a kind nor a Payload type: {kind!r}")
    if kind.__struct_config__.tag is None:
        raise refusal(handler, f"{kind.__qualname__} has no kind: class ...(Payload, kind=...)")
    return kind


def _one_payload(
    handler: Handler, parameters: tuple[Parameter, ...], given: type[Payload] | None
) -> type[Payload] | None:
    """Return the Payload type that the messages are, None if the handler takes fields alone."""
    found = {each.annotation for each in parameters if each.source is Source.PAYLOAD}
    if given is not None:
        found.add(given)
    if len(found) > 1:
        listed = ", ".join(sorted(str(each) for each in found))
        raise refusal(handler, f"one message cannot be several payloads: {listed}")
    return _checked_payload(handler, found.pop()) if found else None


def _check_name(handler: Handler, name: str, payload: type[Payload] | None) -> None:
    problem = kind_problem(name)
    if problem is not None:
        raise refusal(handler, problem)
    if name in ANSWERS:
        raise refusal(handler, f"the kind {name!r} is an answer's, never a request's")
    if payload is not None and payload.kind != name:
        problem = f"{payload.__qualname__} is of the kind {payload.kind!r}, not {name!r}"
        raise refusal(handler, problem)


def _fields_type(handler: Handler, name: str, parameters: tuple[Parameter, ...]) -> type[Struct]:
    """Build the type of the messages whose fields are parameters of ``handler``."""
    fields = [each for each in parameters if each.source is Source.FIELD]
    for each in fields:
        if each.name in RESERVED:
            raise refusal(handler, f"reserved, so no parameter may be named {each.name!r}")
        _check_type(handler, each.name, each.annotation)
    try:
        return defstruct(
            name,
            [_definition(each) for each in fields],
            bases=(Fields,),
            tag=name,
            tag_field=KIND,
            kw_only=True,
        )
    except TypeError as error:
        raise refusal(handler, str(error)) from error


def _definition(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    name, annotation, default = parameter.name, parameter.annotation, parameter.default
    if default is NO_DEFAULT:
        return name, annotation
    # A factory of the very object that a plain call would use: msgspec refuses or copies lists.
    return name, annotation, msgspec.field(default_factory=lambda: default)


def _check_payload(
    handler: Handler, parameters: tuple[Parameter, ...], payload: type[Payload]
) -> None:
    """Check that messages can be read as ``payload``, and that it has the fields asked for."""
    _check_type(handler, payload.__qualname__, payload)
    types = {each.name: each.type for each in msgspec.structs.fields(payload)}
    for each in parameters:
        if each.source is Source.FIELD:
            _check_field_of(handler, each, payload, types)


def _check_field_of(
    handler: Handler, parameter: Parameter, payload: type[Payload], types: dict[str, Any]
) -> None:
    name, annotation = parameter.name, parameter.annotation
    if name in RESERVED or name not in types:
        raise refusal(handler, f"{payload.__qualname__} has no field {name!r}")
    if annotation not in (Any, types[name]):
        problem = f"{name!r} is {types[name]} in {payload.__qualname__}, not {annotation}"
        raise refusal(handler, problem)


def _check_type(handler: Handler, name: str, annotation: Any) -> None:
    """Refuse what msgspec cannot read, at registration instead of at the first message."""
    try:
        custom = next(_custom_types(type_info(annotation), set()), None)
    except Exception as error:
        raise refusal(handler, f"{name!r} cannot be read from JSON: {error}") from error
    if custom is not None:
        raise refusal(
            handler,
            f"{name!r}: {custom.cls.__qualname__} is not provided and not readable from JSON",
        )


def _custom_types(info: Any, seen: set[int]) -> Iterator[CustomType]:
    """Yield the types within ``info`` that only a hook could read."""
    if isinstance(info, CustomType):
        yield info
    elif isinstance(info, tuple):
        for each in cast("Any", info):
            yield from _custom_types(each, seen)
    elif isinstance(info, (msgspec.inspect.Type, msgspec.inspect.Field)) and id(info) not in seen:
        seen.add(id(info))
        for name in info.__struct_fields__:
            yield from _custom_types(getattr(info, name), seen)
