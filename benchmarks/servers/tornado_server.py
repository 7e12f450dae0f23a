"""Tornado, with compression for those who ask for it."""

import asyncio

import orjson
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from command_line import new_loop, port

everybody = set()


class Handler(WebSocketHandler):
    def get_compression_options(self):
        return {}


class Echo(Handler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


class Json(Handler):
    def on_message(self, message):
        order = orjson.loads(message)
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            self.write_message(orjson.dumps(reply))


class FanOut(Handler):
    def open(self):
        everybody.add(self)

    def on_close(self):
        everybody.discard(self)

    def on_message(self, message):
        for other in everybody:
            other.write_message(message)


async def main():
    Application([("/echo", Echo), ("/json", Json), ("/fan-out", FanOut)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


with asyncio.Runner(loop_factory=new_loop) as runner:
    runner.run(main())
