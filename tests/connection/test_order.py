"""Frames leave in the order in which they were given, and none waits for a later one.

Whatever a cork spans: other corks, awaits, reads, other tasks. Nothing here sends a second time to get the
first out: the client waits for all that was given, while the server does nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from aiohttp import WSMessage, web
from hypothesis import HealthCheck, example, given, settings

from aiows import Connection, WebSocketResponse, WebSocketView, setup
from raw_client import CLOSE, TEXT, RawClient
from served import Served

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Response = WebSocketResponse[Any]

SOON: Final = 1.0
"""Seconds in which what was given has left."""


def handler_of(talk: Callable[[Response], Coroutine[Any, Any, None]]) -> Any:
    """A drop-in view that does ``talk`` and then waits for the peer's Close."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws: Response = WebSocketResponse(compress=False)
        await ws.prepare(request)
        await talk(ws)
        async for _ in ws:
            pass
        return ws

    return view


async def texts(client: RawClient, count: int) -> list[str]:
    """The next ``count`` frames, all of which have to come soon."""
    return [(await client.recv_frame(timeout=SOON)).text for _ in range(count)]


async def test_what_is_corked_while_a_message_is_awaited_leaves_when_that_has_come(
    serve: Serve, raw_client: Connect
) -> None:
    """The cork ends where a message is received, and nothing is sent after it."""

    async def talk(ws: Response) -> None:
        with ws.connection.cork():
            for word in ("one", "two", "three"):
                ws.push(word)
            await ws.receive()

    client = await raw_client(await serve(handler_of(talk)))
    client.send_text("go")
    assert await texts(client, 3) == ["one", "two", "three"]


async def test_what_follows_such_a_cork_comes_after_it(serve: Serve, raw_client: Connect) -> None:
    """In the same step, and a message later."""

    async def talk(ws: Response) -> None:
        with ws.connection.cork():
            for word in ("one", "two", "three"):
                ws.push(word)
            await ws.receive()
        ws.push("four")
        await ws.receive()
        await ws.send_str("five")

    client = await raw_client(await serve(handler_of(talk)))
    client.send_text("go")
    assert await texts(client, 4) == ["one", "two", "three", "four"]
    client.send_text("on")
    assert await texts(client, 1) == ["five"]


async def test_a_cork_that_is_nested_over_awaits_is_one(serve: Serve, raw_client: Connect) -> None:
    """What is written in and between them leaves at the end of the outer one."""

    async def talk(ws: Response) -> None:
        cork = ws.connection.cork
        with cork():
            ws.push("one")
            with cork():
                ws.push("two")
                await ws.receive()
                ws.push("three")
            with cork():
                await ws.receive()
            ws.push("four")
            await ws.receive()

    client = await raw_client(await serve(handler_of(talk)))
    for word in ("a", "b", "c"):
        client.send_text(word)
    assert await texts(client, 4) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_cork_may_begin_in_one_hook_and_end_in_another(
    is_async: bool, serve: Serve, raw_client: Connect
) -> None:
    """Begun outside of a read, ended while one is processed; and the other way round."""

    class View(WebSocketView):
        compress = False

        def on_open(self) -> None:
            self.corks = [self.ws.cork()]
            self.corks[0].__enter__()
            self.ws.push("from open")

        def speak(self, msg: WSMessage) -> None:
            self.ws.push(f"{msg.data} 1")
            if msg.data == "end":
                self.corks.pop().__exit__(None, None, None)
            else:
                self.corks.append(self.ws.cork())
                self.corks[-1].__enter__()
            self.ws.push(f"{msg.data} 2")

        def on_message(self, msg: WSMessage) -> Any:
            self.speak(msg)
            return asyncio.sleep(0) if is_async else None

    app = web.Application()
    app.router.add_view("/", View)
    client = await raw_client(await serve(app))
    client.send_text("end")
    assert await texts(client, 3) == ["from open", "end 1", "end 2"]
    client.send_text("begin")
    client.send_text("end")
    assert await texts(client, 4) == ["begin 1", "begin 2", "end 1", "end 2"]


async def test_what_another_task_sends_meanwhile_is_in_its_place(
    serve: Serve, raw_client: Connect
) -> None:
    """The cork is the connection's, not the task's."""

    async def talk(ws: Response) -> None:
        async def other() -> None:
            await ws.send_str("two")
            ws.push("three")
            await ws.ping(b"four")

        with ws.connection.cork():
            ws.push("one")
            await asyncio.create_task(other())
            await ws.receive()
            await ws.send_str("five")

    client = await raw_client(await serve(handler_of(talk)))
    client.send_text("go")
    assert await texts(client, 5) == ["one", "two", "three", "four", "five"]


async def test_a_close_comes_after_what_was_corked(serve: Serve, raw_client: Connect) -> None:
    """Whoever begins it."""

    async def talk(ws: Response) -> None:
        with ws.connection.cork():
            ws.push("one")
            await ws.receive()
            ws.push("two")
            ws.connection.close(4000, "three")

    client = await raw_client(await serve(handler_of(talk)))
    client.send_text("go")
    frames = [await client.recv_frame(timeout=SOON) for _ in range(3)]
    assert [each.opcode for each in frames] == [TEXT, TEXT, CLOSE]
    assert [each.payload[-5:] for each in frames] == [b"one", b"two", b"three"]


# any sequence

# What a script does next. "read" waits for the client's next message; "turn" lets the loop turn.
STEPS: Final = st.sampled_from(
    ["push", "push", "send", "ping", "publish", "cork", "uncork", "read", "turn", "drained"]
)


class Script:
    """What one connection does, step by step; ``given``: the payloads in the order in which it sent them."""

    def __init__(self, steps: list[str]) -> None:
        self.steps = steps
        self.given: list[bytes] = []
        self.corks: list[Any] = []

    async def play(self, ws: Connection, receive: Callable[[], Awaitable[Any]]) -> None:
        for step in self.steps:
            await self.do(step, ws, receive)
        while self.corks:
            self.corks.pop().__exit__(None, None, None)

    async def do(self, step: str, ws: Connection, receive: Callable[[], Awaitable[Any]]) -> None:
        if step == "cork":
            self.corks.append(ws.cork())
            self.corks[-1].__enter__()
        elif step == "uncork":
            if self.corks:
                self.corks.pop().__exit__(None, None, None)
        elif step == "read":
            await receive()
        elif step == "turn":
            await asyncio.sleep(0)
        elif step == "drained":
            await ws.drained()
        else:
            self.send(step, ws)

    def send(self, step: str, ws: Connection) -> None:
        payload = b"%d" % len(self.given)
        self.given.append(payload)
        if step == "push":
            ws.push(payload)
        elif step == "ping":
            ws.ping(payload)
        elif step == "publish":
            ws.publish("topic", payload, include_self=True)
        else:
            ws.send(payload.decode())


@example(steps=["cork", "push", "push", "read"])
@example(steps=["cork", "push", "read", "uncork", "push", "read", "push"])
@given(steps=st.lists(STEPS, min_size=1, max_size=15))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_corked_and_awaited_all_leaves_in_order(steps: list[str]) -> None:
    """And all of it has left once the last cork has ended, without anything that is sent after it."""
    script = Script(steps)

    async def view(request: web.Request) -> web.StreamResponse:
        ws: Response = WebSocketResponse(compress=False)
        await ws.prepare(request)
        ws.subscribe("topic")
        await script.play(ws.connection, ws.receive)
        await ws.receive()
        return ws

    async def talk(server: Served) -> list[bytes]:
        client = await server.connect()
        try:
            for _ in range(steps.count("read")):
                client.send_text("go")
                await asyncio.sleep(0)
            frames = [await client.recv_frame(timeout=SOON) for _ in expected]
            return [frame.payload for frame in frames]
        finally:
            client.close()

    expected = [None for step in steps if step in ("push", "send", "ping", "publish")]
    app = web.Application()
    app.router.add_get("/", view)
    setup(app)
    with Served(app) as server:
        assert server.run(talk(server)) == script.given
