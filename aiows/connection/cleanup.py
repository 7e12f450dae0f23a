"""What is left to do when a connection is over: coroutine functions, which can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeAlias

from .builds import Stepper
from .settling import settle

__all__ = ("Cleanup", "CleanupFunction")

CleanupFunction: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Cleanup:
    """The clean-up functions of one connection; what one of them raises is its own to catch."""

    __slots__ = ("_functions", "_tasks")

    def __init__(self) -> None:
        self._functions: list[CleanupFunction] = []
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps tasks only weakly

    def add(self, function: CleanupFunction) -> None:
        self._functions.append(function)

    def begin(self, stepper: Stepper, context: Context) -> None:
        """It is over: run what was added, the last one first, each until it first waits.

        Each runs in a copy of ``context``, the connection's.
        """
        while self._functions:
            own = context.copy()
            task = stepper.start(own.run(self._functions.pop()), own)
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    @property
    def is_at_work(self) -> bool:
        """Whether `settle` would have to wait."""
        return bool(self._tasks)

    async def settle(self, timeout: float | None) -> None:
        """Wait until all of it is done; after ``timeout`` seconds cancel what is not."""
        await settle(self._tasks, timeout)
