"""What an annotation may say besides a type: `use`, `Ignore` and `AsyncResource`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, TypeVar, cast, get_origin

from aiohttp import web

from ..errors import RegistrationError

__all__ = (
    "AsyncResource",
    "Factory",
    "Ignore",
    "Use",
    "is_ignored",
    "read_dependencies",
    "use",
    "use_in",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Use:
    """What `use` returns, for an annotation."""

    factory: Callable[..., Any] | web.AppKey[Any]
    reuse: bool


Factory: TypeAlias = Use | Callable[..., Any]
"""A factory, or `use` of one."""


def use(factory: Callable[..., Any] | web.AppKey[Any], *, reuse: bool = False) -> Use:
    """Name the factory of a parameter's value in its annotation.

    As in ``session: Annotated[Session, use(open_session)]``. ``factory`` is a function, a coroutine
    function, a class, a generator or an async generator that yields once, or a function decorated
    with `contextlib.contextmanager` or ``asynccontextmanager``. Its own parameters are filled as the
    handler's are; a plain function runs in the event loop. An `aiohttp.web.AppKey` gives the value that the
    application, or one around it, has under that key.

    What follows a bare ``yield`` always runs at the end. A ``yield`` within ``try`` or ``with`` gets the
    exception that was raised; it can react to it, but not suppress it. A factory of an endpoint ends when
    the endpoint does, a factory of a kind handler when the message has been handled.

    ``reuse=True`` makes one value for the whole connection, shared by all parameters of an endpoint and by
    all messages of kind handlers; it ends with the connection. Default: a value for each parameter.

    Raises RegistrationError for what cannot be called.
    """
    if not callable(factory) and not isinstance(factory, web.AppKey):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"use() takes a factory or an AppKey, not {factory!r}")
    return Use(factory, reuse)


def read_dependencies(dependencies: Iterable[Factory]) -> tuple[Use, ...]:
    """Return ``dependencies``, a plain factory as `use` without options. Raises RegistrationError."""
    return tuple(each if isinstance(each, Use) else use(each) for each in dependencies)


_IGNORED: Final = object()

Ignore: TypeAlias = Annotated[T, _IGNORED]
"""``Ignore[X]``: a type that injection does not look for.

On a parameter: its value is not taken from path, query, message or a factory, so it needs a default. Types
that are provided, such as a connection or a request, are still filled. On the return type of a factory:
it is not used for other parameters that are annotated with ``X``.
"""

AsyncResource: TypeAlias = AsyncGenerator[T, None]
"""``AsyncResource[X]``: the return type of an async generator that yields one ``X``."""


def use_in(annotation: Any) -> Use | None:
    """Return the `use` in ``annotation``, None if there is none."""
    return next((each for each in _metadata_of(annotation) if isinstance(each, Use)), None)


def is_ignored(annotation: Any) -> bool:
    """Whether ``annotation`` is an `Ignore`."""
    return _IGNORED in _metadata_of(annotation)


def _metadata_of(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is not Annotated:
        return ()
    return cast("tuple[Any, ...]", annotation.__metadata__)
