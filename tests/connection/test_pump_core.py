"""PumpCore: one message after the other to a hook, at once where it is at rest, each in its own context."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import Message, Opcode
from aiows.connection.stepper import rest_of
from builds import Build
from wire.streams import text

name: ContextVar[str] = ContextVar("name", default="nobody")

PING = Message(Opcode.PING, b"", "", 0)


class Line:
    """A pump of one build, the hook that it calls and all that it tells its subclass."""

    def __init__(self, build: Build) -> None:
        line = self

        class Hooks(build.HooksCore):  # type: ignore[name-defined, misc]
            def call(self, owner: Any, connection: Any, message: Any) -> Any:
                assert (owner, connection) == ("the owner", "it")
                line.log.append(message.data)
                return line.then(message.data)

        class Pump(build.PumpCore):  # type: ignore[name-defined, misc]
            def _failed(self, error: BaseException) -> None:
                line.log.append(("failed", error, name.get()))

            def _take(self) -> Message | None:
                return line.waiting.popleft() if line.waiting else None

            def _handle_control(self, message: Message) -> bool:
                line.log.append(("control", message.opcode))
                return True

            async def _finish(self, awaitable: Awaitable[Any]) -> None:
                try:
                    line.log.append(("finished", await awaitable))
                except Exception as error:
                    self._failed(error)

            def _finish_rest(
                self, steps: Coroutine[Any, Any, Any], waits_for: Any
            ) -> Coroutine[Any, Any, None]:
                return self._finish(rest_of(steps, waits_for))

            def _goes_on(self, task: asyncio.Future[Any]) -> None:
                line.tasks.append(task)

        self.log: list[Any] = []
        self.tasks: list[asyncio.Future[Any]] = []
        self.then: Callable[[Any], Any] = lambda data: None
        self.waiting: deque[Message] = deque()
        self.pump: Any = Pump(Hooks(), "the owner", build.Stepper(asyncio.get_running_loop()))
        self.pump.connection = "it"

    def begin(self) -> Line:
        self.pump.rest()
        return self

    def wait(self, *messages: Message) -> None:
        self.waiting.extend(messages)
        self.pump._has_news = True


async def test_it_takes_nothing_before_it_rests(build: Build) -> None:
    """A hook that opens the connection comes first."""
    line = Line(build)
    assert line.pump.offer(text("early")) is False
    line.begin()
    assert line.pump.offer(text("1")) is True
    assert line.log == ["1"]


async def test_a_hook_is_not_called_inside_itself(build: Build) -> None:
    """What is offered meanwhile is not taken."""
    line = Line(build).begin()
    taken: list[bool] = []
    line.then = lambda data: taken.append(line.pump.offer(text("2")))
    assert line.pump.offer(text("1")) is True
    assert taken == [False]
    assert line.log == ["1"]


async def test_what_a_hook_raises_passes_unless_somebody_catches_it(build: Build) -> None:
    """And nothing more is taken: it has not come to rest."""

    class Hooks(build.HooksCore):  # type: ignore[name-defined, misc]
        def call(self, owner: Any, connection: Any, message: Any) -> Any:
            raise LookupError

    pump = build.PumpCore(Hooks(), None, build.Stepper(asyncio.get_running_loop()))
    pump.connection = None
    pump.rest()
    with pytest.raises(LookupError):
        pump.offer(text("1"))
    assert pump.offer(text("2")) is False


async def test_what_waits_comes_after_it_in_order_and_without_depth(build: Build) -> None:
    """However many they are: a peer may fill the inbox with small ones."""
    line = Line(build).begin()
    many = [str(each) for each in range(10_000)]
    line.then = lambda data: line.wait(*map(text, many)) if data == "first" else None
    assert line.pump.offer(text("first")) is True
    assert line.log == ["first", *many]
    assert not line.pump._has_news


async def test_a_message_that_is_none_of_data_is_the_subclass_s(build: Build) -> None:
    """It goes on when that says so."""
    line = Line(build)
    line.wait(PING, text("1"))
    line.begin()
    assert line.log == [("control", Opcode.PING), "1"]


async def test_what_a_hook_returns_and_cannot_be_awaited_is_nobody_s(build: Build) -> None:
    """As a lambda that sends returns a status."""
    line = Line(build).begin()
    for value in (0, "", object(), (each for each in "ab")):
        line.then = lambda data, value=value: value  # type: ignore[misc]
        assert line.pump.offer(text("1")) is True
        assert not line.pump._is_working
    assert line.tasks == []


async def test_a_coroutine_that_never_waits_makes_no_task(build: Build) -> None:
    """It runs in a current one all the same."""
    line = Line(build).begin()
    seen: list[Any] = []

    async def work(data: str) -> None:
        seen.append(asyncio.current_task())

    line.then = work
    assert line.pump.offer(text("1")) is True
    assert seen[0] not in (None, asyncio.current_task())
    assert line.tasks == []
    assert not line.pump._is_working


@pytest.mark.parametrize("way", ["coroutine", "future", "object"])
async def test_while_one_waits_the_next_waits_too(build: Build, way: str) -> None:
    """Then it is begun in the same turn in which that has ended."""
    line, gate = Line(build).begin(), asyncio.get_running_loop().create_future()

    async def work() -> Any:
        return await gate

    class Awaited:
        def __await__(self) -> Any:
            return work().__await__()

    ways: dict[str, Callable[[], Any]] = {
        "coroutine": work,
        "future": lambda: gate,
        "object": Awaited,
    }
    line.then = lambda data: ways[way]() if data == "1" else None
    assert line.pump.offer(text("1")) is True
    assert line.pump.offer(text("2")) is False
    line.wait(text("2"))
    gate.set_result("result")
    await line.tasks[0]
    assert line.log == ["1", ("finished", "result"), "2"]
    assert not line.pump._is_working


async def test_a_failure_is_told_in_the_context_of_the_hook(build: Build) -> None:
    """What logs it can see what the hook has set; and that is all over then."""
    line = Line(build).begin()
    error = LookupError()

    def fail(data: str) -> None:
        name.set(data)
        raise error

    async def fail_at_once(data: str) -> None:
        fail(data)

    async def fail_late(data: str) -> None:
        await asyncio.sleep(0)
        fail(data)

    for each, then in enumerate((fail, fail_at_once, fail_late)):
        line.then = then
        assert line.pump.offer(text(str(each))) is True
        for task in line.tasks:
            await task
        assert line.log[-1] == ("failed", error, str(each))
        assert not line.pump._is_working
    assert name.get() == "nobody"


async def test_each_message_has_a_copy_of_the_context(build: Build) -> None:
    """Nobody sees what another sets, plain or not, in a queue or not; nor what is set where it is brought."""
    line = Line(build).begin()
    line.pump.context.run(name.set, "never seen")
    name.set("opened")
    line.pump.context = line.pump._stepper.captured()
    name.set("the transport's")
    seen: list[str] = []

    def plain(data: str) -> None:
        seen.append(name.get())
        name.set(data)

    async def waits(data: str) -> None:
        plain(data)
        await asyncio.sleep(0)
        seen.append(name.get())

    line.then = lambda data: waits(data) if data == "waits" else plain(data)
    assert line.pump.offer(text("1")) is True
    assert line.pump.offer(text("waits")) is True
    line.wait(text("2"), text("3"))
    await line.tasks[0]
    assert seen == ["opened", "opened", "waits", "opened", "opened"]
    assert name.get() == "the transport's"
    assert line.pump.context[name] == "opened"


async def test_a_hook_of_another_kind_is_called_alike(build: Build) -> None:
    """In a copy of the context, its first step in a task; ``then`` is called only if it waits."""
    line = Line(build)
    name.set("opened")
    line.pump.context = line.pump._stepper.captured()
    name.set("another's")
    seen: list[Any] = []

    async def hook(wait: bool) -> str:
        seen.append(name.get())
        name.set("its own")
        if wait:
            await asyncio.sleep(0)
        return "done"

    def then() -> None:
        seen.append("then")

    assert line.pump._call(hook, (False,), then) is True
    assert line.pump._call(seen.append, ("plain",), then) is True
    assert line.pump._call(hook, (True,), then) is False
    await line.tasks[0]
    assert seen == ["opened", "plain", "opened", "then"]
    assert name.get() == "another's"


# both builds


class Course:
    """What is offered to a pump and what waits for it, and all that can be seen of both."""

    def __init__(self, build: Build) -> None:
        self.line = Line(build)
        self.line.then = self.handle
        self.future = asyncio.get_running_loop().create_future()

    def handle(self, data: str) -> Any:
        self.line.log.append((name.get(), self.line.pump._is_working))
        name.set(data)
        if data == "fail":
            raise LookupError
        if data == "more":
            self.line.wait(text("queued"))
        if data == "future":
            return self.future
        return self.work(data) if data in ("async", "late", "late fail") else data

    async def work(self, data: str) -> str:
        if data.startswith("late"):
            await self.future
        if data.endswith("fail"):
            raise LookupError
        return name.get()

    async def take(self, events: list[str]) -> list[Any]:
        line = self.line
        for event in events:
            if event == "rest":
                line.begin()
            elif event == "turn":
                await asyncio.sleep(0)
            elif event == "resolve":
                self.future.set_result(None)
                self.future = asyncio.get_running_loop().create_future()
            elif event.startswith("wait "):
                line.wait(text(event.removeprefix("wait ")))
            elif event == "ping":
                line.wait(PING)
            else:
                line.log.append(line.pump.offer(text(event)))
            line.log.append((line.pump._is_working, line.pump._has_news, len(line.tasks)))
        for task in line.tasks:
            task.cancel()
        await asyncio.gather(*line.tasks, return_exceptions=True)
        return [repr(each) for each in line.log]


ways_of_handling = ["plain", "async", "late", "fail", "late fail", "more", "future"]
happenings = ["rest", "turn", "resolve", "ping", *(f"wait {each}" for each in ways_of_handling)]


@settings(deadline=None, max_examples=200)
@given(events=st.lists(st.sampled_from([*ways_of_handling, *happenings]), max_size=15))
def test_the_builds_do_the_same_at_the_same_time(build: Build, events: list[str]) -> None:
    """Whatever the hook does, and whatever waits."""

    async def course_of(build: Build) -> list[Any]:
        return await Course(build).take(events)

    assert asyncio.run(course_of(build)) == asyncio.run(course_of(Build()))
