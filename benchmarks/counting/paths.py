"""The hot paths of a message, each ready to be run without a network.

A connection is made the way a peer makes one: the bytes of a handshake go to aiohttp's server, the
transport that it writes to is a `SilentTransport`, and what the peer says next goes to the protocol that
has taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web

from aiows import HUB, Payload, WebSocketView, on, setup, websocket
from aiows._wire import MessageReader, Opcode, build_frame

__all__ = ("PATHS", "Path", "Run", "SilentTransport", "opened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """``messages`` are in one run; ``takes_turn``: what it writes leaves at the end of the loop's turn."""

    messages: int = 1
    takes_turn: bool = False


Run: TypeAlias = Callable[[], Any]

MASK: Final = b"\x37\xfa\x21\x3d"
TEXT: Final = b"0123456789abcdef0123456789abcdef"
ORDER: Final = b'{"kind":"order.create","item":"tea","count":3,"price":12.5,"ref":7}'
PRICED: Final = b'{"kind":"order.%s","number":7,"count":3,"price":12.5}'
PRICED_KINDS: Final = ("create", "change", "confirm", "pay", "pack", "ship", "cancel", "return")
BURST: Final = 16
SUBSCRIBERS: Final = 16
TURNS: Final = 100  # of the loop, more than a handshake and an open hook need

PATHS: Final = {
    "parse": Path(),
    "build": Path(),
    "callback": Path(),
    "callback-16": Path(messages=BURST),
    "view": Path(),
    "view-16": Path(messages=BURST),
    "view-async": Path(),
    "view-async-16": Path(messages=BURST),
    "kinds": Path(),
    "kinds-async": Path(),
    "kinds-push": Path(),
    "kinds-push-16": Path(messages=BURST),
    "kinds-push-async": Path(),
    "kinds-push-async-16": Path(messages=BURST),
    "publish": Path(messages=SUBSCRIBERS, takes_turn=True),
}
"""By name. ``-async``: the handler is an ``async def``. ``-16``: as many messages come in one read.
``kinds``: a request, whose handler returns the reply; ``kinds-push``: one of eight kinds, whose handler
pushes a dict."""

HANDSHAKE: Final = (
    b"GET /%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class SilentTransport(asyncio.Transport):
    """Takes everything at once and keeps none of it."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol

    def write(self, data: Any) -> None:
        pass

    def writelines(self, list_of_data: Any) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 65536

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def hear(self, data: bytes) -> None:
        """What the kernel does when bytes arrive."""
        protocol: Any = self.protocol
        if isinstance(protocol, asyncio.BufferedProtocol):
            memoryview(protocol.get_buffer(-1))[: len(data)] = data
            protocol.buffer_updated(len(data))
        else:
            protocol.data_received(data)


# the application


class CreateOrder(Payload, kind="order.create"):
    item: str
    count: int
    price: float


class Echo(WebSocketView):
    def on_message(self, msg: Any) -> None:
        self.ws.push(msg.data)


class AsyncEcho(WebSocketView):
    async def on_message(self, msg: Any) -> None:
        self.ws.push(msg.data)


class Orders(WebSocketView):
    @on(CreateOrder)
    def create(self, order: CreateOrder) -> dict[str, Any]:
        return {"total": order.count * order.price}


class AsyncOrders(WebSocketView):
    @on(CreateOrder)
    async def create(self, order: CreateOrder) -> dict[str, Any]:
        return {"total": order.count * order.price}


def _on_each_kind(method: Callable[..., Any]) -> Callable[..., Any]:
    for name in PRICED_KINDS:
        method = on(f"order.{name}")(method)
    return method


class Prices(WebSocketView):
    @_on_each_kind
    def price(self, number: int, count: int, price: float) -> None:
        self.ws.push({"kind": "order.priced", "number": number, "total": count * price})


class AsyncPrices(WebSocketView):
    @_on_each_kind
    async def price(self, number: int, count: int, price: float) -> None:
        self.ws.push({"kind": "order.priced", "number": number, "total": count * price})


def _echo(ws: Any, message: Any, opcode: Any) -> None:
    ws.push(message)


def _subscribe(ws: Any) -> None:
    ws.subscribe("everybody")


def _application() -> web.Application:
    app = web.Application()
    app.add_routes(
        [
            websocket("/callback", {"message": _echo}),
            websocket("/topic", {"open": _subscribe}),
            websocket("/view", Echo),
            websocket("/view-async", AsyncEcho),
            websocket("/kinds", Orders),
            websocket("/kinds-async", AsyncOrders),
            websocket("/kinds-push", Prices),
            websocket("/kinds-push-async", AsyncPrices),
        ]
    )
    setup(app)
    return app


# the paths


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[dict[str, Run]]:
    """What runs each path once, by the names in `PATHS`, with their connections open."""
    app = _application()
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for _ in range(SUBSCRIBERS):
        await _connect(runner, "topic")
    yield {
        "parse": _parse(_frame(TEXT)),
        "build": lambda: build_frame(Opcode.TEXT, TEXT),
        **{name: await _hearing(runner, name, data) for name, data in _heard().items()},
        "publish": lambda: app[HUB].registry.publish("everybody", TEXT),
    }


def _heard() -> dict[str, bytes]:
    """What comes in one read on the paths that begin with bytes."""
    text, order = _frame(TEXT), _frame(ORDER)
    prices = [_frame(PRICED % name.encode()) for name in PRICED_KINDS]
    price, in_turn = prices[0], b"".join(prices * (BURST // len(prices)))
    return {
        "callback": text,
        "callback-16": text * BURST,
        "view": text,
        "view-16": text * BURST,
        "view-async": text,
        "view-async-16": text * BURST,
        "kinds": order,
        "kinds-async": order,
        "kinds-push": price,
        "kinds-push-16": in_turn,
        "kinds-push-async": price,
        "kinds-push-async-16": in_turn,
    }


def _frame(data: bytes) -> bytes:
    return build_frame(Opcode.TEXT, data, mask=MASK)


def _parse(frame: bytes) -> Run:
    reader = MessageReader()

    def parse() -> None:
        reader.feed(frame)
        assert reader.next_message() is not None
        assert reader.next_message() is None
        reader.release()

    return parse


async def _hearing(runner: web.AppRunner, name: str, data: bytes) -> Run:
    transport = await _connect(runner, name.removesuffix(f"-{BURST}"))
    return lambda: transport.hear(data)


async def _connect(runner: web.AppRunner, path: str) -> SilentTransport:
    assert runner.server is not None
    protocol: Any = runner.server()
    transport = SilentTransport(protocol)
    protocol.connection_made(transport)
    transport.hear(HANDSHAKE % path.encode())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert transport.protocol is not protocol, "the connection was not taken over"
    return transport
