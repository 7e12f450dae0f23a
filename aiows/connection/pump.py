"""In go a connection's events, out they go to hooks, one after the other: no task while idle."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from .._wire import Message, Opcode
from ..errors import ConnectionClosed
from .connection import Connection, protocol_of
from .cores import PumpCore
from .per_loop import per_loop
from .prepared import PreparedMessage

__all__ = ("Hooks", "Pump")

logger = logging.getLogger("aiows.connection")


class Hooks:
    """What a pump calls; each may be a plain or an ``async`` method, and does nothing unless overridden.

    One object may serve many connections.
    """

    __slots__ = ()

    def open(self, ws: Connection) -> Any:
        """The 101 is sent; no message is seen before this has finished."""

    def message(self, ws: Connection, data: str | bytes, type: Any, /) -> Any:
        """A message came, of the type that the pump has for TEXT or BINARY."""

    def ping(self, ws: Connection, data: bytes) -> Any:
        """A Ping came, and is answered; needs ``control_messages``."""

    def pong(self, ws: Connection, data: bytes) -> Any:
        """A Pong came; needs ``control_messages``."""

    def drain(self, ws: Connection) -> Any:
        """There is room in the outbox again."""

    def dropped(self, ws: Connection, message: PreparedMessage) -> Any:
        """There was no room for ``message``."""

    def subscription(self, ws: Connection, topic: str, count: int, before: int) -> Any:
        """It subscribed to ``topic`` or no longer does; how many do so now, and did before."""

    def close(self, ws: Connection, code: int, reason: str) -> Any:
        """It is over; called exactly once if ``open`` was, and nothing is called after it."""


class Pump(PumpCore):
    """A `Consumer` that runs hooks in the order in which things happened.

    It begins with `open`; messages wait until `start`. A hook that raises closes the connection with
    1011 (RFC 6455, section 7.4.1). Messages are handled one after the other, and so are drains; what
    is told besides (a drop, a subscription, the end) is told at once.
    """

    __slots__ = (
        "_drained",
        "_has_started",
        "_is_dropping",
        "_is_open",
        "_shared",
        "_tasks",
    )

    connection: Connection

    def __init__(
        self, hooks: Hooks, loop: asyncio.AbstractEventLoop, types: Mapping[int, Any]
    ) -> None:
        super().__init__(hooks, types)
        self._shared = per_loop(loop)
        self._is_open = False
        self._has_started = False
        # None while nobody is being told of a drain, else whether there was another one since.
        self._drained: bool | None = None
        self._is_dropping = False
        # The loop itself keeps tasks only weakly. None while there is none: a set has 216 bytes.
        self._tasks: set[asyncio.Task[None]] | None = None

    async def open(self) -> None:
        """Run the open hook, unless the connection was closed before anybody could know it."""
        if self.connection.closed:
            return
        self._is_open = True
        waiting = self._call(self._hooks.open)
        if waiting is not None:
            await self._finish(waiting)

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
            self._handle_news()

    def on_drain(self) -> None:
        is_told_of_one = self._drained is not None
        self._drained = True
        if not is_told_of_one:
            self._run(self._handle_drains)

    def on_dropped(self, message: PreparedMessage) -> None:
        if self._is_dropping:
            return  # a hook that sends what is dropped again would never end
        self._is_dropping = True
        self._tell(self._hooks.dropped, message)
        self._is_dropping = False

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        if not self._shared.loop.is_closed():  # or the hub has outlived its loop, and sweeps up
            self._tell(self._hooks.subscription, topic, count, before)

    def on_close(self, code: int, reason: str) -> None:
        if self._is_open:
            self._tell(self._hooks.close, code, reason)

    async def settle(self, timeout: float | None) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    # what it runs

    def _handle_news(self) -> None:
        self._is_working = True
        self._run(self._handle_messages)

    def _goes_on(self, result: Any) -> bool:
        if not inspect.isawaitable(result):
            return False
        self._spawn(self._go_on(result, self._handle_messages))
        return True

    def _handle_messages(self) -> Awaitable[Any] | None:
        """Handle what waits, until a hook has to be awaited; return that."""
        while self._has_news:
            message = protocol_of(self.connection).take()
            if message is None:
                self._has_news = False
                break
            waiting = self._handle_message(message)
            if waiting is not None:
                return waiting
        self._is_working = False
        return None

    def _handle_message(self, message: Message) -> Awaitable[Any] | None:
        if message.opcode <= Opcode.BINARY:
            return self._call(self._hooks.message, message.data, self._types[message.opcode])
        if message.opcode == Opcode.PING:
            return self._call(self._hooks.ping, message.data)
        if message.opcode == Opcode.PONG:
            return self._call(self._hooks.pong, message.data)
        return None

    def _handle_drains(self) -> Awaitable[Any] | None:
        """Tell of a drain, and again if there was another one meanwhile."""
        while self._drained and not self.connection.closed:
            self._drained = False
            waiting = self._call(self._hooks.drain)
            if waiting is not None:
                return waiting
        self._drained = None
        return None

    # how it runs it

    def _run(self, handle: Callable[[], Awaitable[Any] | None]) -> None:
        """Call ``handle``; if a hook has to be awaited, go on in a task."""
        waiting = handle()
        if waiting is not None:
            self._spawn(self._go_on(waiting, handle))

    async def _go_on(
        self, waiting: Awaitable[Any] | None, handle: Callable[[], Awaitable[Any] | None]
    ) -> None:
        while waiting is not None:
            await self._finish(waiting)
            waiting = handle()

    def _tell(self, hook: Callable[..., Any], *args: Any) -> None:
        waiting = self._call(hook, *args)
        if waiting is not None:
            self._spawn(self._finish(waiting))

    def _call(self, hook: Callable[..., Any], *args: Any) -> Awaitable[Any] | None:
        """Call one hook; return what has to be awaited."""
        try:
            result = hook(self.connection, *args)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)
            return None
        return None if result is None or not inspect.isawaitable(result) else result

    async def _finish(self, waiting: Awaitable[Any]) -> None:
        """Await one hook; what it raises is logged, and closes the connection."""
        try:
            await waiting
        except asyncio.CancelledError as error:
            self._failed(error)
            if _is_cancelled():
                raise
        except Exception as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Exception | asyncio.CancelledError):
            raise error
        if self._is_the_end(error):
            return  # it ended while the hook was at work
        logger.error("a hook of %r raised", self.connection, exc_info=error)
        self.connection.close(1011)

    def _is_the_end(self, error: BaseException) -> bool:
        if isinstance(error, ConnectionClosed):
            return protocol_of(self.connection).is_ending
        return isinstance(error, asyncio.CancelledError) and self.connection.closed

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._shared.eager.start(work)
        if task is not None:
            if self._tasks is None:
                self._tasks = set()
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
            self._tasks = self._tasks or None


def _is_cancelled() -> bool:
    """Whether the hook's own task was told to stop, not something that the hook awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
