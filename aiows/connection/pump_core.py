"""Calls a hook with each message, one after the other: at once where it is at rest.

Each call runs in a copy of the connection's context, and a coroutine that comes of it inside a task.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from types import CoroutineType
from typing import Any, cast

from .._wire.messages import Message, Opcode
from ..send_status import SendStatus
from .stepper import Stepper, first_step

__all__ = ("HooksCore", "PumpCore")


class HooksCore:
    """What a pump calls for a message; one object may serve many connections.

    ``types`` has the type that is given for an opcode, TEXT or BINARY.
    """

    __slots__ = ()

    def call(self, owner: Any, connection: Any, message: Message) -> Any:
        """Handle a TEXT or BINARY; what is returned may have to be awaited.

        ``owner``: whose hooks they are where that is not the connection alone, such as its view.
        """
        raise NotImplementedError


class PumpCore:
    """Calls ``hooks.call(owner, connection, message)``, never while the call before it goes on.

    ``context`` is what each call runs in a copy of. Nothing is taken before `rest` was called once. What a
    call has raised, how it goes on, and what waits, is for a subclass.
    """

    __slots__ = (
        "_has_news",
        "_hooks",
        "_is_working",
        "_owner",
        "_stepper",
        "connection",
        "context",
    )

    connection: Any

    def __init__(self, hooks: HooksCore, owner: Any, stepper: Stepper) -> None:
        self._hooks: Any = hooks
        self._owner = owner
        self._stepper = stepper
        self._is_working = True
        self._has_news = False
        self.context: Context = stepper.empty

    def offer(self, message: Message) -> bool:
        """Handle ``message`` at once; False if it has to wait for its turn."""
        if self._is_working:
            return False
        self._is_working = True
        if self._handle(message):
            self.rest()
        return True

    def rest(self) -> None:
        """Nothing is at work: handle what waits, or wait for what comes."""
        while self._has_news:
            self._is_working = True
            message = self._take()
            if message is None:
                self._has_news = False
            elif not self._handle(message):
                return
        self._is_working = False

    def _handle(self, message: Message) -> bool:
        """Whether ``message`` has been handled; False: that goes on, and calls `rest` in the end."""
        if message.opcode > Opcode.BINARY:
            return self._handle_control(message)
        hooks = self._hooks
        return self._call(hooks.call, (self._owner, self.connection, message), self.rest)

    def _call(
        self, hook: Callable[..., Any], arguments: tuple[Any, ...], then: Callable[[], object]
    ) -> bool:
        """Call ``hook``; return whether that was all. False: it goes on, and calls ``then`` in the end."""
        context = self.context.copy()
        return context.run(self._call_in, context, hook, arguments, then)

    def _call_in(
        self,
        context: Context,
        hook: Callable[..., Any],
        arguments: tuple[Any, ...],
        then: Callable[[], object],
    ) -> bool:
        try:
            result = hook(*arguments)
            if result is None or not _is_to_be_awaited(result):
                return True
            with self._stepper.inside_task() as parked:
                work = self._step(result)
                if work is None:
                    return True
                has_ended, waits_for = first_step(work)
                if not has_ended:
                    self._goes_on(parked.hand_over(work, waits_for, context, then))
                return has_ended
        except BaseException as error:
            self._failed(error)
            return True

    def _step(self, result: Awaitable[Any]) -> Coroutine[Any, Any, None] | None:
        """Make the first step of what a hook returned; return what is left to be done."""
        if not isinstance(result, CoroutineType):
            return self._finish(result)
        steps = cast("Coroutine[Any, Any, Any]", result)
        has_ended, waits_for = first_step(steps)
        return None if has_ended else self._finish_rest(steps, waits_for)

    # what a subclass says

    def _take(self) -> Message | None:
        """Return the next message that waits, None if none does."""
        return None

    def _handle_control(self, message: Message) -> bool:
        """Do as `_handle` with a message of another opcode than TEXT and BINARY."""
        return True

    def _failed(self, error: BaseException) -> None:
        """The hook raised ``error``."""
        raise error

    async def _finish(self, awaitable: Awaitable[Any]) -> None:
        """Await what a hook returned."""
        await awaitable

    def _finish_rest(
        self, steps: Coroutine[Any, Any, Any], waits_for: Any
    ) -> Coroutine[Any, Any, None]:
        """Await a coroutine that a hook returned, whose first step has led to ``waits_for``."""
        raise NotImplementedError

    def _goes_on(self, task: asyncio.Future[Any]) -> None:
        """A hook goes on in ``task``."""


def _is_to_be_awaited(result: Any) -> bool:
    # What `push` answers may be awaited, and says nothing new: hooks that end with it are common.
    return inspect.isawaitable(result) and not isinstance(result, SendStatus)
