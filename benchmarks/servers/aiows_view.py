"""aiows with view classes."""

from aiohttp import web

from aiows import WebSocketView, setup
from command_line import new_loop, port


class Echo(WebSocketView):
    def on_message(self, msg):
        self.ws.push(msg.data)


class FanOut(WebSocketView):
    def on_open(self):
        self.ws.subscribe("everybody")

    async def on_message(self, msg):
        await self.hub.publish("everybody", msg.data)


app = web.Application()
app.router.add_view("/echo", Echo)
app.router.add_view("/fan-out", FanOut)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
