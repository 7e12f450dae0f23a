"""An application for pages that use the client with its types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from aiows import KindError, Payload, WebSocketView, on


@dataclass
class Order:
    id: int
    dishes: list[str]


class Ready(Payload, kind="order.ready"):
    id: int


class Shop(WebSocketView):
    sends = (Ready,)

    @on("order.create", once=True, errors=[KindError("closed", "We are closed."), "sold_out"])
    def create(self, dishes: list[str], note: str = "") -> Order:
        return Order(1, dishes)

    @on("order.watch")
    async def watch(self, id: int) -> AsyncIterator[Order]:
        yield Order(id, [])

    @on("hello")
    def hello(self) -> None: ...


assert Shop.kinds is not None
Shop.kinds.asks("confirm", payload=Order, reply=bool)


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_view("/shop/{city}", Shop)
    return app
