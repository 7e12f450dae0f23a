"""WebSockets for aiohttp: a drop-in response, views with typed kinds, users, topics and many nodes."""

from aiohttp import WSCloseCode, WSMessage, WSMsgType

from ._wire import Compression, wire_build
from .app import HUB, setup
from .backplane import MemoryBackplane
from .connection import Connection, PreparedMessage, SendStatus
from .endpoint import WebSocket
from .errors import (
    AiowsError,
    AskFailed,
    AskRefused,
    AskTimeout,
    ConnectionClosed,
    HubMissing,
    KindError,
    ProtocolError,
    RegistrationError,
    RequestReleased,
    WebSocketDisconnect,
)
from .hub import Hub
from .inject import AsyncResource, Ignore, use
from .kinds import KindDispatcher, Payload
from .registry import ConnectionRegistry
from .response import WebSocketResponse
from .routes import websocket
from .view import WebSocketView, on
from .websocket_route import WebSocketRoute

OpCode = WSMsgType
CompressOptions = Compression

__all__ = (
    "HUB",
    "AiowsError",
    "AskFailed",
    "AskRefused",
    "AskTimeout",
    "AsyncResource",
    "CompressOptions",
    "Compression",
    "Connection",
    "ConnectionClosed",
    "ConnectionRegistry",
    "Hub",
    "HubMissing",
    "Ignore",
    "KindDispatcher",
    "KindError",
    "MemoryBackplane",
    "OpCode",
    "Payload",
    "PreparedMessage",
    "ProtocolError",
    "RegistrationError",
    "RequestReleased",
    "SendStatus",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketResponse",
    "WebSocketRoute",
    "WebSocketView",
    "on",
    "setup",
    "use",
    "websocket",
    "wire_build",
)
