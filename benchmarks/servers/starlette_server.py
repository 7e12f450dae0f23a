"""Starlette on uvicorn."""

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from asgi_handlers import answer_json, echo, fan_out
from command_line import port

app = Starlette(
    routes=[
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/json", answer_json),
        WebSocketRoute("/fan-out", fan_out),
    ]
)
uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", log_level="warning")
