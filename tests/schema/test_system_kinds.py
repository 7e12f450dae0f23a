"""The kinds of aiows itself in the document and in the types: once for an application, and true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from aiows import (
    HUB,
    History,
    KindDispatcher,
    Payload,
    RegistrationError,
    Topic,
    WebSocketView,
    on,
    setup,
)
from aiows.backplane import Loss
from aiows.schema import asyncapi, speaks, typescript
from schema.judges import Judges

Client = TestClient[web.Request, web.Application]


class Said(Payload, kind="said"):
    n: int


class Left(Payload, kind="left"):
    pass


class Room(WebSocketView):
    """A room."""

    carries = {"room:*": [Said, Left], "lobby": [Said]}  # noqa: RUF012

    def may_subscribe(self, topic: str) -> bool:
        return True

    @on("say", once=True)
    async def say(self, n: int) -> None:
        await self.hub.publish("room:a", Said(n=n))


class Feed(WebSocketView):
    def may_subscribe(self, topic: str) -> bool:
        return True


class Plain(WebSocketView):
    sends = (Said,)

    @on("look")
    def look(self) -> None: ...


@pytest.fixture
def app() -> web.Application:
    kinds = KindDispatcher(payload_key="body", may_subscribe=lambda ws, topic: True)
    kinds.sends(Said)

    @speaks(kinds)
    async def nested(request: web.Request) -> web.StreamResponse:
        return web.Response()

    app = web.Application()
    app.router.add_view("/room", Room)
    app.router.add_view("/feed", Feed)
    app.router.add_view("/plain", Plain)
    app.router.add_get("/nested", nested)
    setup(app, topics=[Topic("room:*", history=History()), Topic("lobby")])
    return app


def test_they_are_in_the_document_once(app: web.Application, judges: Judges) -> None:
    """A channel of their own, to which those refer where clients can join topics."""
    document = asyncapi(app)
    assert judges.problems_of_documents(document) == []
    channels = document["channels"]
    assert sorted(channels) == ["aiows", "feed", "nested", "plain", "room"]
    assert channels["aiows"]["address"] is None
    refer = {name for name, each in channels.items() if "x-system-kinds" in each}
    assert refer == {"feed", "nested", "room"}
    assert channels["room"]["x-system-kinds"] == {"$ref": "#/channels/aiows"}
    assert channels["room"]["x-topics"] == {"room:*": ("said", "left"), "lobby": ("said",)}
    for name, each in channels.items():
        own = [kind for kind in each.get("messages", {}) if kind.startswith("aiows.")]
        assert bool(own) is (name == "aiows")
    assert [
        each for each in document["operations"] if ".aiows." in each and each[:5] != "aiows"
    ] == []


def test_without_topics_they_are_not_there() -> None:
    """Nobody has to read of what an application does not have."""
    app = web.Application()
    app.router.add_view("/plain", Plain)
    assert list(asyncapi(app)["channels"]) == ["plain"]
    assert (
        "@" not in asyncapi(app)["channels"]["plain"]["messages"]["said"]["payload"]["properties"]
    )
    assert "Aiows" not in typescript(app)


def test_a_route_of_that_name_keeps_to_another() -> None:
    """The name of the channel is ours."""
    app = web.Application()
    app.router.add_view("/ws", Room, name="aiows")
    assert list(asyncapi(app)["channels"]) == ["aiows.2", "aiows"]


async def test_what_the_document_says_is_what_is_sent(
    app: web.Application, judges: Judges, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    """Every message of theirs, and the place of one that came on a topic."""
    client = await aiohttp_client(app)
    messages = await talk(client)
    where = {
        "aiows.pong": "aiows/messages/aiows.pong",
        "aiows.lost": "aiows/messages/aiows.lost",
        "said": "room/messages/said",
    }
    document = asyncapi(app)
    pointed = [
        (f"/channels/{where.get(each['kind'], name)}/payload", each) for name, each in messages
    ]
    assert judges.problems_of_messages(document, pointed) == []
    assert {each["kind"] for _, each in messages} >= {"reply", "error", *where}


async def talk(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """Use every kind; return what comes, with where the document has replies to it."""
    heard: list[tuple[str, dict[str, Any]]] = []
    async with client.ws_connect("/room") as ws:

        async def ask(kind: str, name: str = "", **fields: Any) -> None:
            await ws.send_json({"kind": kind, "ref": 1, **fields})
            while True:
                message = await ws.receive_json(timeout=5)
                heard.append((f"aiows/messages/{kind}.{name or message['kind']}", message))
                if message.get("ref") == 1:
                    return

        topics: dict[str, Any] = {"room:a": {"last": 3}, "room:b": {"since": ["x", 1]}, "no": {}}
        await ask("aiows.hello", v=1, session="x" * 22, topics={**topics, "lobby": {}})
        await ws.send_json({"kind": "say", "n": 1})
        heard.append(("", await ws.receive_json(timeout=5)))
        await ask("aiows.subscribe", topic="room:a", last=1)
        await ask("aiows.subscribe", topic="nowhere")
        await ask("aiows.history", topic="room:a")
        await ask("aiows.ping")
        assert client.app is not None
        client.app[HUB].resumed(Loss(0.0, 1.0))
        await ask("aiows.unsubscribe", topic="room:a")
    heard.append(("", {"kind": "aiows.lost", "position": ["e", 3], "@": ["room:a"]}))
    return heard


PAGE = """
import type { Aiows, Feed, Room } from "./room";

const hello: Aiows.Fields<"aiows.hello"> = { v: 1, session: "x", topics: { "room:a": { since: ["e", 1] } } };
function heard(message: Room.ServerMessage | Aiows.ServerMessage) {
  if (message.kind === "said") {
    const [topic, offset] = message["@"] ?? [];
    console.log(topic?.length, offset?.toFixed());
  }
}
const kind: Room.Topics["lobby"] = "said";
const only: Room.Contract["topics"]["room:*"] = "left";
const wrong: Room.Topics["lobby"] = "left"; // wrong
const once: Room.Contract["once"] = "say";
const none: Feed.Contract["once"] = "say"; // wrong
export default [hello, heard, kind, only, wrong, once, none];
"""


def test_they_are_in_the_types_once(app: web.Application, judges: Judges, tmp_path: Path) -> None:
    """A namespace of their own; messages of a channel with topics may say their place."""
    types, page = tmp_path / "room.ts", tmp_path / "page.ts"
    types.write_text(typescript(app))
    page.write_text(PAGE)
    assert types.read_text().count('kind: "aiows.hello"') == 1
    wrong = [number for number, line in enumerate(PAGE.splitlines(), 1) if "// wrong" in line]
    assert [(name, line) for name, line, _ in judges.compile(page, types)] == [
        ("page.ts", number) for number in wrong
    ]


@pytest.mark.parametrize(
    "carries", [["room:*"], {"room:*": Said}, {"room:*": ["said"]}, {1: [Said]}]
)
def test_what_a_topic_carries_is_checked(carries: Any) -> None:
    """When the class is made, as all its attributes."""
    with pytest.raises(RegistrationError, match=r"Wrong\.carries is a dict of topics"):
        type("Wrong", (WebSocketView,), {"carries": carries})
