"""`SlowConsumer`: a client that reads nothing until the test says so, to test backpressure.

Between two reads everything stays in the kernel, whose receive buffer is small: for the server this is like a
phone in a tunnel. (The server's own kernel buffer holds more, up to megabytes on Linux. So send until it is
full, and do not rely on a number.)
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from aiohttp import WSMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .._wire import MessageReader, Opcode, build_close, build_frame
from ..response.receiver import as_aiohttp
from .errors import Disconnected, UpgradeRefused

__all__ = ("SlowConsumer",)

ABNORMAL: Final = 1006  # RFC 6455, section 7.1.5
READ_SIZE: Final = 64 * 1024


class SlowConsumer:
    """A WebSocket client that reads when a test says so; made by `connect`.

    It answers nothing by itself: no Pong, no Close. Every read raises Disconnected (1006) if the server has
    ended the connection, and TimeoutError after the ``timeout`` of `connect`, in seconds.
    """

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._reader = MessageReader(max_msg_size=0, require_mask=False)
        self._frame = bytearray()  # the part of a frame that was read
        self._messages: deque[WSMessage] = deque()
        self.headers: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        """The headers of the server's 101 response."""
        self.bytes_read = 0
        """How many bytes of frames were read."""

    @classmethod
    async def connect(
        cls,
        url: str | URL,
        *,
        receive_buffer: int = 4096,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
    ) -> Self:
        """Connect to ``http://host:port/path`` (or ``ws:``) and complete the opening handshake.

        ``receive_buffer``: size of the kernel's buffer in bytes (Linux gives twice as much, at least 2304).
        ``timeout``: seconds for this and for every read. Raises UpgradeRefused (without the body of the
        answer), TimeoutError and OSError.
        """
        address = URL(url)
        sock = await _open(address, receive_buffer, timeout)
        consumer = cls(sock, timeout)
        try:
            await consumer._shake_hands(address, headers or {})
        except BaseException:
            sock.close()
            raise
        return consumer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} bytes_read={self.bytes_read}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _raised: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.hang_up()

    # reading

    async def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; messages in them are kept for `receive`."""
        data = bytearray()
        async with asyncio.timeout(self._timeout):
            while len(data) < size:
                chunk = await self._recv(size - len(data))
                data += chunk
                self._frame += chunk
                self._take_frames()
        return bytes(data)

    async def receive(self) -> WSMessage:
        """Read the next message, Ping, Pong and Close included, and not one byte more."""
        async with asyncio.timeout(self._timeout):
            while not self._messages:
                self._frame += await self._recv(_frame_size(self._frame) - len(self._frame))
                self._take_frames()
        return self._messages.popleft()

    async def receive_many(self, count: int) -> list[WSMessage]:
        """Read ``count`` messages."""
        return [await self.receive() for _ in range(count)]

    async def read_to_end(self) -> int:
        """Read until the server ends the connection; return the number of bytes."""
        before = self.bytes_read
        async with asyncio.timeout(self._timeout):
            while await self._recv_or_end(READ_SIZE):
                pass
        return self.bytes_read - before

    async def _recv(self, size: int) -> bytes:
        chunk = await self._recv_or_end(size)
        if not chunk:
            raise Disconnected(ABNORMAL)
        return chunk

    async def _recv_or_end(self, size: int) -> bytes:
        try:
            chunk = await self._loop.sock_recv(self._sock, size)
        except ConnectionError:
            return b""
        self.bytes_read += len(chunk)
        return chunk

    def _take_frames(self) -> None:
        while len(self._frame) >= (size := _frame_size(self._frame)):
            self._reader.feed(bytes(self._frame[:size]))
            del self._frame[:size]
            while (message := self._reader.next_message()) is not None:
                self._messages.append(as_aiohttp(message))
            self._reader.release()

    # sending

    async def send(self, message: str | bytes) -> None:
        """Send ``str`` as TEXT, ``bytes`` as BINARY. Raises ConnectionError, TimeoutError."""
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        await self._send(opcode, message.encode() if isinstance(message, str) else message)

    async def pong(self, data: bytes = b"") -> None:
        """Send a Pong. Raises as `send`, and ValueError for more than 125 bytes."""
        await self._send(Opcode.PONG, data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a Close and do not wait. Raises as `send`, and ValueError as `Connection.close`."""
        await self._send(Opcode.CLOSE, build_close(code, reason))

    async def _send(self, opcode: int, payload: bytes) -> None:
        frame = build_frame(opcode, payload, mask=os.urandom(4))
        async with asyncio.timeout(self._timeout):
            await self._loop.sock_sendall(self._sock, frame)

    # the end

    def hang_up(self) -> None:
        """Close the socket without a closing handshake."""
        self._sock.close()

    def reset(self) -> None:
        """Drop the connection by RST, as the kernel of a crashed peer does."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    # the opening handshake

    async def _shake_hands(self, url: URL, headers: Mapping[str, str]) -> None:
        """Do the handshake of RFC 6455, section 4.1, without extensions: sizes on the wire are then known."""
        fields = {
            "Host": f"{url.host}:{url.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = [f"{name}: {value}" for name, value in fields.items()]
        request = "\r\n".join([f"GET {url.raw_path_qs} HTTP/1.1", *lines, "", ""]).encode()
        async with asyncio.timeout(self._timeout):
            await self._loop.sock_sendall(self._sock, request)
            status, self.headers = _parsed(await self._read_head())
        if status != 101:
            raise UpgradeRefused(status, self.headers, b"")

    async def _read_head(self) -> bytes:
        """Read the head of the answer byte by byte, because the first frame may follow at once."""
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            head += await self._recv(1)
        self.bytes_read = 0
        return bytes(head)


def _frame_size(frame: bytearray) -> int:
    """Return the size of a server's frame, as far as its bytes show it (RFC 6455, section 5.2)."""
    if len(frame) < 2:
        return 2
    length = frame[1] & 0x7F
    header = {126: 4, 127: 10}.get(length, 2)
    if len(frame) < header:
        return header
    return header + (length if header == 2 else int.from_bytes(frame[2:header]))


async def _open(url: URL, receive_buffer: int, timeout: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            # Before connecting: the TCP window that is announced then never becomes larger.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
    return sock


def _parsed(head: bytes) -> tuple[int, CIMultiDictProxy[str]]:
    status_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = CIMultiDict((name, value.strip()) for name, _, value in fields)
    return int(status_line.split(" ", 2)[1]), CIMultiDictProxy(headers)
