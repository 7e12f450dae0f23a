"""ReceiverCore: messages for a task that awaits them, in the call that brings them where no task runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import Message, Opcode
from builds import Build
from wire.streams import binary, text

T = TypeVar("T")

TYPES = {int(Opcode.TEXT): "text", int(Opcode.BINARY): "binary", int(Opcode.CLOSE): "close"}
END = "end"


class Given(NamedTuple):
    """What a message is given as."""

    type: str
    data: Any
    extra: Any


def inbox_of(build: Build) -> Any:
    """What is awaited: it gives its ``news``, and remembers when it was asked for them."""

    class Inbox(build.ReceiverCore):  # type: ignore[name-defined, misc]
        cancelled_error = asyncio.CancelledError

        def __init__(self) -> None:
            super().__init__(asyncio.get_running_loop(), asyncio.current_task, Given, TYPES)
            self.news: list[Any] = []
            self.asked: list[bool] = []

        def _next(self, *, has_waited: bool) -> Any:
            self.asked.append(has_waited)
            return self.news.pop(0) if self.news else None

        def is_end(self, result: Any) -> bool:
            return bool(result == END)

    return Inbox()


class Reader:
    """A task that awaits as often as it is told to, and what it got so far."""

    def __init__(self, inbox: Any, times: int = 1) -> None:
        self.got: list[Any] = []
        self.task = asyncio.create_task(self._read(inbox, times))

    async def _read(self, inbox: Any, times: int) -> None:
        for _ in range(times):
            self.got.append(await inbox)


async def outside(call: Callable[[], T]) -> T:
    """Call it where no task runs, as a transport does that has read something."""
    loop = asyncio.get_running_loop()
    called: asyncio.Future[T] = loop.create_future()

    def calling() -> None:
        try:
            called.set_result(call())
        except BaseException as error:
            called.set_exception(error)

    loop.call_soon(calling)
    return await called


async def turn() -> None:
    """Everything that was to come soon has come."""
    await outside(lambda: None)


def offer_next_turn(inbox: Any, message: Message) -> None:
    """Offer it when the tasks that are made now wait."""
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, inbox.offer, message)


async def waiting_reader(inbox: Any, times: int = 1) -> Reader:
    reader = Reader(inbox, times)
    await turn()
    assert inbox.is_awaited
    return reader


async def test_a_task_gets_a_message_in_the_call_that_offers_it(build: Build) -> None:
    """Outside of any task; it may await the next one right then."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox, 3)

    def read() -> list[Any]:
        seen = [inbox.offer(text("1")), [*reader.got], inbox.is_awaited]
        return [*seen, inbox.offer(binary(b"2")), [*reader.got]]

    first, second = Given("text", "1", ""), Given("binary", b"2", "")
    assert await outside(read) == [True, [first], True, True, [first, second]]
    assert not reader.task.done()
    reader.task.cancel()


async def test_within_another_task_it_gets_it_in_a_later_turn(build: Build) -> None:
    """No two tasks run at once."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    assert inbox.offer(text("1")) is True
    assert (reader.got, inbox.is_awaited) == ([], False)
    await turn()
    assert reader.got == [Given("text", "1", "")]


async def test_nothing_is_taken_while_nobody_waits(build: Build) -> None:
    """Neither before a task has come, nor between what woke it and its next look."""
    inbox = inbox_of(build)
    assert inbox.offer(text("early")) is False
    assert not inbox.is_awaited
    reader = await waiting_reader(inbox)
    assert inbox.offer(text("1")) is True
    assert inbox.offer(text("2")) is False
    await reader.task
    assert reader.got == [Given("text", "1", "")]
    assert await outside(lambda: inbox.offer(text("late"))) is False


@pytest.mark.parametrize("given_as", [Given, tuple])
async def test_a_message_is_given_as_the_class_that_was_named(
    build: Build, given_as: type[tuple[Any, ...]]
) -> None:
    """Its type as the mapping has it, the very objects of its data and extra, and not its size."""
    receiving: Any = build.ReceiverCore(
        asyncio.get_running_loop(), asyncio.current_task, given_as, TYPES
    )
    message = Message(Opcode.CLOSE, 1000, "done".upper(), 6)
    receiving.hold(message)
    result = await receiving
    assert type(result) is given_as
    assert tuple(result) == ("close", 1000, "DONE")
    assert result[2] is message.extra
    assert {result: 1}[given_as.__new__(given_as, *_arguments(given_as, result))] == 1


def _arguments(given_as: type[tuple[Any, ...]], fields: tuple[Any, ...]) -> tuple[Any, ...]:
    return (tuple(fields),) if given_as is tuple else tuple(fields)


async def test_a_type_that_is_not_in_the_mapping_is_an_error(build: Build) -> None:
    """Of who awaits, and the message is gone."""
    inbox = inbox_of(build)
    inbox.hold(Message(Opcode.PING, b"", "", 0))
    with pytest.raises(KeyError):
        await inbox
    assert inbox._held is None


async def test_nothing_is_kept_of_what_was_given(build: Build) -> None:
    """A reference too many would be a leak for each message."""
    inbox = inbox_of(build)
    data = bytes(1000)
    before = sys.getrefcount(data)
    for _ in range(10):
        inbox.hold(binary(data))
        await inbox
    reader = await waiting_reader(inbox)
    await outside(lambda: inbox.offer(binary(data)))
    await reader.task
    reader.got.clear()
    assert sys.getrefcount(data) == before


async def test_who_is_woken_asks_for_the_news(build: Build) -> None:
    """In a later turn, wherever it is woken; it is told that it has waited."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    inbox.news.append("news")
    assert await outside(lambda: (inbox.wake(), inbox.is_awaited, [*inbox.asked])) == (
        None,
        False,
        [],
    )
    await reader.task
    assert (reader.got, inbox.asked) == (["news"], [True])


async def test_who_is_woken_for_nothing_waits_on(build: Build) -> None:
    """Until there is something."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    for _ in range(2):
        inbox.wake()
        await turn()
        assert inbox.is_awaited
    inbox.news.append("news")
    inbox.wake()
    await reader.task
    assert (reader.got, inbox.asked) == (["news"], [True, True, True])


async def test_nobody_is_asked_for_news_where_there_are_none(build: Build) -> None:
    """A message is no news."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox, 2)
    inbox.news.append("unheard of")
    await outside(lambda: inbox.offer(text("1")))
    inbox.offer(text("2"))
    await reader.task
    inbox.hold(text("3"))
    assert await inbox == Given("text", "3", "")
    assert inbox.asked == []


async def test_where_there_were_news_there_may_be_more(build: Build) -> None:
    """So it is asked again until it has none; who comes then has not waited."""
    inbox = inbox_of(build)
    inbox.wake()
    inbox.news += [1, 2]
    assert [await inbox, await inbox] == [1, 2]
    assert inbox.asked == [False, False]
    reader = await waiting_reader(inbox)
    assert inbox.asked == [False, False, False]
    inbox.offer(text("1"))
    await reader.task
    reader = await waiting_reader(inbox)
    assert inbox.asked == [False, False, False]
    reader.task.cancel()


@pytest.mark.parametrize("news", [0, "", False, (), (1, 2), LookupError("no more than a value")])
async def test_whatever_is_not_none_is_news(build: Build, news: object) -> None:
    """A tuple and an exception, too, which StopIteration would take for something of its own."""
    inbox = inbox_of(build)
    inbox.news += [news, news]
    inbox.wake()
    assert await inbox is news
    assert await inbox.iteration is news


async def test_what_asking_raises_is_raised_where_it_is_awaited(build: Build) -> None:
    """And the next one asks again."""
    inbox = inbox_of(build)
    error = LookupError()

    class Failing(type(inbox)):  # type: ignore[misc]
        def _next(self, *, has_waited: bool) -> Any:
            super()._next(has_waited=has_waited)
            raise error

    inbox = Failing()
    inbox.wake()
    for awaited in (inbox, inbox.iteration):
        with pytest.raises(LookupError) as raised:
            await awaited
        assert raised.value is error
    assert inbox.asked == [False, False]


async def test_what_is_held_is_given_to_who_asks_next(build: Build) -> None:
    """Before the news, and once; holding wakes nobody, and None is as if there had been nothing."""
    inbox = inbox_of(build)
    inbox.news.append("news")
    inbox.wake()
    inbox.hold(text("1"))
    inbox.hold(text("2"))
    assert [await inbox, await inbox] == [Given("text", "2", ""), "news"]
    inbox.hold(text("3"))
    inbox.hold(None)
    reader = await waiting_reader(inbox)
    inbox.hold(text("4"))
    await turn()
    assert (reader.got, inbox.is_awaited) == ([], True)
    inbox.wake()
    await reader.task
    assert reader.got == [Given("text", "4", "")]


async def test_it_says_whether_anybody_has_read_and_what_it_was(build: Build) -> None:
    """A message that was brought, or news."""
    inbox = inbox_of(build)
    assert (inbox.has_read, inbox.was_brought) == (False, False)
    inbox.hold(text("1"))
    assert inbox.has_read is False
    await inbox
    assert (inbox.has_read, inbox.was_brought) == (True, True)
    inbox.news.append("news")
    inbox.wake()
    await inbox
    assert (inbox.has_read, inbox.was_brought) == (True, False)


async def test_two_tasks_do_not_await_at_once(build: Build) -> None:
    """The second is refused, either way, and takes nothing from the first."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    inbox.hold(text("1"))
    for awaited in (inbox, inbox.iteration):
        with pytest.raises(RuntimeError, match="Concurrent call"):
            await awaited
    assert inbox.is_awaited
    inbox.wake()
    await reader.task
    assert reader.got == [Given("text", "1", "")]


async def test_a_task_that_is_cancelled_leaves_the_place_to_the_next(build: Build) -> None:
    """It gets the error that the class names; who comes then has not waited."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    reader.task.cancel()
    assert not inbox.is_awaited
    assert inbox.offer(text("in between")) is False
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert reader.got == []
    inbox.news.append("news")
    inbox.wake()
    assert await inbox == "news"
    assert inbox.asked == [False]


async def test_it_is_the_error_of_the_class_that_a_cancelled_task_gets(build: Build) -> None:
    """Once: the next await is as any other."""
    inbox = inbox_of(build)

    class Gone(Exception):
        pass

    type(inbox).cancelled_error = Gone
    reader = await waiting_reader(inbox)
    assert inbox.cancel() is True
    assert inbox.cancel("again") is False
    with pytest.raises(Gone):
        await reader.task
    reader = await waiting_reader(inbox)
    assert await outside(lambda: inbox.offer(text("1")))
    await reader.task
    assert reader.got == [Given("text", "1", "")]


async def test_the_message_of_a_cancellation_reaches_who_is_cancelled(build: Build) -> None:
    """Libraries know their own cancellations by it."""
    reader = await waiting_reader(inbox_of(build))
    reader.task.cancel("ours")
    with pytest.raises(asyncio.CancelledError, match="ours"):
        await reader.task


async def test_nobody_overtakes_a_task_that_is_about_to_go_on(build: Build) -> None:
    """What it was woken for, a cancellation too, is its own."""
    inbox = inbox_of(build)
    for wake in (inbox.wake, inbox.cancel):
        reader = await waiting_reader(inbox)
        wake()
        with pytest.raises(RuntimeError, match="Concurrent call"):
            await inbox
        reader.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader.task
    inbox.hold(text("1"))
    assert await inbox == Given("text", "1", "")


async def test_who_was_woken_and_cancelled_at_once_has_not_waited_for_the_next(
    build: Build,
) -> None:
    """The next await begins anew."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    inbox.wake()
    reader.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    inbox.news.append("news")
    assert await inbox == "news"
    assert inbox.asked == [False]


async def test_what_comes_before_a_task_is_there_is_not_lost(build: Build) -> None:
    """Between its look and the callback that it leaves; it looks again."""
    inbox = inbox_of(build)
    looked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    assert inbox.next() is None
    assert inbox.offer(text("1")) is False
    inbox.wake()
    inbox.add_done_callback(looked.set_result, context=copy_context())
    assert await looked is inbox


async def test_where_nobody_waits_there_is_nothing_to_cancel(build: Build) -> None:
    """And nothing comes of having tried."""
    inbox = inbox_of(build)
    assert inbox.cancel() is False
    inbox.hold(text("1"))
    assert await inbox == Given("text", "1", "")
    reader = await waiting_reader(inbox)
    inbox.offer(text("2"))
    await reader.task
    assert reader.got == [Given("text", "2", "")]


async def test_a_message_outlasts_the_task_that_was_cancelled_before_it_got_it(
    build: Build,
) -> None:
    """It is there for who asks next."""
    inbox = inbox_of(build)
    reader = await waiting_reader(inbox)
    assert inbox.offer(text("1")) is True
    reader.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert await inbox == Given("text", "1", "")


async def test_a_timeout_ends_the_waiting_and_nothing_else(build: Build) -> None:
    """The same task awaits the next message."""
    inbox = inbox_of(build)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await inbox
    assert not inbox.is_awaited
    asyncio.get_running_loop().call_soon(inbox.offer, text("1"))
    async with asyncio.timeout(60):
        assert await inbox == Given("text", "1", "")


async def test_a_task_is_woken_in_its_own_context(build: Build) -> None:
    """What it had set is there, what its waker has set is not, and neither gets what the other sets."""
    variable: ContextVar[str] = ContextVar("variable", default="nobody's")
    inbox = inbox_of(build)
    seen: list[str] = []

    async def read() -> None:
        variable.set("the task's")
        for _ in range(3):
            await inbox
            seen.append(variable.get())
            variable.set(f"the task's {len(seen)}")

    task = asyncio.create_task(read())

    def offer() -> str:
        variable.set("the waker's")
        inbox.offer(text("1"))
        return variable.get()

    await turn()
    assert await outside(offer) == "the waker's"
    assert seen == ["the task's"]
    variable.set("another task's")
    inbox.offer(text("2"))
    await turn()
    inbox.news.append("news")
    inbox.wake()
    await task
    assert seen == ["the task's", "the task's 1", "the task's 2"]
    assert variable.get() == "another task's"


async def test_the_woken_task_is_the_current_one(build: Build) -> None:
    """From its first line on, and after it there is none again."""
    inbox = inbox_of(build)
    seen: list[Any] = []

    async def read() -> None:
        await inbox
        seen.append(asyncio.current_task())

    task = asyncio.create_task(read())
    await turn()

    def offer() -> Any:
        inbox.offer(text("1"))
        return asyncio.current_task()

    assert await outside(offer) is None
    assert seen == [task]


async def test_what_the_woken_task_raises_stays_in_it(build: Build) -> None:
    """Who brought the message goes on."""
    inbox = inbox_of(build)

    async def read() -> None:
        await inbox
        raise LookupError

    task = asyncio.create_task(read())
    await turn()
    assert await outside(lambda: inbox.offer(text("1"))) is True
    assert task.done()
    with pytest.raises(LookupError):
        await task


class Iterated:
    """What ``async for`` goes through."""

    def __init__(self, inbox: Any) -> None:
        self.inbox = inbox

    def __aiter__(self) -> Iterated:
        return self

    def __anext__(self) -> Any:
        return self.inbox.iteration


async def test_an_async_for_ends_with_the_news_that_are_an_end(build: Build) -> None:
    """Messages and other news come one by one before it, waited for or not."""
    inbox = inbox_of(build)
    got: list[Any] = []

    async def iterate() -> str:
        async for each in Iterated(inbox):
            got.append(each)  # noqa: PERF401 (it is seen while it goes on)
        return "ended"

    task = asyncio.create_task(iterate())
    await turn()
    await outside(lambda: inbox.offer(text("1")))
    assert got == [Given("text", "1", "")]
    inbox.news += ["news", END, "unheard of"]
    inbox.wake()
    assert await task == "ended"
    assert got == [Given("text", "1", ""), "news"]
    assert inbox.news == ["unheard of"]


async def test_an_async_for_that_begins_late_ends_with_the_close_that_was_held(
    build: Build,
) -> None:
    """It is no message for the loop's body."""
    inbox = inbox_of(build)
    type(inbox).is_end = lambda _, result: bool(result.type == "close")
    inbox.hold(Message(Opcode.CLOSE, 1000, "", 2))
    assert [each async for each in Iterated(inbox)] == []


async def test_an_iteration_may_be_a_task_of_its_own(build: Build) -> None:
    """As the coroutine of an ``async def __anext__`` may."""
    inbox = inbox_of(build)
    task = asyncio.create_task(inbox.iteration)
    await turn()
    await outside(lambda: inbox.offer(text("1")))
    assert await task == Given("text", "1", "")
    task = asyncio.create_task(inbox.iteration)
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    never_begun = asyncio.create_task(inbox.iteration)
    never_begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await never_begun


async def test_a_message_that_was_brought_ends_nothing(build: Build) -> None:
    """It is not asked about."""
    inbox = inbox_of(build)
    asked: list[Any] = []

    def is_end(_: Any, result: Any) -> bool:
        asked.append(result)
        return True

    type(inbox).is_end = is_end
    inbox.hold(text("1"))
    assert await inbox.iteration == Given("text", "1", "")
    assert asked == []
    inbox.news.append("news")
    inbox.wake()
    with pytest.raises(StopAsyncIteration):
        await inbox.iteration
    assert asked == ["news"]


async def test_an_end_that_is_awaited_by_itself_is_a_value(build: Build) -> None:
    """Only ``async for`` ends with it."""
    inbox = inbox_of(build)
    inbox.news.append(END)
    inbox.wake()
    assert await inbox == END


async def test_it_is_awaited_in_coroutines_of_any_depth(build: Build) -> None:
    """Such as asyncio makes tasks of."""
    inbox = inbox_of(build)

    async def inner() -> Any:
        return await inbox

    async def outer() -> Any:
        return await inner()

    task = asyncio.create_task(outer())
    await turn()
    inbox.offer(text("1"))
    assert await asyncio.wait_for(task, 60) == Given("text", "1", "")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outer(), 0.001)
    offer_next_turn(inbox, text("2"))
    assert await asyncio.wait_for(outer(), 60) == Given("text", "2", "")
    offer_next_turn(inbox, text("3"))
    both: Any = await asyncio.gather(outer(), outer(), return_exceptions=True)
    assert both[0] == Given("text", "3", "")
    assert isinstance(both[1], RuntimeError)


async def test_two_that_give_to_each_other_take_turns(build: Build) -> None:
    """Who was woken in a call offers in it to another: that one has to wait for its turn."""
    ping, pong = inbox_of(build), inbox_of(build)
    log: list[Any] = []

    async def play(mine: Any, other: Any, name: str) -> None:
        for _ in range(2):
            log.append((name, (await mine).data))
            log.append((name, other.offer(text(name))))

    tasks = [
        asyncio.create_task(play(ping, pong, "ping")),
        asyncio.create_task(play(pong, ping, "pong")),
    ]
    await turn()
    assert await outside(lambda: (ping.offer(text("serve")), [*log])) == (
        True,
        [("ping", "serve"), ("ping", True)],
    )
    await asyncio.gather(*tasks)
    assert log[2:] == [
        ("pong", "ping"),
        ("pong", True),
        ("ping", "pong"),
        ("ping", True),
        ("pong", "ping"),
        ("pong", False),
    ]


# What may happen to it, with a number that only some of it needs.
steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("read", "read", "iterate", "iterate", "offer", "offer", "offer_in_task", "turn"),
                *("turn", "hold", "let_go", "wake", "news", "end", "cancel", "cancel_it"),
            ]
        ),
        st.integers(0, 3),
    ),
    max_size=30,
)


class Course:
    """One course of events, and everything that can be seen of it."""

    def __init__(self, build: Build) -> None:
        self.inbox = inbox_of(build)
        self.log: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def take(self, taken: list[tuple[str, int]]) -> list[Any]:
        for step, number in taken:
            await getattr(self, step)(number)
            inbox = self.inbox
            seen = (inbox.is_awaited, inbox.has_read, inbox.was_brought, inbox._held)
            self.log.append((step, *seen, inbox._has_waited, [*inbox.asked]))
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.log

    async def _read(self, number: int, get: Callable[[], Any]) -> None:
        name = len(self.tasks)
        try:
            for _ in range(number):
                self.log.append((name, await get()))
        except (RuntimeError, StopAsyncIteration, asyncio.CancelledError) as error:
            self.log.append((name, type(error)))

    async def read(self, number: int) -> None:
        self.tasks.append(asyncio.create_task(self._read(number, lambda: self.inbox)))

    async def iterate(self, number: int) -> None:
        self.tasks.append(asyncio.create_task(self._read(number, lambda: self.inbox.iteration)))

    async def offer(self, number: int) -> None:
        taken = await outside(lambda: [self.inbox.offer(binary(bytes(number))), len(self.log)])
        self.log.append(taken)

    async def offer_in_task(self, number: int) -> None:
        self.log.append([self.inbox.offer(binary(bytes(number))), len(self.log)])

    async def turn(self, number: int) -> None:
        await turn()

    async def hold(self, number: int) -> None:
        self.inbox.hold(binary(bytes(number)))

    async def let_go(self, number: int) -> None:
        self.inbox.hold(None)

    async def wake(self, number: int) -> None:
        self.inbox.wake()

    async def news(self, number: int) -> None:
        self.inbox.news.append(number)

    async def end(self, number: int) -> None:
        self.inbox.news.append(END)

    async def cancel(self, number: int) -> None:
        if self.tasks:
            self.log.append(self.tasks[number % len(self.tasks)].cancel())

    async def cancel_it(self, number: int) -> None:
        self.log.append(self.inbox.cancel())


async def course_of(build: Build, taken: list[tuple[str, int]]) -> list[Any]:
    return await Course(build).take(taken)


@settings(deadline=None, max_examples=200)
@given(taken=steps)
def test_the_builds_give_the_same_at_the_same_time(
    build: Build, taken: list[tuple[str, int]]
) -> None:
    """Whatever happens, in any order."""
    assert asyncio.run(course_of(build, taken)) == asyncio.run(course_of(Build(), taken))


@settings(deadline=None, max_examples=100)
@given(ways=st.lists(st.sampled_from(["outside", "in_task", "hold"]), max_size=12))
def test_nothing_that_was_taken_is_lost_or_given_twice(build: Build, ways: list[str]) -> None:
    """Each message comes once, in order, however it is brought."""

    async def course() -> list[Any]:
        inbox = inbox_of(build)
        reader = Reader(inbox, len(ways))
        for index, way in enumerate(ways):
            await turn()
            message = text(str(index))
            if way == "outside":
                assert await outside(partial(inbox.offer, message))
            elif way == "in_task":
                assert inbox.offer(message)
            else:
                inbox.hold(message)
                inbox.wake()
        await reader.task
        return [each.data for each in reader.got]

    assert asyncio.run(course()) == [str(index) for index in range(len(ways))]
