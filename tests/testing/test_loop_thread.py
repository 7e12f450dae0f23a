"""`LoopThread`: coroutines run in a loop in another thread, and every mistake ends with an error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from aiows.testing.loop_thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    """One that runs, until the end of the test."""
    running = LoopThread("of a test")
    running.start()
    yield running
    running.stop()


async def fail() -> None:
    raise ZeroDivisionError


def test_a_coroutine_runs_in_the_thread_and_its_result_comes_back(thread: LoopThread) -> None:
    """Its exception, too."""

    async def where() -> int | None:
        return threading.get_ident()

    assert thread.call(where(), "asking", timeout=5) == thread.ident
    with pytest.raises(ZeroDivisionError):
        thread.call(fail(), "failing", timeout=5)


def test_what_takes_too_long_is_cancelled_and_named(thread: LoopThread) -> None:
    """The text says what it was and how long it had."""
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    with pytest.raises(TimeoutError, match=r"waiting: not done after 0\.01 seconds"):
        thread.call(wait(), "waiting", timeout=0.01)
    assert ended.wait(5)


def test_a_timeout_of_the_coroutine_itself_passes(thread: LoopThread) -> None:
    """It is no mistake of the caller's."""

    async def time_out() -> None:
        raise TimeoutError("a database")

    with pytest.raises(TimeoutError, match="a database"):
        thread.call(time_out(), "asking", timeout=5)


def test_a_call_in_the_loop_itself_is_refused(thread: LoopThread) -> None:
    """It would wait for itself."""

    async def call_again() -> None:
        thread.call(fail(), "failing", timeout=5)

    with pytest.raises(RuntimeError, match="failing: called in the event loop itself"):
        thread.call(call_again(), "calling", timeout=5)


def test_tasks_are_cancelled_at_the_end() -> None:
    """The thread has ended when `stop` returns."""
    thread = LoopThread("of a test")
    thread.start()
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(3600)))
        await asyncio.sleep(0)

    thread.call(start(), "starting", timeout=5)
    thread.stop()
    assert tasks[0].cancelled()


def test_a_loop_that_cannot_be_made_is_an_error_of_start() -> None:
    """Not of a thread that nobody looks at."""

    def no_loop() -> asyncio.AbstractEventLoop:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LoopThread("of a test", no_loop).start()
