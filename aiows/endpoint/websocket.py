"""`WebSocket`: a connection to await on, made from an aiohttp request: accept, send, receive, close.

It is a face on the connection of a `WebSocketResponse`; what may follow what is one table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias, Unpack, cast

import orjson
from aiohttp import WSMessage, WSMessageTypeError, WSMsgType, web
from multidict import CIMultiDict

from .._wire import build_close
from ..codecs import JSON
from ..connection import Connection, Face, PreparedMessage, protocol_of
from ..errors import ConnectionClosed, SentAfterClose, WebSocketDisconnect
from ..response.websocket_response import WebSocketResponse
from ..settings import WEBSOCKET_OPTIONS, Settings, WebSocketOptions
from .request import Upgrade
from .stages import ACCEPT, CLOSE, DENY_START, NEXT, SEND, Stage

__all__ = ("WebSocket",)

Mode: TypeAlias = Literal["text", "binary"]
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

NORMAL: Final = 1000  # RFC 6455, section 7.4.1

# Headers of the 101 that the handshake itself answers with (RFC 6455, section 4.2.2), and those of a
# body, which a 101 has not: what follows would be read as HTTP by a proxy in between.
OURS: Final = frozenset({"upgrade", "connection", "content-length", "transfer-encoding"})


class AcceptedResponse(WebSocketResponse[Literal[True]]):
    """The 101 of a `WebSocket`, with the settings that were checked when that was made."""

    __slots__ = ()

    def __init__(self, settings: Settings, subprotocols: tuple[str, ...]) -> None:
        self._begin(settings, subprotocols)


class WebSocket(Upgrade, Face):
    """A WebSocket to accept, to await messages of and to close, made from an aiohttp request.

    A function that is mounted with `WebSocketRoute` or ``websocket(path, function)`` is given one; a
    plain aiohttp handler makes it and returns its ``response``::

        async def handler(request):
            ws = WebSocket(request)
            await ws.accept()
            async for text in ws.iter_text():
                await ws.send_text(text)
            return ws.response

    As a mapping it is what ASGI calls a scope: ``ws["path"]``. It is hashed and compared by identity.

    Options (a value that cannot be is a RegistrationError): ``max_msg_size`` (4 MiB; 0: no limit),
    ``max_backpressure`` (1 MiB: what `push` lets wait) and ``max_unsent`` (None; see `WebSocketResponse`)
    in bytes; ``max_topics`` (4096, that it may be subscribed to); ``idle_timeout`` (120.0): seconds without
    a sign of life until the peer is given up, with a ping before, 0: never; ``compress`` (True; or a
    `Compression`), ``compress_threshold`` (None; see `WebSocketResponse`); ``origins``
    ("same"): which pages may connect, see `aiows.upgrade.check_origin`; ``codecs`` (JSON alone): their
    subprotocols are offered after that of `accept`, and `push` speaks the one chosen, or the first.
    """

    @WEBSOCKET_OPTIONS.shown_by
    def __init__(self, request: web.Request, **options: Unpack[WebSocketOptions]) -> None:
        self._settings = WEBSOCKET_OPTIONS.read(options, "WebSocket: ")
        super().__init__(request)
        self._stage = Stage.CONNECTING
        self._accepted: WebSocketResponse[Any] | None = None
        self._denial: web.StreamResponse | None = None
        self._disconnect: WebSocketDisconnect | None = None
        self._has_told_connect = False
        self._has_told_disconnect = False
        self._normal_code = NORMAL

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._stage.name.lower()} {self.request.path!r}>"

    # what it is

    @property
    def response(self) -> web.StreamResponse:
        """What an aiohttp handler returns: the 101, or what was sent instead of it.

        Raises RuntimeError before `accept`, `close` or `send_denial_response`.
        """
        response = self._denial if self._accepted is None else self._accepted
        if response is None:
            raise RuntimeError("the WebSocket was neither accepted nor denied")
        return response

    @property
    def connection(self) -> Connection:
        """The connection behind this face. Raises RuntimeError unless `accept` was called."""
        return self._websocket().connection

    @property
    def is_answered(self) -> bool:
        """Whether the request has got an answer: the 101, or another one."""
        return self._accepted is not None or self._denial is not None

    @property
    def is_denied(self) -> bool:
        """Whether the client got a plain HTTP response, or the beginning of one."""
        return self._stage in (Stage.DENYING, Stage.DENIED)

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more, or ever."""
        if self._accepted is None:
            return self.is_denied or self._disconnect is not None
        return self._accepted.closed

    @property
    def close_code(self) -> int | None:
        """The close code, as `WebSocketResponse.close_code`; None if it was never accepted."""
        return None if self._accepted is None else self._accepted.close_code

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on. Raises RuntimeError unless `accept` was called."""
        return self._websocket().ws_protocol

    def _websocket(self) -> WebSocketResponse[Any]:
        if self._accepted is None:
            raise RuntimeError("it was denied" if self.is_denied else "call accept() first")
        return self._accepted

    def _step(self, message_type: str) -> None:
        """Move on, or raise RuntimeError for what cannot follow."""
        if self._stage is Stage.CLOSED:
            raise SentAfterClose(self.close_code, self.connection.close_reason)
        following = NEXT.get((self._stage, message_type))
        if following is None:
            stage = self._stage.name.lower()
            raise RuntimeError(f"{message_type!r} cannot be sent by a WebSocket that is {stage}")
        self._stage = following

    # before it is open

    async def accept(self, subprotocol: str | None = None, headers: Headers | None = None) -> None:
        """Answer the request with 101.

        ``subprotocol`` is sent if the client offers it (RFC 6455, section 4.2.2); a client that does
        not gets none, which is logged. ``headers`` go into the 101, as a mapping or as pairs of
        ``str`` or ``bytes``.

        Raises web.HTTPBadRequest for what is no upgrade and web.HTTPForbidden for a foreign origin,
        each to be answered with; ValueError for a header that the handshake itself sets; RuntimeError
        after an earlier accept or close; WebSocketDisconnect if the peer has gone.
        """
        response = self._make_response(subprotocol, headers)
        self._step(ACCEPT)
        try:
            await response.prepare(self.request)
        except BaseException as error:
            self._stage = Stage.CONNECTING
            if not isinstance(error, ConnectionResetError) or not self._has_gone():
                raise
            self._disconnect = WebSocketDisconnect(1006)
            raise self._disconnect from error
        self._accepted = response
        self._has_told_connect = True

    def _has_gone(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()

    def _make_response(self, subprotocol: str | None, headers: Headers | None) -> AcceptedResponse:
        offered = (subprotocol,) if subprotocol else ()
        response = AcceptedResponse(self._settings, (*offered, *self._settings.codec_names))
        for name, value in _as_text(headers):
            if name.lower() in OURS or name.lower().startswith("sec-websocket-"):
                raise ValueError(f"the header {name!r} of a 101 is not yours to set")
            response.headers.add(name, value)
        return response

    async def send_denial_response(self, response: web.StreamResponse) -> None:
        """Answer the request with ``response`` instead of the 101.

        Raises RuntimeError after `accept` or an earlier answer, ValueError for a status below 200.
        """
        if response.status < 200:
            raise ValueError(f"{response.status} denies nothing")
        self._step(DENY_START)
        await self._deny(response)
        await response.write_eof()
        self._stage = Stage.DENIED

    async def _deny(self, response: web.StreamResponse) -> None:
        self._denial = response
        await response.prepare(self.request)

    # sending

    async def send_text(self, data: str) -> None:
        """Send TEXT, waiting while more than 64 KiB wait.

        Raises WebSocketDisconnect if the peer has left, SentAfterClose after `close`, RuntimeError
        before `accept`, TypeError for what is no ``str``.
        """
        if not isinstance(data, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"send_text takes a str, not {type(data).__name__}")
        await self._send(PreparedMessage(data))

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send BINARY; see `send_text`."""
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"send_bytes takes bytes, not {type(data).__name__}")
        await self._send(PreparedMessage(data))

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, in a TEXT or a BINARY message; see `send_text`.

        Raises ValueError for another mode, TypeError for what JSON cannot say.
        """
        await self._send(PreparedMessage(JSON.encode(data), _message_type(mode)))

    async def _send(self, message: PreparedMessage) -> None:
        self._step(SEND)
        try:
            await protocol_of(self.connection).send_message(message)
        except ConnectionClosed as error:
            raise WebSocketDisconnect(error.code, error.reason) from error

    # receiving

    async def receive_text(self) -> str:
        """Return the next message, which is TEXT.

        Raises WebSocketDisconnect at the end and ever after, WSMessageTypeError for a BINARY message
        (which is gone then), RuntimeError before `accept` and when called twice at once.
        """
        return cast(str, (await self._receive_a(WSMsgType.TEXT)).data)

    async def receive_bytes(self) -> bytes:
        """Return the next message, which is BINARY; see `receive_text`."""
        return cast(bytes, (await self._receive_a(WSMsgType.BINARY)).data)

    async def receive_json(self, mode: Mode = "text") -> Any:
        """Return what the next message says in JSON; see `receive_text`.

        Raises ValueError for what is no JSON, and for a mode other than "text" and "binary".
        """
        return orjson.loads((await self._receive_a(_message_type(mode))).data)

    async def iter_text(self) -> AsyncIterator[str]:
        """Yield TEXT messages until the end; raises as `receive_text`, except for the end."""
        while (message := await self._next(WSMsgType.TEXT)) is not None:
            yield message.data

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Yield BINARY messages until the end; see `iter_text`."""
        while (message := await self._next(WSMsgType.BINARY)) is not None:
            yield message.data

    async def iter_json(self, mode: Mode = "text") -> AsyncIterator[Any]:
        """Yield what messages say in JSON until the end; raises as `receive_json`."""
        while (message := await self._next(_message_type(mode))) is not None:
            yield orjson.loads(message.data)

    async def __aiter__(self) -> AsyncIterator[WSMessage]:
        """Yield aiohttp's messages until the end: what `KindDispatcher.serve` asks for."""
        with suppress(WebSocketDisconnect):
            while True:
                yield await self._receive()

    async def _next(self, wanted: WSMsgType) -> WSMessage | None:
        try:
            return await self._receive_a(wanted)
        except WebSocketDisconnect:
            return None

    async def _receive_a(self, wanted: WSMsgType) -> WSMessage:
        message = await self._receive()
        if message.type is not wanted:
            came = f"{message.type.name} of {len(message.data)} characters or bytes"
            raise WSMessageTypeError(f"a {wanted.name} message was expected, {came} came")
        return message

    async def _receive(self) -> WSMessage:
        """Return the next message. Raises WebSocketDisconnect at the end."""
        response = self._websocket()
        if self._disconnect is None:
            message = await response.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                return message
            self._disconnect = self._ended(message)
        self._has_told_disconnect = True
        raise WebSocketDisconnect(
            self._disconnect.code, self._disconnect.reason
        ) from self._disconnect.__cause__

    def _ended(self, message: WSMessage) -> WebSocketDisconnect:
        connection = self.connection
        end = WebSocketDisconnect(connection.close_code, connection.close_reason)
        end.__cause__ = message.data if message.type is WSMsgType.ERROR else None
        return end

    # closing

    async def close(self, code: int = NORMAL, reason: str | None = None) -> None:
        """Close, and wait up to 10 seconds for the answer; before `accept`: answer HTTP 403.

        On what is closed already it does nothing. ``reason`` is at most 123 bytes of UTF-8. Raises
        ValueError for a longer one and for a code that may not be sent (RFC 6455, section 7.4).
        """
        message = "" if reason is None else reason
        build_close(code, message)
        if self._stage is Stage.CONNECTING:
            await self.send_denial_response(web.Response(status=403))
        elif self._stage is Stage.OPEN:
            self._stage = Stage.CLOSED
            code = self._normal_code if code == NORMAL else code
            await self._websocket().close(code=code, message=message.encode())

    def went_wrong(self, code: int) -> None:
        """From here on a close with 1000, which says that all is well, says ``code`` instead."""
        self._normal_code = code

    # ASGI

    async def send(self, message: Mapping[str, Any]) -> None:
        """Do what an ASGI message says: ``websocket.accept``, ``.send``, ``.close`` or ``.http.response.*``.

        Raises RuntimeError for a message that cannot follow, or is none; otherwise as the methods.
        """
        message_type = message["type"]
        if message_type == ACCEPT:
            await self.accept(message.get("subprotocol"), message.get("headers"))
        elif message_type == SEND:
            await self._send(_payload_of(message))
        elif message_type == CLOSE:
            if (self._stage, CLOSE) not in NEXT:
                self._step(CLOSE)
            await self.close(message.get("code", NORMAL), message.get("reason"))
        elif message_type == DENY_START:
            self._step(DENY_START)
            headers = CIMultiDict(_as_text(message.get("headers")))
            await self._deny(web.StreamResponse(status=message["status"], headers=headers))
        else:
            self._step(message_type)
            await self._write_denial(message)

    async def _write_denial(self, message: Mapping[str, Any]) -> None:
        response = self.response
        await response.write(message.get("body", b""))
        if not message.get("more_body", False):
            await response.write_eof()
            self._stage = Stage.DENIED

    async def receive(self) -> dict[str, Any]:
        """Return an ASGI message: ``websocket.connect``, ``.receive`` or ``.disconnect``.

        Raises RuntimeError for a second message before `accept`, and after ``websocket.disconnect``.
        """
        if not self._has_told_connect:
            self._has_told_connect = True
            return {"type": "websocket.connect"}
        if self._has_told_disconnect:
            raise RuntimeError("receive() after websocket.disconnect: there is nothing to come")
        try:
            message = await self._receive()
        except WebSocketDisconnect as end:
            return {"type": "websocket.disconnect", "code": end.code, "reason": end.reason}
        key = "text" if message.type is WSMsgType.TEXT else "bytes"
        return {"type": "websocket.receive", key: message.data}


def _message_type(mode: str) -> WSMsgType:
    if mode == "text":
        return WSMsgType.TEXT
    if mode == "binary":
        return WSMsgType.BINARY
    raise ValueError(f"the mode is 'text' or 'binary', not {mode!r}")


def _payload_of(message: Mapping[str, Any]) -> PreparedMessage:
    """The ``text`` or the ``bytes`` of a ``websocket.send``."""
    text, data = message.get("text"), message.get("bytes")
    if (text is None) == (data is None):
        raise ValueError("websocket.send carries either text or bytes")
    return PreparedMessage(data if text is None else text)


def _as_text(headers: Headers | None) -> list[tuple[str, str]]:
    """ASGI's headers are pairs of bytes in latin-1."""
    pairs = cast(Any, headers).items() if isinstance(headers, Mapping) else headers or ()
    return [(_latin(name), _latin(value)) for name, value in pairs]


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text
