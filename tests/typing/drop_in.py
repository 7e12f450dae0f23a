"""For type checkers only: a subclass of the drop-in may have the signatures of aiohttp's own class."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import JSONEncoder

from aiows import WebSocketResponse


class Overriding(WebSocketResponse):
    """Each as it is declared in aiohttp's class."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        return await super().prepare(request)

    def can_prepare(self, request: web.BaseRequest) -> web.WebSocketReady:
        return super().can_prepare(request)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return super().get_extra_info(name, default)

    def exception(self) -> BaseException | None:
        return super().exception()

    async def ping(self, message: bytes = b"") -> None:
        await super().ping(message)

    async def pong(self, message: bytes = b"") -> None:
        await super().pong(message)

    async def send_frame(
        self, message: bytes, opcode: WSMsgType, compress: int | None = None
    ) -> None:
        await super().send_frame(message, opcode, compress)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        await super().send_str(data, compress)

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        await super().send_bytes(data, compress)

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: JSONEncoder = json.dumps
    ) -> None:
        await super().send_json(data, compress, dumps=dumps)

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        return await super().close(code=code, message=message, drain=drain)

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        return await super().receive_bytes(timeout=timeout)
