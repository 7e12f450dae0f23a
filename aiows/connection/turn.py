"""In go outboxes that were written to, out they are let go once: at the end of a read or a turn."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ("Gathering", "Turn")


class Gathering(Protocol):
    """Who gathers what is written, so that one write carries all of it."""

    def let_go(self) -> None:
        """Write what was gathered, and gather no more."""


class Turn:
    """When what was gathered leaves, for all connections of one loop.

    While a read is processed: at its end. Otherwise: before the loop looks for events again. So a
    message waits for what runs at the same time and never for anything that takes time.
    """

    __slots__ = ("_gathering", "_is_scheduled", "_loop", "_reads", "is_reading")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._gathering: list[Gathering] = []
        self._is_scheduled = False
        self._reads = 0
        self.is_reading = False

    def begin_read(self) -> None:
        """What is written from now on is an answer: gather it. Reads nest."""
        self._reads += 1
        self.is_reading = True

    def end_read(self) -> None:
        """The read has been processed: let everything go."""
        self._reads -= 1
        if not self._reads:
            self.is_reading = False
            if self._gathering:
                self._let_go()

    def join(self, outbox: Gathering) -> None:
        """Let ``outbox`` go when it is time."""
        self._gathering.append(outbox)
        if not self.is_reading and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._is_scheduled = False
        self._let_go()

    def _let_go(self) -> None:
        gathering, self._gathering = self._gathering, []
        for outbox in gathering:
            outbox.let_go()
