"""In goes a handler with its kind, out comes a route: its messages' type, and how it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import Struct, defstruct
from msgspec.inspect import CustomType, type_info

from ..inject import (
    NO_DEFAULT,
    Parameter,
    Plan,
    Source,
    asked_by,
    check_handler,
    declared_parameters,
    fields_asked_by,
    names_known_to,
    read_parameters,
    refusal,
    return_annotation,
)
from .calls import Caller, Guard, Middleware, surrounded
from .payload import KIND, RESERVED, Fields, Payload, kind_problem
from .terms import NOT_SAID, Terms

__all__ = ("ERROR", "REPLY", "Handler", "Route", "Unrouted", "build_fallback", "build_route")

Handler: TypeAlias = Callable[..., Any]

REPLY: Final = "reply"
ERROR: Final = "error"
# What one side answers the other with: never requests, so no handler can be registered for them.
ANSWERS: Final = frozenset({REPLY, "item", "end", ERROR, "cancel"})


_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class Unrouted(Struct, frozen=True):
    """What a fallback's parameters may name: the kind without a handler, and the other fields."""

    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Terms):
    """A handler's kind, the type of its messages, on what terms it is called, and how.

    ``call(ws, message, instance)`` asks the guards, goes through the middleware and calls the handler;
    what it returns may have to be awaited.
    """

    kind: str
    message_type: Any
    decoder: msgspec.json.Decoder[Any]
    plan: Plan
    call: Caller = field(init=False)

    def __post_init__(self) -> None:
        call = surrounded(
            self.plan.call,
            kind=self.kind,
            handler=self.plan.function,
            guards=self.guards,
            middleware=self.middleware,
        )
        object.__setattr__(self, "call", call)

    def within(self, middleware: tuple[Middleware, ...], guards: tuple[Guard, ...]) -> Route:
        """Return the route with ``middleware`` and ``guards`` around what it has already."""
        if not middleware and not guards:
            return self
        return replace(
            self, middleware=(*middleware, *self.middleware), guards=(*guards, *self.guards)
        )


def build_route(
    kind: str | type[Payload], handler: Handler, *, is_method: bool, terms: Terms
) -> Route:
    """Return the route of a kind's messages. Raises RegistrationError for what cannot work."""
    given = None if isinstance(kind, str) else _checked_payload(handler, kind)
    names = {} if given is None else {given.__name__: given}
    plan = _plan(handler, is_method=is_method, names=names)
    payload = _one_payload(plan, given)
    name = kind if isinstance(kind, str) else kind.kind
    _check_name(handler, name, payload)
    if terms.reply is NOT_SAID:
        known = {**names, **names_known_to(handler)}
        terms = replace(terms, reply=return_annotation(handler, known))
    if payload is None:
        return _route(name, plan, _fields_type(name, plan), terms)
    _check_payload(plan, payload)
    return _route(name, plan, payload, terms)


def build_fallback(handler: Handler, *, is_method: bool) -> Route:
    """Return the route of what no handler is registered for. Raises RegistrationError."""
    plan = _plan(handler, is_method=is_method, names={})
    for asked in asked_by(handler, plan.parameters):
        each = asked.parameter
        if each.source is Source.PAYLOAD or (
            each.source is Source.FIELD and each.name not in Unrouted.__struct_fields__
        ):
            problem = f"{each.name!r}: a fallback can ask for the connection, kind and fields"
            raise refusal(asked.function, problem)
    return _route("", plan, dict[str, Any], Terms())


def _plan(handler: Handler, *, is_method: bool, names: dict[str, Any]) -> Plan:
    check_handler(handler)
    _check_first(handler, is_method=is_method)
    parameters = read_parameters(handler, payload_type=Payload, is_method=is_method, names=names)
    for asked in asked_by(handler, parameters):
        if asked.is_shared and asked.parameter.source in (Source.FIELD, Source.PAYLOAD):
            problem = f"{asked.parameter.name!r} is one message's, but reuse=True is for them all"
            raise refusal(asked.function, problem)
    return Plan(handler, parameters, is_method=is_method)


def _check_first(handler: Handler, *, is_method: bool) -> None:
    first = next(iter(declared_parameters(handler)), None)
    if is_method and (first is None or first.kind not in _POSITIONAL):
        raise refusal(handler, "a method needs its instance as the first parameter")
    if not is_method and first is not None and first.name == "self":
        raise refusal(handler, "its first parameter is self: register it with method=True")


def _route(kind: str, plan: Plan, message_type: Any, terms: Terms) -> Route:
    return Route(
        kind=kind,
        message_type=message_type,
        decoder=msgspec.json.Decoder(message_type),
        plan=plan,
        **{each.name: getattr(terms, each.name) for each in fields(terms)},
    )


def _checked_payload(handler: Handler, kind: object) -> type[Payload]:
    if not (isinstance(kind, type) and issubclass(kind, Payload)):
        raise refusal(handler, f"neither the name of a kind nor a Payload type: {kind!r}")
    if kind.__struct_config__.tag is None:
        raise refusal(handler, f"{kind.__qualname__} has no kind: class ...(Payload, kind=...)")
    return kind


def _one_payload(plan: Plan, given: type[Payload] | None) -> type[Payload] | None:
    """Return the Payload type that the messages are, None if fields alone are asked for."""
    handler = plan.function
    asked = (each.parameter for each in asked_by(handler, plan.parameters))
    found = {each.annotation for each in asked if each.source is Source.PAYLOAD}
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


def _fields_type(name: str, plan: Plan) -> type[Struct]:
    """Build the type of the messages whose fields are what ``plan`` asks for."""
    fields = fields_asked_by(plan.function, plan.parameters)
    for asker, each, _ in fields:
        if each.name in RESERVED:
            raise refusal(asker, f"reserved, so no parameter may be named {each.name!r}")
        _check_type(asker, each.name, each.annotation)
    try:
        return defstruct(
            name,
            [_definition(each.parameter) for each in fields],
            bases=(Fields,),
            tag=name,
            tag_field=KIND,
            kw_only=True,
        )
    except TypeError as error:
        raise refusal(plan.function, str(error)) from error


def _definition(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    name, annotation, default = parameter.name, parameter.annotation, parameter.default
    if default is NO_DEFAULT:
        return name, annotation
    # A factory of the very object that a plain call would use: msgspec refuses or copies lists.
    return name, annotation, msgspec.field(default_factory=lambda: default)


def _check_payload(plan: Plan, payload: type[Payload]) -> None:
    """Check that messages can be read as ``payload``, and that it has the fields asked for."""
    _check_type(plan.function, payload.__qualname__, payload)
    types = {each.name: each.type for each in msgspec.structs.fields(payload)}
    for asked in asked_by(plan.function, plan.parameters):
        if asked.parameter.source is Source.FIELD:
            _check_field_of(asked.function, asked.parameter, payload, types)


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
