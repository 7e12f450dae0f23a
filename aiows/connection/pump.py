"""In go a connection's messages, out they go to a handler, one after the other: no task while idle."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from .._wire import Message
from ..errors import ConnectionClosed
from .connection import Connection
from .eager import start_eagerly

__all__ = ("Hooks", "Pump")

logger = logging.getLogger("aiows.connection")


class Hooks:
    """What a pump calls; each may be a plain or an ``async`` function."""

    __slots__ = ("close", "drain", "message")

    def __init__(
        self,
        *,
        message: Callable[[Message], Any],
        drain: Callable[[], Any],
        close: Callable[[int, str], Any],
    ) -> None:
        self.message = message
        self.drain = drain
        self.close = close


class Pump:
    """A `Consumer` that runs hooks in the order in which things happened.

    It begins with `start`, so that no message is seen before the open hook has finished. A hook that
    raises closes the connection with 1011 (RFC 6455, section 7.4.1).
    """

    __slots__ = ("_hooks", "_loop", "_tasks", "_working", "connection")

    connection: Connection

    def __init__(self, hooks: Hooks, loop: asyncio.AbstractEventLoop) -> None:
        self._hooks = hooks
        self._loop = loop
        self._working = True
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps tasks only weakly

    def start(self) -> None:
        """The open hook has finished: let messages through."""
        self._working = False
        self.on_message()

    # the connection's side

    def on_message(self) -> None:
        if not self._working:
            self._working = True
            self._spawn(self._work())

    def on_drain(self) -> None:
        self._spawn(self.run(self._hooks.drain))

    def on_close(self, code: int, reason: str) -> None:
        self._spawn(self.run(self._hooks.close, code, reason))

    async def settle(self, timeout: float | None) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _work(self) -> None:
        try:
            while (message := self.connection.take()) is not None:
                await self.run(self._hooks.message, message)
        finally:
            self._working = False

    async def run(self, hook: Callable[..., Any], *args: Any) -> None:
        """Run one hook; what it raises is logged, and closes the connection."""
        try:
            result = hook(*args)
            if inspect.isawaitable(result):
                await result
        except ConnectionClosed:
            if not self.connection.closed:  # somebody else's connection: an error like any other
                self._failed()
        except Exception:
            self._failed()

    def _failed(self) -> None:
        logger.exception("a hook of %r raised", self.connection)
        self.connection.close(1011)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = start_eagerly(work, self._loop)
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
