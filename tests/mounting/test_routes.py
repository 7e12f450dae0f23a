"""`websocket`: what a route may be made of, and what is refused when it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import Connection, RegistrationError, WebSocket, WebSocketView, websocket
from raw_client import CLOSE, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Greeting(WebSocketView):
    """Says where it was reached."""

    def on_open(self) -> None:
        self.ws.push(f"view {self.match_info.get('tail', '')}")


def greet(ws: Connection) -> None:
    ws.send("callback")


async def greeting(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text("function")
    await ws.receive_text()


@pytest.mark.parametrize(
    ("route", "path", "said"),
    [
        (websocket("/*", {"open": greet}), "/anywhere/at/all", "callback"),
        (websocket("/here", open=greet), "/here", "callback"),
        (websocket("/rooms/*", Greeting), "/rooms/a/b", "view a/b"),
        (websocket("/here", greeting, idle_timeout=60), "/here", "function"),
    ],
    ids=["a dict", "keyword arguments", "a view", "a function with options"],
)
async def test_a_route_is_callbacks_a_view_or_a_function(
    serve: Serve, raw_client: Connect, route: web.RouteDef, path: str, said: str
) -> None:
    """Each greets who comes."""
    app = web.Application()
    app.add_routes([route])
    client = await raw_client(await serve(app), path)
    assert (await client.recv_frame()).text == said


async def test_the_options_of_a_function_hold_for_its_connections(
    serve: Serve, raw_client: Connect
) -> None:
    """A message over ``max_msg_size`` closes with 1009."""
    app = web.Application()
    app.add_routes([websocket("/", greeting, max_msg_size=10)])
    client = await raw_client(await serve(app))
    assert (await client.recv_frame()).text == "function"
    client.send_text("longer than that")
    frame = await client.recv_frame()
    assert (frame.opcode, frame.payload[:2]) == (CLOSE, (1009).to_bytes(2))


@pytest.mark.parametrize(
    ("behaviour", "options", "problem"),
    [
        (Greeting, {"max_msg_size": 10}, "its options are class attributes: max_msg_size"),
        (int, {}, "is no WebSocketView"),
        (None, {}, "is nothing: callbacks, a view or a function"),
        (3, {}, "callbacks, a view or a function"),
        (greeting, {"max_size": 3}, "unknown option 'max_size'"),
        ({"open": greet}, {"open": greet}, "open is given twice"),
    ],
)
def test_what_could_never_work_is_refused_at_once(
    behaviour: Any, options: dict[str, Any], problem: str
) -> None:
    """With what is wrong about it."""
    with pytest.raises(RegistrationError, match=problem):
        websocket("/", behaviour, **options)
