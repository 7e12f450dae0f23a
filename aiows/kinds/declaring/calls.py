"""In goes how a handler is called, with guards and middleware; out comes one call of all of them."""

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
    "surrounded",
)

Caller: TypeAlias = Callable[[Peer, Any, Any], Any]
"""Calls a handler with the connection, the message and the instance of a method."""


class KindCall(Struct, frozen=True, eq=False):
    """One message on its way to its handler: what guards and middleware see.

    ``ws``: the connection, in the face that was dispatched on. ``kind``: as it is on the wire.
    ``payload``: the message, checked and converted: a `Payload`, the type given as ``payload=``, or an
    object whose attributes are the fields that the handler asks for (a fallback's: ``kind`` and ``fields``).
    ``handler``: the function. ``instance``: the view, None where there is none.
    """

    ws: Peer
    kind: str
    payload: Any
    handler: Callable[..., Any]
    instance: Any = None

    def replace(self, **changes: Any) -> Self:
        """Return a call that differs in ``changes``: ``await next(call.replace(payload=other))``."""
        return msgspec.structs.replace(self, **changes)


Next: TypeAlias = Callable[[KindCall], Awaitable[Any]]
"""What a middleware awaits: the next middleware, at last the handler; returns what that returned."""

Guard: TypeAlias = Callable[[KindCall], Awaitable[None] | None]
"""Raises `KindError` for a message that must not reach its handler; plain or ``async``."""


class Middleware(Protocol):
    """``async def around(call, next)``: awaits ``next(call)`` and returns what the handler returned."""

    def __call__(self, call: KindCall, next: Next, /) -> Awaitable[Any]: ...


def read_guards(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return ``guards`` in their order. Raises RegistrationError for what takes no call."""
    read = _tuple_of(guards, "guards")
    for each in read:
        _check_takes(each, "a guard", "call")
    return read


def read_middleware(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """Return ``middleware`` in its order. Raises RegistrationError for what takes no call and next."""
    read = _tuple_of(middleware, "middleware")
    for each in read:
        _check_takes(each, "a middleware", "call", "next")
    return read


def _tuple_of(given: Iterable[Any], option: str) -> tuple[Any, ...]:
    if callable(given):
        raise refusal(given, f"{option}= takes a sequence: ({getattr(given, '__name__', '...')},)")
    return tuple(given)


def _check_takes(function: Any, what: str, *names: str) -> None:
    signature = f"{what} is called with ({', '.join(names)})"
    if not callable(function):
        raise RegistrationError(f"{signature}, {function!r} cannot be called")
    try:
        parameters = inspect.signature(function)
    except ValueError:
        return  # a builtin's are not always known
    try:
        parameters.bind(*names)
    except TypeError as error:
        raise refusal(function, f"{signature}: {error}") from error


def surrounded(
    call_handler: Caller,
    *,
    kind: str,
    handler: Callable[..., Any],
    guards: tuple[Guard, ...],
    middleware: tuple[Middleware, ...],
) -> Caller:
    """Return a caller that asks ``guards`` first and then goes through ``middleware``, each in order.

    ``kind`` is "" for a fallback, whose messages say it. With neither guards nor middleware it is
    ``call_handler`` itself: a kind pays only for what stands around it.
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
    """Ask plain guards without a task; from the first one on that has to be awaited, await."""

    def ask(call: KindCall) -> Any:
        for position, guard in enumerate(guards):
            answer = guard(call)
            if isawaitable(answer):
                return ask_on(call, guard, answer, guards[position + 1 :])
            if answer is not None:
                raise _verdict(guard, answer)
        return enter(call)

    async def ask_on(
        call: KindCall, guard: Guard, answer: Awaitable[Any], others: tuple[Guard, ...]
    ) -> Any:
        if (answered := await answer) is not None:
            raise _verdict(guard, answered)
        for each in others:
            said: Any = each(call)
            if (answered := await said if isawaitable(said) else said) is not None:
                raise _verdict(each, answered)
        result = enter(call)
        return await result if isawaitable(result) else result

    return ask


def _verdict(guard: Guard, answer: object) -> TypeError:
    """Return the error of a guard that answers: a False that nobody looks at would let everybody through."""
    return TypeError(
        f"a guard returns nothing, and refuses by a KindError: {guard} returned {answer!r}"
    )


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
