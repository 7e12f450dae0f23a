"""In go appointments, out they come when they are due: one timer for all connections of a loop."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("Punctual", "Wheel")

STRIKING: Final = (
    -1
)  # no appointment is before it: the timer is set when all that are due were called


class Punctual(Protocol):
    """Who has an appointment; ``tick`` is the wheel's note of when, None without one."""

    tick: int | None

    def is_due(self, tick: int) -> None:
        """The time has come, which was asked for as ``tick``."""


class Wheel:
    """Keeps appointments to ``step`` seconds: never late by more than the loop, at most ``step`` early.

    A timer of its own would cost each connection some 500 bytes. Here those that are due in the same
    step are one set, and the timer waits for the next of them.
    """

    __slots__ = ("_armed", "_due", "_timer", "loop", "step")

    def __init__(self, loop: asyncio.AbstractEventLoop, step: float) -> None:
        self.loop = loop
        self.step = step
        self._due: dict[int, set[Punctual]] = {}
        self._armed = 0
        self._timer: asyncio.TimerHandle | None = None

    def tick_of(self, time: float) -> int:
        """The step in which ``time`` lies."""
        return int(time // self.step)

    def meet(self, who: Punctual, when: float) -> None:
        """Call ``who.is_due(tick)`` at ``when``, in the loop's time, once."""
        who.tick = tick = self.tick_of(when)
        self._due.setdefault(tick, set()).add(who)
        if self._timer is None or tick < self._armed:
            self._arm(tick)

    def forget(self, who: Punctual) -> None:
        """Cancel the appointment, if there is one."""
        tick, who.tick = who.tick, None
        if tick is None or (due := self._due.get(tick)) is None:
            return
        due.discard(who)
        if not due:
            del self._due[tick]
        if not self._due:
            self._disarm()

    def _arm(self, tick: int) -> None:
        self._disarm()
        self._armed = tick
        self._timer = self.loop.call_at(tick * self.step, self._strike)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _strike(self) -> None:
        tick, self._armed = self._armed, STRIKING
        try:
            self._call(self._due.pop(tick, set()), tick)
        finally:
            self._disarm()
            if self._due:
                self._arm(min(self._due))

    def _call(self, due: set[Punctual], tick: int) -> None:
        for who in due:
            if who.tick == tick:  # or one that was called before it has cancelled it
                who.tick = None
                who.is_due(tick)
