"""One accepted connection: asyncio on one side, messages and hooks on the other; nothing of HTTP."""

from .connection import Connection
from .consumer import Consumer, Host
from .cores import first_step
from .eager import current_task
from .exchange.in_flight import Stopped, Work, gone_on, run_cancellable
from .keepalive import KeepAlivePolicy
from .options import ConnectionOptions, shared_options, threshold_of
from .peer import Face, Peer, TopicsPort
from .prepared import PreparedMessage
from .pump import Hooks, Pump
from .resuming import resume_reading

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
    "Stopped",
    "TopicsPort",
    "Work",
    "current_task",
    "first_step",
    "gone_on",
    "resume_reading",
    "run_cancellable",
    "shared_options",
    "threshold_of",
)
