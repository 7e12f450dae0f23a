"""In go annotations, out comes what they ask for beyond a type: a factory's value, or to be left alone."""

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
    """What `use` leaves in an annotation."""

    factory: Callable[..., Any] | web.AppKey[Any]
    reuse: bool


Factory: TypeAlias = Use | Callable[..., Any]
"""Where a value comes from: a factory, or what `use` says of one."""


def use(factory: Callable[..., Any] | web.AppKey[Any], *, reuse: bool = False) -> Use:
    """Say in an annotation which factory a value comes from.

    As in ``session: Annotated[Session, use(open_session)]``. ``factory`` is a function, a coroutine
    function, a class, a generator or an async generator that yields once, or a function decorated
    with `contextlib.contextmanager` or ``asynccontextmanager``. Its own parameters are filled as the
    handler's are; a plain function runs in the event loop. An `aiohttp.web.AppKey` asks for what the
    application, or one around it, keeps there.

    What follows a bare ``yield`` runs at the end, whatever happened. A ``yield`` within ``try`` or
    ``with`` gets what was raised; it can react, but not make it unhappen. The end of an endpoint's
    factory is the endpoint's; of a kind handler's the end of the message.

    ``reuse=True`` makes one value for the whole connection: for all who ask in an endpoint, for all
    messages of kind handlers; its end is the connection's. Default: a value for each that asks.

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
"""``Ignore[X]``: nothing that injection has to find.

On a parameter: no value from path, query or message, and no factory's; a connection, a request, a hub
and what else is provided by its type is still supplied, anything else needs a default. On a return
type: this factory is not where others get an ``X`` from.
"""

AsyncResource: TypeAlias = AsyncGenerator[T, None]
"""``AsyncResource[X]`` is what an async generator that yields an ``X``, once, returns."""


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
