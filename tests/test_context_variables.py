"""Which values of context variables a hook sees: those of its connection, and never another's.

What middlewares, `authenticate` and `on_open` set is seen by every later hook of the connection. What a
message's handler sets, no other message sees, no other connection, and no other request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final

import pytest
from aiohttp import ClientSession, WSMessage, web

from aiows import HUB, WebSocketView, on, setup
from eventually import eventually
from raw_client import RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

MIDDLEWARE: Final = ContextVar("MIDDLEWARE", default="")
AUTHENTICATE: Final = ContextVar("AUTHENTICATE", default="")
OPEN: Final = ContextVar("OPEN", default="")
MESSAGE: Final = ContextVar("MESSAGE", default="")

VARIABLES: Final = (MIDDLEWARE, AUTHENTICATE, OPEN, MESSAGE)


def seen() -> list[str]:
    return [variable.get() for variable in VARIABLES]


class Noted(WebSocketView):
    """Hooks that say what they see, and then set what the others must not see."""

    ends: list[tuple[str, list[str]]]

    async def authenticate(self, request: web.Request) -> str:
        name = request.query["name"]
        AUTHENTICATE.set(name)
        return name

    def on_open(self) -> None:
        OPEN.set(self.user_id)

    def answer(self, text: str) -> None:
        self.ws.push([text, *seen()])
        MESSAGE.set(text)
        if text.startswith("close "):
            for other in self.hub.registry.connections(text.removeprefix("close ")):
                other.connection.close(4000)

    def on_close(self, code: int, reason: str) -> None:
        self.ends.append((self.user_id, seen()))


class PlainMessages(Noted):
    def on_message(self, msg: WSMessage) -> None:
        self.answer(json.loads(msg.data)["text"])


class AsyncMessages(Noted):
    async def on_message(self, msg: WSMessage) -> None:
        self.answer(json.loads(msg.data)["text"])


class WaitingMessages(Noted):
    async def on_message(self, msg: WSMessage) -> None:
        await asyncio.sleep(0)
        self.answer(json.loads(msg.data)["text"])


class PlainKinds(Noted):
    @on("say")
    def say(self, text: str) -> None:
        self.answer(text)


class AsyncKinds(Noted):
    @on("say")
    async def say(self, text: str) -> None:
        self.answer(text)


class WaitingKinds(Noted):
    @on("say")
    async def say(self, text: str) -> None:
        await asyncio.sleep(0)
        self.answer(text)


VIEWS: Final = [
    PlainMessages,
    AsyncMessages,
    WaitingMessages,
    PlainKinds,
    AsyncKinds,
    WaitingKinds,
]


@web.middleware
async def named(request: web.Request, handler: Any) -> web.StreamResponse:
    if "name" in request.query:
        MIDDLEWARE.set(request.query["name"])
    response: web.StreamResponse = await handler(request)
    return response


async def plain(request: web.Request) -> web.Response:
    return web.json_response(seen())


class Mounted:
    """A view and a plain route beside it, and what was seen where a connection ended."""

    def __init__(self, view: type[Noted]) -> None:
        self.ends: list[tuple[str, list[str]]] = []
        mounted = type(view.__name__, (view,), {"ends": self.ends})
        self.app = web.Application(middlewares=[named])
        self.app.router.add_view("/", mounted)
        self.app.router.add_get("/plain", plain)
        setup(self.app)


def say(client: RawClient, *texts: str) -> None:
    for text in texts:
        client.send_text(json.dumps({"kind": "say", "text": text}))


async def hear(client: RawClient) -> list[str]:
    answer: list[str] = json.loads((await client.recv_frame()).payload)
    return answer


@pytest.fixture(params=VIEWS)
def served(request: pytest.FixtureRequest) -> Mounted:
    return Mounted(request.param)


async def test_a_message_sees_what_its_connection_set_and_no_other_message(
    served: Mounted, serve: Serve, raw_client: Connect
) -> None:
    """One after the other, and those that waited for one another."""
    client = await raw_client(await serve(served.app), "/?name=alice")
    mine = ["alice", "alice", "alice", ""]
    say(client, "one")
    assert await hear(client) == ["one", *mine]
    say(client, "two", "three", "four")
    assert [await hear(client) for _ in range(3)] == [
        [text, *mine] for text in ("two", "three", "four")
    ]


async def test_no_other_connection_and_no_request_sees_it(
    served: Mounted, serve: Serve, raw_client: Connect
) -> None:
    """Connections that were there before and that come later, and plain HTTP."""
    port = await serve(served.app)
    alice, bob = await raw_client(port, "/?name=alice"), await raw_client(port, "/?name=bob")
    say(alice, "secret")
    await hear(alice)
    say(bob, "hi")
    assert await hear(bob) == ["hi", "bob", "bob", "bob", ""]
    carol = await raw_client(port, "/?name=carol")
    say(carol, "hi")
    assert await hear(carol) == ["hi", "carol", "carol", "carol", ""]
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/plain") as response,
    ):
        assert await response.json() == [""] * 4


async def test_a_close_sees_its_own_connection_whoever_causes_it(
    served: Mounted, serve: Serve, raw_client: Connect
) -> None:
    """Another user's handler, the peer, or the application."""
    port = await serve(served.app)
    clients = {
        name: await raw_client(port, f"/?name={name}") for name in ("alice", "bob", "carol", "dave")
    }
    await eventually(lambda: len(served.app[HUB].registry) == 4)
    say(clients["carol"], "something")
    await hear(clients["carol"])
    say(clients["alice"], "close bob")
    clients["carol"].send_close()
    await eventually(lambda: len(served.ends) == 2)
    await served.app[HUB].registry.close("dave")
    await eventually(lambda: len(served.ends) == 3)
    assert sorted(served.ends) == [
        (name, [name, name, name, ""]) for name in ("bob", "carol", "dave")
    ]
