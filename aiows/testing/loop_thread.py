"""`LoopThread`: an event loop in a thread of its own, in which other threads run coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

__all__ = ("LoopThread",)

T = TypeVar("T")

JOIN_TIMEOUT: Final = 5.0
"""Seconds within which the loop has to cancel its tasks and end."""


class LoopThread:
    """Runs from `start` to `stop`. ``loop_factory``: that of `asyncio.Runner`."""

    def __init__(
        self, name: str, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    ) -> None:
        self._loop_factory = loop_factory
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        # A daemon: a handler that blocks the loop for ever must not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; returns when its loop runs. Raises what ``loop_factory`` raises."""
        self._thread.start()
        self._started.result()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, which runs in the thread."""
        return self._started.result()

    @property
    def ident(self) -> int | None:
        """The thread's number, as in ``logging.LogRecord.thread``."""
        return self._thread.ident

    def call(self, work: Coroutine[Any, Any, T], what: str, *, timeout: float) -> T:
        """Run ``work`` in the loop and return what it returns.

        Raises what it raises. After ``timeout`` seconds of real time ``work`` is cancelled, and a
        TimeoutError names ``what``. Raises RuntimeError in the loop's own thread.
        """
        if threading.get_ident() == self.ident:
            work.close()
            raise RuntimeError(f"{what}: called in the event loop itself, which this would block")
        running = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return running.result(timeout)
        except TimeoutError:
            if running.done():
                raise
            running.cancel()
            raise TimeoutError(f"{what}: not done after {timeout} seconds") from None

    def stop(self) -> None:
        """Cancel all tasks and end the thread. Raises RuntimeError if something blocks the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(JOIN_TIMEOUT)
        if self._thread.is_alive():
            raise RuntimeError(
                "the event loop does not end: something blocks it, or ignores its cancellation"
            )

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                loop = runner.get_loop()
                loop.call_soon(self._started.set_result, loop)
                loop.run_forever()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
