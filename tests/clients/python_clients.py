"""The clients that are Python packages: websockets, websocket-client, Tornado's and aiohttp's own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import websocket
import websockets
from aiohttp import WSMsgType
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from clients.client import Client, Closed, Session


def _trusting(ca_file: Path | None) -> ssl.SSLContext | None:
    return None if ca_file is None else ssl.create_default_context(cafile=ca_file)


class WebsocketsSession(Session):
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self.subprotocol = socket.subprotocol or ""
        self.is_compressed = bool(socket.protocol.extensions)

    async def send(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def send_fragments(self, fragments: Sequence[str]) -> None:
        await self._socket.send(fragments)

    async def receive(self) -> str | bytes | Closed:
        try:
            return await self._socket.recv()
        except websockets.ConnectionClosed:
            return self._closed()

    async def ping(self, data: bytes) -> None:
        await (await self._socket.ping(data))

    async def close(self, code: int, reason: str) -> Closed:
        await self._socket.close(code, reason)
        return self._closed()

    async def release(self) -> None:
        await self._socket.close()

    def _closed(self) -> Closed:
        code, reason = self._socket.close_code, self._socket.close_reason
        assert code is not None
        return Closed(code, reason or "")


class WebsocketsClient(Client):
    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        socket = await websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol(name) for name in subprotocols],
            compression="deflate" if compress else None,
            max_size=None,
            proxy=None,
            ssl=_trusting(ca_file),
        )
        return WebsocketsSession(socket)


class AiohttpSession(Session):
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.subprotocol = socket.protocol or ""
        self.is_compressed = bool(socket.compress)

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def receive(self) -> str | bytes | Closed:
        message = await self._socket.receive()
        if message.type is WSMsgType.PING:
            await self._socket.pong(message.data)
            return await self.receive()
        if message.type is WSMsgType.CLOSE:
            return Closed(message.data, message.extra or "")
        assert isinstance(message.data, str | bytes)
        return message.data

    async def ping(self, data: bytes) -> None:
        await self._socket.ping(data)
        pong = await self._socket.receive()
        assert (pong.type, pong.data) == (WSMsgType.PONG, data)

    async def close(self, code: int, reason: str) -> Closed:
        await self._socket.close(code=code, message=reason.encode())
        assert self._socket.close_code is not None
        return Closed(self._socket.close_code, reason)

    async def release(self) -> None:
        await self._socket.close()


class AiohttpClient(Client):
    def __init__(self) -> None:
        self._session = aiohttp.ClientSession()

    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        socket = await self._session.ws_connect(
            url,
            protocols=subprotocols,
            compress=15 if compress else 0,
            autoping=False,
            ssl=_trusting(ca_file) or True,
        )
        return AiohttpSession(socket)

    async def release(self) -> None:
        await self._session.close()


class TornadoSession(Session):
    """It ends with None, and has no fragments."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self.subprotocol = socket.selected_subprotocol or ""
        self.is_compressed = "Sec-WebSocket-Extensions" in (socket.headers or {})

    async def send(self, message: str | bytes) -> None:
        await self._socket.write_message(message, binary=isinstance(message, bytes))

    async def receive(self) -> str | bytes | Closed:
        message = await self._socket.read_message()
        return self._closed() if message is None else message

    async def close(self, code: int, reason: str) -> Closed:
        self._socket.close(code, reason)
        assert await self._socket.read_message() is None
        return self._closed()

    async def release(self) -> None:
        self._socket.close()

    def _closed(self) -> Closed:
        assert self._socket.close_code is not None
        return Closed(self._socket.close_code, self._socket.close_reason or "")


class TornadoClient(Client):
    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        socket = await websocket_connect(
            HTTPRequest(url, ca_certs=str(ca_file) if ca_file else None),
            compression_options={} if compress else None,
            subprotocols=list(subprotocols) or None,
        )
        return TornadoSession(socket)


class WebsocketClientSession(Session):
    """websocket-client blocks, so each call has a thread."""

    is_compressed = False

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self.subprotocol = socket.getsubprotocol() or ""

    async def send(self, message: str | bytes) -> None:
        binary = isinstance(message, bytes)
        opcode = websocket.ABNF.OPCODE_BINARY if binary else websocket.ABNF.OPCODE_TEXT
        await asyncio.to_thread(self._socket.send, message, opcode)

    async def send_fragments(self, fragments: Sequence[str]) -> None:
        for index, fragment in enumerate(fragments):
            opcode = websocket.ABNF.OPCODE_CONT if index else websocket.ABNF.OPCODE_TEXT
            is_last = index == len(fragments) - 1
            frame = websocket.ABNF.create_frame(fragment.encode(), opcode, int(is_last))
            await asyncio.to_thread(self._socket.send_frame, frame)

    async def receive(self) -> str | bytes | Closed:
        while True:
            opcode, frame = await asyncio.to_thread(self._socket.recv_data_frame)
            if opcode == websocket.ABNF.OPCODE_TEXT:
                return bytes(frame.data).decode()
            if opcode == websocket.ABNF.OPCODE_BINARY:
                return bytes(frame.data)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return Closed(int.from_bytes(frame.data[:2]), frame.data[2:].decode())

    async def ping(self, data: bytes) -> None:
        await asyncio.to_thread(self._socket.ping, data)
        opcode, frame = await asyncio.to_thread(self._socket.recv_data_frame, control_frame=True)
        assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, data)

    async def close(self, code: int, reason: str) -> Closed:
        await asyncio.to_thread(self._socket.send_close, code, reason.encode())
        closed = await self.receive()
        assert isinstance(closed, Closed)
        return closed

    async def release(self) -> None:
        await asyncio.to_thread(self._socket.shutdown)


class WebsocketClientClient(Client):
    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        assert not compress, "websocket-client has no permessage-deflate"
        socket = await asyncio.to_thread(
            websocket.create_connection,
            url,
            timeout=20,
            subprotocols=list(subprotocols) or None,
            sslopt={"ca_certs": str(ca_file)} if ca_file else None,
        )
        return WebsocketClientSession(socket)
