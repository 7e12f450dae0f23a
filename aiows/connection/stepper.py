"""Runs coroutines inside tasks, from their first step on, which is made at once.

A handler that never waits costs no turn of the loop, and one that does is an ordinary task: it has a
current task from its first line on, which `asyncio.timeout`, `TaskGroup` and client libraries need.

A new task for each handler costs several times what a parked one does that is used again and again (python
benchmarks/stepper.py). What is used of asyncio for it is what its documentation has under 'Extending'.
"""

# What asyncio documents for those who extend it has private names.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import sys
from asyncio.tasks import _register_task, _unregister_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any, Final, TypeAlias, TypeVar, cast
from weakref import getweakrefcount

__all__ = (
    "InContext",
    "Parked",
    "Stepper",
    "Work",
    "current_task",
    "first_step",
    "is_cancelled",
    "rest_of",
    "swap_current_task",
)

T = TypeVar("T")

Work: TypeAlias = Coroutine[Any, Any, Any]

# A handler starts another one when it closes a connection, or sends to one that has a callback for it.
# So deep do they rarely nest, and only as many tasks are ever free at once.
MAX_PARKED: Final = 16


if sys.version_info >= (3, 12):
    from asyncio import current_task
    from asyncio.tasks import _swap_current_task as swap_current_task
else:
    from asyncio import tasks
    from asyncio.tasks import _enter_task, _leave_task

    # asyncio's own is written in Python here, and this is asked for each message that a view awaits.
    current_task: Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None]
    current_task = cast(Any, tasks)._current_tasks.get

    def swap_current_task(
        loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None
    ) -> asyncio.Task[Any] | None:
        """Make ``task`` the current one of ``loop``, or none; return the one that was."""
        outer = current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        if task is not None:
            _enter_task(loop, task)
        return outer


def is_cancelled(error: BaseException) -> bool:
    """Whether ``error`` is the current task's own cancellation, not that of something that it awaited."""
    task = asyncio.current_task() if isinstance(error, asyncio.CancelledError) else None
    return task is not None and task.cancelling() > 0


def first_step(work: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
    """Step ``work`` once: ``(True, what it returned)`` or ``(False, what it waits for)``.

    Raises what it raises. The native one is cheaper for a reason: it makes no StopIteration of a return.
    """
    try:
        return False, work.send(None)
    except StopIteration as done:
        return True, done.value


@coroutine
def rest_of(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Await the rest of ``work``, whose first step was made and has led to ``waits_for``."""
    while True:
        try:
            yield waits_for
        except BaseException as error:
            try:
                waits_for = work.throw(error)
            except StopIteration as done:
                return cast("T", done.value)
        else:
            return (yield from work.__await__())


class InContext(Coroutine[Any, Any, Any]):
    """``work``, of which each step runs in ``context``, whoever makes it."""

    __slots__ = ("_context", "_work")

    def __init__(self, work: Work, context: Context) -> None:
        self._work = work
        self._context = context

    def send(self, value: Any) -> Any:
        return self._context.run(self._work.send, value)

    def throw(self, *error: Any) -> Any:
        return self._context.run(self._work.throw, *error)

    def close(self) -> None:
        self._context.run(self._work.close)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)  # its name and frame, for who looks at tasks

    def __await__(self) -> InContext:
        return self

    def __iter__(self) -> InContext:
        return self

    def __next__(self) -> Any:
        return self.send(None)


def new_task(work: Work, loop: asyncio.AbstractEventLoop, context: Context) -> asyncio.Task[Any]:
    """Return a task that is nobody's.

    Who waits for all tasks, or cancels them, does not mean it; a loop that is closed loses nothing with it.
    """
    task = asyncio.Task(work, loop=loop, context=context)
    _unregister_task(task)
    cast(Any, task)._log_destroy_pending = False
    return task


class Parked(Coroutine[Any, Any, Any]):
    """A task that waits for work, and takes it over where its first step has left it.

    It is what the task runs, and until there is work also what the task waits for: it has what
    `asyncio.Task` asks of a coroutine, and what it asks of a future.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_is_blocking",
        "_is_cancelled",
        "_is_handed_over",
        "_loop",
        "_then",
        "_waits_for",
        "_work",
        "task",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self._loop = loop
        self._work: InContext | None = None
        self._then: Callable[[], object] | None = None
        self._waits_for: Any = None
        self._is_blocking = False
        self._is_handed_over = False
        self._is_cancelled = False
        self._callback: tuple[Callable[[Parked], object], Context] | None = None
        self._asyncio_future_blocking = False
        self.task: asyncio.Task[Any] | None = new_task(self, loop, context)

    def hand_over(
        self,
        work: Work,
        waits_for: Any,
        context: Context,
        then: Callable[[], object] | None = None,
    ) -> asyncio.Task[Any]:
        """Let the task go on with ``work`` in ``context``, and call ``then`` when that has returned."""
        self._work = InContext(work, context)
        self._then = then
        self._waits_for = waits_for
        # As a task does with what it waits for: others may wait for the same before this one gets to it.
        self._is_blocking = bool(getattr(waits_for, "_asyncio_future_blocking", None))
        if self._is_blocking:
            waits_for._asyncio_future_blocking = False
        self._is_handed_over = True
        task, self.task = self.task, None  # or each would keep the other
        assert task is not None
        _register_task(task)
        if self._callback is not None:
            callback, own_context = self._callback
            self._callback = None
            self._loop.call_soon(callback, self, context=own_context)
        return task

    def is_free(self, references: int) -> bool:
        """Whether it can be used again: it was not cancelled, and nobody has kept the task.

        Who has it (a session by task, a list of what to cancel) means the work that it was, not the next
        one. ``references``: so many there were before.
        """
        task = self.task
        if task is None or self._is_cancelled:
            return False
        if self._callback is None and cast(Any, task)._must_cancel:
            return False  # it has not begun to wait, so nobody has called `cancel`
        return sys.getrefcount(task) <= references and not getweakrefcount(task)

    # what the task runs

    def send(self, value: Any) -> Any:
        if self._work is None:
            self._asyncio_future_blocking = True
            return self
        if self._is_handed_over:
            return self._taken_over()
        try:
            return self._work.send(value)
        except StopIteration:
            if self._then is not None:
                self._then()
            raise

    def throw(self, *error: Any) -> Any:
        if self._work is None:
            raise error[0]
        if self._is_handed_over:
            # Cancelled before the task has seen what its work waits for: cancel that, as it would.
            waits_for = self._taken_over()
            reason: tuple[Any, ...] = getattr(error[0], "args", ())
            if waits_for is not None and waits_for.cancel(*reason):
                return waits_for
        try:
            return self._work.throw(*error)
        except StopIteration:
            if self._then is not None:
                self._then()
            raise

    def _taken_over(self) -> Any:
        self._is_handed_over = False
        waits_for, self._waits_for = self._waits_for, None
        if self._is_blocking:
            waits_for._asyncio_future_blocking = True
        return waits_for

    def close(self) -> None:
        if self._work is not None:
            self._work.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def __await__(self) -> Any:
        raise NotImplementedError("run by a task only")

    # what the task waits for

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[Parked], object], *, context: Context) -> None:
        self._callback = callback, context

    def cancel(self, msg: object = None) -> bool:
        self._is_cancelled = True
        return False  # the task is to throw it where the work waits

    def result(self) -> None:
        """There is work."""


class Stepper:
    """Starts coroutines in one event loop.

    ``empty``: the context without any variable, one for all connections that have none.
    """

    __slots__ = ("_free", "empty", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.empty = Context()
        self._free: list[Parked] = []

    def captured(self) -> Context:
        """Return a copy of the current context, `empty` if nothing is set in it."""
        context = copy_context()
        return context if len(context) else self.empty

    def start(self, work: Work, context: Context) -> asyncio.Task[Any] | None:
        """Run ``work`` in ``context`` until it first waits; return the task that goes on with it.

        None if it has ended. Raises what the first step raises, but for a cancellation.
        """
        with self.inside_task() as parked:
            try:
                has_ended, waits_for = context.run(first_step, work)
            except asyncio.CancelledError:
                return None
            return None if has_ended else parked.hand_over(work, waits_for, context)

    def inside_task(self) -> Inside:
        """Be inside a parked task in a ``with`` block, as its work is; it is the block's `Parked`."""
        parked = self._free.pop() if self._free else Parked(self.loop, self.empty)
        return Inside(self, parked)

    def give_back(self, parked: Parked, references: int) -> None:
        """Use the task again, if it can be."""
        if len(self._free) < MAX_PARKED and parked.is_free(references):
            self._free.append(parked)


class Inside:
    """A ``with`` block inside a parked task."""

    __slots__ = ("_outer", "_parked", "_references", "_stepper")

    def __init__(self, stepper: Stepper, parked: Parked) -> None:
        self._stepper = stepper
        self._parked = parked

    def __enter__(self) -> Parked:
        task = self._parked.task
        self._references = sys.getrefcount(task)
        self._outer = swap_current_task(self._stepper.loop, task)
        return self._parked

    def __exit__(self, *_: object) -> None:
        swap_current_task(self._stepper.loop, self._outer)
        self._stepper.give_back(self._parked, self._references)
