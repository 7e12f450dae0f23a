"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .connection import Connection
from .consumer import Consumer, Host
from .keepalive import KeepAlivePolicy
from .options import ConnectionOptions, shared_options
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
    "Host",
    "KeepAlivePolicy",
    "Peer",
    "PreparedMessage",
    "Pump",
    "SendStatus",
    "TopicsPort",
    "shared_options",
)
