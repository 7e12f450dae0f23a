"""In goes a coroutine, its first step is made at once, inside a task; out comes that task, None if it ended.

A handler that never waits costs no turn of the loop, and one that does is an ordinary task: it has a
current task from its first line on, which `asyncio.timeout`, `TaskGroup` and client libraries need.

Python 3.12 has tasks that start eagerly. 3.11 has none, and a new task for each handler costs nine times
what a parked one does that is used again and again (python benchmarks/eager.py: 1.5 against 14
microseconds; in 3.12 and 3.13 parked tasks need 2.3, eager ones 1.6). What is used of asyncio for it is
what its documentation has under 'Extending'.
"""

# What asyncio documents for those who extend it has private names.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task, _register_task, _unregister_task
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, Final, TypeAlias, cast

from .cores import first_step

__all__ = ("Eager", "Work", "current_task")

Work: TypeAlias = Coroutine[Any, Any, None]

# A handler starts another one when it closes a connection, or sends to one that has a callback for it.
# So deep do they rarely nest, and only as many tasks are ever free at once.
MAX_PARKED: Final = 16


if sys.version_info >= (3, 12):
    from asyncio import current_task

    class Eager:
        """Starts coroutines in one event loop."""

        __slots__ = ("_loop",)

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop

        def start(self, work: Work) -> asyncio.Task[None] | None:
            """Run ``work`` until it first waits; return the task that goes on, None if it has ended.

            ``work`` sees the context variables of its caller, and what it sets is its own.
            """
            task = asyncio.Task(work, loop=self._loop, eager_start=True)
            return None if task.done() else task

else:
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]

    # asyncio's own is written in Python here, and this is asked for each message that a view awaits.
    current_task: Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None]
    current_task = cast("dict[Any, asyncio.Task[Any]]", _current_tasks).get

    class Eager:
        """Starts coroutines in one event loop."""

        __slots__ = ("_loop", "_parked")

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop
            self._parked: list[_Parked] = []

        def start(self, work: Work) -> asyncio.Task[None] | None:
            """Run ``work`` until it first waits; return the task that goes on, None if it has ended.

            ``work`` sees the context variables of its caller, and what it sets is its own.
            """
            loop, parked = self._loop, self._free()
            task = parked.task
            outer = asyncio.current_task(loop)
            if outer is not None:
                _leave_task(loop, outer)
            _enter_task(loop, task)
            try:
                has_ended = parked.first_step(work)
            finally:
                _leave_task(loop, task)
                if outer is not None:
                    _enter_task(loop, outer)
            if not has_ended:
                parked.hand_over()
                return task
            if len(self._parked) < MAX_PARKED:
                self._parked.append(parked)
            return None

        def _free(self) -> _Parked:
            while self._parked:
                parked = self._parked.pop()
                if parked.is_free:
                    return parked
            return _Parked(self._loop)

    class _Parked(Coroutine[Any, Any, None]):
        """What a task runs that waits for work; it takes it over where the first step has left it."""

        __slots__ = ("_context", "_is_handed_over", "_waits_for", "_wake", "_work", "task")

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._work: Work | None = None
            self._context: Context
            self._waits_for: Any = None
            self._is_handed_over = False
            self._wake: asyncio.Future[None] = loop.create_future()
            self.task: asyncio.Task[None] = asyncio.Task(self, loop=loop)
            # It is nobody's: who waits for all tasks, or cancels them, does not mean it, and a loop that is
            # closed loses nothing with it.
            _unregister_task(self.task)
            cast(Any, self.task)._log_destroy_pending = False

        @property
        def is_free(self) -> bool:
            """Whether nobody has cancelled it, which the work before may have done to itself."""
            return not self._wake.done() and not self.task.cancelling()

        def first_step(self, work: Work) -> bool:
            """Step ``work`` once; return whether that was all of it."""
            self._context = copy_context()
            try:
                has_ended, self._waits_for = self._context.run(first_step, work)
            except asyncio.CancelledError:
                return True
            if not has_ended:
                self._work = work
            return has_ended

        def hand_over(self) -> None:
            """Let the task go on with the work."""
            _register_task(self.task)
            self._is_handed_over = True
            if not self._wake.done():
                self._wake.set_result(None)

        # the task's side

        def send(self, value: Any) -> Any:
            if self._work is None:
                return next(self._wake.__await__())
            if self._is_handed_over:
                self._is_handed_over = False
                return self._waits_for
            return self._context.run(self._work.send, value)

        def throw(self, *error: Any) -> Any:
            if self._work is None:
                raise error[0]
            if self._is_handed_over:
                # Cancelled before the task has seen what its work waits for: cancel that, as it would.
                self._is_handed_over = False
                reason: tuple[Any, ...] = getattr(error[0], "args", ())
                if self._waits_for is not None and self._waits_for.cancel(*reason):
                    return self._waits_for
            return self._context.run(self._work.throw, *error)

        def close(self) -> None:
            if self._work is not None:
                self._work.close()

        def __await__(self) -> Any:
            raise NotImplementedError("run by a task only")
