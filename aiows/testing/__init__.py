"""Tools to test applications that use aiows: clients, clocks and pytest fixtures.

`aiows` itself imports nothing from here. pytest finds the fixtures by an entry point; only the fixtures need
pytest.
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
