"""The browser's client at every kind of endpoint: it is open and of use, and says what it cannot have."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import WSMessage, web
from aiohttp.test_utils import TestServer

from aiows import Connection, History, Topic, WebSocketView, on, setup, websocket

pytestmark = pytest.mark.timeout(60)

PAGE: Final = Path(__file__).parent / "pages" / "endpoint.mjs"

Visit = Callable[..., Awaitable[dict[str, Any]]]


class Feed(WebSocketView):
    """Reads nothing, and pushes."""

    def on_open(self) -> None:
        self.ws.push({"kind": "tick"})


class Echo(WebSocketView):
    def on_message(self, msg: WSMessage) -> None:
        self.ws.push(msg.data)


class Quiet(WebSocketView):
    """Handles kinds, and lets nobody subscribe."""

    calls = 0

    async def authenticate(self, request: web.Request) -> str:
        return "ada"

    @on("double")
    def double(self, n: int) -> int:
        Quiet.calls += 1
        return 2 * n

    @on("pay", once=True)
    def pay(self) -> str:
        return "paid"


class Catching(WebSocketView):
    """Takes every kind, and thanks for it."""

    seen: list[str] = []  # noqa: RUF012

    def on_unknown_kind(self, kind: str, fields: dict[str, Any]) -> None:
        self.seen.append(kind)


class Faulty(Quiet):
    """Has a topic that cannot be asked about, and goes away once."""

    def may_subscribe(self, topic: str) -> bool:
        return {"room:a": True, "lobby": False}[topic]

    @on("go")
    def go(self) -> None:
        self.ws.close(1012)


class Room(WebSocketView):
    def may_subscribe(self, topic: str) -> bool:
        return True


class Nested(WebSocketView):
    payload_key = "payload"

    @on("double")
    def double(self, n: int = 1) -> int:
        raise AssertionError("the fields that were sent are not there")


def listen(connection: Connection, data: str | bytes, type: Any) -> None:
    message = json.loads(data)
    if message["kind"] == "hi":
        connection.push({"kind": "hi", "to": message["to"]})


def make_app() -> web.Application:
    app = web.Application()
    for view in (Feed, Echo, Quiet, Catching, Faulty, Room, Nested):
        app.router.add_view(f"/{view.__name__.lower()}", view)
    app.add_routes([websocket("/callbacks", message=listen)])
    setup(app, topics=[Topic("room:*", history=History()), Topic("lobby")])
    return app


@pytest.fixture
async def visit(
    js_build: Path, node_modules: Path, aiohttp_server: Callable[..., Awaitable[TestServer]]
) -> Visit:
    """Let the client do what a plan says at a path, and return what came of it."""
    server = await aiohttp_server(make_app())

    async def run(path: str, **plan: Any) -> dict[str, Any]:
        command = ["node", "--no-warnings", str(PAGE), str(js_build / "aiows.js")]
        process = await asyncio.create_subprocess_exec(
            *command,
            f"ws://127.0.0.1:{server.port}/{path}",
            json.dumps(plan),
            env=os.environ | {"NODE_PATH": str(node_modules)},
            stdout=PIPE,
        )
        output, _ = await process.communicate()
        report: dict[str, Any] = json.loads(output)
        return report

    return run


async def test_a_view_that_only_pushes(visit: Visit) -> None:
    """Nobody answers hello there: the client is open all the same, and stays so."""
    seen = await visit("feed", hears=1)
    assert seen["heard"] == [{"kind": "tick"}]
    assert (seen["state"], seen["states"], seen["errors"]) == ("open", ["open"], [])


async def test_a_callback_that_reads_messages_itself(visit: Visit) -> None:
    """What is told arrives, and what comes is heard."""
    seen = await visit("callbacks", tell="hi", hears=1)
    assert seen["told"]
    assert seen["heard"] == [{"kind": "hi", "to": "you"}]
    assert seen["states"] == ["open"]


async def test_an_echo_is_no_server_with_topics(visit: Visit) -> None:
    """The topic is refused, and not joined by its own echo."""
    seen = await visit("echo", topics=["room:a"])
    assert seen["topics"] == {"room:a": "unknown_kind"}
    assert (seen["state"], seen["states"]) == ("open", ["open"])


async def test_a_view_of_kinds_that_lets_nobody_subscribe(visit: Visit) -> None:
    """It greets: the client knows who it is, its requests are answered, and its topics are refused."""
    Quiet.calls = 0
    once = {"once": True}
    asks = [["double", {"n": 4}], ["pay", {}, once], ["double", {"n": 4}, once]]
    seen = await visit("quiet", topics=["room:a"], ignored=["room:b"], asks=asks, errors=1)
    assert seen["user"] == "ada"
    assert seen["answers"] == [8, "paid", "not_once"]
    assert Quiet.calls == 1  # what is not handled once is not sent as if it were
    assert seen["topics"] == {"room:a": "forbidden"}
    assert seen["states"] == ["open"]
    assert seen["errors"] == ["forbidden"]  # of the topic that nobody listens to


async def test_a_view_that_takes_every_kind(visit: Visit) -> None:
    """Nothing of the client's own reaches it, and its thanks join no topic."""
    Catching.seen.clear()
    seen = await visit("catching", topics=["room:a"], asks=[["anything", {}]])
    assert seen["answers"] == [None]
    assert seen["topics"] == {"room:a": "forbidden"}
    assert Catching.seen == ["anything"]


async def test_a_topic_that_fails_on_the_server_takes_nothing_with_it(visit: Visit) -> None:
    """Neither at first nor after a reconnect: the others are joined, and requests are answered."""
    topics = ["room:a", "room:wrong", "lobby"]
    seen = await visit("faulty", topics=topics, asks=[["go", {}]], opens=2, errors=2)
    assert seen["topics"] == {"room:a": "joined", "room:wrong": "joining", "lobby": "forbidden"}
    assert seen["errors"] == ["internal", "internal"]
    assert (seen["state"], seen["states"][0], seen["states"][-1]) == ("open", "open", "open")


async def test_a_position_that_leads_nowhere_is_loaded_again_in_no_loop(visit: Visit) -> None:
    """Of another history, of a topic without one, or none at all: each is said, and nothing else suffers.

    What fails before there is a connection is tried again when there is one.
    """
    loads = {"room:a": ["old", 1], "lobby": ["old", 1], "room:b": 5}
    seen = await visit("room", topics=[*loads], loads=loads, errors=4)
    assert seen["topics"] == {"room:a": "joining", "lobby": "joined", "room:b": "joining"}
    assert (seen["loads"], len(seen["errors"])) == (4, 4)
    assert (seen["state"], seen["states"]) == ("open", ["open"])


async def test_an_endpoint_of_the_nested_form_is_the_end(visit: Visit) -> None:
    """The client speaks the flat one: nothing is handled with fields that nobody has sent."""
    seen = await visit("nested", asks=[["double", {"n": 4}]])
    assert (seen["state"], seen["states"]) == ("closed", ["closed 4400"])
    assert seen["answers"] == ["Lost"]
    assert seen["errors"] == ["invalid"]
