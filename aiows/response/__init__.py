"""aiohttp's WebSocketResponse over our connection."""

from .receiver import MESSAGE_TYPES, as_aiohttp
from .websocket_response import WebSocketResponse

__all__ = ("MESSAGE_TYPES", "WebSocketResponse", "as_aiohttp")
