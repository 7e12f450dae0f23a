"""What requests and answers need of the connection that carries them."""

from __future__ import annotations

from typing import Any, Protocol

from ...codecs import Codec
from ..prepared import PreparedMessage

__all__ = ("Line",)


class Sender(Protocol):
    """The side of the connection that sends."""

    codec: Codec

    def push(self, message: Any) -> Any: ...


class Line(Protocol):
    """The side of the connection that receives."""

    connection: Sender

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        ...

    @property
    def is_ending(self) -> bool:
        """Whether the peer will say no more."""
        ...

    @property
    def has_peer_left(self) -> bool:
        """Whether the peer is going or has gone, and not because we closed."""
        ...

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait that nobody has begun to handle."""
        ...

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is read until somebody takes what waits."""
        ...

    def check_answerable(self) -> None:
        """Raise ConnectionClosed where no answer can come any more."""

    def kind_sent(self, kind: str | None) -> None:
        """Tell who observes that a message of ``kind`` is about to be sent."""

    async def send_message(self, message: PreparedMessage) -> None:
        """Send ``message`` once there is room for it."""

    def sift(self) -> None:
        """Offer what waits to `Exchange.take`."""

    def hold(self, weight: int) -> None:
        """Count bytes as if they waited to be handled."""

    def release(self, weight: int) -> None:
        """Take back `hold`."""
