"""What all connections of an event loop have taken in and sent, as plain numbers."""

from __future__ import annotations

__all__ = ("Counters",)


class Counters:
    """Numbers that only grow; bytes are those of payloads, before compression and after inflation."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "closed",
        "dropped",
        "messages_in",
        "messages_out",
        "opened",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.messages_in = 0
        self.bytes_in = 0
        self.messages_out = 0
        self.bytes_out = 0
        self.dropped = 0
