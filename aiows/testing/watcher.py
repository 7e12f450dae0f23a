"""In goes a server, out come the exceptions of its handlers and hooks, by connection.

Three places are watched, none of them on the way of a message, and the application stays as it is:

- around what the server calls for a request: what handlers raise, that is views that accept by
  themselves, endpoint functions, plain HTTP (a middleware would do, but aiohttp keeps every
  application that has one, and its handlers, in a cache);
- a handler on the logger ``aiows`` sees what hooks, callbacks and kind handlers raise, which run after
  the request has been answered: aiows logs each such exception once, with the exception itself
  (an application that disables this logger or sets it above ERROR hides them from its tests too);
- the loop's exception handler sees what nobody else does: tasks and callbacks that an application
  has started and forgotten.

A connection is known by its client's port, which both ends know before the first byte is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

from aiohttp import web

from ..connection import Connection, protocol_of
from ..errors import SentAfterClose
from ..response.websocket_response import WebSocketResponse

__all__ = ("Watched", "Watcher")

RequestHandler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# Seconds between a failure and the waking of a test that waits for a message: what the server sent
# before it failed is received first.
GRACE: Final = 0.05


class Watched:
    """The server's side of one connection of a test."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.failures: deque[Exception] = deque()
        self._told: list[Exception] = []
        self.is_left = False  # the test has begun to close: the server may stumble over that
        self._connection: Connection | None = None
        self._ended = asyncio.Event()

    def fail(self, error: Exception) -> None:
        """Keep ``error`` until the test takes it."""
        self.failures.append(error)
        self._told.append(error)

    def has_told(self, error: Exception) -> bool:
        """Whether this very ``error`` is known already: logged first, and raised then."""
        return any(each is error for each in self._told)

    def handled(self, response: web.StreamResponse) -> None:
        """A handler has returned ``response``, whose connection may go on without it."""
        if isinstance(response, WebSocketResponse) and response.prepared:
            self._connection = response.connection

    def handler_ended(self) -> None:
        self._ended.set()

    async def ended(self) -> None:
        """Wait until neither a handler nor a hook runs any more."""
        await self._ended.wait()
        if self._connection is not None:
            protocol = protocol_of(self._connection)
            await protocol.handshake_done()
            await protocol.settle(None)


class Watcher(logging.Handler):
    """Sees what goes wrong in one server. With ``is_silent`` it gives out none of it."""

    def __init__(self, *, is_silent: bool = False) -> None:
        super().__init__(logging.ERROR)
        self._is_silent = is_silent
        self._watched: dict[int, Watched] = {}
        self._strays: deque[Exception] = deque()
        self._seen: list[Exception] = []
        self._thread: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, server: web.Server, thread: int | None) -> None:
        """Watch ``server``, the running loop, and the loggers as far as this ``thread`` uses them.

        ``server`` has no connections yet.
        """
        server.request_handler = partial(self._watch_request, server.request_handler)
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._see_loop)
        logging.getLogger("aiows").addHandler(self)

    def stop(self) -> None:
        """Listen no more."""
        logging.getLogger("aiows").removeHandler(self)

    def watch(self, port: int, wake: Callable[[], None] = lambda: None) -> Watched:
        """Give out what happens on the connection from ``port``; ``wake`` is called after a failure."""
        watched = self._watched[port] = Watched(wake)
        return watched

    def take(self, watched: Watched) -> Exception | None:
        """Return the first failure of ``watched``, or of no known connection, that nobody has taken."""
        failures = watched.failures or self._strays
        return failures.popleft() if failures else None

    def take_any(self) -> Exception | None:
        """Return the first failure of any connection that nobody has taken."""
        for failures in (self._strays, *(each.failures for each in self._watched.values())):
            if failures:
                return failures.popleft()
        return None

    def has_seen(self, error: BaseException | None) -> bool:
        """Whether ``error`` is one of the server's."""
        return any(each is error for each in self._seen)

    def may_replace(self, raised: BaseException | None) -> bool:
        """Whether a failure is raised where ``raised`` is on its way: an outcome, or a test's error.

        The error of a test that stumbled over the failure remains as its context.
        """
        return raised is None or (isinstance(raised, Exception) and not self.has_seen(raised))

    # where it looks

    async def _watch_request(
        self, handler: RequestHandler, request: web.BaseRequest
    ) -> web.StreamResponse:
        watched = self._find(request.transport)
        try:
            response = await handler(request)
            if watched is not None:
                watched.handled(response)
            return response
        except web.HTTPException:
            raise
        except Exception as error:
            self._failed(error, watched)
            raise
        finally:
            if watched is not None:
                watched.handler_ended()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.thread == self._thread and isinstance(error, Exception):
            self._failed(error, self._find(_connection_in(record)))

    def _see_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self._failed(error, None)

    def _find(self, where: Any) -> Watched | None:
        host_and_port: Any = where and where.get_extra_info("peername")
        return self._watched.get(host_and_port[1]) if host_and_port else None

    def _failed(self, error: Exception, watched: Watched | None) -> None:
        if self._is_silent or _is_our_own_doing(error, watched):
            return
        self._seen.append(error)
        _drop(error, self._strays)  # a handler may have logged it before it raised it
        if watched is None:
            self._strays.append(error)
            self._wake(*self._watched.values())
        elif not watched.has_told(error):
            watched.fail(error)
            self._wake(watched)

    def _wake(self, *sessions: Watched) -> None:
        assert self._loop is not None
        for watched in sessions:
            self._loop.call_later(GRACE, watched.wake)


def _drop(error: Exception, failures: deque[Exception]) -> None:
    """Take ``error`` itself out, not what is equal to it."""
    kept = [each for each in failures if each is not error]
    failures.clear()
    failures.extend(kept)


def _connection_in(record: logging.LogRecord) -> Connection | None:
    """The connection that a record tells of."""
    told = record.args if isinstance(record.args, tuple) else ()
    return next((each for each in told if isinstance(each, Connection)), None)


def _is_our_own_doing(error: Exception, watched: Watched | None) -> bool:
    """A server that was sending when the test left has done nothing wrong."""
    if watched is None or not watched.is_left or isinstance(error, SentAfterClose):
        return False
    return isinstance(error, ConnectionResetError)
