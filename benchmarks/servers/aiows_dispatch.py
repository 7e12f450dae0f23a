"""aiows as a drop-in whose messages go to typed handlers by their kind."""

from aiohttp import web

from aiows import KindDispatcher, WebSocketResponse
from command_line import new_loop, port
from order_kinds import KINDS


async def price(ws: WebSocketResponse, number: int, count: int, price: float) -> None:
    ws.push({"kind": "order.priced", "number": number, "total": count * price})


kinds = KindDispatcher()
for kind in KINDS:
    kinds.on(kind)(price)


async def answer_kinds(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        await kinds.dispatch(ws, msg)
    return ws


app = web.Application()
app.router.add_get("/kinds", answer_kinds)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
