"""`websocket`: makes a route of callbacks, a view or a function, for `aiohttp.web.Application.add_routes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from aiohttp import hdrs, web

from ..errors import RegistrationError
from .callbacks import Behaviour, CallbackRoute
from .function import endpoint_handler
from .paths import check_path
from .view import WebSocketView

__all__ = ("websocket",)

What: TypeAlias = Mapping[str, Any] | Callable[..., Any] | type[WebSocketView] | None


def websocket(
    path: str, behaviour: What = None, *, name: str | None = None, **options: Any
) -> web.RouteDef:
    """Make the route of a WebSocket: ``app.add_routes([websocket("/*", {...})])``.

    ``path`` is a pattern as for any route of aiohttp, and ``/*`` at its end is whatever follows.
    ``behaviour`` is one of

    - a dict of callbacks and options, see `aiows.mounting.callbacks.Behaviour`; the same may be given, or
      added, as keyword arguments
    - a `WebSocketView` subclass
    - a coroutine function with options as keyword arguments, see `WebSocketRoute`

    ``name`` is for `url_for`. Raises RegistrationError for what could never work.
    """
    pattern = _pattern(path)
    if behaviour is None and not options:
        raise RegistrationError(f"the route {path!r} is nothing: callbacks, a view or a function")
    if behaviour is None or isinstance(behaviour, Mapping):
        given = cast("Mapping[str, Any]", behaviour or {})
        return _get(pattern, CallbackRoute(_behaviour(path, given, options)).handler, name)
    if isinstance(behaviour, type):
        return web.view(pattern, _view(behaviour, options), name=name)
    if not callable(behaviour):
        raise RegistrationError(f"a route is callbacks, a view or a function, not {behaviour!r}")
    return _get(pattern, endpoint_handler(behaviour, pattern, **options), name)


def _behaviour(path: str, behaviour: Mapping[str, Any], callbacks: Mapping[str, Any]) -> Behaviour:
    twice = sorted(behaviour.keys() & callbacks.keys())
    if twice:
        raise RegistrationError(f"{twice[0]} is given twice")
    return Behaviour.of({**behaviour, **callbacks}, path)


def _view(behaviour: type, options: Mapping[str, Any]) -> type[WebSocketView]:
    if not issubclass(behaviour, WebSocketView):
        raise RegistrationError(f"{behaviour!r} is no WebSocketView")
    if options:
        problem = f"its options are class attributes: {', '.join(options)}"
        raise RegistrationError(f"{behaviour!r} takes none here, {problem}")
    return behaviour


def _get(path: str, handler: Callable[..., Any], name: str | None) -> web.RouteDef:
    return web.route(hdrs.METH_GET, path, handler, name=name, allow_head=False)


def _pattern(path: str) -> str:
    """Return ``path`` as aiohttp has it. Raises RegistrationError."""
    pattern = f"{path[:-1]}{{tail:.*}}" if path.endswith("/*") else path
    check_path(path, pattern)
    return pattern
