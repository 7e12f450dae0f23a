"""What a node of a backplane tells, written down."""

from __future__ import annotations

from aiows.backplane import Loss
from aiows.connection import PreparedMessage
from aiows.position import Position

__all__ = ("RecordingEar",)


class RecordingEar:
    """``arrived`` are the plain messages, ``logged`` those of logs, ``losses`` what `resumed` said.

    Of each message there is the payload.
    """

    def __init__(self) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self.logged: list[tuple[str, Position, bytes]] = []
        self.losses: list[Loss | None] = []

    def deliver(self, topic: str, message: PreparedMessage) -> None:
        self.arrived.append((topic, message.payload))

    def deliver_at(self, topic: str, position: Position, message: PreparedMessage | None) -> None:
        self.logged.append((topic, position, b"" if message is None else message.payload))

    def resumed(self, loss: Loss | None) -> None:
        self.losses.append(loss)
