"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .._wire import SendStatus, first_step
from .connection import Connection
from .consumer import Consumer, Host
from .eager import current_task
from .in_flight import Stopped, Work, attended, gone_on
from .keepalive import KeepAlivePolicy
from .options import ConnectionOptions, shared_options, threshold_of
from .peer import Face, Peer, TopicsPort
from .prepared import PreparedMessage
from .pump import Hooks, Pump
from .resuming import resume_reading
from .words import ANSWERS, END, ERROR, ITEM, REPLY, UNANSWERED

__all__ = (
    "ANSWERS",
    "END",
    "ERROR",
    "ITEM",
    "REPLY",
    "UNANSWERED",
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
    "Stopped",
    "TopicsPort",
    "Work",
    "attended",
    "current_task",
    "first_step",
    "gone_on",
    "resume_reading",
    "shared_options",
    "threshold_of",
)
