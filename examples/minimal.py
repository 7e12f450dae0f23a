"""Everybody who is connected gets what anybody says. Run it: python examples/minimal.py"""

from aiohttp import web

from aiows import Payload, WebSocketView, on, setup


class Say(Payload, kind="say"):
    text: str


class Room(WebSocketView):
    async def on_open(self) -> None:
        self.ws.subscribe("everybody")

    @on(Say)
    async def say(self, msg: Say) -> None:
        await self.hub.publish("everybody", {"kind": "said", "text": msg.text})


def make_app(argv: object = None) -> web.Application:
    app = web.Application()
    app.router.add_view("/ws", Room)
    setup(app)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8080)
