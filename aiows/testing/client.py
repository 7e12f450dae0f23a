"""`TestClient`: a synchronous client for tests that are plain functions. It uses real sockets."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Final, ParamSpec, Self, TypeVar, overload

import orjson
from aiohttp import (
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    CookieJar,
    TCPConnector,
    web,
)
from multidict import CIMultiDictProxy
from yarl import URL

from .clock import VirtualClock
from .errors import UpgradeRefused
from .loop_thread import LoopThread
from .session import WebSocketTestSession
from .watcher import Watcher

__all__ = ("BlockingClock", "HttpResponse", "TestClient")

P = ParamSpec("P")
T = TypeVar("T")

HOST: Final = "127.0.0.1"

# Seconds that running handlers have when the client ends, before they are cancelled.
SHUTDOWN_TIMEOUT: Final = 1.0

MAX_WINDOW_BITS: Final = 15  # RFC 7692, section 7.1.2

Query = Mapping[str, str | int | float] | None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The answer to a plain HTTP request: ``status``, ``headers``, and the ``body`` in bytes."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are shown as �."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return orjson.loads(self.body)


class BlockingClock:
    """The virtual clock of a `TestClient`, for plain functions; see `VirtualClock`."""

    def __init__(
        self, clock: VirtualClock, run: Callable[[Callable[[], Awaitable[None]]], None]
    ) -> None:
        self._clock = clock
        self._run = run

    @property
    def now(self) -> float:
        """The application's ``loop.time()`` in seconds."""
        return self._clock.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once; see `VirtualClock.advance`. Raises TimeoutError."""
        self._run(lambda: self._clock.advance(seconds))


class TestClient:
    """A client of ``app`` for tests that are plain functions.

    ::

        with TestClient(app) as client, client.websocket_connect("/chat?room=a") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "hello"

    Inside ``with`` the application runs as `aiohttp.web.AppRunner` runs it, with start-up, shutdown and
    clean-up, on a free port of 127.0.0.1 and in an event loop in a thread of its own. An application
    runs once: make one for each client.

    ``timeout`` (5.0): seconds of real time for each step, start-up and clean-up included; after that a
    TimeoutError names the step. ``raise_server_exceptions`` (True): an exception of a handler, hook or
    callback is raised, the same object, by the session or request that caused it; one that belongs to none,
    at the end of the client. ``virtual_time`` (False): the application's time passes only with
    `BlockingClock.advance`.

    Raises RuntimeError for an application that has been started before.
    """

    __test__: ClassVar = False

    def __init__(
        self,
        app: web.Application,
        *,
        timeout: float = 5.0,
        raise_server_exceptions: bool = True,
        virtual_time: bool = False,
    ) -> None:
        self.app = app
        self._timeout = timeout
        if app.pre_frozen:
            raise RuntimeError(
                "this application has been started before, and an application runs in one event "
                "loop only: make a new one for each TestClient"
            )
        self._watcher = Watcher(is_silent=not raise_server_exceptions)
        self._has_virtual_time = virtual_time
        self._sessions: list[WebSocketTestSession] = []
        self._thread: LoopThread | None = None
        self._clock: VirtualClock | None = None
        self._runner: web.AppRunner
        self._cookies: CookieJar
        self._base_url: URL

    # start and end

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError(
                "a TestClient is entered once: make a new one, and a new application"
            )
        loop_factory = asyncio.SelectorEventLoop if self._has_virtual_time else None
        self._thread = LoopThread(f"{type(self).__name__} of {self.app!r}", loop_factory)
        self._thread.start()
        try:
            self._run(self._start(), "the application's start-up")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        raised: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for session in tuple(self._sessions):
            session.leave()
        try:
            self._run(self._stop(), "the application's clean-up")
        finally:
            self._end()
        error = self._watcher.take_any()
        if error is not None and self._watcher.may_replace(raised):
            raise error

    async def _start(self) -> None:
        if self._has_virtual_time:
            self._clock = VirtualClock()
            self._clock.__enter__()
        self._cookies = CookieJar(unsafe=True)  # others ignore cookies from IP addresses
        self._runner = web.AppRunner(self.app, shutdown_timeout=SHUTDOWN_TIMEOUT)
        try:
            await self._runner.setup()
        except BaseException:
            await self._runner.cleanup()  # of the parts that had started
            raise
        assert self._runner.server is not None
        self._watcher.start(self._runner.server)
        await web.TCPSite(self._runner, HOST, 0).start()
        self._base_url = URL.build(scheme="http", host=HOST, port=self._runner.addresses[0][1])

    async def _stop(self) -> None:
        if self._clock is not None:
            self._clock.__exit__(None, None, None)
        await self._runner.cleanup()

    def _end(self) -> None:
        self._watcher.stop()
        self._running.stop()

    @property
    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError("the application is not running: `with client:` starts it")
        return self._thread

    # what a test does with it

    def url(self, path: str = "/") -> URL:
        """The address of ``path``, ``http://127.0.0.1:.../path``. Raises ValueError without the /."""
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash, not {path!r}")
        self._running  # noqa: B018  # raises if it is not running
        return URL(f"{self._base_url.origin()}{path}")

    @property
    def clock(self) -> BlockingClock:
        """The application's clock. Raises RuntimeError without ``virtual_time=True``."""
        if self._clock is None:
            raise RuntimeError(
                "there is no virtual clock: make it TestClient(app, virtual_time=True)"
            )
        return BlockingClock(self._clock, self.call)

    def websocket_connect(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Iterable[str] = (),
        params: Query = None,
        compress: bool = False,
        timeout: float | None = None,
    ) -> WebSocketTestSession:
        """Open a WebSocket at ``path``, which may have a query, and return its session.

        ``params`` are added to the query, ``compress`` offers permessage-deflate (RFC 7692),
        ``timeout`` is the session's default in seconds (the client's). No Origin is sent unless
        ``headers`` has one; cookies that earlier answers have set are.

        Raises UpgradeRefused for an answer other than 101, the exception of a server that failed instead of
        answering, and TimeoutError.
        """
        url = self.url(path).extend_query(params)
        sock = _bound_socket()
        session = WebSocketTestSession(
            path,
            call=self._running.call,
            watcher=self._watcher,
            port=sock.getsockname()[1],
            timeout=self._timeout if timeout is None else timeout,
            forget=self._sessions.remove,
        )
        with _closed_on_error(sock):
            session.connect(
                self._http(sock, _refuse_all_but_101),
                url,
                headers=headers,
                protocols=tuple(subprotocols),
                compress=MAX_WINDOW_BITS if compress else 0,
            )
        self._sessions.append(session)
        return session

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, params: Query = None
    ) -> HttpResponse:
        """`request` with GET."""
        return self.request("GET", path, headers=headers, params=params)

    def post(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Query = None,
        data: Any = None,
        json: Any = None,
    ) -> HttpResponse:
        """`request` with POST."""
        return self.request("POST", path, headers=headers, params=params, data=data, json=json)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Query = None,
        data: Any = None,
        json: Any = None,
    ) -> HttpResponse:
        """Send a plain HTTP request and return the answer; redirects are not followed.

        ``data`` and ``json`` are those of `aiohttp.ClientSession.request`. Cookies are kept for later
        requests and connections. Raises what the server raised, TimeoutError, aiohttp.ClientError.
        """
        url = self.url(path).extend_query(params)
        sock = _bound_socket()
        watched = self._watcher.watch(sock.getsockname()[1])
        options = {"headers": headers, "data": data, "json": json, "allow_redirects": False}
        try:
            with _closed_on_error(sock):
                return self._run(self._request(sock, method, url, options), f"{method} {path}")
        finally:
            error = self._watcher.take(watched)
            if error is not None:
                raise error

    async def _request(
        self, sock: socket.socket, method: str, url: URL, options: dict[str, Any]
    ) -> HttpResponse:
        async with await self._http(sock) as http, http.request(method, url, **options) as response:
            return HttpResponse(response.status, response.headers, await response.read())

    @overload
    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T: ...

    @overload
    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a plain or ``async`` function in the application's event loop; returns its result.

        ``client.call(app[HUB].publish, "news", "hello")``. Raises what it raises, and TimeoutError.
        """

        async def called() -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return self._run(called(), getattr(function, "__qualname__", repr(function)))

    def _run(self, work: Coroutine[Any, Any, T], what: str) -> T:
        return self._running.call(work, what, timeout=self._timeout)

    async def _http(self, sock: socket.socket, *middlewares: ClientMiddlewareType) -> ClientSession:
        """Return a session for one connection, from a port that the watcher already knows."""

        def given(_: Any) -> socket.socket:
            return sock

        return ClientSession(
            connector=TCPConnector(socket_factory=given),
            cookie_jar=self._cookies,
            timeout=ClientTimeout(total=None),
            middlewares=middlewares,
        )


def _bound_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.bind((HOST, 0))
    return sock


@contextmanager
def _closed_on_error(sock: socket.socket) -> Generator[None]:
    """Close ``sock`` on an error: aiohttp closes it only if it came to use it."""
    try:
        yield
    except BaseException:
        sock.close()
        raise


async def _refuse_all_but_101(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    response = await handler(request)
    if response.status != 101:
        raise UpgradeRefused(response.status, response.headers, await response.read())
    return response
