"""In go the options of a registration, out come the settings on which a kind is handled, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypedDict, Unpack, get_args

from ...errors import KindError, RegistrationError
from ...inject import Factory, Use, read_dependencies, refusal
from ..concurrency import Concurrency, InOrder
from .calls import Guard, Middleware, read_guards, read_middleware

__all__ = (
    "NOT_SAID",
    "KindOptions",
    "KindSettings",
    "PossibleError",
    "Wrappers",
    "possible_errors",
    "read_settings",
    "read_wrappers",
)

NOT_SAID: Final = inspect.Parameter.empty
"""There is no ``reply=``: the handler's return annotation says what it returns."""


class PossibleError(NamedTuple):
    """A ``code`` that a kind's handler may refuse with, and a text for people; "" if there is none."""

    code: str
    text: str = ""


class KindOptions(TypedDict, total=False):
    """The keywords of `KindDispatcher.on`, and of `aiows.on` in a view. All may be left out.

    - ``payload``: the type of the messages of a kind given by name: a dataclass, TypedDict, attrs class or
      `msgspec.Struct`; without it they have the fields that the parameters are.
    - ``dependencies``: factories, or `use` of one, for parameters that name a class alone; they go before
      those of the dispatcher.
    - ``concurrency``: how messages of the kind may overlap on one connection; `InOrder` without it.
    - ``timeout``: seconds that the handler may take, or a stream for each item; without it what the nearest
      dispatcher says.
    - ``middleware``, ``guards``: what stands around this kind, within what stands around its dispatcher.
    - ``reply``: the type of what the handler returns, where its annotation does not say it.
    - ``errors``: what the kind refuses with, for the contract: codes, or `KindError` objects with a text.
    - ``examples``: messages for the contract, as payloads or as dicts of fields.
    """

    payload: Any
    dependencies: Iterable[Factory]
    concurrency: Concurrency
    timeout: float | None
    middleware: Iterable[Middleware]
    guards: Iterable[Guard]
    reply: Any
    errors: Iterable[str | KindError]
    examples: Iterable[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrappers:
    """What stands around handlers, the outermost first; ``timeout`` in seconds, None: nothing said."""

    middleware: tuple[Middleware, ...] = ()
    guards: tuple[Guard, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings(Wrappers):
    """How messages of one kind are handled."""

    payload: Any = None
    dependencies: tuple[Use, ...] = ()
    concurrency: Concurrency = InOrder()  # noqa: RUF009 (frozen)
    reply: Any = NOT_SAID
    errors: tuple[PossibleError, ...] = ()
    examples: tuple[Any, ...] = ()


def check_named(kind: object) -> None:
    """Raise RegistrationError for an ``on`` that decorates a function without being called."""
    if inspect.isroutine(kind):
        raise refusal(kind, 'on needs the kind that is handled: @on("chat.send")')


def read_wrappers(
    middleware: Iterable[Middleware], guards: Iterable[Guard], timeout: float | None = None
) -> Wrappers:
    """Return them, checked. Raises RegistrationError for what cannot be called as they are."""
    return Wrappers(
        middleware=read_middleware(middleware), guards=read_guards(guards), timeout=timeout
    )


def read_settings(handler: Callable[..., Any], **options: Unpack[KindOptions]) -> KindSettings:
    """Return what ``options`` say. Raises RegistrationError for what cannot be."""
    unknown = options.keys() - KindOptions.__annotations__.keys()
    if unknown:
        raise refusal(handler, f"no options of a kind: {', '.join(sorted(unknown))}")
    settings = KindSettings(
        payload=options.get("payload"),
        dependencies=read_dependencies(options.get("dependencies", ())),
        concurrency=options.get("concurrency", InOrder()),
        timeout=options.get("timeout"),
        middleware=read_middleware(options.get("middleware", ())),
        guards=read_guards(options.get("guards", ())),
        reply=options.get("reply", NOT_SAID),
        errors=possible_errors(options.get("errors", ())),
        examples=tuple(options.get("examples", ())),
    )
    if not isinstance(settings.concurrency, get_args(Concurrency)):
        raise refusal(
            handler, f"concurrency= is InOrder() or the like, not {settings.concurrency!r}"
        )
    if settings.timeout is not None and not settings.timeout > 0:
        raise refusal(
            handler, f"timeout= is more than 0 seconds, or None, not {settings.timeout!r}"
        )
    return settings


def possible_errors(errors: Iterable[str | KindError | PossibleError]) -> tuple[PossibleError, ...]:
    """Return ``errors`` as a contract has them. Raises RegistrationError."""
    if isinstance(errors, str):
        raise _no_error(errors)
    return tuple(_possible_error(each) for each in errors)


def _possible_error(error: object) -> PossibleError:
    if isinstance(error, PossibleError):
        return error
    if isinstance(error, KindError):
        return PossibleError(error.code, error.message)
    if isinstance(error, str):
        return PossibleError(error)
    raise _no_error(error)


def _no_error(given: object) -> RegistrationError:
    return RegistrationError(f"errors= is a sequence of codes and KindError objects, not {given!r}")
