"""`WebSocketResponse`: the interface of aiohttp's class, over our connection."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, Unpack, cast, overload

import orjson
from aiohttp import WSCloseCode, WSMessageTypeError, WSMsgType, web

from .._wire import Compression, DeflateParams
from ..codecs import JSON
from ..connection import Connection, Face, PreparedMessage, protocol_of
from ..settings import RESPONSE_OPTIONS, ResponseOptions, Settings
from ..upgrade import Handshake, ServerEntry, check_origin, negotiate, upgrade
from .private_names import PrivateNames, Writer, send
from .receiver import CLOSE_TYPES, Receiver

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import WSMessageDecodeText, WSMessageNoDecodeText
    from aiohttp.typedefs import JSONBytesEncoder, JSONDecoder, JSONEncoder

__all__ = ("WebSocketResponse",)

_DecodeText = TypeVar("_DecodeText", bound=bool, covariant=True, default=Literal[True])

# Members of an enum are looked up by way of its class, for each message.
_TEXT: Final = int(WSMsgType.TEXT)
_BINARY: Final = int(WSMsgType.BINARY)

MAX_WINDOW_BITS: Final = 15  # RFC 7692, section 7.1.2: what holds where nothing was said


if TYPE_CHECKING:

    class AiohttpResponse(web.WebSocketResponse[_DecodeText]): ...

else:

    class AiohttpResponse(web.WebSocketResponse, Generic[_DecodeText]):
        """aiohttp's class, generic also in 3.13, where its own is not."""


def dump_text(data: Any) -> str:
    """The default ``dumps`` of `WebSocketResponse.send_json`: in aiohttp it is `json.dumps`."""
    return JSON.encode(data).decode()


class WebSocketResponse(Face, PrivateNames, AiohttpResponse[_DecodeText]):
    """A drop-in for `aiohttp.web.WebSocketResponse`, with `push`, topics and what is known of the user.

    The arguments of aiohttp's class mean what they mean there; a value that cannot be is a
    RegistrationError. Times are in seconds, sizes in bytes:
    ``timeout`` (10.0, for the answer to our Close), ``receive_timeout`` (None), ``autoclose`` and
    ``autoping`` (True), ``heartbeat`` (None: no pings), ``protocols`` (none), ``compress`` (True; or
    a `Compression`), ``max_msg_size`` (4 MiB; 0: no limit), ``writer_limit`` (64 KiB),
    ``decode_text`` (True; False gives TEXT as bytes).

    Beyond them: ``max_backpressure`` (1 MiB): what `push` lets wait; ``max_unsent`` (None: as the system
    has it): what the kernel may hold and not have sent yet; ``max_topics`` (4096): that the connection may
    be subscribed to; ``control_messages`` (False):
    give out PING and PONG although they are answered; ``origins`` (None: any): see
    `aiows.upgrade.check_origin`; ``strict_masking`` (True): refuse unmasked frames as RFC 6455,
    section 5.1 demands; ``idle_timeout`` (0: none): seconds without a sign of life until the peer is
    given up, with a ping before; ``heartbeat`` goes before it; ``codecs`` (none, which is
    JSON): their subprotocols are offered after ``protocols``, and the connection speaks the one that was
    chosen, or else the first; ``compress_threshold`` (None: 128 for ``SHARED``, 0 for the
    others): messages of fewer bytes go uncompressed, unless ``compress=`` of a ``send_*`` asks for it.
    """

    # A dict of its own for so many attributes would have a kibibyte.
    __slots__ = (
        "_abnormal",
        "_connection",
        "_deflate",
        "_entry",
        "_has_returned",
        "_iteration",
        "_protocol",
        "_receiver",
        "_request",
        "_settings",
        "_subprotocols",
    )

    @RESPONSE_OPTIONS.shown_by
    def __init__(self, **options: Unpack[ResponseOptions]) -> None:
        settings = RESPONSE_OPTIONS.read(options, "WebSocketResponse: ")
        self._begin(settings, settings.subprotocols)

    def _begin(self, settings: Settings, subprotocols: tuple[str, ...]) -> None:
        web.StreamResponse.__init__(self, status=101)
        self._settings = settings
        self._subprotocols = subprotocols
        self._protocol: str | None = None
        self._deflate: DeflateParams | None = None
        self._connection: Connection | None = None
        self._entry: ServerEntry | None = None
        self._receiver: Receiver | None = None
        self._iteration: Awaitable[Any] | None = None  # what `async for` awaits, where that is all
        self._abnormal = False
        self._has_returned = False
        self._request: web.BaseRequest | None = None

    # the upgrade

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Answer the upgrade request with 101 and take the connection over.

        Raises web.HTTPMethodNotAllowed or web.HTTPBadRequest for what is no upgrade, web.HTTPForbidden for
        a foreign origin, ConnectionResetError if the peer has gone.
        """
        if self._request is None:
            handshake = self._negotiate(request)
            self._request = request
            await self._upgrade(request, handshake)
        writer = await web.StreamResponse.prepare(self, request)
        assert writer is not None
        return writer

    async def _upgrade(self, request: web.BaseRequest, handshake: Handshake) -> None:
        receiver = Receiver(asyncio.get_running_loop())
        self._entry = await upgrade(
            request, self._settings, receiver, handshake=handshake, response=self
        )
        self._protocol, self._deflate = handshake.protocol, handshake.deflate
        self._connection = self._entry.connection
        self._receiver = receiver
        if not self._settings.receive_timeout and type(self).receive is WebSocketResponse.receive:
            self._iteration = receiver.iteration

    def can_prepare(self, request: web.BaseRequest) -> web.WebSocketReady:
        """Whether `prepare` would succeed, and with which subprotocol. Raises RuntimeError after it."""
        if self._connection is not None:
            raise RuntimeError("Already started")
        try:
            handshake = self._negotiate(request)
        except web.HTTPException:
            return web.WebSocketReady(False, None)
        return web.WebSocketReady(True, handshake.protocol)

    def _negotiate(self, request: web.BaseRequest) -> Handshake:
        check_origin(request, self._settings.origins)
        return negotiate(
            request, protocols=self._subprotocols, compression=self._settings.compression
        )

    # what it is

    @property
    def connection(self) -> Connection:
        """The connection behind this face. Raises RuntimeError before `prepare`."""
        self._check_prepared()
        return cast(Connection, self._connection)

    @property
    def request(self) -> web.BaseRequest:
        """The upgrade request. Raises RuntimeError before `prepare`."""
        self._check_prepared()
        return cast(web.BaseRequest, self._request)

    def _check_prepared(self) -> None:
        if self._connection is None:
            raise RuntimeError("Call .prepare() first")

    @property
    def prepared(self) -> bool:
        """Whether `prepare` has sent the 101."""
        return self._connection is not None

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more: true at once when the connection is lost."""
        return self._connection is not None and self._connection.closed

    @property
    def close_code(self) -> int | None:
        """The close code: the first that either side gave, 1006 if no Close answered; None while open."""
        if self._connection is None:
            return None
        return WSCloseCode.ABNORMAL_CLOSURE if self._abnormal else self._connection.close_code

    @property
    def ws_protocol(self) -> str | None:
        """The subprotocol agreed on; None before `prepare`, or if there is none."""
        return self._protocol

    @property
    def compress(self) -> int | bool:
        """Window bits (9 to 15) of what we send, 0 without permessage-deflate; before: as asked for."""
        if self._connection is None:
            return self._settings.compression is not Compression.DISABLED
        deflate = self._deflate
        return (deflate.server_max_window_bits or MAX_WINDOW_BITS) if deflate else 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows, ``default`` before `prepare`."""
        return (
            default if self._connection is None else self._connection.get_extra_info(name, default)
        )

    def exception(self) -> BaseException | None:
        """What ended the connection, None if nothing went wrong."""
        return self._connection.exception if self._connection is not None else None

    # sending

    async def ping(self, message: bytes = b"") -> None:
        """Send a Ping. Raises ValueError over 125 bytes, ConnectionClosed, RuntimeError."""
        self.connection.ping(_as_bytes(message))

    async def pong(self, message: bytes = b"") -> None:
        """Send a Pong that nobody asked for. Raises as `ping`."""
        self.connection.pong(_as_bytes(message))

    async def send_frame(
        self, message: bytes, opcode: WSMsgType, compress: int | None = None
    ) -> None:
        """Send ``message`` as a whole TEXT, BINARY, PING or PONG; ValueError for another opcode."""
        if opcode == WSMsgType.CLOSE:
            raise ValueError(f"{opcode!r} is not a message that can be sent: use close()")
        await Writer(self.connection).send_frame(message, opcode, compress)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send TEXT, waiting while more than ``writer_limit`` bytes wait.

        ``compress``: 0 or False sends this one message uncompressed. Raises ConnectionClosed, TypeError
        for what is no ``str``, RuntimeError before `prepare`.
        """
        protocol = protocol_of(self._connection or self.connection)
        if not isinstance(data, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"data argument must be str ({type(data)!r})")
        if compress is not None or not protocol.outbox.send_at_once(_TEXT, data):
            await protocol.send_message(PreparedMessage(data, _TEXT, compress=compress))

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send BINARY; see `send_str`."""
        protocol = protocol_of(self._connection or self.connection)
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        payload = bytes(data)
        if compress is not None or not protocol.outbox.send_at_once(_BINARY, payload):
            await protocol.send_message(PreparedMessage(payload, _BINARY, compress=compress))

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: JSONEncoder = dump_text
    ) -> None:
        """Send JSON as TEXT, encoded as by `push`, or by ``dumps`` (which returns ``str``).

        Raises TypeError for what JSON cannot say.
        """
        text = JSON.encode(data) if dumps is dump_text else dumps(data).encode()
        await send(self.connection, _TEXT, text, compress)

    async def send_json_bytes(
        self, data: Any, compress: int | None = None, *, dumps: JSONBytesEncoder | None = None
    ) -> None:
        """Send JSON as BINARY, encoded as by `push`, or by ``dumps`` (which returns ``bytes``)."""
        self._check_prepared()
        await self.send_bytes(JSON.encode(data) if dumps is None else dumps(data), compress)

    async def write(self, data: Any) -> None:
        """Raises RuntimeError: what is written to a WebSocket is a message."""
        raise RuntimeError("Cannot call .write() for websocket")

    # closing

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        """Close, and wait for the answer for up to ``timeout`` seconds; False if it was closed already.

        Raises ValueError for a code that may not be sent (RFC 6455, section 7.4) and for a reason
        over 123 bytes, RuntimeError before `prepare`.
        """
        connection = self.connection
        if connection.closed:
            return False
        connection.close(code, message)
        try:
            await protocol_of(connection).handshake_done()
        except asyncio.CancelledError:
            self._abnormal = True
            connection.abort()
            raise
        self._abnormal = not protocol_of(connection).was_clean
        return True

    async def write_eof(self, data: bytes = b"") -> None:
        """The view has returned: close, unless the connection goes on without it."""
        if self._has_returned:
            return
        self._check_prepared()
        self._has_returned = True
        if self._entry is not None and self._entry.is_attached:
            await self.close()

    # receiving

    @overload
    async def receive(
        self: WebSocketResponse[Literal[True]], timeout: float | None = None
    ) -> WSMessageDecodeText: ...

    @overload
    async def receive(
        self: WebSocketResponse[Literal[False]], timeout: float | None = None
    ) -> WSMessageNoDecodeText: ...

    @overload
    async def receive(
        self: WebSocketResponse[_DecodeText], timeout: float | None = None
    ) -> WSMessageDecodeText | WSMessageNoDecodeText: ...

    async def receive(
        self, timeout: float | None = None
    ) -> WSMessageDecodeText | WSMessageNoDecodeText:
        """Return the next message.

        CLOSE: the peer closed; CLOSING: we are closing; CLOSED: it is over; ERROR: the peer broke the
        protocol or fell silent, ``data`` is the exception. Raises TimeoutError after ``timeout`` (or
        the constructor's ``receive_timeout``) seconds, RuntimeError when called twice at once, before
        `prepare`, and when a loop goes on long after the end.
        """
        self._check_prepared()
        assert self._receiver is not None
        limit = timeout or self._settings.receive_timeout
        if not limit:
            return await self._receiver
        async with asyncio.timeout(limit):
            return await self._receiver

    @overload
    async def receive_str(
        self: WebSocketResponse[Literal[True]], *, timeout: float | None = None
    ) -> str: ...

    @overload
    async def receive_str(
        self: WebSocketResponse[Literal[False]], *, timeout: float | None = None
    ) -> bytes: ...

    @overload
    async def receive_str(
        self: WebSocketResponse[_DecodeText], *, timeout: float | None = None
    ) -> str | bytes: ...

    async def receive_str(self, *, timeout: float | None = None) -> str | bytes:
        """Return the data of the next message. Raises WSMessageTypeError if it is not TEXT."""
        return cast(str, (await self._receive_a(WSMsgType.TEXT, timeout)).data)

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Return the data of the next message. Raises WSMessageTypeError if it is not BINARY."""
        return cast(bytes, (await self._receive_a(WSMsgType.BINARY, timeout)).data)

    @overload
    async def receive_json(
        self: WebSocketResponse[Literal[True]],
        *,
        loads: JSONDecoder = ...,
        timeout: float | None = None,
    ) -> Any: ...

    @overload
    async def receive_json(
        self: WebSocketResponse[Literal[False]],
        *,
        loads: Callable[[bytes], Any] = ...,
        timeout: float | None = None,
    ) -> Any: ...

    @overload
    async def receive_json(
        self: WebSocketResponse[_DecodeText],
        *,
        loads: JSONDecoder | Callable[[bytes], Any] = ...,
        timeout: float | None = None,
    ) -> Any: ...

    async def receive_json(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        loads: JSONDecoder | Callable[[bytes], Any] = orjson.loads,
        timeout: float | None = None,
    ) -> Any:
        """Return the next TEXT message decoded. Raises ValueError for what is no JSON."""
        data = await self.receive_str(timeout=timeout)
        return loads(data)  # type: ignore[arg-type]

    async def _receive_a(
        self, type_: WSMsgType, timeout: float | None
    ) -> WSMessageDecodeText | WSMessageNoDecodeText:
        message = await (self.receive() if timeout is None else self.receive(timeout))
        if message.type is not type_:
            raise WSMessageTypeError(
                f"Received message {message.type}:{message.data!r} is not WSMsgType.{type_.name}"
            )
        return message

    def __aiter__(self) -> Self:
        return self

    @overload
    async def __anext__(self: WebSocketResponse[Literal[True]]) -> WSMessageDecodeText: ...

    @overload
    async def __anext__(self: WebSocketResponse[Literal[False]]) -> WSMessageNoDecodeText: ...

    @overload
    async def __anext__(
        self: WebSocketResponse[_DecodeText],
    ) -> WSMessageDecodeText | WSMessageNoDecodeText: ...

    def __anext__(self) -> Any:
        # Without a coroutine where nothing has to be done around the receiver.
        return self._iteration or self._receive_next()

    async def _receive_next(self) -> WSMessageDecodeText | WSMessageNoDecodeText:
        message = await self.receive()
        if message.type in CLOSE_TYPES:
            raise StopAsyncIteration
        return message


def _as_bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
