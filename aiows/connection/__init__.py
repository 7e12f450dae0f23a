"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .connection import Connection, ConnectionOptions, Consumer
from .keepalive import KeepAlivePolicy
from .outbox import SendStatus
from .peer import Face, Peer, TopicsPort
from .prepared import PreparedMessage
from .pump import Hooks, Pump

__all__ = (
    "Connection",
    "ConnectionOptions",
    "Consumer",
    "Face",
    "Hooks",
    "KeepAlivePolicy",
    "Peer",
    "PreparedMessage",
    "Pump",
    "SendStatus",
    "TopicsPort",
)
