"""In goes a handler with its kind, out comes a route: its messages' type, and how it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeAlias

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
from ...wire_form import ANSWERS
from ..concurrency import Concurrency, InOrder
from ..payload import Payload, kind_problem
from .calls import Caller, Guard, Middleware, surrounded
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
from .settings import NOT_SAID, KindSettings, Wrappers

__all__ = (
    "Handler",
    "Route",
    "Unrouted",
    "build_fallback",
    "build_route",
    "request_problem",
)

Handler: TypeAlias = Callable[..., Any]


_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class Unrouted(Struct, frozen=True):
    """What a fallback's parameters may name: the kind without a handler, and the other fields."""

    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(KindSettings):
    """A handler's kind, the type of its messages, on what settings it is called, and how.

    ``message_type`` is tagged with the kind. ``payload``: None, or the type without a kind that the
    handler gets; ``message_type`` has then the kind and the ref alone.

    ``call(ws, message, instance)`` asks the guards, goes through the middleware and calls the handler;
    what it returns may have to be awaited. ``admit`` does the first of that alone, and ``enter`` the rest.
    ``is_in_order``: no other message may overlap with its own. ``is_plain``: and it needs no second reading
    and no limit of time. ``needs_instance``: it is a method's. ``arguments``: all that ``call`` does is to
    call ``handler`` with these; None: it does more.
    """

    kind: str
    message_type: Any
    plan: Plan
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
        is_plain = is_in_order and self.payload is None and self.timeout is None
        object.__setattr__(self, "is_in_order", is_in_order)
        object.__setattr__(self, "is_plain", is_plain)
        object.__setattr__(self, "call", self._around(self.plan.call, self.guards, self.middleware))
        object.__setattr__(self, "admit", self._around(_nothing, self.guards, ()))
        object.__setattr__(self, "enter", self._around(self.plan.call, (), self.middleware))

    def _around(
        self, call: Caller, guards: tuple[Guard, ...], middleware: tuple[Middleware, ...]
    ) -> Caller:
        return surrounded(
            call, kind=self.kind, handler=self.handler, guards=guards, middleware=middleware
        )

    def of_kind(self, kind: str) -> Route:
        """Return the route of the same handler for another kind."""
        if kind == self.kind:
            return self
        return replace(self, kind=kind, message_type=retagged(self.message_type, kind))

    def within(self, outer: Wrappers) -> Route:
        """Return the route with ``outer`` around what stands around it already."""
        if outer == Wrappers():
            return self
        return replace(
            self,
            middleware=(*outer.middleware, *self.middleware),
            guards=(*outer.guards, *self.guards),
            timeout=outer.timeout if self.timeout is None else self.timeout,
        )


def _nothing(ws: Peer, message: Any, instance: Any) -> None:
    """Stand where the handler would, behind guards that are asked alone."""


def build_route(
    kind: str | type[Payload], handler: Handler, *, is_method: bool, settings: KindSettings
) -> Route:
    """Return the route of a kind's messages. Raises RegistrationError for what cannot work."""
    given = _given_payload(handler, kind, settings.payload)
    plan = _plan(handler, settings.dependencies, is_method=is_method, payload=given)
    payload = _one_payload(plan, given)
    name = kind if isinstance(kind, str) else kind.kind
    if (problem := request_problem(name)) is not None:
        raise refusal(handler, problem)
    if payload is not None:
        _check_payload(plan, name, payload)
    message_type = _message_type(name, plan, payload)
    _check_key(handler, settings.concurrency, payload or message_type)
    untagged = None if is_payload(payload) else payload
    said = replace(
        settings,
        payload=untagged,
        reply=_reply_type(handler, settings.reply, payload),
        examples=_checked_examples(handler, name, untagged or message_type, settings.examples),
    )
    return _route(name, plan, message_type, said)


def build_fallback(handler: Handler, *, is_method: bool, dependencies: Iterable[Use] = ()) -> Route:
    """Return the route of what no handler is registered for. Raises RegistrationError."""
    plan = _plan(handler, dependencies, is_method=is_method, payload=None)
    for asked in asked_by(handler, plan.parameters):
        each = asked.parameter
        if each.source is Source.PAYLOAD or (
            each.source is Source.FIELD and each.name not in Unrouted.__struct_fields__
        ):
            problem = f"{each.name!r}: a fallback can ask for the connection, kind and fields"
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
            problem = f"{asked.parameter.name!r} is one message's, but reuse=True is for them all"
            raise refusal(asked.function, problem)
    return Plan(handler, parameters, is_method=is_method)


def _names_of(payload: Any) -> dict[str, Any]:
    """What annotations may call a type that is defined in a function which has ended."""
    return {payload.__name__: payload} if isinstance(payload, type) else {}


def _check_first(handler: Handler, *, is_method: bool) -> None:
    first = next(iter(declared_parameters(handler)), None)
    if is_method and (first is None or first.kind not in _POSITIONAL):
        raise refusal(handler, "a method needs its instance as the first parameter")
    if not is_method and first is not None and first.name == "self":
        raise refusal(handler, "its first parameter is self: register it with method=True")


def _route(kind: str, plan: Plan, message_type: Any, settings: KindSettings) -> Route:
    return Route(
        kind=kind,
        message_type=message_type,
        plan=plan,
        **{each.name: getattr(settings, each.name) for each in fields(settings)},
    )


def request_problem(kind: object) -> str | None:
    """Say why ``kind`` cannot be one that somebody sends unasked; None if it can."""
    is_answer = isinstance(kind, str) and kind in ANSWERS
    return (
        f"the kind {kind!r} is an answer's, never a request's" if is_answer else kind_problem(kind)
    )


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
    """Return the type that the messages are, None if fields alone are asked for."""
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
    """Refuse messages that would have to wait for each other by a field that they do not have."""
    key = getattr(concurrency, "key", None)
    known = fields_of(payload)  # none where only a hook knows them
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


def _reply_type(handler: Handler, said: Any, payload: Any) -> Any:
    """Return what ``reply=`` says, or else the annotation: now, while functions around still run."""
    if said is not NOT_SAID:
        return said
    return return_annotation(handler, {**_names_of(payload), **names_known_to(handler)})
