"""`VirtualClock`: a test moves the time of its event loop, so that timers run without waiting.

Why not looptime or async-solipsism? looptime moves time by itself when the loop has been idle for some
turns: bytes that are still in the kernel, or a client in another thread, then come minutes late. It also
cannot be told "120 seconds have passed now". async-solipsism has no real sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

__all__ = ("VirtualClock",)

# Seconds. Rounding errors are smaller, and asyncio itself treats times that are this close as equal.
SAME_MOMENT: Final = 1e-9


class VirtualClock:
    """Controls the time of an asyncio event loop: ``with VirtualClock() as clock:``.

    Inside ``with`` the running loop's time stands still. It moves when the test calls `advance`. It also
    moves if nothing happens in real time until the next timer is due, so that a test that waits in vain
    still ends with its own timeout. After the ``with`` time goes on from where it was.

    ``settle`` (0.001): seconds of real time without input or output after which everything at the present
    moment has happened. Loopback needs less; give more if another process or a thread pool has to answer.

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
        """Let ``seconds`` pass: timers run in their order, each at its own time.

        What a timer starts (a ping, the peer's answer to it) is done before time moves on. When this returns,
        everything that was due is done. ``advance(0)`` lets everything happen that can happen now.

        Raises ValueError for less than 0, and RuntimeError outside of ``with`` or during another `advance`.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        if self._loop is None:
            raise RuntimeError("a virtual clock works inside of `with clock:` only")
        if self._arrival is not None:
            raise RuntimeError("another advance() is not done yet")
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
        """Nothing happens: move the time to the next timer, or to the end of the advance."""
        if timeout is not None and self._now + timeout <= self._target + SAME_MOMENT:
            self._now += timeout
        else:
            self._now = max(self._now, self._target)
            arrival.set_result(None)
        return []


class _Selector:
    """The loop's selector, with another ``select``."""

    def __init__(self, selector: Any, select: Callable[[float | None], Any]) -> None:
        self._selector = selector
        self.select = select

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)
