"""What Starlette, Lilya and lihil share: the same WebSocket, with the same methods."""

import orjson

everybody = set()


async def echo(websocket):
    await websocket.accept()
    async for message in messages(websocket):
        if (text := message.get("text")) is not None:
            await websocket.send_text(text)
        else:
            await websocket.send_bytes(message["bytes"])


async def messages(websocket):
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        yield message


async def answer_json(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        order = orjson.loads(text)
        if order["kind"] == "order.create":
            total = order["count"] * order["price"]
            reply = {"kind": "reply", "ref": order["ref"], "total": total}
            await websocket.send_text(orjson.dumps(reply).decode())


async def fan_out(websocket):
    await websocket.accept()
    everybody.add(websocket)
    try:
        async for text in websocket.iter_text():
            for other in list(everybody):
                await other.send_text(text)
    finally:
        everybody.discard(websocket)
