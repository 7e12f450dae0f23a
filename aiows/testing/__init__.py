"""In goes an application, out come its answers: what an application that uses aiows tests itself with.

Nothing here is imported by `aiows` itself. pytest finds the fixtures by an entry point; pytest is needed
for them alone.
"""

from .client import BlockingClock, HttpResponse, TestClient
from .clock import VirtualClock
from .errors import Disconnected, UnexpectedMessage, UpgradeRefused
from .session import WebSocketTestSession
from .slow_consumer import SlowConsumer

__all__ = (
    "BlockingClock",
    "Disconnected",
    "HttpResponse",
    "SlowConsumer",
    "TestClient",
    "UnexpectedMessage",
    "UpgradeRefused",
    "VirtualClock",
    "WebSocketTestSession",
)
