"""How an endpoint is put on a path: views, functions and callbacks."""

from .function import WebSocketRoute
from .routes import websocket
from .view import WebSocketView, on

__all__ = ("WebSocketRoute", "WebSocketView", "on", "websocket")
