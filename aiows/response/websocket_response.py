"""aiohttp's WebSocketResponse over our connection: in goes a request, out come its messages."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, cast, overload

import orjson
from aiohttp import WSCloseCode, WSMessageTypeError, WSMsgType, web

from .._wire import (
    Compression,
    DeflateParams,
    Inflater,
    MessageReader,
    make_deflater,
)
from ..codecs import JSON, Codec
from ..connection import (
    Connection,
    Consumer,
    Face,
    KeepAlivePolicy,
    PreparedMessage,
    Topics,
    protocol_of,
    shared_options,
    threshold_of,
)
from ..upgrade.handshake import Handshake, Origins, check_origin, negotiate
from ..upgrade.takeover import ServerEntry, take_over, transport_of
from .receiver import CLOSE_TYPES, Receiver

if sys.version_info >= (3, 13):
    from typing import TypeVar
else:
    from typing_extensions import TypeVar

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import WSMessageDecodeText, WSMessageNoDecodeText
    from aiohttp.typedefs import JSONBytesEncoder, JSONDecoder, JSONEncoder

__all__ = ("TOPICS", "WebSocketResponse")

_DecodeText = TypeVar("_DecodeText", bound=bool, covariant=True, default=Literal[True])

TOPICS: Final = web.AppKey("aiows.topics", Topics)
"""Where ``setup(app)`` leaves the topics that every connection of the application gets."""

# Members of an enum are looked up by way of its class, for each message.
_TEXT: Final = int(WSMsgType.TEXT)
_BINARY: Final = int(WSMsgType.BINARY)

MAX_WINDOW_BITS: Final = 15  # RFC 7692, section 7.1.2: what holds where nothing was said


if TYPE_CHECKING:

    class AiohttpResponse(web.WebSocketResponse[_DecodeText]): ...

else:

    class AiohttpResponse(web.WebSocketResponse, Generic[_DecodeText]):
        """aiohttp's class, generic also in 3.13, where its own is not."""


class WebSocketResponse(Face, AiohttpResponse[_DecodeText]):
    """A drop-in for `aiohttp.web.WebSocketResponse`, with `push`, topics and what is known of the user.

    The arguments of aiohttp's class mean what they mean there; times are in seconds, sizes in bytes:
    ``timeout`` (10.0, for the answer to our Close), ``receive_timeout`` (None), ``autoclose`` and
    ``autoping`` (True), ``heartbeat`` (None: no pings), ``protocols`` (none), ``compress`` (True; or
    a `Compression`), ``max_msg_size`` (4 MiB; 0: no limit), ``writer_limit`` (64 KiB),
    ``decode_text`` (True; False gives TEXT as bytes).

    Beyond them: ``max_backpressure`` (1 MiB): what `push` lets wait; ``control_messages`` (False):
    give out PING and PONG although they are answered; ``origins`` (None: any): see
    `aiows.handshake.check_origin`; ``strict_masking`` (True): refuse unmasked frames as RFC 6455,
    section 5.1 demands; ``idle_timeout`` (0: none): seconds without a sign of life until the peer is
    given up, with a ping shortly before; ``heartbeat`` goes before it; ``codecs`` (none, which is
    JSON): their subprotocols are offered after ``protocols``, and the connection speaks the one that was
    chosen, or else the first; ``compress_threshold`` (None: 128 for ``SHARED``, 0 for the
    others): messages of fewer bytes go uncompressed, unless ``compress=`` of a ``send_*`` asks for it.
    """

    # A dict of its own for so many attributes would have a kibibyte.
    __slots__ = (
        "_abnormal",
        "_codecs",
        "_compression_mode",
        "_connection",
        "_decode_text",
        "_deflate",
        "_entry",
        "_iteration",
        "_max_msg_size",
        "_options",
        "_origins",
        "_protocol",
        "_protocols",
        "_receive_timeout",
        "_receiver",
        "_request",
        "_strict_masking",
    )

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        protocols: Iterable[str] = (),
        compress: bool | Compression = True,
        max_msg_size: int = 4 * 1024 * 1024,
        writer_limit: int = 64 * 1024,
        decode_text: bool = True,
        max_backpressure: int = 1024 * 1024,
        control_messages: bool = False,
        origins: Origins = None,
        strict_masking: bool = True,
        idle_timeout: float = 0.0,
        codecs: Iterable[Codec] = (),
        compress_threshold: int | None = None,
    ) -> None:
        web.StreamResponse.__init__(self, status=101)
        self._codecs = tuple(codecs)
        self._protocols = (*protocols, *(codec.subprotocol for codec in self._codecs))
        self._receive_timeout = receive_timeout
        self._compression_mode = _compression(compress)
        self._max_msg_size = max_msg_size
        self._decode_text = decode_text
        self._origins = origins
        self._strict_masking = strict_masking
        self._options = shared_options(
            # So that BACKPRESSURE comes before DROPPED, with room for who takes notice.
            writer_limit=min(writer_limit, max_backpressure // 2),
            max_backpressure=max_backpressure,
            close_timeout=timeout,
            autoclose=autoclose,
            autoping=autoping,
            control_messages=control_messages,
            compress_threshold=threshold_of(self._compression_mode, compress_threshold),
            keepalive=KeepAlivePolicy.heartbeat(heartbeat)
            or KeepAlivePolicy.idle_timeout(idle_timeout),
        )
        self._protocol: str | None = None
        self._deflate: DeflateParams | None = None
        self._connection: Connection | None = None
        self._entry: ServerEntry | None = None
        self._receiver: Receiver | None = None
        self._iteration: Awaitable[Any] | None = None  # what `async for` awaits, where that is all
        self._abnormal = False
        self._request: web.BaseRequest | None = None

    # the upgrade

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Answer the upgrade request with 101 and take the connection over.

        Raises web.HTTPBadRequest for what is no upgrade, web.HTTPForbidden for a foreign origin,
        ConnectionResetError if the peer has gone.
        """
        if self._payload_writer is not None:
            return self._payload_writer
        handshake = self._negotiate(request)
        transport_of(request)
        self.set_status(101)
        self.headers.update(handshake.headers)
        self.force_close()
        writer = await web.StreamResponse.prepare(self, request)
        assert writer is not None
        self._protocol, self._deflate = handshake.protocol, handshake.deflate
        self._request = request
        self._connection = take_over(request, partial(self._make_connection, request))
        if (hub := protocol_of(self._connection).hub) is not None:
            hub.attach(self._connection)
        return writer

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
        check_origin(request, self._origins)
        return negotiate(request, protocols=self._protocols, compression=self._compression_mode)

    def _make_connection(
        self, request: web.BaseRequest, transport: asyncio.Transport, entry: ServerEntry
    ) -> Connection:
        deflate = self._deflate
        app = request.app if isinstance(request, web.Request) else None
        self._entry = entry
        return Connection(
            transport,
            loop=asyncio.get_running_loop(),
            reader=self._make_reader(deflate),
            deflater=make_deflater(deflate, self._compression_mode) if deflate else None,
            options=self._options,
            consumer=self._make_consumer(),
            host=entry,
            app=app,
            hub=_topics_of(request),
            codec=self._chosen_codec(),
        )

    def _chosen_codec(self) -> Codec:
        chosen = (codec for codec in self._codecs if codec.subprotocol == self.ws_protocol)
        return next(chosen, self._codecs[0] if self._codecs else JSON)

    def _make_consumer(self) -> Consumer:
        self._receiver = receiver = Receiver(asyncio.get_running_loop())
        if not self._receive_timeout and type(self).receive is WebSocketResponse.receive:
            self._iteration = receiver.iteration
        return receiver

    def _make_reader(self, deflate: DeflateParams | None) -> MessageReader:
        return MessageReader(
            max_msg_size=self._max_msg_size,
            inflater=Inflater(deflate) if deflate else None,
            decode_text=self._decode_text,
            require_mask=self._strict_masking,
        )

    @property
    def must_stay(self) -> bool:
        """Whether the view must not return before the connection ends; see ``aiows/takeover.py``."""
        return self._entry is not None and self._entry.must_stay

    def detach(self) -> None:
        """Let the connection go on after the view that accepted it has returned."""
        assert self._entry is not None
        self._entry.detach()

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
            return self._compression_mode is not Compression.DISABLED
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

    async def ping(self, message: bytes | str = b"") -> None:
        """Send a Ping. Raises ValueError over 125 bytes, ConnectionClosed, RuntimeError."""
        self.connection.ping(_as_bytes(message))

    async def pong(self, message: bytes | str = b"") -> None:
        """Send a Pong that nobody asked for. Raises as `ping`."""
        self.connection.pong(_as_bytes(message))

    async def send_frame(
        self, message: bytes, opcode: WSMsgType, compress: int | None = None
    ) -> None:
        """Send ``message`` as a whole TEXT, BINARY, PING or PONG; ValueError for another opcode."""
        if opcode is WSMsgType.PING:
            self.connection.ping(message)
        elif opcode is WSMsgType.PONG:
            self.connection.pong(message)
        elif opcode in (WSMsgType.TEXT, WSMsgType.BINARY):
            await self._send(opcode, message, compress)
        else:
            raise ValueError(
                f"{opcode!r} is not a message that can be sent: use close() for a Close"
            )

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send TEXT, waiting while more than ``writer_limit`` bytes wait.

        ``compress``: 0 or False sends this one message uncompressed. Raises ConnectionClosed, TypeError
        for what is no ``str``, RuntimeError before `prepare`.
        """
        connection = self._connection or self.connection
        if not isinstance(data, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"data argument must be str ({type(data)!r})")
        if compress is not None or not connection.send_at_once(_TEXT, data):
            await connection.send_message(PreparedMessage(data, _TEXT, compress=compress))

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send BINARY; see `send_str`."""
        connection = self._connection or self.connection
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        payload = bytes(data)
        if compress is not None or not connection.send_at_once(_BINARY, payload):
            await connection.send_message(PreparedMessage(payload, _BINARY, compress=compress))

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: JSONEncoder | None = None
    ) -> None:
        """Send JSON as TEXT, encoded by orjson, or by ``dumps`` (which returns ``str``)."""
        text = _dump(data) if dumps is None else dumps(data).encode()
        await self._send(_TEXT, text, compress)

    async def send_json_bytes(
        self, data: Any, compress: int | None = None, *, dumps: JSONBytesEncoder | None = None
    ) -> None:
        """Send JSON as BINARY, encoded by orjson, or by ``dumps`` (which returns ``bytes``)."""
        self._check_prepared()
        await self.send_bytes(_dump(data) if dumps is None else dumps(data), compress)

    async def _send(self, opcode: int, payload: bytes, compress: int | None) -> None:
        connection = self.connection
        if compress is not None or not connection.send_at_once(opcode, payload):
            await connection.send_message(PreparedMessage(payload, opcode, compress=compress))

    async def write(self, data: Any) -> None:
        """Raises RuntimeError: what is written to a WebSocket is a message."""
        raise RuntimeError("Cannot call .write() for websocket")

    # closing

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes | str = b"", drain: bool = True
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
        if self._eof_sent:
            return
        self._check_prepared()
        self._eof_sent = True
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
        limit = timeout or self._receive_timeout
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


def _topics_of(request: web.BaseRequest) -> Topics | None:
    """What ``setup(app)`` left there; not for a mocked application, or a server without one."""
    app: object = request.app if isinstance(request, web.Request) else None
    if not isinstance(app, web.Application):
        return None
    return cast(web.Request, request).config_dict.get(TOPICS)


def _compression(compress: bool | Compression) -> Compression:
    if isinstance(compress, Compression):
        return compress
    return Compression.SHARED if compress else Compression.DISABLED


def _as_bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _dump(data: Any) -> bytes:
    """orjson where it can, the standard library for what only that can say (integers over 64 bits)."""
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(data).encode()
