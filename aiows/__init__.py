"""WebSockets for aiohttp: a drop-in response, views with typed kinds, users and topics."""

from aiohttp import WSCloseCode, WSMessage, WSMsgType

from ._wire import Compression, wire_build
from .app import HUB, setup
from .backplane import MemoryBackplane
from .connection import Connection, Joined, PreparedMessage, counters, observe
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
from .events import Observer
from .hub.hub import Hub
from .hub.registry import ConnectionRegistry
from .hub.topics import History, Topic
from .inject import AsyncResource, Ignore, use
from .kinds import KindDispatcher, Payload
from .mounting.browser_client import client_js
from .mounting.function import WebSocketRoute
from .mounting.routes import websocket
from .mounting.view import WebSocketView, on
from .response.websocket_response import WebSocketResponse
from .send_status import SendStatus
from .upgrade import trust_proxies

OpCode = WSMsgType
CompressOptions = Compression

__version__ = "0.1.0"

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
    "History",
    "Hub",
    "HubMissing",
    "Ignore",
    "Joined",
    "KindDispatcher",
    "KindError",
    "MemoryBackplane",
    "Observer",
    "OpCode",
    "Payload",
    "PreparedMessage",
    "ProtocolError",
    "RegistrationError",
    "RequestReleased",
    "SendStatus",
    "Topic",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketResponse",
    "WebSocketRoute",
    "WebSocketView",
    "__version__",
    "client_js",
    "counters",
    "observe",
    "on",
    "setup",
    "trust_proxies",
    "use",
    "websocket",
    "wire_build",
)
