"""An application that has an example of everything that a schema can describe."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

from aiohttp import web
from msgspec import Meta, Struct

from aiows import (
    KindDispatcher,
    KindError,
    Payload,
    WebSocket,
    WebSocketResponse,
    WebSocketRoute,
    WebSocketView,
    on,
)
from aiows.codecs import JSON, MSGPACK
from aiows.schema import INFO, Info, speaks


class Course(enum.Enum):
    """When it is eaten."""

    STARTER = "starter"
    MAIN = "main"


class Table(NamedTuple):
    room: str
    number: int = 1


class Address(TypedDict, total=False):
    street: str


@dataclass
class Dish:
    """Something to eat."""

    name: Annotated[str, Meta(min_length=1, max_length=40, description="As on the menu.")]
    course: Course = Course.MAIN
    extras: list[str] = field(default_factory=list)


class Card(Struct, tag="card"):
    number: str


class Cash(Struct, tag="cash", frozen=True):
    pass


class Order(Payload, kind="order.create"):
    """What somebody wants."""

    dishes: list[Dish]
    table: Table | None = None
    pays: Card | Cash = Cash()
    at: datetime | None = None
    day: date | None = None
    total: Decimal = Decimal(0)
    photo: bytes = b""
    address: Address | None = None
    counts: dict[str, int] = {}  # noqa: RUF012 (msgspec copies it)
    pair: tuple[int, str] = (1, "a")
    without: frozenset[str] = frozenset({"nuts", "milk", "fish", "eggs"})
    anything: Any = None


class Ordered(Payload, kind="order.created"):
    id: UUID
    minutes: Annotated[int, Meta(ge=1)]


class Kitchen(WebSocketView):
    """The kitchen.

    Everything that is ordered goes */ here.
    """

    @on(Order)
    def create(self, msg: Order) -> Ordered:
        """Order some dishes.

        They are cooked in this order.
        """
        return Ordered(id=UUID(int=1), minutes=20)

    @on("order.find")
    def find(
        self, number: int, deep: bool = False, by: Literal["id", "table"] = "id"
    ) -> Dish | None:
        return Dish("Soup") if number else None

    @on("order.count")
    def count(self) -> int:
        return 1

    @on("order.prices")
    def prices(self) -> dict[str, float]:
        return {"Soup": 4.5}

    @on("order.forget")
    def forget(self) -> None: ...

    @on("order.follow")
    async def follow(self, number: int) -> AsyncIterator[Dish | None]:
        """Tell what becomes of an order."""
        yield Dish("Soup")
        yield None

    @on("array")
    def anything(self):  # type: ignore[no-untyped-def]
        return {"found": [1, 2]}


waiters = KindDispatcher(payload_key="body", codecs=[JSON, MSGPACK])


@waiters.on(
    "order.create",
    errors=[KindError("closed", "The kitchen is closed."), "too_many"],
    examples=[{"dish": {"name": "Soup"}}],
)
def order(dish: Dish, count: int = 1) -> Dish:
    """Order one dish."""
    return dish


@waiters.on("order.find")
def find() -> list[Dish]:
    return [Dish("Soup")]


@waiters.on("order.forget")
def forget() -> None: ...


@waiters.on("order.doubt")
async def doubt(ws: WebSocketResponse, dish: Dish) -> bool:
    """Ask back whether it is meant."""
    answer = await ws.ask("confirm", asdict(dish))
    return bool(answer["result"])


class Served(Payload, kind="order.served"):
    """Somebody has their dish."""

    dish: Dish


waiters.sends(Served)
waiters.sends("closing", Address, examples=[{"street": "Harbour"}])
waiters.asks("confirm", payload=Dish, reply=bool, errors=["asleep"])


@speaks(waiters)
async def wait(request: web.Request) -> web.StreamResponse:
    """What waiters have in their pocket."""
    ws = WebSocketResponse(codecs=waiters.codecs)
    await ws.prepare(request)
    await waiters.serve(ws)
    return ws


route = WebSocketRoute("guests/{name}")


@route.ws_handler
@speaks(waiters)
async def guest(ws: WebSocket, name: str) -> None:
    await ws.accept()


async def page(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


def make_app() -> web.Application:
    rooms = web.Application()
    rooms.router.add_get(r"/tables/{number:\d+}/waiter", wait)
    app = web.Application()
    app[INFO] = Info("Orders", "1.2.0", "What a kitchen is told.")
    app.router.add_get("/", page)
    app.router.add_view("/kitchen", Kitchen)
    app.add_routes([route])
    app.add_subapp("/rooms", rooms)
    return app
