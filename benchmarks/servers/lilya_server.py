"""Lilya on uvicorn."""

import uvicorn
from lilya.apps import Lilya
from lilya.routing import WebSocketPath
from lilya.websockets import WebSocket

import asgi_handlers
from command_line import port


async def echo(websocket: WebSocket):
    await asgi_handlers.echo(websocket)


async def answer_json(websocket: WebSocket):
    await asgi_handlers.answer_json(websocket)


async def fan_out(websocket: WebSocket):
    await asgi_handlers.fan_out(websocket)


app = Lilya(
    routes=[
        WebSocketPath("/echo", echo),
        WebSocketPath("/json", answer_json),
        WebSocketPath("/fan-out", fan_out),
    ]
)
uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", log_level="warning")
