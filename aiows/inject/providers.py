"""The table of provided types: for each type, the function that returns its value for a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from aiohttp import web

from ..connection import Connection, Peer
from ..endpoint import WebSocket
from ..errors import RequestReleased
from .signature import runtime_type

__all__ = (
    "Getter",
    "Provider",
    "app_value",
    "is_face",
    "provide",
    "provided_names",
    "supplier_of",
    "the_connection",
    "user_id",
)

Provider: TypeAlias = Callable[[Peer], Any]

Getter: TypeAlias = Callable[[Peer, Any, Any], Any]
"""Takes the connection, the message or the request's values, and the instance of a method."""

FACES: Final = (Connection, web.WebSocketResponse, WebSocket)

_suppliers: Final[dict[type, Getter]] = {}


def provide(provided_type: type, provider: Provider) -> None:
    """Let parameters annotated with ``provided_type``, or a subclass of it, get ``provider(peer)``.

    This does not change functions that are registered already.
    """
    _suppliers[provided_type] = lambda peer, _message, _instance: provider(peer)


def supplier_of(annotation: Any) -> Getter | None:
    """Return the getter for ``annotation``, None if its type is not in the table."""
    wanted = runtime_type(annotation)
    if wanted is None:
        return None
    return next((_suppliers[base] for base in wanted.__mro__ if base in _suppliers), None)


def provided_names() -> dict[str, type]:
    """Return provided types by name, for annotations that only type checkers import."""
    return {each.__name__: each for each in _suppliers}


def is_face(annotation: Any) -> bool:
    """Whether ``annotation`` is one of the classes that show a connection."""
    shown = runtime_type(annotation)
    return shown is not None and issubclass(shown, FACES)


def user_id(ws: Peer) -> Any:
    """A factory for the user at the other end: ``user: Annotated[str, use(user_id)]``."""
    return ws.user_id


def app_value(key: Any) -> Getter:
    """Return a getter for the value that the application, or the nearest one around it, has under ``key``."""

    def get(peer: Peer, _message: Any, instance: Any) -> Any:
        for app in _applications(peer, instance):
            if key in app:
                return app[key]
        raise LookupError(f"no application has {key}")

    return get


def the_connection(peer: Peer, _message: Any = None, _instance: Any = None) -> Peer:
    """The getter for the connection itself, as it was passed in."""
    return peer


def _application(peer: Peer) -> web.Application:
    if peer.app is None:
        raise RuntimeError("this connection was accepted without an application")
    app: web.Application = peer.app
    return app


def _applications(peer: Peer, instance: Any) -> list[web.Application]:
    """Return the application of the route and those around it, the innermost first."""
    match_info: Any = getattr(instance, "match_info", None)  # a view keeps this but not the request
    if match_info is None:
        request = getattr(peer, "request", None)
        match_info = getattr(request, "match_info", None)
    return [_application(peer)] if match_info is None else list(reversed(match_info.apps))


def _request(peer: Peer, _message: Any, instance: Any) -> web.Request:
    """Return the upgrade request. Raises RequestReleased for a view without ``keep_request``."""
    for holder in (instance, peer):
        request = getattr(holder, "request", None)
        if isinstance(request, web.Request):
            return request
    raise RequestReleased


for _face in (Peer, *FACES):
    provide(_face, the_connection)
provide(web.Application, _application)
_suppliers[web.Request] = _request
