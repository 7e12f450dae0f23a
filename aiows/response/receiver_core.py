"""Gives messages to a task that awaits them, in the same call that reads them where no other task runs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextvars import Context
from typing import Any, ClassVar, Protocol

from .._wire.messages import Message, Opcode, new_tuple
from ..errors import ConcurrentReceive

__all__ = ("ReceiverCore",)


class Loop(Protocol):
    """What calls soon, as asyncio has it."""

    def call_soon(
        self, callback: Callable[..., object], /, *args: Any, context: Context | None
    ) -> object: ...


class ReceiverCore:
    """What one task at a time awaits for the next message; ``iteration`` is the same for ``async for``.

    A message is given as a tuple of the class ``given_as``: its type, as ``types`` has it for the opcode, its
    data and what is extra.

    To a task it is what an `asyncio.Future` is: it has what `asyncio.Task` asks of whatever it awaits. But
    who is woken with a message does not wait for the loop's next turn: a view gets it, and answers, while the
    read that brought it is processed. ``current_task(loop)`` says whether another task runs, within which
    that is not possible.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_cancellation",
        "_context",
        "_current_task",
        "_given_as",
        "_has_news",
        "_has_waited",
        "_held",
        "_is_woken",
        "_loop",
        "_types",
        "has_read",
        "was_brought",
    )

    cancelled_error: ClassVar[type[BaseException]]
    """What a task that is cancelled while it waits gets."""

    def __init__(
        self,
        loop: Loop,
        current_task: Callable[[Any], object],
        given_as: type[tuple[Any, ...]],
        types: Mapping[int, Any],
    ) -> None:
        self._loop = loop
        self._given_as = given_as
        self._types = types
        self._has_news = False  # something else than a message that was brought
        self.has_read = False  # whether anybody has asked for a message
        self.was_brought = False  # the last one that was given was offered, and no news
        self._current_task = current_task
        self._held: Message | None = None
        self._has_waited = False
        self._is_woken = False  # and has not gone on yet
        self._cancellation: tuple[Any, ...] | None = None
        self._asyncio_future_blocking = False
        self._callback: Callable[[ReceiverCore], object] | None = None
        self._context: Context | None = None

    # who brings messages

    def offer(self, message: Message) -> bool:
        """Give ``message`` to the task that awaits it; False if none does."""
        if self._callback is None:
            return False
        self._held = message
        if self._current_task(self._loop) is None:
            callback, context = self._woken()
            context.run(callback, self)
        else:
            self._wake_soon()
        return True

    def hold(self, message: Message | None) -> None:
        """Keep ``message`` for who asks next; None: keep nothing."""
        self._held = message

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits that nobody has woken."""
        return self._callback is not None

    def wake(self) -> None:
        """There is something new: let the task that waits, if there is one, look in the loop's next turn."""
        self._has_news = True
        self._wake_soon()

    def _wake_soon(self) -> None:
        if self._callback is not None:
            callback, context = self._woken()
            self._loop.call_soon(callback, self, context=context)

    def _woken(self) -> tuple[Callable[[ReceiverCore], object], Context]:
        callback, context = self._callback, self._context
        assert callback is not None
        assert context is not None
        self._callback = self._context = None
        self._is_woken = True
        return callback, context

    # who awaits them

    def __await__(self) -> Generator[ReceiverCore, None, Any]:
        while (result := self.next()) is None:
            yield self
        return result

    @property
    def iteration(self) -> Iteration:
        """What ``__anext__`` returns."""
        return Iteration(self)

    def next(self) -> Any:
        """Return what the task gets; None if there is nothing yet: then it may wait."""
        if self._callback is not None or self._is_woken:
            raise ConcurrentReceive
        self.has_read = True
        result: Any = None
        held, self._held = self._held, None
        self.was_brought = held is not None and held.opcode <= Opcode.BINARY
        if held is not None:
            result = new_tuple(self._given_as, (self._types[held.opcode], held.data, held.extra))
        elif self._has_news:
            result = self._next(has_waited=self._has_waited)
            self._has_news = result is not None
        self._has_waited = self._asyncio_future_blocking = result is None
        return result

    # what a subclass says

    def _next(self, *, has_waited: bool) -> Any:
        """Return what the task gets, now that there is something new; None: nothing, it has to wait.

        ``has_waited``: it did already.
        """
        return None

    def is_end(self, result: Any) -> bool:
        """Whether ``async for`` ends with what `_next` has returned."""
        return False

    # what `asyncio.Task` asks for

    def get_loop(self) -> Loop:
        return self._loop

    def add_done_callback(
        self, callback: Callable[[ReceiverCore], object], *, context: Context
    ) -> None:
        self._callback, self._context = callback, context
        if self._held is not None or self._has_news:  # since `next` has looked
            self._wake_soon()

    def cancel(self, msg: object = None) -> bool:
        self._has_waited = False  # whoever is cancelled does not look again
        if self._callback is None:
            return False
        self._cancellation = () if msg is None else (msg,)
        self._wake_soon()
        return True

    def result(self) -> None:
        self._is_woken = False
        cancellation, self._cancellation = self._cancellation, None
        if cancellation is not None:
            raise self.cancelled_error(*cancellation)


class Iteration:
    """What ``async for`` awaits for the next message; it has no state of its own.

    It is a `collections.abc.Coroutine`, as what ``__anext__`` returns may be given to a task.
    """

    __slots__ = ("_receiving",)

    def __init__(self, receiving: ReceiverCore) -> None:
        self._receiving = receiving

    def __await__(self) -> Iteration:
        return self

    def __iter__(self) -> Iteration:
        return self

    def __next__(self) -> ReceiverCore:
        receiving = self._receiving
        result = receiving.next()
        if result is None:
            return receiving
        if not receiving.was_brought and receiving.is_end(result):
            raise StopAsyncIteration
        raise StopIteration(result)

    def send(self, _value: None) -> ReceiverCore:
        return self.__next__()

    def throw(self, *error: Any) -> Any:
        raise error[0]

    def close(self) -> None:
        """There is nothing to end."""
