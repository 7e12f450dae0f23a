"""`Route`: a handler with its kind, the type of its messages and how it is called, all checked."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeAlias, get_origin

from msgspec import Struct

from ...connection import Peer
from ...inject import (
    Parameter,
    Plan,
    Source,
    Use,
    asked_by,
    check_handler,
    declared_parameters,
    names_known_to,
    read_parameters,
    refusal,
    return_annotation,
)
from ...wire_form import ANSWERS, SYSTEM, is_ours
from ..concurrency import Concurrency, InOrder
from ..payload import Payload, kind_problem
from .calls import Caller, Guard, Middleware, wrap
from .examples import read_examples
from .message_types import (
    check_readable,
    fields_of,
    is_payload,
    is_typed_dict,
    payload_problem,
    retagged,
    struct_of_fields,
    struct_of_kind,
    type_name,
)
from .settings import NOT_GIVEN, KindSettings, Wrappers

__all__ = (
    "Handler",
    "Route",
    "Unrouted",
    "build_fallback",
    "build_route",
    "is_stream",
    "request_problem",
    "reserved_problem",
)

Handler: TypeAlias = Callable[..., Any]


STREAMS: Final = (AsyncGenerator, AsyncIterator, AsyncIterable)

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class Unrouted(Struct, frozen=True):
    """The message of a fallback: a kind without a handler, and the other fields."""

    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(KindSettings):
    """A handler with its kind, the type of its messages, its settings, and how it is called.

    ``message_type`` is tagged with the kind. ``payload``: None, or the type without a kind that the handler
    gets; then ``message_type`` has the kind and the ref alone.

    ``call(ws, message, instance)`` asks the guards, goes through the middleware and calls the handler; what
    it returns may be awaitable. ``admit`` only asks the guards, ``enter`` does the rest. ``is_in_order``:
    its messages do not overlap with others. ``is_plain``: also, they are read once, there is no timeout, and
    nothing is kept of them.
    ``needs_instance``: the handler is a method. ``is_system``: it is one of aiows' own. ``arguments``:
    ``call`` does nothing but call ``handler`` with these; None: it does more.
    """

    kind: str
    message_type: Any
    plan: Plan
    is_system: bool = False
    call: Caller = field(init=False)
    admit: Caller = field(init=False)
    enter: Caller = field(init=False)
    is_in_order: bool = field(init=False)
    is_plain: bool = field(init=False)

    @property
    def needs_instance(self) -> bool:
        return self.plan.is_method

    @property
    def handler(self) -> Handler:
        return self.plan.function

    @property
    def arguments(self) -> tuple[str, ...] | None:
        return None if self.guards or self.middleware else self.plan.arguments

    def __post_init__(self) -> None:
        is_in_order = isinstance(self.concurrency, InOrder)
        is_plain = is_in_order and self.payload is None and self.timeout is None and not self.once
        object.__setattr__(self, "is_in_order", is_in_order)
        object.__setattr__(self, "is_plain", is_plain)
        object.__setattr__(self, "call", self._around(self.plan.call, self.guards, self.middleware))
        object.__setattr__(self, "admit", self._around(_nothing, self.guards, ()))
        object.__setattr__(self, "enter", self._around(self.plan.call, (), self.middleware))

    def _around(
        self, call: Caller, guards: tuple[Guard, ...], middleware: tuple[Middleware, ...]
    ) -> Caller:
        return wrap(
            call, kind=self.kind, handler=self.handler, guards=guards, middleware=middleware
        )

    def of_kind(self, kind: str) -> Route:
        """Return the route of the same handler for another kind."""
        if kind == self.kind:
            return self
        return replace(self, kind=kind, message_type=retagged(self.message_type, kind))

    def within(self, outer: Wrappers) -> Route:
        """Return the route with the guards, middleware and timeout of ``outer`` around its own."""
        if outer == Wrappers():
            return self
        return replace(
            self,
            middleware=(*outer.middleware, *self.middleware),
            guards=(*outer.guards, *self.guards),
            timeout=outer.timeout if self.timeout is None else self.timeout,
        )


def _nothing(ws: Peer, message: Any, instance: Any) -> None:
    """Takes the place of the handler where only the guards are asked."""


def build_route(
    kind: str | type[Payload],
    handler: Handler,
    *,
    is_method: bool,
    settings: KindSettings,
    is_system: bool = False,
) -> Route:
    """Return the route of a kind; ``is_system``: one of aiows' own.

    Raises RegistrationError for a handler that could never work.
    """
    given = _given_payload(handler, kind, settings.payload)
    plan = _plan(handler, settings.dependencies, is_method=is_method, payload=given)
    payload = _one_payload(plan, given)
    name = kind if isinstance(kind, str) else kind.kind
    if (problem := request_problem(name, is_system=is_system)) is not None:
        raise refusal(handler, problem)
    if payload is not None:
        _check_payload(plan, name, payload)
    message_type = _message_type(name, plan, payload)
    _check_key(handler, settings.concurrency, payload or message_type)
    reply = _reply_type(handler, settings.reply, payload)
    if settings.once and (inspect.isasyncgenfunction(handler) or is_stream(reply)):
        raise refusal(
            handler, "once=True: a request that is handled once has one answer, no stream"
        )
    untagged = None if is_payload(payload) else payload
    checked = replace(
        settings,
        payload=untagged,
        reply=reply,
        examples=_checked_examples(handler, name, untagged or message_type, settings.examples),
    )
    return _route(name, plan, message_type, checked, is_system=is_system)


def build_fallback(handler: Handler, *, is_method: bool, dependencies: Iterable[Use] = ()) -> Route:
    """Return the route of kinds without a handler. Raises RegistrationError."""
    plan = _plan(handler, dependencies, is_method=is_method, payload=None)
    for asked in asked_by(handler, plan.parameters):
        each = asked.parameter
        if each.source is Source.PAYLOAD or (
            each.source is Source.FIELD and each.name not in Unrouted.__struct_fields__
        ):
            problem = f"{each.name!r}: a fallback can ask for the connection, kind and fields only"
            raise refusal(asked.function, problem)
    return _route("", plan, dict[str, Any], KindSettings())


def _plan(handler: Handler, dependencies: Iterable[Use], *, is_method: bool, payload: Any) -> Plan:
    check_handler(handler)
    _check_first(handler, is_method=is_method)
    parameters = read_parameters(
        handler,
        payload_type=Payload,
        payload=payload,
        is_method=is_method,
        names=_names_of(payload),
        dependencies=dependencies,
    )
    for asked in asked_by(handler, parameters):
        if asked.is_shared and asked.parameter.source in (Source.FIELD, Source.PAYLOAD):
            problem = (
                f"{asked.parameter.name!r} is of one message, but reuse=True is for all messages"
            )
            raise refusal(asked.function, problem)
    return Plan(handler, parameters, is_method=is_method)


def _names_of(payload: Any) -> dict[str, Any]:
    """Return the name of the payload's type: it may be defined in a function that has ended."""
    return {payload.__name__: payload} if isinstance(payload, type) else {}


def _check_first(handler: Handler, *, is_method: bool) -> None:
    first = next(iter(declared_parameters(handler)), None)
    if is_method and (first is None or first.kind not in _POSITIONAL):
        raise refusal(handler, "a method needs its instance as the first parameter")
    if not is_method and first is not None and first.name == "self":
        raise refusal(handler, "its first parameter is self: register it with method=True")


def _route(
    kind: str, plan: Plan, message_type: Any, settings: KindSettings, *, is_system: bool = False
) -> Route:
    return Route(
        kind=kind,
        is_system=is_system,
        message_type=message_type,
        plan=plan,
        **{each.name: getattr(settings, each.name) for each in fields(settings)},
    )


def request_problem(kind: object, *, is_system: bool = False) -> str | None:
    """Return why ``kind`` cannot be the kind of a request; None if it can. ``is_system``: of aiows' own."""
    if isinstance(kind, str) and kind in ANSWERS:
        return f"the kind {kind!r} is for answers, not for requests"
    return (None if is_system else reserved_problem(kind)) or kind_problem(kind)


def reserved_problem(kind: object) -> str | None:
    """Return why ``kind`` is aiows' own; None if it is not."""
    if is_ours(kind):
        return f"the kind {kind!r} is reserved, as all that begin with {SYSTEM!r}"
    return None


def _given_payload(handler: Handler, kind: object, payload: Any) -> Any:
    """Return the type that a registration names, by ``kind`` or by ``payload=``; None for none."""
    if isinstance(kind, str):
        if payload is not None and (problem := payload_problem(payload)) is not None:
            raise refusal(handler, f"payload={type_name(payload)} {problem}")
        return payload
    if payload not in (None, kind):
        raise refusal(handler, f"registered for {type_name(kind)} and for {type_name(payload)}")
    return _of_a_kind(handler, kind)


def _of_a_kind(handler: Handler, payload: object) -> type[Payload]:
    if not is_payload(payload):
        raise refusal(handler, f"neither the name of a kind nor a Payload type: {payload!r}")
    if payload.__struct_config__.tag is None:
        raise refusal(handler, f"{payload.__qualname__} has no kind: class ...(Payload, kind=...)")
    return payload


def _one_payload(plan: Plan, given: Any) -> Any:
    """Return the type of the messages, None if the handler asks for single fields only."""
    handler = plan.function
    asked = [each.parameter for each in asked_by(handler, plan.parameters)]
    wholes = {each.name: each.annotation for each in asked if each.source is Source.PAYLOAD}
    first = next(iter(wholes.values()), None) if given is None else given
    if any(each != first for each in wholes.values()):
        listed = [f"{name!r} is {type_name(each)}" for name, each in wholes.items()]
        if given is not None:
            listed.insert(0, f"it is registered for {type_name(given)}")
        raise refusal(handler, f"one message cannot be several payloads: {', '.join(listed)}")
    return _of_a_kind(handler, first) if given is None and first is not None else first


def _check_key(handler: Handler, concurrency: Concurrency, payload: Any) -> None:
    """Raise RegistrationError for ``concurrency=`` with the name of a field that messages do not have."""
    key = getattr(concurrency, "key", None)
    known = fields_of(payload)  # empty where only a hook knows them
    if isinstance(key, str) and known and key not in known:
        raise refusal(handler, f"concurrency={concurrency!r}, but there is no field {key!r}")


def _message_type(name: str, plan: Plan, payload: Any) -> type[Struct]:
    if payload is None:
        return struct_of_fields(name, plan)
    if not is_payload(payload):
        return struct_of_kind(name)
    return payload if payload.__struct_config__.tag else retagged(payload, name)


def _check_payload(plan: Plan, name: str, payload: Any) -> None:
    """Check that messages can be read as ``payload``, and that it has the fields asked for."""
    if is_payload(payload) and payload.__struct_config__.tag not in (None, name):
        problem = f"{payload.__qualname__} is of the kind {payload.kind!r}, not {name!r}"
        raise refusal(plan.function, problem)
    check_readable(plan.function, type_name(payload), payload)
    for asked in asked_by(plan.function, plan.parameters):
        if asked.parameter.source is Source.FIELD:
            _check_field_of(asked.function, asked.parameter, payload)


def _check_field_of(handler: Handler, parameter: Parameter, payload: Any) -> None:
    name, annotation = parameter.name, parameter.annotation
    fields = {} if is_typed_dict(payload) else fields_of(payload)
    if name not in fields:
        hint = f"; the whole message is {name}: {type_name(payload)}" if annotation is Any else ""
        listed = ", ".join(fields) or "none to ask for one by one"
        problem = f"{type_name(payload)} has no field {name!r} (it has {listed}){hint}"
        raise refusal(handler, problem)
    if annotation not in (Any, fields[name]):
        problem = f"{name!r} is {fields[name]} in {type_name(payload)}, not {annotation}"
        raise refusal(handler, problem)


def _checked_examples(
    handler: Handler, kind: str, message_type: Any, examples: tuple[Any, ...]
) -> tuple[Any, ...]:
    try:
        return read_examples(kind, message_type, examples)
    except ValueError as error:
        raise refusal(handler, str(error)) from error


def is_stream(reply: Any) -> bool:
    """Whether ``reply`` is the type of a stream of replies."""
    return (get_origin(reply) or reply) in STREAMS


def _reply_type(handler: Handler, given: Any, payload: Any) -> Any:
    """Return ``reply=``, or else the return annotation, read now while enclosing functions still run."""
    if given is not NOT_GIVEN:
        return given
    return return_annotation(handler, {**_names_of(payload), **names_known_to(handler)})
