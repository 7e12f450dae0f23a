"""In go coroutine functions while a connection lives; once it is over they run, and can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from .per_loop import per_loop

__all__ = ("Cleanup", "CleanupFunction")

CleanupFunction: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Cleanup:
    """What is left to do when a connection is over; what raises is the farewell's own to catch."""

    __slots__ = ("_farewells", "_tasks")

    def __init__(self) -> None:
        self._farewells: list[CleanupFunction] = []
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps tasks only weakly

    def add(self, farewell: CleanupFunction) -> None:
        self._farewells.append(farewell)

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """It is over: run what was added, the last one first, each until it first waits."""
        eager = per_loop(loop).eager
        while self._farewells:
            task = eager.start(self._farewells.pop()())
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def settle(self, timeout: float | None) -> None:
        """Wait until all of it is done; after ``timeout`` seconds cancel what is not."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
