"""aiows with typed kinds: each message is checked and converted before its handler sees it."""

from aiohttp import web

from aiows import Payload, WebSocketView, on, setup
from loops import new_loop, port


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


app = web.Application()
app.router.add_view("/json", Orders)
app.router.add_view("/echo", Orders)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
