"""Bounds what messages hold that have begun to arrive and have not ended, for all connections of a loop."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("MOST_UNFINISHED", "Unfinished")

# All unfinished messages of one event loop together, in bytes after inflation. Stops many peers that each
# send most of a large message and then only answer pings: every one of them stays below its own limit.
MOST_UNFINISHED: Final = 64 * 1024 * 1024

# An unfinished message must grow by so many bytes a second, on the average of the time that its connection
# gives it, which is at most LONGEST_STALL seconds. Stops a peer that sends a byte now and then, for ever.
LEAST_GROWTH: Final = 1024
LONGEST_STALL: Final = 30.0


class Holder(Protocol):
    """A connection that holds an unfinished message."""

    @property
    def longest_stall(self) -> float:
        """Seconds for which a message may stand still."""
        ...

    @property
    def is_deaf(self) -> bool:
        """Whether we do not read ourselves: then its message cannot grow."""
        ...

    def give_up_message(self, reason: str) -> None:
        """Close: the message takes too much memory or time."""


class _Message:
    """One unfinished message: its size now and when it was looked at, and when that is due again."""

    __slots__ = ("due", "noted", "size", "stall")

    def __init__(self, now: float, stall: float) -> None:
        self.size = self.noted = 0
        self.stall = stall
        self.due = now + stall

    @property
    def has_grown(self) -> bool:
        """Whether it has grown enough since it was looked at."""
        return self.size - self.noted >= LEAST_GROWTH * self.stall

    def note(self, now: float) -> None:
        self.noted, self.due = self.size, now + self.stall


class Unfinished:
    """The unfinished messages of one loop, the oldest first.

    Where all together are too large the oldest goes, never the one that has just grown. One that is alone
    may be as large as its connection allows.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._messages: dict[Holder, _Message] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.total = 0
        """Bytes of all of them."""

    def changed(self, holder: Holder, size: int) -> None:
        """The unfinished message of ``holder`` has ``size`` bytes; 0: it has none any more."""
        message = self._messages.get(holder)
        if not size:
            if message is not None:
                self._forget(holder, message)
            return
        if message is None:
            message = _Message(self._loop.time(), holder.longest_stall)
            self._messages[holder] = message
            self._look_at(message.due)
        self.total += size - message.size
        message.size = size
        while self.total > MOST_UNFINISHED and len(self._messages) > 1:
            self._drop(next(each for each in self._messages if each is not holder), "memory")

    def _forget(self, holder: Holder, message: _Message) -> None:
        del self._messages[holder]
        self.total -= message.size
        if not self._messages and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self, holder: Holder, what: str) -> None:
        self._forget(holder, self._messages[holder])
        holder.give_up_message(f"an unfinished message takes too much {what}")

    def _look_at(self, due: float) -> None:
        """Look at all of them when the first is due: one timer is enough."""
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for holder, message in tuple(self._messages.items()):
            if message.due > now or self._messages.get(holder) is not message:
                continue  # the end of one may have ended others
            if not message.has_grown and not holder.is_deaf:
                self._drop(holder, "time")
            message.note(now)
        if self._messages:
            self._look_at(min(each.due for each in self._messages.values()))
