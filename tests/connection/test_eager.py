"""A coroutine's first step is made at once, inside a task."""

from __future__ import annotations

import asyncio

import pytest

from aiows.connection.eager import start_eagerly


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
