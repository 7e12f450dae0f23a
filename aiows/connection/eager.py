"""In goes a coroutine, its first step is made at once, inside a task; out comes that task, None if it ended.

A handler that never waits costs no turn of the loop, and one that does is an ordinary task: it has a
current task from its first line on, which `asyncio.timeout`, `TaskGroup` and client libraries need.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

__all__ = ("start_eagerly",)

if sys.version_info >= (3, 12):

    def start_eagerly(
        work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[None] | None:
        """Run ``work`` until it first waits; return the task that goes on, None if it has ended."""
        task = asyncio.Task(work, loop=loop, eager_start=True)
        return None if task.done() else task

else:

    def start_eagerly(
        work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[None] | None:
        """Run ``work`` until it first waits; return the task that goes on, None if it has ended."""
        stepped = _Stepped(work)
        task = loop.create_task(stepped)
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio.tasks._leave_task(loop, outer)
        asyncio.tasks._enter_task(loop, task)
        try:
            stepped.first_step()
        finally:
            asyncio.tasks._leave_task(loop, task)
            if outer is not None:
                asyncio.tasks._enter_task(loop, outer)
        return None if stepped.is_done else task

    class _Stepped(Coroutine[Any, Any, None]):
        """A coroutine whose first step was made before the first step of the task that runs it."""

        __slots__ = ("_is_parked", "_waits_for", "_work", "is_done")

        def __init__(self, work: Coroutine[Any, Any, None]) -> None:
            self._work = work
            self._waits_for: Any = None
            self._is_parked = True
            self.is_done = False

        def first_step(self) -> None:
            try:
                self._waits_for = self._work.send(None)
            except StopIteration:
                self.is_done = True

        def send(self, value: Any) -> Any:
            if not self._is_parked:
                return self._work.send(value)
            self._is_parked = False
            if self.is_done:
                raise StopIteration
            return self._waits_for

        def throw(self, *error: Any) -> Any:
            self._is_parked = False
            if self.is_done:
                raise StopIteration
            return self._work.throw(*error)

        def close(self) -> None:
            self._work.close()

        def __await__(self) -> Any:
            raise NotImplementedError("run by a task only")
