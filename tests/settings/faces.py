"""Every way to make a connection, as one: what its options are, and how to make it with some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiows import (
    Connection,
    WebSocket,
    WebSocketResponse,
    WebSocketRoute,
    WebSocketView,
    websocket,
)
from aiows.settings import (
    CALLBACK_OPTIONS,
    RESPONSE_OPTIONS,
    VIEW_OPTIONS,
    WEBSOCKET_OPTIONS,
    OptionSet,
)

__all__ = ("FACES", "Face", "Handler")

Handler = Callable[[Any, str], Any]
"""Called with whatever face there is of the connection, and with a TEXT message."""


@dataclass(frozen=True)
class Face:
    """``make(options)`` makes it; ``serve(handler, options)`` is an application whose ``/`` is one."""

    name: str
    options: OptionSet
    make: Callable[[Mapping[str, Any]], object]
    serve: Callable[[Handler, Mapping[str, Any]], web.Application]

    def options_of(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The same settings under the names that they have here."""
        names = {setting: option for option, setting in self.options.names.items()}
        return {names[setting]: value for setting, value in settings.items()}


def view_with(options: Mapping[str, Any], **hooks: Any) -> type[WebSocketView]:
    return type("View", (WebSocketView,), {**options, **hooks})


async def endpoint(ws: WebSocket) -> None:
    await ws.accept()


def serve_response(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(**options)
        await ws.prepare(request)
        async for message in ws:
            handler(ws, message.data)
        return ws

    return app_with(web.get("/", handle))


def serve_view(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    def on_message(self: WebSocketView, message: aiohttp.WSMessage) -> None:
        handler(self.ws, message.data)

    return app_with(web.view("/", view_with(options, on_message=on_message)))


def serve_callbacks(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    def message(ws: Connection, data: str, opcode: object) -> None:
        handler(ws, data)

    return app_with(websocket("/", {"message": message, **options}))


def serve_function(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            handler(ws, text)

    return app_with(websocket("/", talk, **options))


def serve_route(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    route = WebSocketRoute("/", **options)

    @route.ws_handler
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            handler(ws, text)

    return app_with(route)


def serve_websocket(handler: Handler, options: Mapping[str, Any]) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        ws = WebSocket(request, **options)
        await ws.accept()
        async for text in ws.iter_text():
            handler(ws, text)
        return ws.response

    return app_with(web.get("/", handle))


def app_with(route: web.AbstractRouteDef) -> web.Application:
    app = web.Application()
    app.add_routes([route])
    return app


FACES: Final = (
    Face(
        "WebSocketResponse",
        RESPONSE_OPTIONS,
        lambda options: WebSocketResponse(**options),
        serve_response,
    ),
    Face("WebSocketView", VIEW_OPTIONS, view_with, serve_view),
    Face("callbacks", CALLBACK_OPTIONS, lambda options: websocket("/", options), serve_callbacks),
    Face(
        "function",
        WEBSOCKET_OPTIONS,
        lambda options: websocket("/", endpoint, **options),
        serve_function,
    ),
    Face(
        "WebSocketRoute",
        WEBSOCKET_OPTIONS,
        lambda options: WebSocketRoute("/", **options),
        serve_route,
    ),
    Face(
        "WebSocket",
        WEBSOCKET_OPTIONS,
        lambda options: WebSocket(make_mocked_request("GET", "/"), **options),
        serve_websocket,
    ),
)
