"""What one outbox keeps while its transport takes no more, and who is to be told when it does again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ..errors import TooManySenders
from .deflation import Deflation
from .prepared import PreparedMessage

__all__ = ("Backlog",)

# Tasks that may wait to send on one connection. Each has some kilobytes, whatever it sends: stops a peer that
# reads nothing while others send to it from having thousands of them.
MAX_SENDERS: Final = 1024

# Bytes of the messages with which they wait, beyond what is in the outbox itself. Stops the same peer where
# messages are large: 1,500 tasks held 290 MB. An application that starts all of its sends at once has room
# for many: 200 tasks with 64 KiB each are fine. One message, of whatever size, may always wait.
MAX_SENDING: Final = 16 * 1024 * 1024


class Backlog:
    """Messages in the order in which they leave, and those who wait for that.

    Made for the first that has to wait, and given up after the last one: an idle outbox has none. A
    message waits as it is and becomes a frame only when it leaves. Frames of ours that are no messages (a
    Ping, a Close) wait among them as ``bytes``. ``size`` is what all of it will be as plain frames.
    """

    __slots__ = (
        "_deflating",
        "deflation",
        "has_dropped",
        "is_observed",
        "is_transport_full",
        "is_transport_watched",
        "messages",
        "pong",
        "senders",
        "sending",
        "size",
        "turns",
        "waiters",
    )

    def __init__(self) -> None:
        self.messages: deque[PreparedMessage | bytes] = deque()
        self.size = 0
        self.deflation: Deflation | None = None
        """What a thread does for a message that leaves before all others."""
        self._deflating: PreparedMessage | None = None
        self.is_transport_full = False
        """The transport takes no more either: noted while a thread deflates."""
        self.pong: bytes | None = None
        """The newest of those that were put off."""
        self.has_dropped = False
        """Since somebody was last told of a drain: the next one is when nothing waits."""
        self.is_observed = False
        """Somebody has read that a little waits: the next drain is when nothing does."""
        self.is_transport_watched = False
        """The transport is asked to tell when it is empty, and not before."""
        self.senders = 0
        self.sending = 0
        self.turns = asyncio.Lock()
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def is_used(self) -> bool:
        """Whether anything or anybody waits."""
        return bool(
            self.messages
            or self.deflation is not None
            or self.pong is not None
            or self.senders
            or self.has_dropped
            or self.is_observed
            or self.is_transport_watched
        )

    def add(self, message: PreparedMessage | bytes) -> None:
        """Let a message wait behind the others."""
        self.messages.append(message)
        self.size += size_of(message)

    def take(self) -> PreparedMessage | bytes:
        """Return the message that has waited longest."""
        message = self.messages.popleft()
        self.size -= size_of(message)
        return message

    def deflate(self, message: PreparedMessage, deflation: Deflation) -> None:
        """Let ``message`` wait for a thread, before the others."""
        self._deflating, self.deflation = message, deflation
        self.size += size_of(message)

    def take_deflated(self) -> PreparedMessage:
        """Return the message that a thread deflates, or has deflated."""
        message, self._deflating, self.deflation = self._deflating, None, None
        assert message is not None
        self.size -= size_of(message)
        return message

    def clear(self) -> None:
        """Forget what waits; who waits is still there."""
        self.messages.clear()
        self.size = 0
        self.pong = None

    def relieve(self) -> None:
        """There is a drain: wake those who wait for it, and note that everybody is told."""
        self.has_dropped = self.is_observed = False
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    @contextmanager
    def sender(self, size: int) -> Generator[None]:
        """Count a task that waits, with a message of ``size`` bytes. Raises TooManySenders."""
        if self.senders >= MAX_SENDERS or (self.senders and self.sending + size > MAX_SENDING):
            raise TooManySenders(self.senders, self.sending)
        self.senders += 1
        self.sending += size
        try:
            yield
        finally:
            self.senders -= 1
            self.sending -= size


def size_of(message: PreparedMessage | bytes) -> int:
    """How many bytes it is as a plain frame: a server's header has 2, 4 or 10 (RFC 6455, section 5.2)."""
    if isinstance(message, bytes):
        return len(message)
    size = message.size
    return size + (2 if size < 126 else 4 if size < 65536 else 10)
