"""aiohttp's WebSocketResponse over our connection."""

from .receiver import MESSAGE_TYPES, as_aiohttp
from .websocket_response import TOPICS, WebSocketResponse

__all__ = ("MESSAGE_TYPES", "TOPICS", "WebSocketResponse", "as_aiohttp")
