"""aiows with typed kinds: each message is checked and converted before its handler sees it."""

from aiohttp import web

from aiows import Payload, WebSocketView, on, setup
from command_line import is_async, new_loop, port
from order_kinds import KINDS
from user_view import UserView

# /json: a request, and what its handler returns is the reply


class CreateOrder(Payload, kind="order.create"):
    item: str
    count: int
    price: float


class Orders(WebSocketView):
    @on(CreateOrder)
    def create(self, order: CreateOrder) -> dict:
        return {"total": order.count * order.price}

    def on_message(self, msg):
        self.ws.push(msg.data)


class AsyncOrders(WebSocketView):
    @on(CreateOrder)
    async def create(self, order: CreateOrder) -> dict:
        return {"total": order.count * order.price}

    async def on_message(self, msg):
        self.ws.push(msg.data)


# /kinds: eight kinds, and their handler pushes a dict


def on_each_kind(method):
    for kind in KINDS:
        method = on(kind)(method)
    return method


class Prices(UserView):
    @on_each_kind
    def price(self, number: int, count: int, price: float) -> None:
        self.ws.push({"kind": "order.priced", "number": number, "total": count * price})


class AsyncPrices(UserView):
    @on_each_kind
    async def price(self, number: int, count: int, price: float) -> None:
        self.ws.push({"kind": "order.priced", "number": number, "total": count * price})


app = web.Application()
app.router.add_view("/json", AsyncOrders if is_async else Orders)
app.router.add_view("/echo", AsyncOrders if is_async else Orders)
app.router.add_view("/kinds", AsyncPrices if is_async else Prices)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
