"""A topic is a ``str``: whatever else is given is an error at the call, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import HUB, setup
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "subscribe": lambda ws, hub, topic: ws.subscribe(topic),
    "unsubscribe": lambda ws, hub, topic: ws.unsubscribe(topic),
    "publish": lambda ws, hub, topic: ws.publish(topic, "a"),
    "registry.subscribe": lambda ws, hub, topic: hub.registry.subscribe(ws, topic),
    "registry.unsubscribe": lambda ws, hub, topic: hub.registry.unsubscribe(ws, topic),
    "registry.publish": lambda ws, hub, topic: hub.registry.publish(topic, "a"),
    "hub.publish": lambda ws, hub, topic: hub.publish(topic, "a"),
    "join": lambda ws, hub, topic: ws.connection.join(topic),
}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_what_is_no_name_is_refused_at_the_call(
    face: Face,
    call: Callable[[Any, Any, Any], Any],
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is subscribed to it, and nothing is left to a log."""
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    app: web.Application = face.serve(lambda ws, text: opened.set_result(ws), {})
    setup(app)
    client = await raw_client(await serve(app))
    client.send_text("here I am")
    ws = await opened
    ws.subscribe("room")
    for topic in (5, None, b"room", 1.5, ("room",)):
        with pytest.raises(TypeError, match="a topic is a str, not "):
            await call(ws, app[HUB], topic)
    assert ws.topics == {"room"}
    assert app[HUB].registry.all_topics() == ("room",)
    assert caplog.records == []
