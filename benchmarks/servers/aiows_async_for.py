"""aiows as a drop-in: aiohttp's server with one import changed."""

import orjson
from aiohttp import WSMsgType, web

from aiows import WebSocketResponse
from command_line import new_loop, port
from order_kinds import KINDS

everybody = set()


async def echo(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        if msg.type is WSMsgType.TEXT:
            await ws.send_str(msg.data)
        elif msg.type is WSMsgType.BINARY:
            await ws.send_bytes(msg.data)
    return ws


async def answer_json(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        order = orjson.loads(msg.data)
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            await ws.send_str(orjson.dumps(reply).decode())
    return ws


async def price(ws, order):
    total = order["count"] * order["price"]
    priced = {"kind": "order.priced", "number": order["number"], "total": total}
    await ws.send_str(orjson.dumps(priced).decode())


handlers = dict.fromkeys(KINDS, price)


async def answer_kinds(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        order = orjson.loads(msg.data)
        await handlers[order["kind"]](ws, order)
    return ws


async def fan_out(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    everybody.add(ws)
    try:
        async for msg in ws:
            for other in list(everybody):
                await other.send_str(msg.data)
    finally:
        everybody.discard(ws)
    return ws


app = web.Application()
app.router.add_get("/echo", echo)
app.router.add_get("/json", answer_json)
app.router.add_get("/kinds", answer_kinds)
app.router.add_get("/fan-out", fan_out)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
