"""`SendStatus`: the result of sending a message without waiting."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from typing import Self

__all__ = ("SendStatus",)


class SendStatus(Enum):
    """What became of a message; only DROPPED is falsy.

    SUCCESS: queued or sent, and at most ``writer_limit`` bytes wait. BACKPRESSURE: queued, and more
    than that waits: slow down until the drain. DROPPED: not queued, the outbox is full or closed.
    """

    SUCCESS = "success"
    BACKPRESSURE = "backpressure"
    DROPPED = "dropped"

    def __bool__(self) -> bool:
        return self is not SendStatus.DROPPED

    def __await__(self) -> Generator[None, None, Self]:
        """Itself: nothing is waited for, and an ``await`` before `push`, by habit, does no harm."""
        yield from ()
        return self
