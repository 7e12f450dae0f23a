"""aiows publishing to a topic from an ordinary view of aiohttp's."""

from aiohttp import web

from aiows import HUB, WebSocketResponse, setup
from command_line import new_loop, port


async def fan_out(request):
    ws = WebSocketResponse()
    await ws.prepare(request)
    ws.subscribe("everybody")
    async for msg in ws:
        await request.app[HUB].publish("everybody", msg.data)
    return ws


app = web.Application()
app.router.add_get("/fan-out", fan_out)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
