"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .builds import HooksCore, InContext, first_step
from .checked_connection import CheckedConnection
from .connection import Connection, outbox_of, protocol_of
from .consumer import Consumer, Host, Topics
from .exchange.in_flight import Stopped, Work, gone_on, run_cancellable
from .loop_check import check_loop
from .observing import Observation, counters, observe
from .peer import Face, Peer
from .per_loop import per_loop
from .prepared import LoggedMessage, PlacedMessage, PreparedMessage
from .protocol import WebSocketProtocol
from .pump import Hooks, Pump
from .settling import settle
from .stepper import current_task, is_cancelled, rest_of
from .topics import Handled, HistoryPage, Joined, Wish, check_topic
from .transports import resume_reading

__all__ = (
    "CheckedConnection",
    "Connection",
    "Consumer",
    "Face",
    "Handled",
    "HistoryPage",
    "Hooks",
    "HooksCore",
    "Host",
    "InContext",
    "Joined",
    "LoggedMessage",
    "Observation",
    "Peer",
    "PlacedMessage",
    "PreparedMessage",
    "Pump",
    "Stopped",
    "Topics",
    "WebSocketProtocol",
    "Wish",
    "Work",
    "check_loop",
    "check_topic",
    "counters",
    "current_task",
    "first_step",
    "gone_on",
    "is_cancelled",
    "observe",
    "outbox_of",
    "per_loop",
    "protocol_of",
    "rest_of",
    "resume_reading",
    "run_cancellable",
    "settle",
)
