"""A client that sends any bytes, also wrong ones, and returns frames as they were on the wire.

It shares no code with aiows, so that the same mistake cannot be on both sides. It also does what no correct
client does: frames without a mask, lengths in too long a form, a reset instead of a close. It answers
nothing by itself: no pong, no close.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ssl import SSLContext
from typing import Final

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

TIMEOUT: Final = 5.0
"""Seconds until a test that waits for the server fails."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    """One frame as the server sent it."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False
    masked: bool = False

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def close_code(self) -> int | None:
        """The code of a CLOSE frame; None if it is empty."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None

    @property
    def close_reason(self) -> str:
        return self.payload[2:].decode()


class How(Enum):
    """How the server ended the TCP connection."""

    EOF = "eof"
    RESET = "reset"


@dataclass(frozen=True)
class Ending:
    """The end of a connection, with the bytes that came before it and were not read as frames."""

    how: How
    rest: bytes


def build_frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    fin: bool = True,
    rsv1: bool = False,
    rsv2: bool = False,
    rsv3: bool = False,
    mask: bool | bytes = True,
    length_bytes: int | None = None,
    length: int | None = None,
) -> bytes:
    """A client's frame (RFC 6455, section 5.2), right or wrong.

    ``mask``: a random one, none, or these four bytes. ``length_bytes`` 0, 2 or 8 forces a form of
    the length, ``length`` declares another one than the payload's.
    """
    data = payload.encode() if isinstance(payload, str) else bytes(payload)
    first = opcode | fin << 7 | rsv1 << 6 | rsv2 << 5 | rsv3 << 4
    key = mask if isinstance(mask, bytes) else os.urandom(4) if mask else b""
    declared = len(data) if length is None else length
    head = bytes([first]) + _length_field(declared, length_bytes, bool(key) << 7)
    return head + key + (_apply_mask(data, key) if key else data)


def _length_field(length: int, length_bytes: int | None, mask_bit: int) -> bytes:
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 1 << 16 else 8
    if length_bytes == 0:
        return bytes([mask_bit | length])
    if length_bytes == 2:
        return struct.pack("!BH", mask_bit | 126, length)
    return struct.pack("!BQ", mask_bit | 127, length)


def _apply_mask(data: bytes, key: bytes) -> bytes:
    repeated = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(repeated)).to_bytes(len(data))


def close_payload(code: int | None, reason: str | bytes = b"") -> bytes:
    """The payload of a CLOSE frame; any code at all, also one that must not be sent."""
    text = reason.encode() if isinstance(reason, str) else reason
    return b"" if code is None else struct.pack("!H", code) + text


class _Protocol(asyncio.Protocol):
    """Gives to ``reader`` what arrives; ``can_write`` is set unless the transport has enough to send.

    There is no StreamWriter, because Python may collect one in the thread of a `TestClient`: it then asks its
    transport whether it is closed, and a transport of aiofastnet answers only in its own thread.
    """

    def __init__(self, read_ahead: int) -> None:
        self.reader = asyncio.StreamReader(limit=read_ahead)
        self.can_write = asyncio.Event()
        self.can_write.set()
        self._is_encrypted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.reader.set_transport(transport)
        self._is_encrypted = transport.get_extra_info("sslcontext") is not None

    def data_received(self, data: bytes) -> None:
        self.reader.feed_data(data)

    def eof_received(self) -> bool:
        self.reader.feed_eof()
        return not self._is_encrypted  # the transport stays open; one with TLS cannot

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.reader.feed_eof()
        else:
            self.reader.set_exception(exc)
        self.can_write.set()


class RawClient:
    """One connection to a server on loopback; made by :meth:`connect`."""

    def __init__(self, transport: asyncio.Transport, protocol: _Protocol) -> None:
        self.transport = transport
        self._can_write = protocol.can_write
        self._reader = protocol.reader
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        """The response's headers, names in lower case; repeated ones joined by ``", "``."""
        self.key = ""

    @classmethod
    async def connect(
        cls,
        port: int,
        path: str = "/",
        *,
        host: str = "127.0.0.1",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        extensions: str | None = None,
        subprotocols: str | None = None,
        handshake: bool = True,
        receive_buffer: int | None = None,
        ssl: SSLContext | None = None,
        read_ahead: int = 2**16,
        timeout: float = TIMEOUT,
    ) -> RawClient:
        """Connect, and unless ``handshake`` is False ask for the upgrade and read the response.

        ``receive_buffer``: size of the kernel's buffer in bytes; with a small one a server that sends soon
        has backpressure. ``read_ahead``: in bytes; with twice as much unread, it stops reading from the
        socket.
        """
        given = headers.items() if isinstance(headers, dict) else headers or ()
        async with asyncio.timeout(timeout):
            sock = await _open_socket(host, port, receive_buffer)
            transport, protocol = await asyncio.get_running_loop().create_connection(
                lambda: _Protocol(read_ahead),
                sock=sock,
                ssl=ssl,
                server_hostname=host if ssl else None,
            )
            client = cls(transport, protocol)
            if handshake:
                extra = {
                    "Sec-WebSocket-Extensions": extensions,
                    "Sec-WebSocket-Protocol": subprotocols,
                }
                chosen = [(name, value) for name, value in extra.items() if value is not None]
                client.send_request(f"{host}:{port}", path, [*chosen, *given])
                try:
                    await client.recv_response()
                except BaseException:
                    client.close()
                    raise
        return client

    @property
    def sockname(self) -> tuple[str, int]:
        """Its own address, which the server sees as the peer's."""
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def send_request(self, host: str, path: str, headers: Iterable[tuple[str, str]]) -> None:
        """Send the opening handshake (RFC 6455, section 4.1).

        ``headers`` replace the usual ones of the same name; an empty value leaves one out.
        """
        self.key = base64.b64encode(os.urandom(16)).decode()
        usual = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": self.key,
            "Sec-WebSocket-Version": "13",
        }
        given = list(headers)
        replaced = {name.lower() for name, _ in given}
        kept = [(name, value) for name, value in usual.items() if name.lower() not in replaced]
        lines = [f"{name}: {value}" for name, value in [*kept, *given] if value]
        self.send_raw("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())

    async def recv_response(self, *, timeout: float = TIMEOUT) -> None:
        """Read a response's head into ``status``, ``reason`` and ``headers``."""
        async with asyncio.timeout(timeout):
            head = await self._reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        _, status, self.reason = status_line.split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            before = self.headers.get(name.lower())
            self.headers[name.lower()] = f"{before}, {value.strip()}" if before else value.strip()

    @property
    def expected_accept(self) -> str:
        """What ``Sec-WebSocket-Accept`` must be for the key sent (RFC 6455, section 4.2.2)."""
        digest = hashlib.sha1(self.key.encode() + _GUID, usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()

    def send_raw(self, data: bytes) -> None:
        """Hand bytes to the socket as they are."""
        self.transport.write(data)

    def send_frame(
        self,
        opcode: int,
        payload: bytes | str = b"",
        *,
        fin: bool = True,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
        mask: bool | bytes = True,
    ) -> None:
        """Send one frame; see :func:`build_frame`."""
        frame = build_frame(opcode, payload, fin=fin, rsv1=rsv1, rsv2=rsv2, rsv3=rsv3, mask=mask)
        self.send_raw(frame)

    def send_text(self, text: str) -> None:
        self.send_frame(TEXT, text)

    def send_close(self, code: int | None = 1000, reason: str | bytes = b"") -> None:
        self.send_frame(CLOSE, close_payload(code, reason))

    async def drain(self) -> None:
        """Wait until the kernel has taken most of what was sent."""
        await self._can_write.wait()

    async def recv_frame(self, *, timeout: float = TIMEOUT) -> Frame:
        """The next frame; IncompleteReadError at the end, ConnectionResetError after a reset."""
        async with asyncio.timeout(timeout):
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length >= 126:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
            key = await self._reader.readexactly(4) if second & 0x80 else b""
            payload = await self._reader.readexactly(length)
        return Frame(
            opcode=first & 0x0F,
            payload=_apply_mask(payload, key) if key else payload,
            fin=bool(first & 0x80),
            rsv1=bool(first & 0x40),
            rsv2=bool(first & 0x20),
            rsv3=bool(first & 0x10),
            masked=bool(key),
        )

    async def recv_raw(self, size: int, *, timeout: float = TIMEOUT) -> bytes:
        """Exactly ``size`` bytes."""
        async with asyncio.timeout(timeout):
            return await self._reader.readexactly(size)

    async def wait_closed(self, *, timeout: float = TIMEOUT) -> Ending:
        """Wait until the server has ended the connection, and say how."""
        rest = bytearray()
        async with asyncio.timeout(timeout):
            try:
                while chunk := await self._reader.read(1 << 16):
                    rest += chunk
            except ConnectionError:
                return Ending(How.RESET, bytes(rest))
        return Ending(How.EOF, bytes(rest))

    def pause_reading(self) -> None:
        """Let what the server sends pile up in the kernel."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def send_eof(self) -> None:
        """Half-close: the server reads EOF and may still send."""
        self.transport.write_eof()

    def abort(self) -> None:
        """Drop the connection by RST, as a crashed peer's kernel does."""
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Close the socket without a closing handshake."""
        self.transport.close()


async def _open_socket(host: str, port: int, receive_buffer: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock
