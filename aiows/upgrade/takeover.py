"""Takes the transport of an answered upgrade request from aiohttp; every private touch of aiohttp is here.

After the 101 aiohttp has no part in the connection any more. Its HTTP protocol object gives up the
transport, which is the one thing that keeps HTTP bytes off the wire and the transport open; what
remains of aiohttp's lifecycle (its server's list of connections, graceful shutdown, the request's
task) is kept working by a `ServerEntry`.

The touches, each with a test in tests/upgrade/test_takeover.py that names it, and what is done where an
aiohttp has no such attribute:

- ``RequestHandler._message_tail``: frames that came in the same segment as the handshake; without it
  they are asked for with ``set_parser``, as aiohttp's own WebSocketResponse does
- ``RequestHandler.transport``, set to None, and ``_manager``: the server that closes its connections on
  shutdown, with ``Server.connection_made`` and ``connection_lost``, which take an object that is no
  ``RequestHandler``; without one of them the request's task stays until the connection ends
- ``BaseRequest._protocol``, also of ``RequestHandler._current_request``, of which the view's may be a clone:
  replaced by one that has a transport to read from; without them ``request.transport`` is None
- ``RequestHandler.logger``, replaced for the rest of this connection; without it what a departure raises is
  logged as an error, and a view that returns None closes with 1011
- ``RequestHandler._handle_request``: the task whose result tells how a view ended; without it a view
  that raises and one that returns both close with 1011
- ``compression_utils.ZLibBackend``: what `aiohttp.set_zlib_backend` chose compresses what many get; without
  it zlib does
- ``RequestHandler._parser`` (``_request_parser`` in 3.13) and ``_messages``, which nothing is given to any
  more: 2 KiB beside each view that stays with its connection; without them they are kept
- ``AbstractView._request``, set to None: a `WebSocketView` lives as long as its connection, its request does
  not; without it, it does
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import web

from .._wire import share_backend
from ..connection import Connection, WebSocketProtocol, protocol_of, resume_reading, settle
from .read_only import ReadOnlyTransport

try:
    from aiohttp.compression_utils import ZLibBackend
except ImportError:
    pass
else:
    share_backend(cast(Any, ZLibBackend))

__all__ = ("ServerEntry", "forget_request", "note_departure", "take_over", "transport_of")

# How long a server that shuts down waits for the answers to its Close frames. A peer that is alive
# answers within a round trip; one that is not must not hold up the restart of everything.
SHUTDOWN_GRACE: Final = 0.5

# RFC 6455, section 7.4.1
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011

NO_RETURN_VALUE: Final = "Missing return statement on request handler"


def take_over(
    request: web.BaseRequest,
    make_connection: Callable[[asyncio.Transport, ServerEntry], Connection],
) -> ServerEntry:
    """Give the request's transport to a new connection, with the bytes that came early.

    Returns the connection's entry in the list of aiohttp's server. Raises ConnectionResetError if the
    transport is gone.
    """
    handler: Any = request.protocol
    transport = transport_of(request)
    entry = ServerEntry(handler)
    connection = entry.connection = make_connection(transport, entry)
    early = _early_bytes(handler)
    transport.set_protocol(NOBODY)
    transport.set_protocol(protocol_of(connection))
    handler.keep_alive(False)
    _leave_to_read(request, handler, connection)
    entry.must_stay = not _gives_up_transport(handler) or entry.must_stay
    _let_go(handler, connection)
    entry.check_in(request, transport)
    if _is_paused(transport):
        resume_reading(transport)
    protocol_of(connection).opened()
    if early:
        protocol_of(connection).feed(early)
    return entry


def _is_paused(transport: asyncio.Transport) -> bool:
    """Whether aiohttp had paused reading; a transport that cannot tell is resumed in any case."""
    try:
        return not transport.is_reading()
    except NotImplementedError:
        return True


def _early_bytes(handler: Any) -> bytes:
    """Take what came behind the handshake."""
    if hasattr(handler, "_message_tail"):
        early, handler._message_tail = handler._message_tail, b""
        return early if isinstance(early, bytes) else b""  # a mock in the tests of applications
    tail = _Tail()
    handler.set_parser(tail)
    return bytes(tail.data)


class _Tail:
    """A parser, as aiohttp knows it, that keeps what it is fed."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called with what came behind the handshake."""
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """The connection is told by its transport."""


def _gives_up_transport(handler: Any) -> bool:
    """To aiohttp its connection has none any more: it can neither write to it nor close it."""
    try:
        handler.transport = None
    except AttributeError:
        return False
    return True


def _leave_to_read(request: web.BaseRequest, handler: Any, connection: Connection) -> None:
    """Let the request answer what programs ask it about its transport."""
    protocol = _AfterUpgrade(handler, connection)
    for each in (request, getattr(handler, "_current_request", None)):
        if each is not None:
            each._protocol = cast(Any, protocol)


class _AfterUpgrade:
    """aiohttp's HTTP protocol object as its request sees it: that has no transport any more, this has."""

    __slots__ = ("_connection", "_handler")

    def __init__(self, handler: Any, connection: Connection) -> None:
        self._handler = handler
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    @property
    def transport(self) -> ReadOnlyTransport | None:
        """None once the peer is lost, as aiohttp has it."""
        closing = protocol_of(self._connection).closing
        is_lost = closing is not None and closing.is_lost
        return None if is_lost else ReadOnlyTransport(self._connection)


def _let_go(handler: Any, connection: Connection) -> None:
    """Leave to aiohttp's HTTP protocol object what it needs until its request ends, and no more."""
    _set_logger(handler, connection)
    for name in ("_parser", "_request_parser"):
        if hasattr(handler, name):
            setattr(handler, name, None)
    if not getattr(handler, "_messages", True):
        handler._messages = ()  # an empty deque has 620 bytes


def note_departure(request: web.BaseRequest) -> None:
    """Where the peer has gone before its connection began: what that raises in its view is no error."""
    transport = request.transport
    if transport is None or transport.is_closing():
        _set_logger(request.protocol, None)


def _set_logger(handler: Any, connection: Connection | None) -> None:
    if hasattr(handler, "logger"):
        handler.logger = _ViewLogger(handler.logger, connection)


def forget_request(view: web.View) -> None:
    """Let go of the request that a view was made for; ``view.request`` must not be read any more."""
    view._request = None  # type: ignore[assignment]


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

    @staticmethod  # or each transport would keep a bound method
    def data_received(data: bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Never called."""


NOBODY: Final = _Nobody()


class ServerEntry:
    """One connection in the list of aiohttp's server, beside its HTTP connections."""

    __slots__ = (
        "_handler",
        "_manager",
        "_task_handler",
        "_view",
        "connection",
        "is_attached",
        "must_stay",
    )

    connection: Connection

    def __init__(self, handler: Any) -> None:
        self._handler: Any = handler
        # Read by Server.connection_lost, which keeps us until it is done.
        self._task_handler: asyncio.Task[None] | None = None
        self._manager = _server_of(handler)
        # The task of the view, as long as the connection does not go on without it.
        self._view: asyncio.Future[Any] | None = None
        self.is_attached = True
        # Whether the connection cannot go on without the request's task: nobody would end it on shutdown,
        # or aiohttp would, as soon as the task has ended.
        self.must_stay = self._manager is None

    @property
    def _protocol(self) -> WebSocketProtocol:
        return protocol_of(self.connection)

    def check_in(self, request: web.BaseRequest, transport: asyncio.Transport) -> None:
        """Be one of the server's connections, and learn how the view and the request end."""
        if self._manager is not None:
            self._manager.connection_made(self, transport)
        view = self._view = _view_task(request)
        if view is not None:
            view.add_done_callback(self._view_ended)
        request.task.add_done_callback(self._request_ended)

    def lost(self, error: BaseException | None) -> None:
        """The transport is gone: aiohttp keeps nothing of it, once the handlers have ended."""
        if self._manager is not None:
            if self._protocol.is_at_work:
                self._task_handler = asyncio.create_task(self._protocol.settle(None))
            self._manager.connection_lost(self, error)
            self._manager = None
        # Where the server cancels handlers of lost peers (handler_cancellation) that is for a view whose
        # peer has gone; one that closed, or waits for the answer to its Close, goes on to its end.
        if self._protocol.was_cut:
            self._release_handler(error)

    def detach(self) -> None:
        """The connection goes on without the view that accepted it."""
        self.is_attached = False
        self._view = None

    # what aiohttp's server asks of its connections when it shuts down

    def close(self) -> None:
        """Called before the application's on_shutdown, where it says goodbye: too early for us."""

    async def shutdown(self, timeout: float | None = None) -> None:
        """Let what has come be answered, close with 1001, and end what still runs: in ``timeout`` seconds."""
        now = self._protocol.loop.time
        end = None if timeout is None else now() + timeout
        grace = SHUTDOWN_GRACE if timeout is None else min(SHUTDOWN_GRACE, timeout / 4)
        await _within(_left(end, now(), but=grace), self._protocol.handle_rest())
        self.connection.close(GOING_AWAY)
        if not await _within(grace, self._protocol.handshake_done()):
            self._protocol.made_closing().hang_up()
        await self._protocol.settle(_left(end, now()))
        if self._view is not None:  # aiohttp would wait as long again before it cancels it
            await settle((self._view,), _left(end, now()))

    # how the view ended

    def _view_ended(self, view: asyncio.Future[Any]) -> None:
        self._view = None
        if self.is_attached:
            self._end(self._close_code_for(view))

    def _request_ended(self, _: asyncio.Future[Any]) -> None:
        if self.is_attached:
            self._end(INTERNAL_ERROR)
        self._release_handler(None)

    def _close_code_for(self, view: asyncio.Future[Any]) -> int:
        """Read from the task's result how the view ended, or what a middleware made of that."""
        if view.cancelled():
            return GOING_AWAY
        if view.exception() is None:  # otherwise aiohttp's own, in the place of the view's
            response, _ = view.result()
            if self._is_own(response) or self._has_returned_nothing:
                return NORMAL
        return INTERNAL_ERROR

    def _is_own(self, response: object) -> bool:
        """Whether ``response`` is the 101: any other would be the answer to a failure."""
        try:
            return getattr(response, "connection", None) is self.connection
        except RuntimeError:  # a WebSocketResponse that was never prepared
            return False

    @property
    def _has_returned_nothing(self) -> bool:
        logger = getattr(self._handler, "logger", None)
        return isinstance(logger, _ViewLogger) and logger.has_returned_nothing

    def _end(self, code: int) -> None:
        """Nobody reads messages any more."""
        if self.connection.closed:
            self._protocol.abandon()
        else:
            self.connection.close(code)

    def _release_handler(self, error: BaseException | None) -> None:
        """To aiohttp's HTTP protocol object its connection is lost; nothing refers to it any more."""
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.connection_lost(error)


def _left(end: float | None, now: float, *, but: float = 0.0) -> float | None:
    return None if end is None else max(0.0, end - now - but)


async def _within(seconds: float | None, awaitable: Awaitable[None]) -> bool:
    """Await for so many seconds at most; return whether that was enough."""
    try:
        await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        return False
    return True


def _server_of(handler: Any) -> Any:
    manager = getattr(handler, "_manager", None)
    can_know = hasattr(manager, "connection_made") and hasattr(manager, "connection_lost")
    return manager if can_know else None


class _ViewLogger:
    """aiohttp's logger for the view of one connection: knows what is no error in it.

    ``connection``: None where the peer has gone before there was one.
    """

    __slots__ = ("_connection", "_logger", "has_returned_nothing")

    def __init__(self, logger: Any, connection: Connection | None) -> None:
        self._logger = logger
        self._connection = connection
        self.has_returned_nothing = False
        """The view has returned None: a WebSocket view has nothing to return."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def exception(self, message: object, *args: Any, **options: Any) -> None:
        error = options.get("exc_info")
        if message == NO_RETURN_VALUE:
            self.has_returned_nothing = True
        elif isinstance(error, BaseException) and self._is_departure(error):
            self._logger.debug(message, *args, **options)
        else:
            self._logger.exception(message, *args, **options)

    def _is_departure(self, error: BaseException) -> bool:
        if self._connection is None:
            return isinstance(error, ConnectionError)
        return protocol_of(self._connection).is_departure(error)


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
