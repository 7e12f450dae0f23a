"""In go seconds that a test says have passed, out come the timers that were due: nothing waits for them.

Why not looptime or async-solipsism: the first moves time by itself whenever the loop has been idle for
some turns, so that bytes on their way through the kernel, or a client in another thread, are late by
two minutes, and has no way to say "120 seconds have passed now"; the second has no real sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

__all__ = ("VirtualClock",)

# Rounding when times are added: less than what asyncio itself takes for the same moment.
SAME_MOMENT: Final = 1e-9


class VirtualClock:
    """The time of an asyncio event loop, in a test's hands: ``with VirtualClock() as clock:``.

    Inside ``with`` the running loop's time stands still while anything happens. It moves when the test
    says `advance`; and when nothing at all happens until a timer is due, so that a test that waits in
    vain still ends with its own timeout, after that time. Afterwards time flows from where it was.

    ``settle`` (0.001): seconds of real time without any input or output after which everything that
    was to happen at a moment has happened. Loopback needs less; give more where another process or a
    thread pool must answer in between.

    Raises RuntimeError outside of a running loop, for a loop that is not asyncio's (uvloop), and in a
    loop that has a virtual clock.
    """

    def __init__(self, *, settle: float = 0.001) -> None:
        self._settle = settle
        self._now = 0.0
        self._target = 0.0
        self._arrival: asyncio.Future[None] | None = None
        self._loop: Any = None
        self._selector: Any = None
        self._real_time: Callable[[], float]

    def __enter__(self) -> Self:
        loop: Any = asyncio.get_running_loop()
        selector = getattr(loop, "_selector", None)
        if selector is None:
            raise RuntimeError(
                f"a virtual clock needs an event loop of asyncio's own, not {loop!r}"
            )
        if isinstance(selector, _Selector):
            raise RuntimeError("this event loop has a virtual clock already")
        self._loop, self._selector, self._real_time = loop, selector, loop.time
        self._now = loop.time()
        loop.time = self._time
        loop._selector = _Selector(selector, self._select)  # noqa: SLF001  # asyncio has no other way in
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _raised: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        loop, real_time = self._loop, self._real_time
        ahead = self._now - real_time()
        loop.time = lambda: real_time() + ahead
        loop._selector = self._selector  # noqa: SLF001
        self._loop = None

    @property
    def now(self) -> float:
        """The loop's time in seconds, from where it was when the clock was entered."""
        return self._now

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: timers run in their order, each at its own moment.

        What a timer starts (a ping, the peer's answer to it) has happened before time moves on, and
        everything that was due has when this returns. 0 lets happen what can happen now.

        Raises ValueError for less than 0, RuntimeError outside of ``with`` and if time is passing.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        if self._loop is None:
            raise RuntimeError("time is real outside of `with clock:`")
        if self._arrival is not None:
            raise RuntimeError("somebody else lets time pass just now")
        self._target = self._now + seconds
        self._arrival = arrival = self._loop.create_future()
        try:
            await arrival
        finally:
            self._arrival = None

    # the event loop's side

    def _time(self) -> float:
        return self._now

    def _select(self, timeout: float | None) -> Any:
        """Wait for input and output; ``timeout`` is the time to the next timer, None without one."""
        if timeout is not None and timeout <= 0:
            return self._selector.select(timeout)
        if self._arrival is not None and not self._arrival.done():
            return self._selector.select(self._settle) or self._step(timeout, self._arrival)
        events = self._selector.select(timeout)
        if not events and timeout is not None:
            self._now += timeout
        return events

    def _step(self, timeout: float | None, arrival: asyncio.Future[None]) -> Any:
        """All is quiet: go to the next timer, or to where we were going."""
        if timeout is not None and self._now + timeout <= self._target + SAME_MOMENT:
            self._now += timeout
        else:
            self._now = max(self._now, self._target)
            arrival.set_result(None)
        return []


class _Selector:
    """A selector that waits otherwise."""

    def __init__(self, selector: Any, select: Callable[[float | None], Any]) -> None:
        self._selector = selector
        self.select = select

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)
