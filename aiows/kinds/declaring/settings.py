"""The options of a registration: `KindOptions` as they are given, `KindSettings` once they are checked."""

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
    "NOT_GIVEN",
    "KindOptions",
    "KindSettings",
    "PossibleError",
    "Wrappers",
    "possible_errors",
    "read_settings",
    "read_wrappers",
)

NOT_GIVEN: Final = inspect.Parameter.empty
"""There is no ``reply=``: the handler's return annotation is used."""


class PossibleError(NamedTuple):
    """The ``code`` of an error that a kind may answer with, and a text for people, which may be ""."""

    code: str
    text: str = ""


class KindOptions(TypedDict, total=False):
    """The keywords of `KindDispatcher.on` and of `aiows.on` in a view; all are optional.

    - ``payload``: the type of the messages, for a kind given by name: a dataclass, TypedDict, attrs class or
      `msgspec.Struct`. Default: a type with the fields that the parameters name.
    - ``dependencies``: factories, or `use` of one, for parameters that are annotated with a class alone; they
      come before those of the dispatcher.
    - ``concurrency``: how messages of the kind may overlap on one connection (default: `InOrder`).
    - ``timeout``: seconds that the handler may take; for a stream, seconds for each item. Default: the
      ``timeout`` of the nearest dispatcher that has one.
    - ``once``: a request whose ``ref`` is a text of at least 16 characters is handled at most once (default
      False). Sent again within two minutes, on whatever connection, it gets the same answer. Its handler runs
      on when its peer leaves. Needs ``setup(app)``.
    - ``middleware``, ``guards``: for this kind; those of its dispatcher come before them.
    - ``reply``: the type of what the handler returns. Default: its return annotation.
    - ``errors``: the errors that the kind answers with, for the contract: codes, or `KindError` objects.
    - ``examples``: messages for the contract, as payloads or as dicts of fields.
    """

    payload: Any
    dependencies: Iterable[Factory]
    concurrency: Concurrency
    timeout: float | None
    once: bool
    middleware: Iterable[Middleware]
    guards: Iterable[Guard]
    reply: Any
    errors: Iterable[str | KindError]
    examples: Iterable[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrappers:
    """Guards and middleware around handlers, the outermost first; ``timeout`` in seconds, None: not given."""

    middleware: tuple[Middleware, ...] = ()
    guards: tuple[Guard, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings(Wrappers):
    """How messages of one kind are handled."""

    payload: Any = None
    dependencies: tuple[Use, ...] = ()
    concurrency: Concurrency = InOrder()  # noqa: RUF009 (frozen)
    once: bool = False
    reply: Any = NOT_GIVEN
    errors: tuple[PossibleError, ...] = ()
    examples: tuple[Any, ...] = ()


def check_named(kind: object) -> None:
    """Raise RegistrationError for ``@on`` without a kind."""
    if inspect.isroutine(kind):
        raise refusal(kind, 'on() needs a kind: @on("chat.send")')


def read_wrappers(
    middleware: Iterable[Middleware], guards: Iterable[Guard], timeout: float | None = None
) -> Wrappers:
    """Return them, checked. Raises RegistrationError for one that cannot be called as it has to be."""
    return Wrappers(
        middleware=read_middleware(middleware), guards=read_guards(guards), timeout=timeout
    )


def read_settings(handler: Callable[..., Any], **options: Unpack[KindOptions]) -> KindSettings:
    """Return ``options``, checked. Raises RegistrationError for an invalid one."""
    unknown = options.keys() - KindOptions.__annotations__.keys()
    if unknown:
        raise refusal(handler, f"unknown options of a kind: {', '.join(sorted(unknown))}")
    try:
        settings = _settings_of(options)
    except RegistrationError as error:  # it says which guard, for example, and not whose
        raise refusal(handler, str(error)) from error
    if not isinstance(settings.concurrency, get_args(Concurrency)):
        raise refusal(
            handler,
            "concurrency= takes InOrder(), Parallel(), OnePerKey() or Latest(), "
            f"not {settings.concurrency!r}",
        )
    if not isinstance(settings.once, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise refusal(handler, f"once= takes a bool, not {settings.once!r}")
    if settings.timeout is not None and not settings.timeout > 0:
        raise refusal(
            handler, f"timeout= takes more than 0 seconds, or None, not {settings.timeout!r}"
        )
    return settings


def _settings_of(options: KindOptions) -> KindSettings:
    return KindSettings(
        payload=options.get("payload"),
        dependencies=read_dependencies(options.get("dependencies", ())),
        concurrency=options.get("concurrency", InOrder()),
        timeout=options.get("timeout"),
        once=options.get("once", False),
        middleware=read_middleware(options.get("middleware", ())),
        guards=read_guards(options.get("guards", ())),
        reply=options.get("reply", NOT_GIVEN),
        errors=possible_errors(options.get("errors", ())),
        examples=tuple(options.get("examples", ())),
    )


def possible_errors(errors: Iterable[str | KindError | PossibleError]) -> tuple[PossibleError, ...]:
    """Return ``errors`` for a contract. Raises RegistrationError."""
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
    return RegistrationError(
        f"errors= takes a sequence of codes and KindError objects, not {given!r}"
    )
