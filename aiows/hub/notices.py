"""What the hub itself tells the connections of a topic."""

from __future__ import annotations

from ..connection import LoggedMessage, PreparedMessage
from ..position import Position
from ..wire_form import KIND, LOST

__all__ = ("lost",)


def lost(topic: str, position: Position | None = None) -> PreparedMessage:
    """Return what says that messages of ``topic`` are missing, and where it goes on, if it has a log."""
    fields = {} if position is None else {"position": [*position]}
    return LoggedMessage(PreparedMessage({KIND: LOST, **fields}), [topic])
