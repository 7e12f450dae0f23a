"""lihil on uvicorn."""

import uvicorn
from lihil import Lihil, WebSocket, WebSocketRoute

import asgi_handlers
from command_line import port

echo_route = WebSocketRoute("echo")
json_route = WebSocketRoute("json")
fan_out_route = WebSocketRoute("fan-out")


@echo_route.endpoint
async def echo(websocket: WebSocket) -> None:
    await asgi_handlers.echo(websocket)


@json_route.endpoint
async def answer_json(websocket: WebSocket) -> None:
    await asgi_handlers.answer_json(websocket)


@fan_out_route.endpoint
async def fan_out(websocket: WebSocket) -> None:
    await asgi_handlers.fan_out(websocket)


app = Lihil(echo_route, json_route, fan_out_route)
uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", log_level="warning")
