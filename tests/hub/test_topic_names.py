"""A topic is a ``str`` of at most 1,024 bytes of UTF-8: all else is an error, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import HUB, WebSocketView, on, setup
from json_client import JsonClient
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
    "hub.history": lambda ws, hub, topic: hub.history(topic),
    "hub.position": lambda ws, hub, topic: hub.position(topic),
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
    for name, size in (("a" * 1025, 1025), ("\U0001f600" * 257, 1028)):
        with pytest.raises(ValueError, match=f"has {size} bytes: at most 1024$"):
            await call(ws, app[HUB], name)
    with pytest.raises(ValueError, match="the name of a topic is no UTF-8"):
        await call(ws, app[HUB], "half a pair: \ud800")
    assert ws.topics == {"room"}
    assert app[HUB].registry.all_topics() == ("room",)
    assert caplog.records == []


async def test_a_kind_that_uses_a_name_of_its_peers_answers_what_is_wrong_with_it(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the peer's mistake, so the log has none; and the connection has what it had."""

    class Follower(WebSocketView):
        max_topics = 2

        @on("follow")
        def follow(self, city: str) -> list[str]:
            self.ws.subscribe(f"city:{city}")
            return sorted(self.ws.topics)

        @on("cheer")
        async def cheer(self, city: str) -> None:
            await self.hub.publish(f"city:{city}", {"kind": "cheered"})

    app = web.Application()
    app.router.add_view("/", Follower)
    setup(app)
    client = JsonClient(await raw_client(await serve(app)))
    long = "x" * 4_000_000
    problem = "the name of a topic has 4000005 bytes: at most 1024"
    for kind in ("follow", "cheer"):
        answer = await client.ask(kind, city=long, ref=1)
        assert answer["error"] == {"code": "invalid", "message": problem}
    for city in ("oslo", "bergen"):
        await client.ask("follow", city=city, ref=2)
    answer = await client.ask("follow", city="rome", ref=3)
    assert answer["error"] == {
        "code": "too_many",
        "message": "a connection has at most 2 topics",
    }
    assert (await client.ask("follow", city="oslo", ref=4))["result"] == [
        "city:bergen",
        "city:oslo",
    ]
    assert caplog.records == []
