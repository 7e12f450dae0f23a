"""picows: listeners that are called with each frame."""

import asyncio
import sys

import orjson
import uvloop
from picows import WSListener, WSMsgType, ws_create_server

from command_line import port
from order_kinds import KINDS

everybody = set()


class Listener(WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.on_message(transport, frame)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


class Echo(Listener):
    def on_message(self, transport, frame):
        transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Json(Listener):
    def on_message(self, transport, frame):
        order = orjson.loads(frame.get_payload_as_memoryview())
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            transport.send(WSMsgType.TEXT, orjson.dumps(reply))


def price(transport, order):
    total = order["count"] * order["price"]
    priced = {"kind": "order.priced", "number": order["number"], "total": total}
    transport.send(WSMsgType.TEXT, orjson.dumps(priced))


handlers = dict.fromkeys(KINDS, price)


class Kinds(Listener):
    def on_message(self, transport, frame):
        order = orjson.loads(frame.get_payload_as_memoryview())
        handlers[order["kind"]](transport, order)


class FanOut(Listener):
    def on_ws_connected(self, transport):
        everybody.add(transport)

    def on_ws_disconnected(self, transport):
        everybody.discard(transport)

    def on_message(self, transport, frame):
        payload = frame.get_payload_as_memoryview()
        for other in everybody:
            other.send(frame.msg_type, payload)


LISTENERS = {b"/echo": Echo, b"/json": Json, b"/kinds": Kinds, b"/fan-out": FanOut}


def choose(request):
    return LISTENERS[bytes(request.path)]()


async def main():
    server = await ws_create_server(
        choose, "127.0.0.1", port, use_aiofastnet=sys.argv[2] == "aiofastnet"
    )
    await server.serve_forever()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
