"""aiows with callbacks on a route."""

import orjson
from aiohttp import web

from aiows import setup, websocket
from command_line import new_loop, port


def echo(ws, message, opcode):
    ws.push(message)


def answer_json(ws, message, opcode):
    order = orjson.loads(message)
    if order["kind"] == "order.create":
        total = order["count"] * order["price"]
        ws.push({"kind": "reply", "ref": order["ref"], "total": total})


def join(ws):
    ws.subscribe("everybody")


def fan_out(ws, message, opcode):
    ws.publish("everybody", message, include_self=True)


app = web.Application()
app.add_routes(
    [
        websocket("/echo", {"message": echo}),
        websocket("/json", {"message": answer_json}),
        websocket("/fan-out", {"open": join, "message": fan_out}),
    ]
)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
