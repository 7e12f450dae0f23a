"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .connection import Connection, protocol_of
from .consumer import Consumer, Host, Topics
from .cores import first_step
from .eager import current_task
from .exchange.in_flight import Stopped, Work, gone_on, run_cancellable
from .peer import Face, Peer
from .prepared import PreparedMessage
from .protocol import WebSocketProtocol
from .pump import Hooks, Pump
from .transports import resume_reading

__all__ = (
    "Connection",
    "Consumer",
    "Face",
    "Hooks",
    "Host",
    "Peer",
    "PreparedMessage",
    "Pump",
    "Stopped",
    "Topics",
    "WebSocketProtocol",
    "Work",
    "current_task",
    "first_step",
    "gone_on",
    "protocol_of",
    "resume_reading",
    "run_cancellable",
)
