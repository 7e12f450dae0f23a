"""The end of a connection does not wait for a handler that nobody needs.

A handler at work answers nobody any more once the peer is going: a callback, `on_message`, a kind without
``ref``. It runs on, but the close hook, the registry and the answer to the peer's Close do not wait for it.
What came before the end and was not begun is handled first, for a bounded time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from aiohttp import WSMessage, web
from hypothesis import HealthCheck, example, given, settings

from aiows import HUB, Connection, Hub, WebSocketView, on, setup, websocket
from aiows.kinds import Parallel
from eventually import eventually
from memory_network import MemoryClient, SteppedLoop
from raw_client import BINARY, CLOSE, PING, TEXT, RawClient, close_payload

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

AT_ONCE: Final = 1.0
"""Seconds; what waits for a handler comes ten seconds late."""

CLOSE_TIMEOUT: Final = 10
"""Seconds that what came before the end may take."""


class Log:
    """What hooks write down, and what handlers wait for."""

    def __init__(self, idle_timeout: float) -> None:
        self.idle_timeout = idle_timeout
        self.entries: list[str] = []
        self.may_end = asyncio.Event()

    async def handle(self, word: str) -> None:
        self.entries.append(f"begun {word}")
        if word.startswith("wait"):
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                self.entries.append(f"cancelled {word}")
                raise
        self.entries.append(f"done {word}")

    def closed(self, code: int) -> None:
        self.entries.append(f"close {code}")

    @property
    def closes(self) -> list[str]:
        return [entry for entry in self.entries if entry.startswith("close")]


def by_callbacks(log: Log) -> web.AbstractRouteDef:
    async def message(ws: Connection, data: str, opcode: Any) -> None:
        await log.handle(json.loads(data)["word"])

    def opened(ws: Connection) -> None:
        ws.app[HUB].registry.add("alice", ws)
        ws.subscribe("news")

    def close(ws: Connection, code: int, reason: str) -> None:
        log.closed(code)

    return websocket("/", open=opened, message=message, close=close, idle_timeout=log.idle_timeout)


class Noted(WebSocketView):
    """A view whose subclass says how messages are handled."""

    log: Log

    async def authenticate(self, request: web.Request) -> str:
        return "alice"

    def on_open(self) -> None:
        self.ws.subscribe("news")

    def on_close(self, code: int, reason: str) -> None:
        self.log.closed(code)


def by_on_message(log_: Log) -> web.AbstractRouteDef:
    class View(Noted):
        log = log_
        idle_timeout = log_.idle_timeout

        async def on_message(self, msg: WSMessage) -> None:
            await self.log.handle(json.loads(msg.data)["word"])

    return web.view("/", View)


def by_kind(log_: Log) -> web.AbstractRouteDef:
    class View(Noted):
        log = log_
        idle_timeout = log_.idle_timeout

        @on("say")
        async def say(self, word: str) -> None:
            await self.log.handle(word)

    return web.view("/", View)


WAYS: Final = [by_callbacks, by_on_message, by_kind]


class Scene:
    """One peer of one route that is served over sockets."""

    def __init__(self, log: Log, hub: Hub, client: RawClient) -> None:
        self.log = log
        self.hub = hub
        self.client = client

    def say(self, word: str) -> None:
        self.client.send_text(json.dumps({"kind": "say", "word": word}))

    @property
    def has_left(self) -> bool:
        """Whether the hub, its users and its topics have nobody any more."""
        registry = self.hub.registry
        return not self.hub.connections and not len(registry) and not registry.all_topics()


Way = Callable[[Log], web.AbstractRouteDef]
Enter = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def enter(serve: Serve, raw_client: Connect) -> Enter:
    """Serve a route, connect, and be somebody who is known."""

    async def enter(way: Way, *, idle_timeout: float = 0) -> Scene:
        log, app = Log(idle_timeout), web.Application()
        app.add_routes([way(log)])
        hub = setup(app)
        scene = Scene(log, hub, await raw_client(await serve(app, shutdown_timeout=0.1)))
        await eventually(hub.registry.all_topics)
        return scene

    return enter


# how a peer ends it, and the code that the close hook gets
def closes(client: RawClient) -> None:
    client.send_close(1000)


def resets(client: RawClient) -> None:
    client.abort()


def hangs_up(client: RawClient) -> None:
    client.close()


def breaks_the_protocol(client: RawClient) -> None:
    client.send_frame(BINARY, b"unmasked", mask=False)


def falls_silent(client: RawClient) -> None:
    """It answers no ping."""


ENDS: Final = [
    (closes, 1000),
    (resets, 1006),
    (hangs_up, 1006),
    (breaks_the_protocol, 1002),
    (falls_silent, 1006),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("end", "code"), ENDS)
async def test_an_end_does_not_wait_for_the_handler_at_work(
    way: Way,
    end: Callable[[RawClient], None],
    code: int,
    enter: Enter,
) -> None:
    """The close hook has run, nobody is registered, and the handler runs on to its end."""
    scene = await enter(way, idle_timeout=0.3 if end is falls_silent else 0)
    scene.say("wait")
    await eventually(lambda: scene.log.entries)
    end(scene.client)
    await eventually(lambda: scene.log.closes and scene.has_left, within=AT_ONCE)
    assert scene.log.entries == ["begun wait", f"close {code}"]
    scene.log.may_end.set()
    await eventually(lambda: len(scene.log.entries) == 3)
    assert scene.log.entries == ["begun wait", f"close {code}", "done wait"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_peers_close_is_answered_while_a_handler_is_at_work(
    way: Way, enter: Enter
) -> None:
    """With its own code, and at once; then the TCP connection ends."""
    scene = await enter(way)
    scene.say("wait")
    await eventually(lambda: scene.log.entries)
    scene.client.send_close(4001)
    answer = await scene.client.recv_frame(timeout=AT_ONCE)
    assert (answer.opcode, answer.close_code) == (CLOSE, 4001)
    await scene.client.wait_closed(timeout=AT_ONCE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("end", "code"), ENDS[:-1])
async def test_the_registry_is_left_at_once_and_what_came_before_is_handled_first(
    way: Way,
    end: Callable[[RawClient], None],
    code: int,
    enter: Enter,
) -> None:
    """Nobody is found who is going, though messages of it wait; the close hook comes after those."""
    scene = await enter(way)
    scene.say("wait")
    await eventually(lambda: scene.log.entries)
    scene.say("two")
    scene.say("three")
    scene.client.send_frame(PING)
    await scene.client.recv_frame()  # a reset throws away what the server has not read
    end(scene.client)
    await eventually(lambda: scene.has_left, within=AT_ONCE)
    assert scene.log.entries == ["begun wait"]
    scene.log.may_end.set()
    await eventually(lambda: scene.log.closes)
    said = [f"{what} {word}" for word in ("two", "three") for what in ("begun", "done")]
    assert scene.log.entries == ["begun wait", "done wait", *said, f"close {code}"]


# any sequence, on a network in memory


class Play:
    """A callback route and one peer; time passes when the test says so."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.heard: list[int] = []
        self.at_work = 0
        self.closes = 0
        self.gates: list[asyncio.Future[None]] = []
        self.app = web.Application()
        route = websocket("/", open=self.open, message=self.message, close=self.close)
        self.app.add_routes([route])
        self.hub = setup(self.app)
        self.runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        self.client: MemoryClient
        self.loop.run(self.runner.setup)
        self.loop.run(self.connect)

    def connect(self) -> None:
        assert self.runner.server is not None
        self.client = MemoryClient(self.loop, self.runner.server, 1000)
        self.client.upgrade("/")

    def open(self, ws: Connection) -> None:
        self.ws = ws
        ws.subscribe("news")
        self.hub.registry.add("alice", ws)

    def message(self, ws: Connection, data: str, opcode: Any) -> Any:
        number, manner = data.split()
        assert not self.closes, "a message after close"
        self.heard.append(int(number))
        return self.wait() if manner == "waits" else None

    async def wait(self) -> None:
        gate = self.loop.create_future()
        self.gates.append(gate)
        self.at_work += 1
        try:
            await gate
        finally:
            self.at_work -= 1
            self.gates.remove(gate)

    def close(self, ws: Connection, code: int, reason: str) -> None:
        self.closes += 1

    def open_gate(self) -> None:
        for gate in self.gates[:1]:
            gate.set_result(None)

    def finish(self) -> None:
        while self.gates:
            self.loop.run(self.open_gate)

        async def clean_up() -> None:
            cleaning = asyncio.create_task(self.runner.cleanup())
            while not cleaning.done():
                await self.loop.advance(1)
            await cleaning

        self.loop.run(clean_up)
        self.loop.close()


HOW_IT_ENDS: Final = st.sampled_from(
    ["peer closes", "peer resets", "peer breaks the protocol", "we close"]
)


def end_it(play: Play, how: str) -> None:
    if how == "peer closes":
        play.client.send(CLOSE, close_payload(1000))
    elif how == "peer resets":
        play.client.abort()
    elif how == "peer breaks the protocol":
        play.client.send(BINARY, b"unmasked", mask=False)
    else:
        play.ws.close(4000)


@example(said=["waits"], opened=0, how="peer closes", is_patient=True)
@example(said=["waits", "returns"], opened=0, how="peer closes", is_patient=False)
@given(
    said=st.lists(st.sampled_from(["returns", "waits"]), max_size=5),
    opened=st.integers(0, 3),
    how=HOW_IT_ENDS,
    is_patient=st.booleans(),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_at_work_the_end_is_told_as_soon_as_all_was_begun(
    said: list[str], opened: int, how: str, is_patient: bool
) -> None:
    """Handlers that return or wait, gates that open or do not, and any end."""
    play = Play()
    try:
        for number, manner in enumerate(said):
            play.loop.run(lambda: play.client.send(TEXT, f"{number} {manner}"))  # noqa: B023
        for _ in range(opened):
            play.loop.run(play.open_gate)
        play.loop.run(lambda: end_it(play, how))
        assert play.hub.connections == ()
        assert len(play.hub.registry) == play.hub.registry.subscribers("news") == 0
        assert play.closes == (how == "we close" or len(play.heard) == len(said))
        if is_patient:
            while not play.closes and play.gates:
                play.loop.run(play.open_gate)
            assert play.heard == [*range(len(said))] or how == "we close"
        else:
            play.loop.run(lambda: play.loop.advance(CLOSE_TIMEOUT + 1))
        assert play.closes == 1
    finally:
        play.finish()


async def test_a_request_that_waits_for_room_is_handled_before_the_end(
    serve: Serve, raw_client: Connect
) -> None:
    """It came before the Close, and was held up by those at work."""
    noted: list[str] = []
    may_go_on = asyncio.Event()

    class Narrow(WebSocketView):
        in_flight = 1

        @on("work", concurrency=Parallel(5))
        async def work(self, word: str) -> None:
            noted.append(f"begin {word}")
            await may_go_on.wait()
            noted.append(f"end {word}")

        def on_close(self, code: int, reason: str) -> None:
            noted.append("close")

    app = web.Application()
    app.router.add_view("/", Narrow)
    client = await raw_client(await serve(app))
    for word in ("1", "2"):
        client.send_frame(TEXT, json.dumps({"kind": "work", "word": word}).encode())
    await eventually(lambda: noted == ["begin 1"])
    client.send_close(1000)
    client.send_frame(PING, b"")
    await client.drain()
    may_go_on.set()
    await eventually(lambda: "close" in noted)
    assert noted.index("begin 2") < noted.index("close")


async def test_close_is_the_last_whatever_a_subscription_callback_does(
    serve: Serve, raw_client: Connect
) -> None:
    """Also one that closes while the connection leaves its topics."""
    noted: list[str] = []

    def subscription(ws: Connection, topic: str, now: int, before: int) -> None:
        if now < before:
            noted.append(topic)
            ws.close(4000)

    app = web.Application()
    app.add_routes(
        [
            websocket(
                "/",
                open=lambda ws: [ws.subscribe(topic) for topic in "abc"] and None,
                subscription=subscription,
                close=lambda ws, code, reason: noted.append("close"),
            )
        ]
    )
    setup(app)
    client = await raw_client(await serve(app))
    await eventually(lambda: app[HUB].connections)
    client.send_close(1000)
    await eventually(lambda: "close" in noted)
    assert noted == ["a", "b", "c", "close"]
