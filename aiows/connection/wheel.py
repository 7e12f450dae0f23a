"""Timers for many connections that are precise to a part of a second: one timer of the loop for all."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("Timed", "Wheel")

# While those that are due are called: no appointment is before it, so the timer is set afterwards.
STRIKING: Final = -1


class Timed(Protocol):
    """Who has an appointment; ``appointment`` is the wheel's note of when, None without one."""

    appointment: Step | None

    def is_due(self, tick: int) -> None:
        """The time has come, which was asked for as ``tick``."""


class Step(dict[Timed, None]):
    """Who is due in one step of a wheel; a set would have up to 100 bytes for each of them."""

    __slots__ = ("tick",)

    def __init__(self, tick: int) -> None:
        super().__init__()
        self.tick = tick


class Wheel:
    """Keeps appointments to ``step`` seconds: never late by more than the loop, at most ``step`` early.

    A timer of its own would cost each connection some 500 bytes. Here those that are due in the same
    step are one set, and the timer waits for the next of them.
    """

    __slots__ = ("_armed", "_steps", "_timer", "loop", "step")

    def __init__(self, loop: asyncio.AbstractEventLoop, step: float) -> None:
        self.loop = loop
        self.step = step
        self._steps: dict[int, Step] = {}
        self._armed = 0
        self._timer: asyncio.TimerHandle | None = None

    def tick_of(self, time: float) -> int:
        """The step in which ``time`` lies."""
        return int(time // self.step)

    def schedule(self, who: Timed, when: float) -> None:
        """Call ``who.is_due(tick)`` at ``when``, in the loop's time, once."""
        tick = self.tick_of(when)
        step = self._steps.get(tick)
        if step is None:
            step = self._steps[tick] = Step(tick)
        step[who] = None
        who.appointment = step
        if self._timer is None or tick < self._armed:
            self._arm(tick)

    def cancel(self, who: Timed) -> None:
        """Cancel the appointment, if there is one."""
        step, who.appointment = who.appointment, None
        if step is None:
            return
        step.pop(who, None)
        if not step:
            self._steps.pop(step.tick, None)
        if not self._steps:
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
            step = self._steps.pop(tick, None)
            while step:
                who, _ = step.popitem()
                who.appointment = None
                who.is_due(tick)
        finally:
            self._disarm()
            if self._steps:
                self._arm(min(self._steps))
