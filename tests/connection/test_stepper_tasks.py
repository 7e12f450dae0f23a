"""A coroutine's first step is made at once, inside a task."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from typing import cast

import pytest

from aiows.connection.eager import Eager, Work


def start_eagerly(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Start ``work`` as a connection's handlers are."""
    return Eager(loop).start(work)


async def test_work_that_never_waits_has_ended_when_the_call_returns() -> None:
    """And leaves no task behind."""
    done: list[str] = []

    async def work() -> None:
        done.append("done")

    assert start_eagerly(work(), asyncio.get_running_loop()) is None
    assert done == ["done"]


async def test_the_first_step_has_its_own_current_task_and_keeps_it() -> None:
    """asyncio.timeout and TaskGroup need one; ours is back in its place afterwards."""
    tasks: list[asyncio.Task[object] | None] = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    ours = asyncio.current_task()
    task = start_eagerly(work(), asyncio.get_running_loop())
    assert asyncio.current_task() is ours
    assert task is not None
    await task
    assert tasks == [task, task]
    assert task is not ours


async def test_a_timeout_around_the_first_wait_fires() -> None:
    """The task that goes on is the one that the timeout cancels."""
    seen: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            seen.append("timeout")

    task = start_eagerly(work(), asyncio.get_running_loop())
    assert task is not None
    await task
    assert seen == ["timeout"]


async def test_a_task_group_works_in_the_first_step() -> None:
    """Its children run to their end."""
    seen: list[int] = []

    async def child(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(child(number))

    task = start_eagerly(work(), asyncio.get_running_loop())
    assert task is not None
    await task
    assert seen == [0, 1, 2]


async def test_a_cancel_before_the_loop_turns_reaches_the_work() -> None:
    """It is thrown in where the work waits, so that its clean-up runs."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = start_eagerly(work(), asyncio.get_running_loop())
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_a_cancel_before_the_loop_turns_cancels_what_is_waited_for() -> None:
    """A semaphore that is left so must not take it that it was entered."""
    loop, semaphore = asyncio.get_running_loop(), asyncio.Semaphore(1)
    await semaphore.acquire()

    async def enter() -> None:
        await semaphore.acquire()

    task = start_eagerly(enter(), loop)
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert semaphore.locked()


async def test_it_may_begin_inside_another_eager_step() -> None:
    """A handler that closes a connection starts the close callback from within."""
    seen: list[str] = []

    async def inner() -> None:
        seen.append("inner")

    async def outer() -> None:
        mine = asyncio.current_task()
        start_eagerly(inner(), asyncio.get_running_loop())
        assert asyncio.current_task() is mine
        seen.append("outer")

    assert start_eagerly(outer(), asyncio.get_running_loop()) is None
    assert seen == ["inner", "outer"]


# used again


async def test_what_one_handler_sets_the_next_one_does_not_see() -> None:
    """Context variables are a handler's own, also when it goes on after a wait."""
    name = ContextVar("name", default="nobody")
    seen: list[str] = []
    eager = Eager(asyncio.get_running_loop())

    async def work(mine: str) -> None:
        seen.append(name.get())
        name.set(mine)
        await asyncio.sleep(0)
        seen.append(name.get())

    async def short() -> None:
        seen.append(name.get())
        name.set("short")

    assert eager.start(short()) is None
    first, second = eager.start(work("first")), eager.start(work("second"))
    assert first is not None
    assert second is not None
    await first
    await second
    assert seen == ["nobody", "nobody", "nobody", "first", "second"]
    assert name.get() == "nobody"


async def test_a_handler_that_cancels_itself_is_cancelled_where_it_waits() -> None:
    """And whoever comes next is not."""
    seen: list[str] = []
    eager = Eager(asyncio.get_running_loop())

    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        seen.append("goes on")

    async def waits() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(10)

    async def next_one() -> None:
        await asyncio.sleep(0)
        seen.append("next")

    assert eager.start(cancels_itself()) is None
    cancelled = eager.start(waits())
    assert cancelled is not None
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    task = eager.start(next_one())
    assert task is not None
    await task
    assert seen == ["goes on", "next"]


async def test_only_tasks_that_have_work_are_tasks_of_the_loop() -> None:
    """Who waits for all tasks waits for the handlers, and for nothing that will never end."""
    eager = Eager(asyncio.get_running_loop())
    gate = asyncio.Event()

    async def returns() -> None:
        """Nothing in it waits."""

    ours = asyncio.current_task()
    assert eager.start(returns()) is None
    assert asyncio.all_tasks() == {ours}
    task = eager.start(cast(Work, gate.wait()))
    assert asyncio.all_tasks() == {ours, task}
    gate.set()
    assert task is not None
    await task
    assert asyncio.all_tasks() == {ours}


def test_a_loop_that_is_closed_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """No 'Task was destroyed but it is pending' for what had nothing to do."""
    loop = asyncio.new_event_loop()

    async def returns() -> None:
        """Nothing in it waits."""

    async def main() -> None:
        assert Eager(asyncio.get_running_loop()).start(returns()) is None
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    loop.close()
    del loop
    gc.collect()
    assert caplog.messages == []
