"""In goes an aiohttp request, out comes a connection to await on: accept, send, receive, close."""

from .request import Address
from .url import WebSocketURL
from .websocket import Options, WebSocket

__all__ = ("Address", "Options", "WebSocket", "WebSocketURL")
