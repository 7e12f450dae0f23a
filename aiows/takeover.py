"""In goes an answered upgrade request, out comes its transport: every private touch of aiohttp is here.

After the 101 aiohttp has no part in the connection any more. Its HTTP protocol object gives up the
transport, which is the one thing that keeps HTTP bytes off the wire and the transport open; what
remains of aiohttp's lifecycle (its server's list of connections, graceful shutdown, the request's
task) is kept working by a `Guest`.

The touches, each with a test in tests/test_takeover.py that names it:

- ``RequestHandler._message_tail``: frames that came in the same segment as the handshake
- ``RequestHandler._buffer_paused``, ``_reading_paused``: aiohttp had paused reading
- ``RequestHandler.transport``, set to None
- ``RequestHandler.logger``, replaced for the rest of this connection
- ``RequestHandler._manager``: the server that closes its connections on shutdown
- ``Server.connection_made``, ``connection_lost`` with an object that is no ``RequestHandler``
- ``RequestHandler._handle_request``: the task whose result tells how a view ended
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web

from .connection import Connection

__all__ = ("Guest", "take_over")

# How long a server that shuts down waits for the answers to its Close frames. A peer that is alive
# answers within a round trip; one that is not must not hold up the restart of everything.
SHUTDOWN_GRACE: Final = 0.5

NO_RETURN_VALUE: Final = "Missing return statement on request handler"


def take_over(
    request: web.BaseRequest, make_connection: Callable[[asyncio.Transport, Guest], Connection]
) -> Connection:
    """Give the request's transport to a new connection, with the bytes that came early.

    Raises ConnectionResetError if the transport is gone.
    """
    handler = request.protocol
    transport = transport_of(request)
    guest = Guest(handler)
    connection = guest.connection = make_connection(transport, guest)
    transport.set_protocol(NOBODY)
    transport.set_protocol(connection.protocol)
    handler.keep_alive(False)
    handler.transport = None
    handler.logger = _AfterUpgrade(handler.logger)  # type: ignore[assignment]
    guest.check_in(request, transport)
    # 3.13 has no _buffer_paused: it never pauses for a buffer
    if handler._reading_paused or getattr(handler, "_buffer_paused", False):
        transport.resume_reading()
    early = cast(Any, handler)._message_tail
    handler._message_tail = b""
    if isinstance(early, bytes) and early:  # a mock in the tests of applications
        connection.protocol.feed(early)
    return connection


def transport_of(request: web.BaseRequest) -> asyncio.Transport:
    """Return the request's transport. Raises ConnectionResetError if it is gone."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("Connection lost")
    return transport


class _Nobody(asyncio.Protocol):
    """Takes the place of aiohttp's protocol in a transport of uvloop for a moment.

    A transport of uvloop keeps its last ``data_received`` beside a `asyncio.BufferedProtocol`, and with it
    all of HTTP: 1.5 KiB for as long as the connection lives.
    """

    @staticmethod
    def data_received(data: bytes) -> None:
        """Never called."""


NOBODY: Final = _Nobody()


class Guest:
    """One connection in the house of aiohttp's server, beside its HTTP connections."""

    __slots__ = ("_handler", "_manager", "connection", "is_attached")

    _task_handler = None  # read by Server.connection_lost: there is no HTTP task to wait for

    connection: Connection

    def __init__(self, handler: web.RequestHandler) -> None:
        self._handler: web.RequestHandler | None = handler
        self._manager: Any = handler._manager
        self.is_attached = True

    def check_in(self, request: web.BaseRequest, transport: asyncio.Transport) -> None:
        """Be one of the server's connections, and learn how the view and the request end."""
        if self._manager is not None:
            self._manager.connection_made(self, transport)
        view = _view_task(request)
        if view is not None:
            view.add_done_callback(self._view_ended)
        request.task.add_done_callback(self._request_ended)

    def lost(self, error: BaseException | None) -> None:
        """The transport is gone: nobody in the house keeps anything of it."""
        if self._manager is not None:
            self._manager.connection_lost(self, error)
            self._manager = None
        # Where the server cancels handlers of lost peers (handler_cancellation) that is for a view whose
        # peer has gone; one that closed, or waits for the answer to its Close, goes on to its end.
        if self.connection.was_cut:
            self._release_handler(error)

    def detach(self) -> None:
        """The connection goes on without the view that accepted it."""
        self.is_attached = False

    # what aiohttp's server asks of its connections when it shuts down

    def close(self) -> None:
        """Called before the application's on_shutdown, where it says goodbye: too early for us."""

    async def shutdown(self, timeout: float | None = None) -> None:
        """Close with 1001, wait a little for the answer, and for hooks that are still at work."""
        self.connection.close(1001)
        grace = SHUTDOWN_GRACE if timeout is None else min(timeout, SHUTDOWN_GRACE)
        try:
            await asyncio.wait_for(self.connection.handshake_done(), grace)
        except TimeoutError:
            self.connection.hang_up()
        await self.connection.settle(timeout)

    # how the view ended

    def _view_ended(self, view: asyncio.Future[Any]) -> None:
        if self.is_attached and not self.connection.closed:
            self.connection.close(_close_code_for(view))

    def _request_ended(self, _: asyncio.Future[Any]) -> None:
        if self.is_attached and not self.connection.closed:
            self.connection.close(1011)
        self._release_handler(None)

    def _release_handler(self, error: BaseException | None) -> None:
        """To aiohttp's HTTP protocol object its connection is lost; nothing refers to it any more."""
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.connection_lost(error)


class _AfterUpgrade:
    """A logger that knows that a WebSocket view has nothing to return."""

    __slots__ = ("_logger",)

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def exception(self, message: object, *args: Any, **options: Any) -> None:
        if message != NO_RETURN_VALUE:
            self._logger.exception(message, *args, **options)


def _view_task(request: web.BaseRequest) -> asyncio.Future[Any] | None:
    """The task in which aiohttp runs the view, also when ``prepare`` is called from a task in it."""
    task = asyncio.current_task()
    if task is not None and _runs_a_request(task):
        return task
    waits_for = getattr(request.task, "_fut_waiter", None)
    return cast(Any, waits_for) if isinstance(waits_for, asyncio.Task) else None


def _runs_a_request(task: asyncio.Task[Any]) -> bool:
    name = getattr(task.get_coro(), "__name__", "")
    return name == "_handle_request"


def _close_code_for(view: asyncio.Future[Any]) -> int:
    """Read from the task's result whether the view returned or raised."""
    if view.cancelled():
        return 1001
    if (
        view.exception() is not None
    ):  # aiohttp's ConnectionError in the place of the view's own error
        return 1011
    response, _ = view.result()
    return 1011 if isinstance(response, web.HTTPException) else 1000
