"""websockets: its asyncio server, and its own broadcast."""

import asyncio

import orjson
from websockets.asyncio.server import broadcast, serve

from command_line import new_loop, port

everybody = set()


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def answer_json(websocket):
    async for message in websocket:
        order = orjson.loads(message)
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            await websocket.send(orjson.dumps(reply), text=True)


async def fan_out(websocket):
    everybody.add(websocket)
    try:
        async for message in websocket:
            broadcast(everybody, message)
    finally:
        everybody.discard(websocket)


HANDLERS = {"/echo": echo, "/json": answer_json, "/fan-out": fan_out}


async def handle(websocket):
    await HANDLERS[websocket.request.path](websocket)


async def main():
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


with asyncio.Runner(loop_factory=new_loop) as runner:
    runner.run(main())
