"""The handlers of a connection that wait: how many there are, and how each is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextvars import copy_context
from types import CoroutineType, TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar, cast

from ...wire_form import Ref
from ..builds import first_step
from ..per_loop import per_loop
from ..settling import settle
from ..stepper import rest_of
from .line import Line

__all__ = ("InFlight", "Stopped", "Work", "gone_on", "run_cancellable")

Askers: TypeAlias = Callable[[], Collection[asyncio.Task[Any] | None]]

T = TypeVar("T")

# Requests that were taken back while they still waited to be begun. Those are in the inbox, which is
# bounded by bytes; a peer that takes back what it never asked has the oldest of these forgotten.
MAX_CALLED_OFF: Final = 64

CANCELLED: Final = "the peer has taken its request back"
LEFT: Final = "nobody is left to answer"


class Stopped(Exception):
    """A handler was told to stop, and did; ``reason`` is what `Work.stop` was given."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Requests(Protocol):
    """A connection that has an exchange as soon as somebody asks for it."""

    @property
    def exchange(self) -> Any: ...


class Work:
    """A handler that waits, as a context around that in the task that runs it.

    Leaving it raises Stopped if it was told to stop. Only the handler ends then and not what its task
    does besides: a view's loop goes on with the next message, as after an `asyncio.timeout`.

    ``ref`` is its request's; ``is_stream``: it answers with a stream; ``is_once``: its answer is kept, so it
    runs on when its peer has left.
    """

    __slots__ = ("_cancelling", "_flight", "_reason", "is_once", "is_stream", "ref", "task")

    def __init__(
        self, flight: InFlight, ref: Ref, *, is_stream: bool = False, is_once: bool = False
    ) -> None:
        self._flight = flight
        self._cancelling = 0
        self._reason: str | None = None
        self.ref = ref
        self.is_stream = is_stream
        self.is_once = is_once
        self.task: asyncio.Task[Any] | None = None  # while it is at work

    def start(self, handling: Coroutine[Any, Any, None]) -> None:
        """Run ``handling``, which enters this, beside the others; its first step is made at once."""
        self._flight.start(handling)

    def __enter__(self) -> Self:
        self.task = asyncio.current_task()
        assert self.task is not None
        self._cancelling = self.task.cancelling()
        self._flight.add(self)
        return self

    def become_stream(self) -> None:
        """What it answers with has turned out to be a stream."""
        self.is_stream = True
        self._flight.stop_if_unwanted(self)

    @property
    def is_told_to_stop(self) -> bool:
        return self._reason is not None

    def stop(self, reason: str) -> None:
        """End it where it waits; where it is running just now, where it next waits."""
        if self.task is None or self.is_told_to_stop:
            return
        if self.task is asyncio.current_task():
            self.task.get_loop().call_soon(self.stop, reason)
            return
        self._reason = reason
        self.task.cancel()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self.task = self.task, None
        self._flight.remove(self)
        if self._reason is None or task is None:
            return
        if task.uncancel() <= self._cancelling and error_type is asyncio.CancelledError:
            raise Stopped(self._reason) from error


class InFlight:
    """The handlers of one connection that wait; ``askers`` returns the tasks that wait for an answer."""

    __slots__ = (
        "_askers",
        "_called_off",
        "_is_listening",
        "_line",
        "_tasks",
        "_waiters",
        "_works",
    )

    def __init__(self, line: Line, askers: Askers) -> None:
        self._line = line
        self._askers = askers
        self._is_listening = False  # for what takes a request back
        self._works: dict[Work, None] = {}
        self._called_off: dict[Ref, None] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps tasks only weakly

    # the handlers' side

    def start(self, handling: Coroutine[Any, Any, None]) -> None:
        task = per_loop(asyncio.get_running_loop()).stepper.start(handling, copy_context())
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def add(self, work: Work) -> None:
        self._works[work] = None
        if not self._is_listening:
            self._is_listening = True
            self._line.sift()
        self.stop_if_unwanted(work)

    def remove(self, work: Work) -> None:
        del self._works[work]
        if not self._works and not self._may_come:
            self._is_listening = False
            self._called_off.clear()
        self.made_room()

    @property
    def is_empty(self) -> bool:
        """Whether no handler waits, and no request that may still come was taken back."""
        return not self._works and not self._called_off

    @property
    def is_held_up(self) -> bool:
        """Whether a request waits for room, and has not begun."""
        return bool(self._waiters)

    def has(self, ref: Ref) -> bool:
        """Whether a request with ``ref`` waits, and was not told to stop."""
        return ref is not None and any(
            work.ref == ref and not work.is_told_to_stop for work in self._works
        )

    def is_full(self, limit: int) -> bool:
        """Whether ``limit`` handlers wait for something else than the peer's answer."""
        if len(self._works) < limit:
            return False
        askers = self._askers()
        return sum(work.task not in askers for work in self._works) >= limit

    async def room(self, limit: int) -> None:
        """Wait until there are fewer than ``limit``."""
        while self.is_full(limit):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)

    def made_room(self) -> None:
        """There may be fewer now, or more of them may wait for an answer."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def was_called_off(self, ref: Ref) -> bool:
        """Whether the request that is about to begin was taken back; the next with its ref was not.

        Once nothing waits any more all that was taken back in vain is forgotten.
        """
        is_called_off = ref in self._called_off
        self._called_off.pop(ref, None)
        if not self._may_come:
            self._called_off.clear()
        return is_called_off

    @property
    def _may_come(self) -> bool:
        """Whether there may be requests that were received and have not begun."""
        return bool(self._waiters) or self._line.has_waiting

    # the connection's side

    def may_take_back(self, text: str | bytes) -> bool:
        """Whether ``text`` can be what takes a request back: a quick look at its characters."""
        if not self._is_listening:
            return False
        if not self._line.connection.codec.shows_text:
            return True
        if isinstance(text, str):
            return "cancel" in text or "\\u" in text
        return b"cancel" in text or b"\\u" in text

    def take_back(self, ref: Ref) -> None:
        """The peer wants no answer to ``ref`` any more."""
        works = [work for work in self._works if work.ref == ref]
        for work in works:
            work.stop(CANCELLED)
        if not works and self._may_come:
            self._called_off[ref] = None
            if len(self._called_off) > MAX_CALLED_OFF:
                del self._called_off[next(iter(self._called_off))]

    def left(self) -> None:
        """The connection ends, from one side or the other."""
        for work in [*self._works]:
            self.stop_if_unwanted(work)

    def stop_if_unwanted(self, work: Work) -> None:
        """A peer that leaves wants no answers; a server that closes lets handlers finish, but no stream."""
        if work.ref is None or work.is_once:
            return
        if self._line.has_peer_left or (work.is_stream and self._line.is_closed):
            work.stop(LEFT)

    @property
    def is_at_work(self) -> bool:
        """Whether `settle` would have to wait."""
        return bool(self._tasks)

    async def settle(self, timeout: float | None) -> None:
        """Wait for what was started; cancel it after ``timeout`` seconds, or if this is cancelled."""
        await settle(self._tasks, timeout)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The tasks that were started beside others and have not ended."""
        return self._tasks

    @property
    def streams(self) -> Collection[asyncio.Task[Any]]:
        """The tasks that answer with a stream, which nobody knows the end of."""
        return {work.task for work in self._works if work.is_stream and work.task is not None}


async def run_cancellable(
    awaitable: Awaitable[T],
    requests: Requests,
    ref: Ref,
    *,
    is_stream: bool = False,
    is_once: bool = False,
) -> T:
    """Await ``awaitable`` as a `Work`; if it does not wait it never becomes one.

    It runs in the current task, its first step, too: so that costs neither a task nor an entry.
    """
    is_coroutine = type(awaitable) is CoroutineType
    steps = cast("Coroutine[Any, Any, T]", awaitable) if is_coroutine else _awaited(awaitable)
    has_ended, value = first_step(steps)
    if has_ended:
        return cast("T", value)
    return await gone_on(steps, value, requests, ref, is_stream=is_stream, is_once=is_once)


async def gone_on(
    steps: Coroutine[Any, Any, T],
    waits_for: Any,
    requests: Requests,
    ref: Ref,
    *,
    is_stream: bool = False,
    is_once: bool = False,
) -> T:
    """Await a coroutine whose first step was made and led to ``waits_for``: as a `Work` if it has a ref."""
    if ref is None:
        return await rest_of(steps, waits_for)
    with Work(requests.exchange.in_flight, ref, is_stream=is_stream, is_once=is_once):
        return await rest_of(steps, waits_for)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
