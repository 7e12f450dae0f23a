"""Functions as endpoints: an ``async def`` with parameters is called once for each connection."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, TypeVar, Unpack

from aiohttp import web

from ..connection import protocol_of
from ..endpoint import WebSocket
from ..errors import RegistrationError, is_nothing_but_the_end
from ..inject import (
    EndpointScope,
    Parameter,
    Plan,
    RequestValues,
    Source,
    asked_by,
    innermost,
    is_face,
    read_parameters,
    refusal,
)
from ..settings import WEBSOCKET_OPTIONS, WebSocketOptions
from ..upgrade import admit
from .paths import check_path

__all__ = ("EndpointFunction", "WebSocketRoute", "endpoint_handler")

logger: Final = logging.getLogger("aiows.endpoint")

EndpointFunction: TypeAlias = Callable[..., Awaitable[Any]]
Function = TypeVar("Function", bound=EndpointFunction)

# What the connection may be called without saying what it is.
CONNECTION_NAMES: Final = ("ws", "websocket")

# RFC 6455, section 7.4.1
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011


class WebSocketRoute(web.AbstractRouteDef):
    """A route whose handler is a function with parameters, for ``app.add_routes([route])``.

    ::

        route = WebSocketRoute("rooms/{room}")

        @route.ws_handler
        async def talk(ws: WebSocket, room: str, limit: int = 10) -> None:
            await ws.accept()

    ``path`` is aiohttp's, with or without the slash in front; ``name`` is for ``url_for``; options are
    those of `WebSocket`. Raises RegistrationError for a path or an option that cannot be.
    """

    @WEBSOCKET_OPTIONS.shown_by
    def __init__(
        self, path: str, name: str | None = None, **options: Unpack[WebSocketOptions]
    ) -> None:
        self.path = path if path.startswith("/") else f"/{path}"
        self.name = name
        self._options = options
        self._handler: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        check_path(self.path)
        _names_in(self.path)
        WEBSOCKET_OPTIONS.read(options, _place(self.path))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def ws_handler(self, function: Function) -> Function:
        """Register the decorated ``async def``, and return it unchanged.

        It says by its parameters what it wants: a `WebSocket`, what `aiows.inject` provides or a
        factory makes (`aiows.use`), and for the rest values of the path and of the query, converted.
        Raises RegistrationError for what could never work, and for a second function.
        """
        if self._handler is not None:
            raise refusal(function, f"{self.path} has a handler already")
        self._handler = endpoint_handler(function, self.path, **self._options)
        return function

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        """Add the route to an application's router. Raises RegistrationError without a handler."""
        if self._handler is None:
            raise RegistrationError(f"{self!r} has no handler: decorate one with ws_handler")
        return [router.add_get(self.path, self._handler, name=self.name, allow_head=False)]


def endpoint_handler(
    function: EndpointFunction, path: str, **options: Unpack[WebSocketOptions]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler that calls ``function`` for each connection to ``path``.

    It answers 426 to what asks for no WebSocket, 403 to a page of a foreign origin and 400 to a bad
    or missing parameter, before ``function`` and its factories run. A function that returns or raises
    before it has accepted is answered with 500, a web.HTTPException with its own response; after
    that its connection is closed with 1000 or 1011. Raises RegistrationError.
    """
    if not inspect.iscoroutinefunction(innermost(function)):
        raise refusal(function, "an endpoint has to be an async def")
    origins = WEBSOCKET_OPTIONS.read(options, _place(path)).origins
    parameters = read_parameters(function, connection_names=CONNECTION_NAMES)
    _check_faces(function, parameters)
    values = RequestValues(function, parameters, _names_in(path))
    plan = Plan(function, parameters)
    admitted: WebSocketOptions = {**options, "origins": None}  # a page is asked for only once

    @wraps(function)  # whoever looks at the route finds the function
    async def handle(request: web.Request) -> web.StreamResponse:
        admit(request, origins)
        given = values.read(request)
        return await _serve(plan, WebSocket(request, **admitted), given)

    return handle


async def _serve(plan: Plan, ws: WebSocket, given: SimpleNamespace) -> web.StreamResponse:
    try:
        async with EndpointScope(ws) as scope:
            await _call(plan, scope, ws, given)
    except Exception as error:
        if ws.is_denied:  # a second answer would be read as the next request's
            logger.exception("%s raised after its answer to %s", plan.function, ws)
        elif not _is_the_end(ws, error):
            raise
        else:
            logger.debug("%s ended with %s", plan.function, ws, exc_info=error)
            if not ws.is_answered:
                return web.Response()  # nobody is left to read it
    if not ws.is_answered:
        raise RuntimeError(f"{plan.function} returned without a call of accept() or close()")
    return ws.response


async def _call(plan: Plan, scope: EndpointScope, ws: WebSocket, given: SimpleNamespace) -> None:
    """Call the function; what is cleaned up afterwards cannot say that all went well if it did not."""
    try:
        await plan.call_within(scope, ws, given)
    except asyncio.CancelledError:
        ws.went_wrong(GOING_AWAY)
        raise
    except Exception as error:
        if not _is_the_end(ws, error):
            ws.went_wrong(INTERNAL_ERROR)
        raise


def _is_the_end(ws: WebSocket, error: Exception) -> bool:
    """Whether ``error`` says no more than that the peer has left."""
    if not is_nothing_but_the_end(error):
        return False
    return ws.closed or (ws.is_answered and protocol_of(ws.connection).is_ending)


def _check_faces(function: EndpointFunction, parameters: tuple[Parameter, ...]) -> None:
    """Refuse other faces: there is no connection yet when an endpoint is called."""
    for asker, parameter, _ in asked_by(function, parameters):
        wanted = parameter.annotation
        if is_face(wanted) and wanted is not WebSocket and parameter.source is Source.PROVIDED:
            name = getattr(wanted, "__name__", wanted)
            problem = f"{parameter.name!r}: an endpoint has a WebSocket, not a {name}"
            raise refusal(asker, problem)


def _names_in(path: str) -> frozenset[str]:
    """Return the names in ``path``, as aiohttp reads it."""
    try:
        resource = web.UrlDispatcher().add_resource(path)
    except ValueError as error:
        raise RegistrationError(f"{path!r} cannot be a path: {error}") from error
    pattern = resource.get_info().get("pattern")
    return frozenset(pattern.groupindex) if pattern is not None else frozenset()


def _place(path: str) -> str:
    return f"the route {path!r}: "
