"""What happens to a message that finds no room: the policies, which answer DROPPED or find room for it.

Whether there is room is what `Outbox` asks, by ``max_backpressure``; all else is decided here.
"""

from __future__ import annotations

from typing import Final, Protocol

from ..send_status import SendStatus
from .prepared import PreparedMessage

__all__ = ("CATCH_UP", "DROP_NEW", "CatchUp", "DropNew", "Overflow")


class Bounded(Protocol):
    """What an outbox offers to whoever decides."""

    def drop(self, message: PreparedMessage, /) -> None:
        """Note and tell that ``message`` is not sent."""

    def put_off(self) -> None:
        """Note that something is not sent now: there is a drain once nothing waits."""


class Overflow(Protocol):
    """One policy; it keeps nothing of an outbox, and serves all of them."""

    def decide(self, outbox: Bounded, message: PreparedMessage, /) -> SendStatus:
        """Return what became of ``message``: with what waits it is more than ``max_backpressure`` bytes."""
        ...


class DropNew:
    """The message is not sent, and what waits already stays."""

    __slots__ = ()

    def decide(self, outbox: Bounded, message: PreparedMessage, /) -> SendStatus:
        outbox.drop(message)
        return SendStatus.DROPPED


class CatchUp:
    """The message is not sent now; whoever gave it has it in a log, and brings it again at the drain."""

    __slots__ = ()

    def decide(self, outbox: Bounded, message: PreparedMessage, /) -> SendStatus:
        outbox.put_off()
        return SendStatus.DROPPED


DROP_NEW: Final = DropNew()
CATCH_UP: Final = CatchUp()
