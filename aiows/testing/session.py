"""`WebSocketTestSession`: one WebSocket connection of a `TestClient`, used with plain calls."""

from __future__ import annotations

import asyncio
import queue
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar, cast

import msgspec
import orjson
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMessage,
    WSMsgType,
)
from yarl import URL

from ..codecs import JSON
from ..errors import KindError
from ..kinds import Payload
from .errors import Disconnected, UnexpectedMessage
from .watcher import Watched, Watcher

__all__ = ("WebSocketTestSession",)

T = TypeVar("T")

NO_STATUS: Final = 1005  # RFC 6455, section 7.1.5: the Close frame carried no code
ABNORMAL: Final = 1006  # there was no Close frame

INTERNAL_ERROR: Final = 1011  # RFC 6455, section 7.4.1

# Seconds that the server's handler and hooks have to end at the end of a session, so that their exceptions
# are raised there. Those of one that takes longer are raised at the end of the client.
LINGER: Final = 1.0


class Call(Protocol):
    """`LoopThread.call`."""

    def __call__(self, work: Coroutine[Any, Any, T], what: str, *, timeout: float) -> T: ...


class _Woken:
    """In the queue of messages: something may have failed."""


class _Ended:
    """In the queue of messages: no message will follow."""


class WebSocketTestSession:
    """One connection; made by `TestClient.websocket_connect`, closed at the end of its ``with``.

    Every ``timeout`` is in seconds of real time, by default that of the connection (5 s); TimeoutError says
    what was waited for. An exception of the server's handler, hook or callback for this connection is
    raised here, the same object: by ``receive_*`` after the messages that the server sent before it, by
    sending, or at the latest at the end of the ``with``.

    A Ping and a Close are answered even while the test does something else.
    """

    def __init__(
        self,
        path: str,
        *,
        call: Call,
        watcher: Watcher,
        port: int,
        timeout: float,
        forget: Callable[[WebSocketTestSession], None],
    ) -> None:
        self._path = path
        self._call = call
        self._watcher = watcher
        self._watched: Watched = watcher.watch(port, lambda: self._arrived.put(_Woken()))
        self._timeout = timeout
        self._forget = forget
        self._arrived: queue.SimpleQueue[WSMessage | _Woken | _Ended] = queue.SimpleQueue()
        self._put_back: deque[WSMessage] = deque()
        self._refs = count(1)
        self._is_left = False
        self._close: tuple[int, str] | None = None
        self._http: ClientSession
        self._ws: ClientWebSocketResponse
        self._reading: asyncio.Task[None]

    def __repr__(self) -> str:
        state = "open" if self._close is None else f"ended with {self._close[0]}"
        return f"<{type(self).__name__} {self._path} {state}>"

    def connect(self, http: Awaitable[ClientSession], url: URL, **options: Any) -> None:
        """Open the connection; ``options`` are those of ``ws_connect``. Raises UpgradeRefused."""
        try:
            self._do(self._connect(http, url, options), "connecting to")
        except Exception:
            self._raise_failure()
            raise

    # properties

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, None for none."""
        return self._ws.protocol

    @property
    def close_code(self) -> int | None:
        """The server's close code (1005: none given, 1006: no Close frame); None while open.

        It is set when the Close arrives, even if the test has not received the messages before it.
        """
        return None if self._close is None else self._close[0]

    @property
    def close_reason(self) -> str:
        """The text of the server's Close."""
        return "" if self._close is None else self._close[1]

    # sending

    def send_text(self, text: str) -> None:
        """Send TEXT. Raises Disconnected once the connection has ended, TimeoutError."""
        self._send(self._ws.send_str(text))

    def send_bytes(self, data: bytes) -> None:
        """Send BINARY. Raises as `send_text`."""
        self._send(self._ws.send_bytes(data))

    def send_json(self, value: Any) -> None:
        """Send ``value`` as JSON in a TEXT message. Raises as `send_text`, and TypeError for other values."""
        self.send_text(JSON.encode(value).decode())

    def send_kind(self, kind: str | Payload, /, **fields: Any) -> None:
        """Send a message of ``kind``: ``send_kind("chat.send", room="a", ref=1)``, or a `Payload`.

        Raises as `send_json`.
        """
        self.send_json(_message_of(kind, fields))

    def _send(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._do(work, "sending on")
        except ConnectionError:
            self._raise_failure()
            raise Disconnected(*(self._close or (ABNORMAL, ""))) from None

    # receiving

    def receive(self, *, timeout: float | None = None) -> WSMessage:
        """Return the next message: TEXT or BINARY.

        Raises Disconnected when there are no more, TimeoutError, and what the server raised.
        """
        if self._put_back:
            return self._put_back.popleft()
        return self._receive_until(self._deadline(timeout))

    def receive_text(self, *, timeout: float | None = None) -> str:
        """Return the next message's text. Raises as `receive`, and UnexpectedMessage for BINARY."""
        return cast(str, self._receive_a(WSMsgType.TEXT, timeout).data)

    def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Return the next message's bytes. Raises as `receive`, and UnexpectedMessage for TEXT."""
        return cast(bytes, self._receive_a(WSMsgType.BINARY, timeout).data)

    def receive_json(self, *, timeout: float | None = None) -> Any:
        """Return the next TEXT message's JSON. Raises as `receive_text`, also for text that is not JSON."""
        return _decoded(self._receive_a(WSMsgType.TEXT, timeout))

    def receive_kind(self, kind: str, /, *, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message, which must be of ``kind``, without its kind.

        Raises as `receive_json`, and UnexpectedMessage for another kind, including an error reply.
        """
        message = self._receive_a(WSMsgType.TEXT, timeout)
        fields = _fields_of(message)
        if fields.get("kind") != kind:
            self._raise_failure()  # the reason for an error reply
            raise UnexpectedMessage(f"a message of kind {kind!r}", message)
        return _without(fields, "kind")

    def ask(
        self, kind: str | Payload, /, *, timeout: float | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Send a message of ``kind`` with a new ``ref`` and return the fields of its reply.

        Other messages that come first are kept for ``receive_*``. To send a field that is named
        ``timeout``, use `send_kind` or a `Payload`. Raises an error reply as `aiows.KindError` (``code``,
        ``message``, ``details``), what the server raised, and as `receive` does.
        """
        ref = next(self._refs)
        self.send_json({**_message_of(kind, fields), "ref": ref})
        reply = self._receive_reply(ref, self._deadline(timeout))
        if reply.get("kind") != "error":
            return _without(reply, "kind", "ref")
        self._raise_failure()
        raise _kind_error(reply)

    def _receive_reply(self, ref: int, deadline: float) -> dict[str, Any]:
        while True:
            message = self._receive_until(deadline)
            fields = _fields_of(message)
            if fields.get("ref") == ref:
                return fields
            self._put_back.append(message)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self._timeout if timeout is None else timeout)

    def _receive_until(self, deadline: float) -> WSMessage:
        while True:
            arrived = self._next(deadline)
            if isinstance(arrived, WSMessage):
                return arrived
            if isinstance(arrived, _Ended):
                self._arrived.put(arrived)  # for whoever receives again
            self._raise_failure()
            if isinstance(arrived, _Ended):
                raise Disconnected(*(self._close or (ABNORMAL, "")))

    def _next(self, deadline: float) -> WSMessage | _Woken | _Ended:
        begun = time.monotonic()
        try:
            return self._arrived.get(timeout=max(0.0, deadline - begun))
        except queue.Empty:
            waited = max(0.0, deadline - begun)
            raise TimeoutError(f"no message on {self._path} within {waited:.3g} seconds") from None

    def _receive_a(self, type_: WSMsgType, timeout: float | None) -> WSMessage:
        message = self.receive(timeout=timeout)
        if message.type is not type_:
            raise UnexpectedMessage(type_.name, message)
        return message

    def _raise_failure(self) -> None:
        error = self._watcher.take(self._watched)
        if error is not None:
            raise error

    # the end

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close and wait for the server's answer; its code is then `close_code`.

        Messages that have arrived can still be received. Does nothing if the connection has ended. Raises
        TimeoutError if the server does not answer.
        """
        if self._close is not None:
            return
        self._do(self._shut(code, reason), "closing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        raised: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.leave()
        error = self._watcher.take(self._watched)
        if error is not None and self._watcher.may_replace(raised):
            raise error

    def leave(self) -> None:
        """Close with 1000 if it is open, and wait for the server's side to end, without its exceptions."""
        if self._is_left:
            return
        self._is_left = True
        self._forget(self)
        with suppress(TimeoutError):
            self._call(self._leave(), f"leaving {self._path}", timeout=LINGER)

    def _do(self, work: Coroutine[Any, Any, None], what: str) -> None:
        self._call(work, f"{what} {self._path}", timeout=self._timeout)

    # in the loop's thread

    async def _connect(
        self, http: Awaitable[ClientSession], url: URL, options: dict[str, Any]
    ) -> None:
        self._http = await http
        try:
            # Twice as long: the test's own timeout comes first, with a better text.
            timeout = ClientWSTimeout(ws_close=2 * self._timeout)  # pyright: ignore[reportCallIssue]
            self._ws = await self._http.ws_connect(url, timeout=timeout, max_msg_size=0, **options)
        except BaseException:
            await self._http.close()
            raise
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Put what arrives into the queue until the connection has ended."""
        while (message := await self._ws.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._arrived.put(message)
        if message.type is WSMsgType.CLOSE:
            self._close = message.data or NO_STATUS, message.extra or ""
            await self._wait_for_failure()
            self._arrived.put(_Ended())
        elif message.type is not WSMsgType.CLOSING:  # CLOSING: our own close() is running
            self._end(ABNORMAL, str(message.data or ""))

    async def _wait_for_failure(self) -> None:
        """Wait for the handler's end: a server that fails may close first, and raise its exception later."""
        if self.close_code == INTERNAL_ERROR:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._watched.ended(), LINGER)

    async def _shut(self, code: int = 1000, reason: str = "") -> None:
        self._watched.is_left = True
        try:
            await self._ws.close(code=code, message=reason.encode())
        finally:
            self._end(self._ws.close_code or NO_STATUS, "")

    async def _leave(self) -> None:
        try:
            await self._shut()
            await self._watched.ended()
        finally:
            await self._http.close()

    def _end(self, code: int, reason: str) -> None:
        if self._close is None:
            self._close = code, reason
            self._arrived.put(_Ended())


def _message_of(kind: str | Payload, fields: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, Payload):
        return {**msgspec.to_builtins(kind), **fields}
    return {"kind": kind, **fields}


def _decoded(message: WSMessage) -> Any:
    try:
        return orjson.loads(message.data)
    except ValueError:
        raise UnexpectedMessage("JSON", message) from None


def _fields_of(message: WSMessage) -> dict[str, Any]:
    """Return the fields of a message; none if it is not a JSON object."""
    try:
        value = orjson.loads(message.data)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _kind_error(reply: dict[str, Any]) -> KindError:
    error: dict[str, Any] = reply.get("error") or {}
    return KindError(error.get("code", ""), error.get("message", ""), error.get("details"))
