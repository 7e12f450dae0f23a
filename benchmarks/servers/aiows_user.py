"""aiows with view classes as the tutorial teaches them, with a user id and two topics for each connection."""

from aiohttp import web

from aiows import setup
from command_line import is_async, new_loop, port
from user_view import UserView


class Echo(UserView):
    def on_message(self, msg):
        self.ws.push(msg.data)


class AsyncEcho(UserView):
    async def on_message(self, msg):
        self.ws.push(msg.data)


app = web.Application()
app.router.add_view("/echo", AsyncEcho if is_async else Echo)
setup(app)
web.run_app(app, host="127.0.0.1", port=port, loop=new_loop(), access_log=None, print=None)
