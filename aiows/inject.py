"""In goes a handler, out comes where each of its parameters gets its value.

A signature is read once, at registration. A parameter is, by the first rule that fits:

- the connection: it is named ``ws``, or annotated with a face of a connection;
- the whole payload: it is annotated with the type that the caller names;
- provided: its type, or a base of it, is in the table that `provide` fills;
- a field of the message: every other one; without an annotation it takes anything.

Annotations may be strings. A name that cannot be found, ``*args`` and ``**kwargs`` are a
RegistrationError with the handler's qualified name, file and line.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from types import CodeType
from typing import Annotated, Any, Final, TypeAlias, cast, get_origin, get_type_hints

from aiohttp import web

from .connection import Connection, Peer
from .errors import RegistrationError

__all__ = ("NO_DEFAULT", "Parameter", "Source", "provide", "read_parameters", "refusal")

Provider: TypeAlias = Callable[[Peer], Any]

NO_DEFAULT: Final = inspect.Parameter.empty
CONNECTION_NAME: Final = "ws"

_providers: Final[dict[type, Provider]] = {}


class Source(Enum):
    """Where a parameter gets its value."""

    PROVIDED = auto()
    PAYLOAD = auto()
    FIELD = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler; ``provider`` is set where ``source`` is PROVIDED.

    ``annotation`` is the resolved type, without ``Annotated`` unless it is a field's, ``Any`` if
    there is none; ``default`` may be NO_DEFAULT.
    """

    name: str
    source: Source
    annotation: Any
    default: Any
    is_keyword_only: bool
    provider: Provider | None = None


def provide(provided_type: type, provider: Provider) -> None:
    """Let parameters annotated with ``provided_type``, or a subclass of it, get ``provider(peer)``.

    Handlers that are registered already are not read again.
    """
    _providers[provided_type] = provider


def read_parameters(
    handler: Callable[..., Any],
    *,
    payload_type: type,
    is_method: bool = False,
    names: Mapping[str, Any] | None = None,
) -> tuple[Parameter, ...]:
    """Say for each parameter of ``handler`` where it comes from; without ``self`` if a method.

    ``payload_type``: a parameter annotated with a subclass of it takes the whole payload.
    ``names``: what annotations may name besides the globals of the handler's module.
    Raises RegistrationError.
    """
    _check_callable(handler)
    known = {**_provided_names(), **(names or {}), **_globals_of(handler)}
    declared = _declared_parameters(handler)
    _check_first(handler, declared, is_method=is_method)
    return tuple(
        _read_parameter(handler, each, payload_type, known) for each in declared[is_method:]
    )


def refusal(handler: Callable[..., Any], problem: str) -> RegistrationError:
    """Return the error that says what is wrong with ``handler`` and where it is defined."""
    innermost = _innermost(handler)
    name = getattr(innermost, "__qualname__", repr(innermost))
    code: CodeType | None = getattr(innermost, "__code__", None)
    place = "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
    return RegistrationError(f"{name}{place}: {problem}")


def _check_callable(handler: Callable[..., Any]) -> None:
    if not callable(handler):
        raise RegistrationError(f"a handler is a function, not {handler!r}")
    innermost = _innermost(handler)
    if inspect.isgeneratorfunction(innermost) or inspect.isasyncgenfunction(innermost):
        raise refusal(handler, "a handler cannot be a generator; return the reply instead")


def _check_first(
    handler: Callable[..., Any], declared: list[inspect.Parameter], *, is_method: bool
) -> None:
    if is_method and not (declared and declared[0].kind in _POSITIONAL):
        raise refusal(handler, "a method needs its instance as the first parameter")
    if not is_method and declared and declared[0].name == "self":
        raise refusal(handler, "its first parameter is self: register it with method=True")


_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_VARIADIC: Final = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def _read_parameter(
    handler: Callable[..., Any],
    declared: inspect.Parameter,
    payload_type: type,
    known: dict[str, Any],
) -> Parameter:
    name = declared.name
    if declared.kind in _VARIADIC:
        raise refusal(handler, f"{_VARIADIC[declared.kind]}{name}: name the fields one by one")
    annotation = Any if name == CONNECTION_NAME else _resolve(handler, declared, known)
    provider = _same if name == CONNECTION_NAME else _provider_of(annotation)
    source = _source_of(annotation, provider, payload_type)
    return Parameter(
        name=name,
        source=source,
        annotation=annotation if source is Source.FIELD else _without_metadata(annotation),
        default=declared.default,
        is_keyword_only=declared.kind is inspect.Parameter.KEYWORD_ONLY,
        provider=provider,
    )


def _source_of(annotation: Any, provider: Provider | None, payload_type: type) -> Source:
    if provider is not None:
        return Source.PROVIDED
    runtime_type = _runtime_type(annotation)
    if runtime_type is not None and issubclass(runtime_type, payload_type):
        return Source.PAYLOAD
    return Source.FIELD


def _provider_of(annotation: Any) -> Provider | None:
    runtime_type = _runtime_type(annotation)
    if runtime_type is None:
        return None
    return next((_providers[base] for base in runtime_type.__mro__ if base in _providers), None)


def _runtime_type(annotation: Any) -> type | None:
    """Return the class behind ``Annotated[X, ...]``, ``X[Y]`` or ``X``; None for a union."""
    annotation = _without_metadata(annotation)
    plain = get_origin(annotation) or annotation
    return plain if isinstance(plain, type) else None


def _without_metadata(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def _declared_parameters(handler: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        if sys.version_info >= (3, 14):
            # Names that only type checkers import must not fail here: some are never needed.
            import annotationlib  # noqa: PLC0415

            forward = annotationlib.Format.FORWARDREF
            signature = inspect.signature(handler, annotation_format=forward)
        else:
            signature = inspect.signature(handler)
    except ValueError as error:
        raise refusal(handler, f"its parameters cannot be read: {error}") from error
    return list(signature.parameters.values())


def _resolve(
    handler: Callable[..., Any], declared: inspect.Parameter, known: dict[str, Any]
) -> Any:
    """Return the type that ``declared`` is annotated with: alone, so that others may be unknown."""
    if declared.annotation is inspect.Parameter.empty:
        return Any

    def annotated() -> None: ...

    annotated.__annotations__ = {declared.name: declared.annotation}
    try:
        return get_type_hints(annotated, globalns=known, include_extras=True)[declared.name]
    except Exception as error:
        problem = f"the annotation of {declared.name!r} cannot be resolved: {error}"
        raise refusal(handler, problem) from error


def _innermost(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function inside partials, wrappers, bound methods and callable objects."""
    inner = inspect.unwrap(handler)
    if isinstance(inner, partial):
        return _innermost(inner.func)
    if inspect.ismethod(inner):
        return _innermost(inner.__func__)
    call = getattr(cast("Any", type(inner)), "__call__", None)  # noqa: B004
    return call if inspect.isfunction(call) else inner


def _globals_of(handler: Callable[..., Any]) -> dict[str, Any]:
    return getattr(_innermost(handler), "__globals__", {})


def _provided_names() -> dict[str, type]:
    """Return provided types by name, for annotations that only type checkers import."""
    return {each.__name__: each for each in _providers}


def _same(peer: Peer) -> Peer:
    return peer


def _application(peer: Peer) -> web.Application:
    if peer.app is None:
        raise RuntimeError("this connection was accepted without an application")
    app: web.Application = peer.app
    return app


provide(Peer, _same)
provide(Connection, _same)
provide(web.WebSocketResponse, _same)
provide(web.Application, _application)
