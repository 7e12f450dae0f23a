"""Runs hooks on a connection's events, one after the other: no task while it is idle."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from types import CodeType
from typing import Any, Final

from .._wire import Message, Opcode
from .builds import HooksCore, PumpCore
from .connection import Connection, protocol_of
from .per_loop import PerLoop
from .prepared import PreparedMessage
from .settling import settle
from .stepper import is_cancelled, rest_of

__all__ = ("Hooks", "Pump")

logger = logging.getLogger("aiows.connection")

# What the modules of aiows are called: those frames of a traceback say nothing of the application.
OURS: Final = "aiows."


class Hooks(HooksCore):
    """What a pump calls; each may be a plain or an ``async`` method, and does nothing unless overridden.

    One object serves all connections of an endpoint. ``owner``: whose hooks they are where that is not the
    connection alone, such as its view. `call` is what is called for messages.
    """

    __slots__ = ()

    def open(self, owner: Any, ws: Connection) -> Any:
        """The 101 is sent; no message is seen before this has finished."""

    def ping(self, owner: Any, ws: Connection, data: bytes) -> Any:
        """A Ping came, and is answered; needs ``control_messages``."""

    def pong(self, owner: Any, ws: Connection, data: bytes) -> Any:
        """A Pong came; needs ``control_messages``."""

    def drain(self, owner: Any, ws: Connection) -> Any:
        """There is room in the outbox again."""

    def dropped(self, owner: Any, ws: Connection, message: PreparedMessage) -> Any:
        """There was no room for ``message``."""

    def subscription(self, owner: Any, ws: Connection, topic: str, count: int, before: int) -> Any:
        """It subscribed to ``topic`` or no longer does; how many do so now, and did before."""

    def close(self, owner: Any, ws: Connection, code: int, reason: str) -> Any:
        """It is over; called exactly once if ``open`` was, and nothing is called after it."""


class Pump(PumpCore):
    """A `Consumer` that runs hooks in the order in which things happened.

    It begins with `open`; messages wait until `start`. A hook that raises closes the connection with
    1011 (RFC 6455, section 7.4.1). Messages are handled one after the other, and so are drains; what
    is told besides (a drop, a subscription, the end) is told at once.

    The open hook runs where `open` is awaited. Every other call runs in a copy of the context as that has
    left it: none sees what another has set, nor what is set where it is caused.
    """

    __slots__ = ("_drained", "_has_started", "_is_dropping", "_is_open", "_tasks")

    connection: Connection

    @property
    def owner(self) -> Any:
        """Whose hooks they are."""
        return self._owner

    def __init__(self, hooks: Hooks, owner: Any, shared: PerLoop) -> None:
        super().__init__(hooks, owner, shared.stepper)
        self._is_open = False
        self._has_started = False
        # None while nobody is being told of a drain, else whether there was another one since.
        self._drained: bool | None = None
        self._is_dropping = False
        # The loop itself keeps tasks only weakly. None while there is none: a set has 216 bytes.
        self._tasks: set[asyncio.Future[Any]] | None = None

    async def open(self) -> None:
        """Run the open hook, unless the connection was closed before anybody could know it."""
        if self.connection.closed:
            return
        self._is_open = True
        self.context = self._stepper.captured()
        try:
            waiting = self._hooks.open(self._owner, self.connection)
            if waiting is not None and inspect.isawaitable(waiting):
                await self._opened(waiting)
        except (Exception, asyncio.CancelledError) as error:
            self.context = self._stepper.captured()
            self._failed(error)
            if is_cancelled(error):
                raise
        else:
            self.context = self._stepper.captured()

    async def _opened(self, waiting: Awaitable[Any]) -> None:
        """Await the open hook, which is at work like the others."""
        opening: asyncio.Future[None] = self._stepper.loop.create_future()
        self._goes_on(opening)
        try:
            await waiting
        finally:
            if not opening.done():
                opening.set_result(None)

    def start(self) -> None:
        """The open hook has finished: let messages through."""
        self._has_started = True
        self._has_news = True
        self.rest()

    # the connection's side

    @property
    def is_holding(self) -> bool:
        return False

    @property
    def ends_at_once(self) -> bool:
        return self._has_started

    @property
    def is_at_work(self) -> bool:
        return bool(self._tasks)

    def on_message(self) -> None:
        self._has_news = True
        if not self._is_working:
            self.rest()

    def on_drain(self) -> None:
        is_told_of_one = self._drained is not None
        self._drained = True
        if not is_told_of_one:
            self._handle_drains()

    def on_dropped(self, message: PreparedMessage) -> None:
        if self._is_dropping:
            return  # a hook that sends what is dropped again would never end
        self._is_dropping = True
        self._tell(self._hooks.dropped, message)
        self._is_dropping = False

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        if not self._stepper.loop.is_closed():  # or the hub has outlived its loop, and sweeps up
            self._tell(self._hooks.subscription, topic, count, before)

    def on_close(self, code: int, reason: str) -> None:
        if self._is_open:
            self._tell(self._hooks.close, code, reason)

    @property
    def at_work(self) -> Collection[asyncio.Future[Any]]:
        return self._tasks or ()

    async def settle(self, timeout: float | None) -> None:
        now = self._stepper.loop.time
        end = None if timeout is None else now() + timeout
        is_in_time = True
        while (
            self._tasks and is_in_time
        ):  # one that ends may begin another: of the next message, of the end
            left = None if end is None else max(0.0, end - now())
            is_in_time = await settle(self._tasks, left)

    # what it runs

    def _handle_control(self, message: Message) -> bool:
        if message.opcode == Opcode.PING:
            return self._run(self._hooks.ping, message.data, then=self.rest)
        if message.opcode == Opcode.PONG:
            return self._run(self._hooks.pong, message.data, then=self.rest)
        return True

    def _take(self) -> Message | None:
        return protocol_of(self.connection).take()

    def _handle_drains(self) -> None:
        """Tell of a drain, and again if there was another one meanwhile."""
        while self._drained and not self.connection.closed:
            self._drained = False
            if not self._run(self._hooks.drain, then=self._handle_drains):
                return
        self._drained = None

    # how it runs it

    def _tell(self, hook: Callable[..., Any], *args: Any) -> None:
        self._run(hook, *args, then=_nothing)

    def _run(self, hook: Callable[..., Any], *args: Any, then: Callable[[], object]) -> bool:
        return self._call(hook, (self._owner, self.connection, *args), then)

    def _finish_rest(
        self, steps: Coroutine[Any, Any, Any], waits_for: Any
    ) -> Coroutine[Any, Any, None]:
        return self._finish(rest_of(steps, waits_for))

    async def _finish(self, awaitable: Awaitable[Any]) -> None:
        """Await one hook; what it raises is logged, and closes the connection."""
        try:
            await awaitable
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)
            if is_cancelled(error):
                raise

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Exception | asyncio.CancelledError):
            raise error
        protocol = protocol_of(self.connection)
        was_stopped = isinstance(error, asyncio.CancelledError) and self.connection.closed
        if was_stopped or protocol.is_departure(error):
            logger.debug("%r ended while a hook was at work", self.connection, exc_info=error)
            return
        protocol.failed_in(_hook_in(error), error, logger)
        self.connection.close(1011)

    def _goes_on(self, task: asyncio.Future[Any]) -> None:
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
            self._tasks = self._tasks or None


def _hook_in(error: BaseException) -> str:
    """Say which function of the application it was that raised ``error``: the outermost that is not ours."""
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        if not frame.f_globals.get("__name__", "").startswith(OURS):
            return f"the hook {_name_of(frame.f_code)}"
        step = step.tb_next
    return "a hook"


def _name_of(code: CodeType) -> str:
    """Return what it is called in its module: ``Chat.on_open``."""
    return code.co_qualname.rpartition("<locals>.")[-1]


def _nothing() -> None:
    """What is told of holds nothing up."""
