"""The stepper: a coroutine's first step is made at once, inside a task, in the context that it is given."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from types import coroutine
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows.connection.stepper import MAX_PARKED, Work
from builds import Build

name: ContextVar[str] = ContextVar("name", default="nobody")


@coroutine
def wait_for(what: Any) -> Any:
    return (yield what)


async def returning(value: Any) -> Any:
    return value


async def waiting(what: Any) -> Any:
    return await wait_for(what)


async def failing(error: BaseException) -> None:
    raise error


@given(value=st.none() | st.integers() | st.tuples(st.integers()) | st.text())
def test_one_that_does_not_wait_has_ended_with_its_value(build: Build, value: object) -> None:
    """A tuple, too, which an exception would take for its arguments."""
    assert build.first_step(returning(value)) == (True, value)


def test_one_that_waits_says_for_what_and_goes_on_from_there(build: Build) -> None:
    """It is stepped once."""
    work = waiting("a future")
    assert build.first_step(work) == (False, "a future")
    with pytest.raises(StopIteration) as ended:
        work.send("its result")
    assert ended.value.value == "its result"


@pytest.mark.parametrize("error", [LookupError("here"), KeyboardInterrupt(), StopAsyncIteration()])
def test_what_it_raises_is_raised(build: Build, error: BaseException) -> None:
    """The very same object."""
    with pytest.raises(type(error)) as raised:
        build.first_step(failing(error))
    assert raised.value is error


def test_nothing_is_kept_of_what_it_returned(build: Build) -> None:
    """A reference too many would be a leak for each message."""
    value = object()
    before = sys.getrefcount(value)
    for _ in range(10):
        build.first_step(returning(value))
    work = waiting(value)
    build.first_step(work)
    work.close()
    del work
    assert sys.getrefcount(value) == before


def test_what_is_no_coroutine_is_refused(build: Build) -> None:
    """And not taken for one."""
    with pytest.raises((TypeError, AttributeError)):
        build.first_step(None)


# inside a task


def start(build: Build, work: Work) -> asyncio.Task[Any] | None:
    """Start ``work`` as a connection's handlers are."""
    return build.Stepper(asyncio.get_running_loop()).start(work, copy_context())


async def test_work_that_never_waits_has_ended_when_the_call_returns(build: Build) -> None:
    """And leaves no task behind."""
    done: list[str] = []

    async def work() -> None:
        done.append("done")

    assert start(build, work()) is None
    assert done == ["done"]


async def test_the_first_step_has_its_own_current_task_and_keeps_it(build: Build) -> None:
    """asyncio.timeout and TaskGroup need one; ours is back in its place afterwards."""
    tasks: list[asyncio.Task[object] | None] = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    ours = asyncio.current_task()
    task = start(build, work())
    assert asyncio.current_task() is ours
    assert task is not None
    await task
    assert tasks == [task, task]
    assert task is not ours


async def test_a_timeout_around_the_first_wait_fires(build: Build) -> None:
    """The task that goes on is the one that the timeout cancels."""
    seen: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            seen.append("timeout")

    task = start(build, work())
    assert task is not None
    await task
    assert seen == ["timeout"]


async def test_a_task_group_works_in_the_first_step(build: Build) -> None:
    """Its children run to their end."""
    seen: list[int] = []

    async def child(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(child(number))

    task = start(build, work())
    assert task is not None
    await task
    assert seen == [0, 1, 2]


async def test_a_cancel_before_the_loop_turns_reaches_the_work(build: Build) -> None:
    """It is thrown in where the work waits, so that its clean-up runs."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = start(build, work())
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_a_cancel_before_the_loop_turns_cancels_what_is_waited_for(build: Build) -> None:
    """A semaphore that is left so must not take it that it was entered."""
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()

    async def enter() -> None:
        await semaphore.acquire()

    task = start(build, enter())
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert semaphore.locked()


async def test_it_may_begin_inside_another_first_step(build: Build) -> None:
    """A handler that closes a connection starts the close callback from within."""
    seen: list[str] = []

    async def inner() -> None:
        seen.append("inner")

    async def outer() -> None:
        mine = asyncio.current_task()
        start(build, inner())
        assert asyncio.current_task() is mine
        seen.append("outer")

    assert start(build, outer()) is None
    assert seen == ["inner", "outer"]


# used again


async def test_what_one_handler_sets_the_next_one_does_not_see(build: Build) -> None:
    """Context variables are a handler's own, also when it goes on after a wait."""
    seen: list[str] = []
    stepper = build.Stepper(asyncio.get_running_loop())

    async def work(mine: str) -> None:
        seen.append(name.get())
        name.set(mine)
        await asyncio.sleep(0)
        seen.append(name.get())

    async def short() -> None:
        seen.append(name.get())
        name.set("short")

    assert stepper.start(short(), copy_context()) is None
    first = stepper.start(work("first"), copy_context())
    second = stepper.start(work("second"), copy_context())
    assert first is not None
    assert second is not None
    await first
    await second
    assert seen == ["nobody", "nobody", "nobody", "first", "second"]
    assert name.get() == "nobody"


async def test_a_handler_that_cancels_itself_is_cancelled_where_it_waits(build: Build) -> None:
    """And whoever comes next is not."""
    seen: list[str] = []
    stepper = build.Stepper(asyncio.get_running_loop())

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

    assert stepper.start(cancels_itself(), copy_context()) is None
    cancelled = stepper.start(waits(), copy_context())
    assert cancelled is not None
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    task = stepper.start(next_one(), copy_context())
    assert task is not None
    await task
    assert seen == ["goes on", "next"]


async def test_only_tasks_that_have_work_are_tasks_of_the_loop(build: Build) -> None:
    """Who waits for all tasks waits for the handlers, and for nothing that will never end."""
    stepper = build.Stepper(asyncio.get_running_loop())
    gate = asyncio.Event()

    async def returns() -> None:
        """Nothing in it waits."""

    ours = asyncio.current_task()
    assert stepper.start(returns(), copy_context()) is None
    assert asyncio.all_tasks() == {ours}
    task = stepper.start(gate.wait(), copy_context())
    assert asyncio.all_tasks() == {ours, task}
    gate.set()
    assert task is not None
    await task
    assert asyncio.all_tasks() == {ours}


def test_a_loop_that_is_closed_loses_nothing(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    """No 'Task was destroyed but it is pending' for what had nothing to do."""
    loop = asyncio.new_event_loop()

    async def returns() -> None:
        """Nothing in it waits."""

    async def main() -> None:
        assert start(build, returns()) is None
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    loop.close()
    del loop
    gc.collect()
    assert caplog.messages == []


async def test_a_task_that_ended_without_a_wait_is_used_again(build: Build) -> None:
    """A new one for each handler would be most of what a short handler costs."""
    stepper = build.Stepper(asyncio.get_running_loop())
    seen: set[int] = set()

    async def work() -> None:
        seen.add(id(asyncio.current_task()))

    for _ in range(3):
        assert stepper.start(work(), copy_context()) is None
        await asyncio.sleep(0)
    assert len(seen) == 1


@pytest.mark.parametrize("way", ["by itself", "in a cache of weak keys"])
async def test_a_task_that_somebody_has_kept_is_not_used_again(build: Build, way: str) -> None:
    """Who keeps one (a session by task, a list of what to cancel) means that handler and no other."""
    stepper = build.Stepper(asyncio.get_running_loop())
    strongly: list[asyncio.Task[Any] | None] = []
    weakly: WeakKeyDictionary[Any, None] = WeakKeyDictionary()
    seen: list[str] = []

    async def keeps() -> None:
        if way == "by itself":
            strongly.append(asyncio.current_task())
        else:
            weakly[asyncio.current_task()] = None

    async def another() -> None:
        assert asyncio.current_task() not in strongly
        assert asyncio.current_task() not in weakly
        await asyncio.sleep(0)
        seen.append("went on")

    assert stepper.start(keeps(), copy_context()) is None
    await asyncio.sleep(0)
    for kept in strongly:
        assert kept is not None
        kept.cancel()
    task = stepper.start(another(), copy_context())
    assert task is not None
    await task
    assert seen == ["went on"]


async def test_no_more_tasks_are_parked_than_handlers_nest(build: Build) -> None:
    """What a burst of nested handlers has needed is not kept for ever."""
    stepper = build.Stepper(asyncio.get_running_loop())
    tasks: list[int] = []

    async def nested(depth: int) -> None:
        tasks.append(id(asyncio.current_task()))
        if depth:
            assert stepper.start(nested(depth - 1), copy_context()) is None

    assert stepper.start(nested(2 * MAX_PARKED), copy_context()) is None
    assert len({*tasks}) == 2 * MAX_PARKED + 1
    await asyncio.sleep(0)  # they all have begun to wait
    gc.collect()
    parked = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    assert sum(id(each) in tasks for each in parked) <= MAX_PARKED + 1


async def test_two_handlers_may_begin_to_wait_for_one_future(build: Build) -> None:
    """Whoever else awaits it before their tasks get there takes nothing from them."""
    stepper = build.Stepper(asyncio.get_running_loop())
    shared: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        seen.append(await shared)

    tasks = [stepper.start(work(), copy_context()), asyncio.create_task(work())]
    tasks += [stepper.start(work(), copy_context())]
    await asyncio.sleep(0)
    shared.set_result("loaded")
    await asyncio.gather(*(task for task in tasks if task is not None))
    assert seen == ["loaded"] * 3


async def test_what_the_first_step_raises_is_raised_but_for_a_cancellation(build: Build) -> None:
    """And the task that was current is so again."""
    stepper, ours = build.Stepper(asyncio.get_running_loop()), asyncio.current_task()
    with pytest.raises(LookupError):
        stepper.start(failing(LookupError()), copy_context())
    with pytest.raises(KeyboardInterrupt):
        stepper.start(failing(KeyboardInterrupt()), copy_context())
    assert stepper.start(failing(asyncio.CancelledError()), copy_context()) is None
    assert asyncio.current_task() is ours


async def test_what_cannot_be_awaited_fails_as_in_any_task(build: Build) -> None:
    """It is thrown in where the work waits."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await wait_for("no future")
        except RuntimeError as error:
            seen.append(str(error))

    task = start(build, work())
    assert task is not None
    await task
    assert seen[0].startswith("Task got bad yield: 'no future'")


async def test_a_task_that_has_ended_leaves_nothing_to_collect(build: Build) -> None:
    """Neither the work nor what its context has is kept until the next collection."""

    class Value:
        """What can be looked after."""

    stepper, value = build.Stepper(asyncio.get_running_loop()), Value()
    gc.collect()
    gc.disable()
    try:

        async def work(kept: Value) -> None:
            await asyncio.sleep(0)

        before = sys.getrefcount(value)
        task = stepper.start(work(value), copy_context())
        assert task is not None
        await task
        del task
        assert sys.getrefcount(value) == before
    finally:
        gc.enable()


# contexts


async def test_a_context_without_variables_is_one_for_all_and_another_is_nobody_else_s(
    build: Build,
) -> None:
    """An idle connection pays for none, and two are not shared because they are alike."""
    stepper = build.Stepper(asyncio.get_running_loop())
    assert Context().run(stepper.captured) is stepper.empty
    assert Context().run(stepper.captured) is stepper.empty
    name.set("Ada")
    first, second = stepper.captured(), stepper.captured()
    assert first[name] == second[name] == "Ada"
    assert first is not second
    assert stepper.empty is not first


async def test_work_runs_in_the_context_that_it_is_given_to_its_end(build: Build) -> None:
    """Whatever is set where it is started; and what it sets is in there."""
    stepper = build.Stepper(asyncio.get_running_loop())
    context = Context()
    context.run(name.set, "given")
    name.set("another")
    seen: list[str] = []

    async def work() -> None:
        seen.append(name.get())
        await asyncio.sleep(0)
        seen.append(name.get())
        name.set("its own")
        await asyncio.sleep(0)
        seen.append(name.get())

    task = stepper.start(work(), context)
    assert task is not None
    await task
    assert seen == ["given", "given", "its own"]
    assert name.get() == "another"
    assert context[name] == "its own"


async def test_what_is_awaited_in_a_context_takes_every_step_there(build: Build) -> None:
    """The task that awaits it keeps its own, whether it goes on, fails or is cancelled."""
    name.set("the task's")
    seen: list[str] = []

    async def work(then: Callable[[], Awaitable[Any]]) -> str:
        seen.append(name.get("unset"))
        name.set("its own")
        try:
            await then()
        finally:
            seen.append(name.get())
        return "done"

    assert await build.InContext(work(lambda: asyncio.sleep(0)), Context()) == "done"
    with pytest.raises(LookupError):
        await build.InContext(work(lambda: failing(LookupError())), Context())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await build.InContext(work(lambda: asyncio.sleep(60)), Context())
    never_ended = build.InContext(work(lambda: asyncio.sleep(0)), Context())
    never_ended.send(None)
    never_ended.close()
    assert seen == ["unset", "its own"] * 4
    assert name.get() == "the task's"


# both builds


class Course:
    """Some work, what is done to it from outside, and all that can be seen of both."""

    def __init__(self, build: Build) -> None:
        loop = asyncio.get_running_loop()
        self.stepper = build.Stepper(loop)
        self.futures = [loop.create_future() for _ in range(3)]
        self.tasks: list[asyncio.Task[Any]] = []
        self.kept: list[Any] = []
        self.log: list[Any] = []

    async def work(self, number: int, steps: list[tuple[str, int]]) -> Any:
        try:
            for step, which in steps:
                self.log.append((number, step, which, name.get(), self._current() in self.tasks))
                await getattr(self, f"do_{step}")(number, which)
        except BaseException as error:
            self.log.append((number, "raised in it", repr(error)))
            if "swallow" in dict(steps):
                return "swallowed"
            raise
        return number

    def _current(self) -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None
        return task

    async def do_sleep(self, number: int, which: int) -> None:
        await asyncio.sleep(0)

    async def do_wait(self, number: int, which: int) -> None:
        self.log.append((number, "got", await self.futures[which]))

    async def do_shield(self, number: int, which: int) -> None:
        await asyncio.shield(self.futures[which])

    async def do_limit(self, number: int, which: int) -> None:
        async with asyncio.timeout(0 if which == 2 else 60):
            await asyncio.sleep(0)

    async def do_group(self, number: int, which: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.do_wait(number, which))
            group.create_task(asyncio.sleep(0))

    async def do_set(self, number: int, which: int) -> None:
        name.set(f"{number} {which}")

    async def do_fail(self, number: int, which: int) -> None:
        if which:
            raise LookupError(which)

    async def do_cancel(self, number: int, which: int) -> None:
        self.log.append(
            (number, self._current().cancel(f"by {number}"), self._current().cancelling())
        )

    async def do_uncancel(self, number: int, which: int) -> None:
        self.log.append((number, self._current().uncancel()))

    async def do_keep(self, number: int, which: int) -> None:
        self.kept.append(self._current())

    async def do_nest(self, number: int, which: int) -> None:
        self.start(number + 100, [("set", which), ("sleep", 0)] if which else [("set", which)])

    async def do_swallow(self, number: int, which: int) -> None:
        """Nothing leaves this work."""

    def start(self, number: int, steps: list[tuple[str, int]]) -> None:
        try:
            task = self.stepper.start(self.work(number, steps), self.stepper.captured().copy())
        except Exception as error:
            self.log.append((number, "raised", type(error)))
            return
        self.log.append((number, "waits" if task else "has ended"))
        if task is not None:
            self.tasks.append(task)

    async def outside(self, event: str, which: int) -> None:
        future = self.futures[which]
        if event == "turn":
            await asyncio.sleep(0)
        elif event == "stop" and which < len(self.tasks):
            self.log.append(self.tasks[which].cancel("from outside"))
        elif event == "resolve" and not future.done():
            future.set_result(which)
        elif event == "break" and not future.done():
            future.set_exception(ValueError(which))

    async def take(self, events: list[Any]) -> list[Any]:
        for number, event in enumerate(events):
            if isinstance(event, list):
                self.start(number, event)
            else:
                await self.outside(*event)
            self.log.append((len(asyncio.all_tasks()), name.get(), self._current().cancelling()))
        for future in self.futures:
            future.cancel()
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        self.log += [each if isinstance(each, int | str) else type(each) for each in ended]
        return self.log


kinds_of_steps = ["sleep", "wait", "shield", "limit", "group", "set", "fail", "cancel", "uncancel"]
works = st.lists(
    st.tuples(st.sampled_from([*kinds_of_steps, "keep", "nest", "swallow"]), st.integers(0, 2)),
    max_size=5,
)
events = st.tuples(st.sampled_from(["turn", "stop", "resolve", "break"]), st.integers(0, 2))


async def course_of(build: Build, taken: list[Any]) -> list[Any]:
    return await Course(build).take(taken)


@settings(deadline=None, max_examples=300)
@given(taken=st.lists(works | events, max_size=12))
def test_the_builds_do_the_same_at_the_same_time(build: Build, taken: list[Any]) -> None:
    """Whatever the work does, and whatever happens to it."""
    assert asyncio.run(course_of(build, taken)) == asyncio.run(course_of(Build(), taken))


class Tasks:
    """A stepper that leaves everything to new tasks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    captured = staticmethod(copy_context)

    def start(self, work: Any, context: Context) -> asyncio.Task[Any]:
        return self._loop.create_task(work, context=context)


@settings(deadline=None, max_examples=200)
@given(steps=works, stops=st.booleans())
def test_work_sees_what_it_would_in_a_task_of_its_own(
    build: Build, steps: list[tuple[str, int]], stops: bool
) -> None:
    """But for the turn of the loop that it begins in."""

    async def seen_by(stepper: type[Any]) -> list[Any]:
        course = Course(build)
        course.stepper = stepper(asyncio.get_running_loop())
        course.futures[0].set_result(0)
        course.futures[1].set_exception(ValueError(1))
        course.futures[1].exception()
        # What a limit, a group and a cancellation do to each other depends on the turn in which each begins.
        names = {name for name, _ in steps}
        left_out = {"limit", "group"} if "cancel" in names or stops else {"limit"}
        course.start(0, [each for each in steps if each[0] not in {"nest", *left_out}])
        for _ in range(20):
            await asyncio.sleep(0)
        if stops:
            for task in course.tasks:
                task.cancel("from outside")
        course.futures[2].cancel()
        await asyncio.gather(*course.tasks, return_exceptions=True)
        return [each[:4] for each in course.log if each[1] not in ("waits", "has ended", "raised")]

    assert asyncio.run(seen_by(build.Stepper)) == asyncio.run(seen_by(Tasks))
