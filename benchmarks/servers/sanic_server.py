"""Sanic, in one process."""

import orjson
from sanic import Sanic

from command_line import port

app = Sanic("bench")
everybody = set()


@app.websocket("/echo")
async def echo(request, ws):
    async for message in ws:
        await ws.send(message)


@app.websocket("/json")
async def answer_json(request, ws):
    async for message in ws:
        order = orjson.loads(message)
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            await ws.send(orjson.dumps(reply).decode())


@app.websocket("/fan-out")
async def fan_out(request, ws):
    everybody.add(ws)
    try:
        async for message in ws:
            for other in list(everybody):
                await other.send(message)
    finally:
        everybody.discard(ws)


app.run(host="127.0.0.1", port=port, single_process=True, access_log=False, motd=False)
