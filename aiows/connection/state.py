"""In goes a state and what happened, out comes the next state: a connection's life as one table.

::

                 SEND_CLOSE                    RECEIVE_CLOSE
        OPEN ───────────────► CLOSE_SENT ─────────────────────► CLOSED
          │                                                       ▲ │
          │ RECEIVE_CLOSE                     SEND_CLOSE          │ │ LOSE
          └──────────────► CLOSE_RECEIVED ────────────────────────┘ ▼
                                               (from any) LOSE ► LOST

RFC 6455, section 7.1: a side that has sent its Close sends nothing more; a side that has seen both
is closed; the TCP connection goes last.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

__all__ = ("NEXT", "Event", "State")


class State(Enum):
    OPEN = auto()
    CLOSE_SENT = auto()
    CLOSE_RECEIVED = auto()
    CLOSED = auto()
    LOST = auto()


class Event(Enum):
    SEND_CLOSE = auto()
    RECEIVE_CLOSE = auto()
    LOSE = auto()


NEXT: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, Event.SEND_CLOSE): State.CLOSE_SENT,
    (State.OPEN, Event.RECEIVE_CLOSE): State.CLOSE_RECEIVED,
    (State.OPEN, Event.LOSE): State.LOST,
    (State.CLOSE_SENT, Event.RECEIVE_CLOSE): State.CLOSED,
    (State.CLOSE_SENT, Event.LOSE): State.LOST,
    (State.CLOSE_RECEIVED, Event.SEND_CLOSE): State.CLOSED,
    (State.CLOSE_RECEIVED, Event.LOSE): State.LOST,
    (State.CLOSED, Event.LOSE): State.LOST,
}
