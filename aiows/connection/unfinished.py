"""Bounds what messages hold that have begun to arrive and have not ended, for all connections of a loop."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("MOST_UNFINISHED", "Unfinished")

# All unfinished messages of one event loop together, in bytes after inflation. Stops many peers that each
# send most of a large message and then only answer pings: every one of them stays below its own limit.
MOST_UNFINISHED: Final = 64 * 1024 * 1024

# An unfinished message must grow by LEAST_GROWTH bytes in each CHECK_AFTER seconds, about 1 KiB/s. Stops a
# peer that sends a byte now and then, for ever. A message that is smaller has that long to be whole.
CHECK_AFTER: Final = 30.0
LEAST_GROWTH: Final = 32 * 1024


class Holder(Protocol):
    """A connection that holds an unfinished message."""

    @property
    def is_deaf(self) -> bool:
        """Whether we do not read ourselves: then its message cannot grow."""
        ...

    def give_up_message(self, reason: str) -> None:
        """Close: the message takes too much memory or time."""


class _Message:
    """One unfinished message: its size, and what it was when it was looked at last."""

    __slots__ = ("checked_at", "checked_size", "size")

    def __init__(self, now: float) -> None:
        self.size = self.checked_size = 0
        self.checked_at = now


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
            message = self._messages[holder] = _Message(self._loop.time())
            self._start_timer()
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

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(CHECK_AFTER, self._check)

    def _check(self) -> None:
        """Look at those that were not looked at for long: one timer is enough for all of them."""
        self._timer = None
        now = self._loop.time()
        for holder, message in tuple(self._messages.items()):
            if now - message.checked_at < CHECK_AFTER:
                continue
            if message.size - message.checked_size < LEAST_GROWTH and not holder.is_deaf:
                self._drop(holder, "time")
            message.checked_size, message.checked_at = message.size, now
        if self._messages:
            self._start_timer()
