"""`Watcher`: collects the exceptions of a server's handlers and hooks, for each connection.

It watches three places. None of them slows a message down, and the application is not changed:

- the server's request handler: exceptions of views that call ``prepare``, of endpoint functions and of plain
  HTTP handlers (a middleware would do it too, but aiohttp keeps every application that has one, and its
  handlers, in a cache);
- an `aiows.Observer`: exceptions of hooks, callbacks and kind handlers, which run after the request has been
  answered;
- the loop's exception handler: exceptions of tasks and callbacks that nobody awaits.

A connection is identified by its client's port, which both ends know before the first byte is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

from aiohttp import web

from ..connection import Connection, Observation, observe, protocol_of
from ..errors import SentAfterClose
from ..events import Observer
from ..response.websocket_response import WebSocketResponse
from ..upgrade import SwitchingProtocols

__all__ = ("Watched", "Watcher")

RequestHandler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# Seconds between a failure and the waking of a test that waits for a message, so that the test receives first
# what the server sent before the failure.
GRACE: Final = 0.05


class Watched:
    """The server's side of one connection of a test."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.failures: deque[Exception] = deque()
        self._all_failures: list[Exception] = []
        self.is_left = False  # the test has begun to close, which may make the server fail
        self._connection: Connection | None = None
        self._ended = asyncio.Event()

    def fail(self, error: Exception) -> None:
        """Keep ``error`` until the test takes it."""
        self.failures.append(error)
        self._all_failures.append(error)

    def has_failed_with(self, error: Exception) -> bool:
        """Whether this same ``error`` was kept before: it may be logged first and raised later."""
        return any(each is error for each in self._all_failures)

    def handled(self, response: web.StreamResponse) -> None:
        """Note that a handler has returned ``response``; its connection may still be open."""
        if isinstance(response, WebSocketResponse | SwitchingProtocols) and response.prepared:
            self._connection = response.connection

    def handler_ended(self) -> None:
        self._ended.set()

    async def ended(self) -> None:
        """Wait until no handler and no hook is running."""
        await self._ended.wait()
        if self._connection is not None:
            protocol = protocol_of(self._connection)
            await protocol.handshake_done()
            await protocol.settle(None)


class Watcher(Observer):
    """Collects the exceptions of one server; none with ``is_silent``."""

    def __init__(self, *, is_silent: bool = False) -> None:
        self._is_silent = is_silent
        self._watched: dict[int, Watched] = {}
        self._strays: deque[Exception] = deque()
        self._seen: list[Exception] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._observation: Observation | None = None

    def start(self, server: web.Server) -> None:
        """Watch ``server``, the running loop, and what happens on its connections.

        Call it before ``server`` has connections.
        """
        server.request_handler = partial(self._watch_request, server.request_handler)
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._see_loop)
        self._observation = observe(self)

    def stop(self) -> None:
        """Stop watching connections."""
        if self._observation is not None:
            self._observation.stop()

    def watch(self, port: int, wake: Callable[[], None] = lambda: None) -> Watched:
        """Return the record of the connection from ``port``; ``wake`` is called after each failure."""
        watched = self._watched[port] = Watched(wake)
        return watched

    def take(self, watched: Watched) -> Exception | None:
        """Remove and return the first failure of ``watched``, or else of no known connection."""
        failures = watched.failures or self._strays
        return failures.popleft() if failures else None

    def take_any(self) -> Exception | None:
        """Remove and return the first failure of any connection."""
        for failures in (self._strays, *(each.failures for each in self._watched.values())):
            if failures:
                return failures.popleft()
        return None

    def has_seen(self, error: BaseException | None) -> bool:
        """Whether ``error`` came from the server."""
        return any(each is error for each in self._seen)

    def may_replace(self, raised: BaseException | None) -> bool:
        """Whether a failure may be raised in place of ``raised``, an exception that is being raised already.

        An error of the test that the failure has caused remains as its context.
        """
        return raised is None or (isinstance(raised, Exception) and not self.has_seen(raised))

    # the places that are watched

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

    def failed(self, connection: Connection, error: BaseException, /, *, kind: str | None) -> None:
        if isinstance(error, Exception):
            self._failed(error, self._find(connection))

    def _see_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self._failed(error, None)

    def _find(self, where: Any) -> Watched | None:
        host_and_port: Any = where and where.get_extra_info("peername")
        return self._watched.get(host_and_port[1]) if host_and_port else None

    def _failed(self, error: Exception, watched: Watched | None) -> None:
        if self._is_silent or _is_caused_by_leaving(error, watched):
            return
        self._seen.append(error)
        _drop(error, self._strays)  # it may have been logged before it was raised
        if watched is None:
            self._strays.append(error)
            self._wake(*self._watched.values())
        elif not watched.has_failed_with(error):
            watched.fail(error)
            self._wake(watched)

    def _wake(self, *sessions: Watched) -> None:
        assert self._loop is not None
        for watched in sessions:
            self._loop.call_later(GRACE, watched.wake)


def _drop(error: Exception, failures: deque[Exception]) -> None:
    """Remove ``error`` itself, not what is equal to it."""
    kept = [each for each in failures if each is not error]
    failures.clear()
    failures.extend(kept)


def _is_caused_by_leaving(error: Exception, watched: Watched | None) -> bool:
    """Whether the server failed to send because the test had left: that is no mistake of the server."""
    if watched is None or not watched.is_left or isinstance(error, SentAfterClose):
        return False
    return isinstance(error, ConnectionResetError)
