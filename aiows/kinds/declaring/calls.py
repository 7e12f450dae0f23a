"""What guards and middleware get, and how they are put around the call of a handler."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any, Protocol, Self, TypeAlias

import msgspec
from msgspec import Struct

from ...connection import Peer
from ...errors import RegistrationError
from ...inject import refusal

__all__ = (
    "Caller",
    "Guard",
    "KindCall",
    "Middleware",
    "Next",
    "read_guards",
    "read_middleware",
    "wrap",
)

Caller: TypeAlias = Callable[[Peer, Any, Any], Any]
"""Calls a handler with the connection, the message and, for a method, the instance."""


class KindCall(Struct, frozen=True, eq=False):
    """One message before it reaches its handler: the argument of guards and middleware.

    ``ws``: the connection, as it was passed to the dispatcher. ``kind``: as on the wire. ``payload``: the
    message, checked and converted: a `Payload`, the type given as ``payload=``, or an object with the fields
    that the handler asks for as attributes (for a fallback: ``kind`` and ``fields``). ``handler``: the
    function. ``instance``: the view, None if there is none.
    """

    ws: Peer
    kind: str
    payload: Any
    handler: Callable[..., Any]
    instance: Any = None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``: ``await next(call.replace(payload=other))``."""
        return msgspec.structs.replace(self, **changes)


Next: TypeAlias = Callable[[KindCall], Awaitable[Any]]
"""What a middleware awaits: the next middleware, or the handler. Returns what the handler returned."""

Guard: TypeAlias = Callable[[KindCall], Awaitable[None] | None]
"""A function, plain or ``async``, that raises `KindError` for a message that must not reach its handler."""


class Middleware(Protocol):
    """``async def around(call, next)``: awaits ``next(call)`` and returns what the handler returned."""

    def __call__(self, call: KindCall, next: Next, /) -> Awaitable[Any]: ...


def read_guards(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return ``guards`` as a tuple. Raises RegistrationError for one that cannot be called with a call."""
    read = _tuple_of(guards, "guards")
    for each in read:
        _check_is_made(each)
        _check_takes(each, "a guard", "call")
    return read


def read_middleware(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """Return ``middleware`` as a tuple. Raises RegistrationError for one that does not take (call, next)."""
    read = _tuple_of(middleware, "middleware")
    for each in read:
        _check_takes(each, "a middleware", "call", "next")
    return read


def _tuple_of(given: Iterable[Any], option: str) -> tuple[Any, ...]:
    if callable(given):
        raise refusal(
            given, f"{option}= takes a sequence: ({getattr(given, '__name__', repr(given))},)"
        )
    return tuple(given)


def _check_is_made(guard: Any) -> None:
    """Refuse a function that makes guards in the place of one: called with a message it would fail."""
    if getattr(guard, "__annotations__", {}).get("return") in (Guard, "Guard"):
        name = getattr(guard, "__name__", guard)
        raise refusal(guard, f"it makes a guard: guards=[{name}(...)], and not guards=[{name}]")


def _check_takes(function: Any, what: str, *names: str) -> None:
    signature = f"{what} is called with ({', '.join(names)})"
    if not callable(function):
        raise RegistrationError(f"{signature}, {function!r} cannot be called")
    try:
        parameters = inspect.signature(function)
    except ValueError:
        return  # some builtins have no signature
    try:
        parameters.bind(*names)
    except TypeError as error:
        raise refusal(function, f"{signature}: {error}") from error


def wrap(
    call_handler: Caller,
    *,
    kind: str,
    handler: Callable[..., Any],
    guards: tuple[Guard, ...],
    middleware: tuple[Middleware, ...],
) -> Caller:
    """Return a caller that asks ``guards`` first and then goes through ``middleware``, each in order.

    ``kind`` is "" for a fallback: there each message has its own. Without guards and middleware the result is
    ``call_handler`` itself, so that a plain kind pays nothing.
    """

    def call_plainly(call: KindCall) -> Any:
        return call_handler(call.ws, call.payload, call.instance)

    enter = _chained(middleware, call_plainly) if middleware else call_plainly
    if guards:
        enter = _guarded(guards, enter)
    elif not middleware:
        return call_handler

    def call(ws: Peer, message: Any, instance: Any) -> Any:
        return enter(KindCall(ws, kind or message.kind, message, handler, instance))

    return call


def _guarded(guards: tuple[Guard, ...], enter: Callable[[KindCall], Any]) -> Callable[..., Any]:
    """Ask guards, without a coroutine as long as no guard has to be awaited."""

    def ask(call: KindCall) -> Any:
        for position, guard in enumerate(guards):
            answer = guard(call)
            if isawaitable(answer):
                return ask_on(call, guard, answer, guards[position + 1 :])
            if answer is not None:
                raise _guard_returned(guard, answer)
        return enter(call)

    async def ask_on(
        call: KindCall, guard: Guard, answer: Awaitable[Any], others: tuple[Guard, ...]
    ) -> Any:
        if (answered := await answer) is not None:
            raise _guard_returned(guard, answered)
        for each in others:
            result: Any = each(call)
            if (answered := await result if isawaitable(result) else result) is not None:
                raise _guard_returned(each, answered)
        result = enter(call)
        return await result if isawaitable(result) else result

    return ask


def _guard_returned(guard: Guard, answer: object) -> TypeError:
    """Return the error for a guard that returns a value: a False would let everybody through."""
    return TypeError(f"a guard returns None or raises KindError, but {guard} returned {answer!r}")


def _chained(middleware: tuple[Middleware, ...], call_plainly: Callable[[KindCall], Any]) -> Next:
    async def call_handler(call: KindCall) -> Any:
        result = call_plainly(call)
        return await result if isawaitable(result) else result

    entrance: Next = call_handler
    for each in reversed(middleware):
        entrance = _before(each, entrance)
    return entrance


def _before(middleware: Middleware, next: Next) -> Next:
    return lambda call: middleware(call, next)
