"""Two applications on one Redis: what a user of the one does reaches the users of the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from aiows import HUB, History, Payload, Topic, WebSocketView, on, setup
from aiows.backplane.redis import RedisBackplane
from aiows.errors import BackplaneDown
from eventually import eventually
from redis_server import RedisServer

Serve = Callable[[web.Application], Awaitable[int]]
Connect = Callable[..., Awaitable[aiohttp.ClientWebSocketResponse]]

HANDLED = web.AppKey("HANDLED", Counter[str])
REF = "7Vf2kq0Zr1xW9aBnM3eTgU.1"


class Pay(Payload, kind="pay"):
    amount: int


class Room(WebSocketView):
    def may_subscribe(self, topic: str) -> bool:
        return True

    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")

    @on("whisper")
    async def whisper(self, to: str, text: str) -> None:
        await self.hub.send(to, {"kind": "whispered", "text": text})

    @on("say")
    async def say(self, text: str) -> None:
        await self.hub.publish("room:a", {"kind": "said", "text": text})

    @on("shout")
    async def shout(self, text: str) -> None:
        await self.hub.broadcast({"kind": "shouted", "text": text})

    @on(Pay, once=True)
    async def pay(self, msg: Pay) -> dict[str, int]:
        self.app[HANDLED]["pay"] += 1
        return {"paid": msg.amount}


class Nodes:
    """Two applications, as two processes would have them."""

    def __init__(self, redis: RedisServer, prefix: str) -> None:
        self.handled: Counter[str] = Counter()
        self.apps = [self._make_app(redis, prefix) for _ in range(2)]
        self.ports: list[int] = []

    def _make_app(self, redis: RedisServer, prefix: str) -> web.Application:
        app = web.Application()
        app[HANDLED] = self.handled
        app.router.add_view("/ws", Room)
        setup(
            app,
            backplane=RedisBackplane(redis.url, prefix=prefix, patience=30.0),
            topics=[Topic("room:*", history=History(size=100)), Topic("lobby")],
        )
        return app


@pytest.fixture
async def nodes(redis: RedisServer, serve: Serve, request: pytest.FixtureRequest) -> Nodes:
    nodes = Nodes(redis, request.node.name)
    nodes.ports = [await serve(app) for app in nodes.apps]
    return nodes


@pytest.fixture
async def connect(nodes: Nodes) -> AsyncIterator[Connect]:
    """Connect to one of the two nodes, as a user or as nobody."""
    async with aiohttp.ClientSession() as session:

        async def connect(node: int, user: str = "") -> aiohttp.ClientWebSocketResponse:
            query = f"?user={user}" if user else ""
            return await session.ws_connect(f"http://127.0.0.1:{nodes.ports[node]}/ws{query}")

        yield connect


async def subscribe(ws: aiohttp.ClientWebSocketResponse, topic: str, **more: Any) -> dict[str, Any]:
    """Subscribe as a page does; returns what came before the reply, too."""
    await ws.send_json({"kind": "aiows.subscribe", "ref": 1, "topic": topic, **more})
    before: list[Any] = []
    while (message := await ws.receive_json(timeout=10)).get("ref") != 1:
        before.append(message)
    return {**message, "before": before}


async def test_a_message_for_a_user_finds_the_node_of_the_user(connect: Connect) -> None:
    """And so does one for everybody."""
    ada, bob = await connect(0, "ada"), await connect(1, "bob")
    await ada.send_json({"kind": "whisper", "to": "bob", "text": "hi"})
    assert await bob.receive_json(timeout=10) == {"kind": "whispered", "text": "hi"}
    await bob.send_json({"kind": "shout", "text": "hey"})
    for ws in (ada, bob):
        assert await ws.receive_json(timeout=10) == {"kind": "shouted", "text": "hey"}


async def test_a_topic_with_history_is_one_for_all_nodes(connect: Connect) -> None:
    """The same messages, with the same numbers, in the same order."""
    ada, bob = await connect(0), await connect(1)
    for ws in (ada, bob):
        await subscribe(ws, "room:a")
    for number in range(10):
        await (ada, bob)[number % 2].send_json({"kind": "say", "text": str(number)})
    heard = [[await ws.receive_json(timeout=10) for _ in range(10)] for ws in (ada, bob)]
    assert heard[0] == heard[1]
    assert [message["@"] for message in heard[0]] == [["room:a", n] for n in range(1, 11)]
    assert {message["text"] for message in heard[0]} == {str(number) for number in range(10)}


async def test_who_comes_back_to_another_node_gets_what_was_missed(connect: Connect) -> None:
    """As behind a load balancer, or after a restart of one node."""
    ada, bob = await connect(0), await connect(1)
    joined = await subscribe(ada, "room:a")
    await bob.send_json({"kind": "say", "text": "1"})
    seen = await ada.receive_json(timeout=10)
    await ada.close()
    for text in ("2", "3"):
        await bob.send_json({"kind": "say", "text": text})
    ada = await connect(1)
    since = [joined["position"][0], seen["@"][1]]
    back = await subscribe(ada, "room:a", since=since)
    while len(back["before"]) < 2:
        back["before"].append(await ada.receive_json(timeout=10))
    assert [message["text"] for message in back["before"]] == ["2", "3"]
    assert back["recovered"] is True


async def test_once_counts_on_all_nodes_together(nodes: Nodes, connect: Connect) -> None:
    """A request that is sent again to another node has the answer of the first."""
    first, second = await connect(0, "ada"), await connect(1, "ada")
    for ws in (first, second):
        await ws.send_json({"kind": "pay", "amount": 5, "ref": REF})
        assert await ws.receive_json(timeout=10) == {"kind": "reply", "ref": REF, "paid": 5}
    assert nodes.handled["pay"] == 1


async def test_clients_are_told_of_what_may_be_missing(
    redis: RedisServer, connect: Connect
) -> None:
    """On a topic without history, when the connection to Redis was lost; one with history misses nothing."""
    ada, bob = await connect(0), await connect(1)
    await subscribe(ada, "lobby")
    await subscribe(ada, "room:a")
    redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
    lost = await ada.receive_json(timeout=10)
    assert lost["kind"] == "aiows.lost"
    assert lost["@"] == ["lobby"]
    await bob.send_json({"kind": "say", "text": "after"})
    assert (await ada.receive_json(timeout=10))["text"] == "after"


async def test_anybody_who_reaches_redis_may_publish_an_object(
    nodes: Nodes, redis: RedisServer, connect: Connect, request: pytest.FixtureRequest
) -> None:
    """From a shell, a cron job or another language."""
    ada = await connect(1, "ada")
    channel = f"{request.node.name}:{{user:ada}}"
    text = '{"kind":"news","text":"hi"}'
    await eventually(lambda: redis.cli("PUBLISH", channel, text) != "0")
    assert await ada.receive_json(timeout=10) == {"kind": "news", "text": "hi"}


async def test_a_publish_while_redis_is_away_says_so(tmp_path: Any, serve: Serve) -> None:
    """Those who are here get it all the same."""
    server = RedisServer(tmp_path)
    server.start()
    app = Nodes(server, "away").apps[0]
    port = await serve(app)
    async with aiohttp.ClientSession() as session:
        ws = await session.ws_connect(f"http://127.0.0.1:{port}/ws?user=ada")
        await ws.send_json({"kind": "whisper", "to": "ada", "text": "0"})
        assert (await ws.receive_json(timeout=10))["text"] == "0"
        server.kill()
        async with asyncio.timeout(10):
            while True:
                try:
                    await app[HUB].send("ada", {"kind": "whispered", "text": "away"})
                except BackplaneDown:
                    break
        assert (await ws.receive_json(timeout=10))["text"] == "away"
        await ws.close()
