"""The `WebSocket` that functions are given: a connection to await on, made from an aiohttp request."""

from .request import Address
from .url import WebSocketURL
from .websocket import WebSocket

__all__ = ("Address", "WebSocket", "WebSocketURL")
